"""Quantization: a trained model in a quarter or half of the bytes, with a check of its embeddings."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adjoin.errors import AdjoinError
from adjoin.files import folder_in_one_piece, write_atomically
from adjoin.model.description import Description
from adjoin.model.encoder import Encoder
from adjoin.model.locations import (
    DESCRIPTION_FILE,
    MODEL,
    WEIGHTS_FILE,
    is_static_model,
    quantized_files,
    unchanged,
)
from adjoin.model.quantized_weights import PRECISIONS, write_quantized
from adjoin.model.static import StaticTable, quantize_table
from adjoin.model.table_file import read_table
from adjoin.outputs import replaced_folder
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import Ragged, Tokenizer

MIN_COSINE = 0.999  # minimum cosine similarity of embeddings before and after quantization
INT8, BFLOAT16 = PRECISIONS
COARSE = "coarse"
ALL_PRECISIONS = (*PRECISIONS, COARSE)
LEVELS = {INT8: 127, COARSE: 42}  # integer levels of a static model's vectors on each side of 0
CONFIG_FILE = "config.json"
_SEQUENCES, _LENGTH = 512, 24
_SEQUENCES_OF_TRANSFORMERS = 96  # take a second or two for six layers of 576


@dataclass(frozen=True, slots=True)
class QuantizationReport:
    """Sizes and precision of a quantized model.

    Attributes:
        before: bytes of the weights.
        after: bytes of the quantized weights.
        cosine: lowest cosine similarity between embeddings of random sequences before and after.
        precision: "int8", "coarse" or "bfloat16".
    """

    before: int
    after: int
    cosine: float
    precision: str


def quantize(model: Path, out: Path, precision: str | None = None) -> QuantizationReport:
    """Write a model with quantized weights. It loads and trains like the original.

    A static model's vectors become int8, all else float16. A transformer's matrices become int8, or all its
    weights bfloat16, in files of at most 15 MB (quantized_weights.py). "coarse" is int8 with 85 levels for static
    models: a compressed file, in a wheel or in git, is a fifth smaller.

    Args:
        model: folder of the model.
        out: folder of the quantized model, written atomically.
        precision: "int8" or "coarse" for a static model, "int8" or "bfloat16" for a transformer. None for int8; a
            transformer falls back to bfloat16 if int8 changes its embeddings too much.

    Returns:
        Bytes before and after, and the lowest cosine similarity of embeddings.

    Raises:
        AdjoinError: the folder is not a model, is damaged or already quantized, or a cosine similarity is below
            0.999.
    """
    if precision not in (None, *ALL_PRECISIONS):
        raise AdjoinError(f"precision is {precision!r}: expected {', '.join(ALL_PRECISIONS)}")
    with (
        replaced_folder(out, MODEL, inputs=[model]) as place,
        folder_in_one_piece(place) as folder,
        unchanged(model),
    ):
        return _quantize(model, folder, precision)


def _quantize(model: Path, folder: Path, precision: str | None) -> QuantizationReport:
    if is_static_model(model):
        if precision == BFLOAT16:
            raise AdjoinError(f"{model} is static: its vectors are quantized to int8; leave --precision out")
        return _quantize_static(model, folder, precision or INT8)
    if precision == COARSE:
        raise AdjoinError(f"{model} is a transformer: expected the precision {' or '.join(PRECISIONS)}")
    Description.read(model)
    if quantized_files(model):
        raise AdjoinError(f"{model} is already quantized: give the original model")
    return _quantize_transformer(model, folder, [precision] if precision else list(PRECISIONS))


def _quantize_static(model: Path, folder: Path, precision: str) -> QuantizationReport:
    from safetensors.numpy import save

    tensors = read_table(model / WEIGHTS_FILE)
    table, quantized = StaticTable(tensors), quantize_table(tensors, LEVELS[precision])
    sequences = _random_sequences(len(tensors["vectors"]))
    cosines = (table.embed(sequences) * StaticTable(quantized).embed(sequences)).sum(axis=1)
    if not cosines.min() >= MIN_COSINE:
        raise AdjoinError(
            f"{model} cannot be quantized: embeddings would change to a cosine of {cosines.min():.4f},"
            f" expected at least {MIN_COSINE}"
        )
    content = save(quantized)
    for name in (DESCRIPTION_FILE, TOKENIZER_FILE):
        shutil.copyfile(model / name, folder / name)
    write_atomically(folder / WEIGHTS_FILE, content)
    return QuantizationReport((model / WEIGHTS_FILE).stat().st_size, len(content), float(cosines.min()), precision)


def _quantize_transformer(model: Path, folder: Path, precisions: list[str]) -> QuantizationReport:
    """Quantize to the first precision that keeps the embeddings."""
    encoder = Encoder.load(model)
    body: Any = encoder.body
    weights, tokens = body.model.state_dict(), _random_texts(encoder.tokenizer)
    before_BD = body.embed(tokens)
    for name in (DESCRIPTION_FILE, TOKENIZER_FILE, CONFIG_FILE):
        shutil.copyfile(model / name, folder / name)
    for precision in precisions:
        for path in quantized_files(folder):  # of the previous precision
            path.unlink()
        size = write_quantized(folder, weights, precision)
        cosine = float((before_BD * Encoder.load(folder).body.embed(tokens)).sum(axis=1).min())
        if cosine >= MIN_COSINE:
            return QuantizationReport((model / WEIGHTS_FILE).stat().st_size, size, cosine, precision)
    raise AdjoinError(
        f"{model} cannot be quantized: embeddings would change to a cosine of {cosine:.4f},"
        f" expected at least {MIN_COSINE}"
    )


def _random_texts(tokenizer: Tokenizer) -> Ragged:
    """Sequences of random tokens between the delimiters of a document."""
    numbers = np.random.default_rng(0).integers(
        tokenizer.vocabulary_size, size=(_SEQUENCES_OF_TRANSFORMERS, _LENGTH)
    )
    texts = [tokenizer.backend.decode(ids.tolist()) for ids in numbers]
    return tokenizer.encode(texts, "document", _LENGTH)


def _random_sequences(vocabulary: int) -> Ragged:
    ids_N = np.random.default_rng(0).integers(vocabulary, size=_SEQUENCES * _LENGTH, dtype=np.int32)
    return Ragged(ids_N, np.full(_SEQUENCES, _LENGTH, np.int64))
