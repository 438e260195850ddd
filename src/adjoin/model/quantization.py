"""A trained model → one to pass on: a quarter or half of the bytes, and what that costs in exactness."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adjoin.errors import AdjoinError
from adjoin.files import folder_in_one_piece, write_atomically
from adjoin.model.description import Description
from adjoin.model.encoder import Encoder
from adjoin.model.locations import DESCRIPTION_FILE, WEIGHTS_FILE, is_static_model, quantized_files
from adjoin.model.quantized_weights import PRECISIONS, write_quantized
from adjoin.model.static import StaticTable, quantize_table, read_tensors
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import Ragged, Tokenizer

LEAST_COSINE = 0.999  # between a sequence's vectors before and after; less is refused
INT8, BFLOAT16 = PRECISIONS
COARSE = "coarse"
ALL_PRECISIONS = (*PRECISIONS, COARSE)
LEVELS = {INT8: 127, COARSE: 42}  # of a static model's vectors, on each side of 0
CONFIG_FILE = "config.json"
_SEQUENCES, _LENGTH = 512, 24
_SEQUENCES_OF_TRANSFORMERS = 96  # six layers of 576 take a second or two for them


@dataclass(frozen=True, slots=True)
class QuantizationReport:
    """What packing did.

    Attributes:
        before: bytes of the weights.
        after: bytes of the packed weights.
        cosine: the least between the vectors of random sequences before and after.
        precision: what the weights are in.
    """

    before: int
    after: int
    cosine: float
    precision: str


def quantize(model: Path, out: Path, precision: str | None = None) -> QuantizationReport:
    """Write a model in fewer bytes; it loads and trains as before.

    A static model's vectors become int8 and all else float16; a transformer's matrices int8, or all bfloat16, in
    files of at most 15 MB (packed_weights.py). In "coarse" a static model's vectors are int8 too, but of 85
    different numbers: whatever compresses the file, a wheel or git, makes it a fifth smaller.

    Args:
        model: the model's folder.
        out: the packed model's folder, whole or absent.
        precision: "int8"; of a static model also "coarse", of a transformer "bfloat16"; None for int8, and for
            bfloat16 where a transformer's vectors would turn too far.

    Raises:
        AdjoinError: it is no model of ours, damaged, packed already, or would lose too much.
    """
    if precision not in (None, *ALL_PRECISIONS):
        raise AdjoinError(f"precision is {precision!r}: expected {', '.join(ALL_PRECISIONS)}")
    if is_static_model(model):
        if precision == BFLOAT16:
            raise AdjoinError(f"{model} is static: its vectors are packed as int8; leave --precision out")
        return _quantize_static(model, out, precision or INT8)
    if precision == COARSE:
        raise AdjoinError(f"{model} is a transformer: expected the precision {' or '.join(PRECISIONS)}")
    Description.read(model)
    if quantized_files(model):
        raise AdjoinError(f"{model} is packed already")
    return _quantize_transformer(model, out, [precision] if precision else list(PRECISIONS))


def _quantize_static(model: Path, out: Path, precision: str) -> QuantizationReport:
    from safetensors.numpy import save

    tensors = read_tensors(model / WEIGHTS_FILE)
    whole, small = StaticTable(tensors), quantize_table(tensors, LEVELS[precision])
    sequences = _random_sequences(len(tensors["vectors"]))
    cosines = (whole.embed(sequences) * StaticTable(small).embed(sequences)).sum(axis=1)
    if not cosines.min() >= LEAST_COSINE:
        raise AdjoinError(f"{model} cannot be packed: vectors would turn to a cosine of {cosines.min():.4f}")
    content = save(small)
    with folder_in_one_piece(out) as unfinished:
        for name in (DESCRIPTION_FILE, TOKENIZER_FILE):
            shutil.copyfile(model / name, unfinished / name)
        write_atomically(unfinished / WEIGHTS_FILE, content)
    return QuantizationReport((model / WEIGHTS_FILE).stat().st_size, len(content), float(cosines.min()), precision)


def _quantize_transformer(model: Path, out: Path, precisions: list[str]) -> QuantizationReport:
    """Pack in the first of some precisions that keeps the vectors."""
    encoder = Encoder.load(model)
    body: Any = encoder.body
    weights, tokens = body.model.state_dict(), _random_texts(encoder.tokenizer)
    before_BD = body.embed(tokens)
    with folder_in_one_piece(out) as unfinished:
        for name in (DESCRIPTION_FILE, TOKENIZER_FILE, CONFIG_FILE):
            shutil.copyfile(model / name, unfinished / name)
        for precision in precisions:
            for path in quantized_files(unfinished):  # of the precision before
                path.unlink()
            size = write_quantized(unfinished, weights, precision)
            cosine = float((before_BD * Encoder.load(unfinished).body.embed(tokens)).sum(axis=1).min())
            if cosine >= LEAST_COSINE:
                return QuantizationReport((model / WEIGHTS_FILE).stat().st_size, size, cosine, precision)
        raise AdjoinError(f"{model} cannot be packed: vectors would turn to a cosine of {cosine:.4f}")


def _random_texts(tokenizer: Tokenizer) -> Ragged:
    """Sequences of random tokens between a document's delimiters, at the last of which a transformer is read."""
    numbers = np.random.default_rng(0).integers(
        tokenizer.vocabulary_size, size=(_SEQUENCES_OF_TRANSFORMERS, _LENGTH)
    )
    texts = [tokenizer.backend.decode(ids.tolist()) for ids in numbers]
    return tokenizer.encode(texts, "document", _LENGTH)


def _random_sequences(vocabulary: int) -> Ragged:
    ids_N = np.random.default_rng(0).integers(vocabulary, size=_SEQUENCES * _LENGTH, dtype=np.int32)
    return Ragged(ids_N, np.full(_SEQUENCES, _LENGTH, np.int64))
