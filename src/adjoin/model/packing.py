"""A trained static model → one to pass on: a quarter of the bytes, and what that costs in exactness."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adjoin.errors import AdjoinError
from adjoin.files import folder_in_one_piece, write_atomically
from adjoin.model.places import DESCRIPTION_FILE, WEIGHTS_FILE, is_static_model
from adjoin.model.static import StaticTable, packed, read_tensors
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import Ragged

LEAST_COSINE = 0.999  # between a sequence's vectors before and after; less is refused
_SEQUENCES, _LENGTH = 512, 24


@dataclass(frozen=True, slots=True)
class Packed:
    """What packing did.

    Attributes:
        before: bytes of the weights.
        after: bytes of the packed weights.
        cosine: the least between the vectors of random sequences before and after.
    """

    before: int
    after: int
    cosine: float


def pack(model: Path, out: Path) -> Packed:
    """Write a static model with its vectors as int8 and all else as float16; it loads and trains as before.

    Args:
        model: the model's folder.
        out: the packed model's folder, whole or absent.

    Raises:
        AdjoinError: it is no static model, damaged, or would lose too much.
    """
    from safetensors.numpy import save

    if not is_static_model(model):
        raise AdjoinError(f"{model} is no static model: only those are packed so far")
    tensors = read_tensors(model / WEIGHTS_FILE)
    whole, small = StaticTable(tensors), packed(tensors)
    sequences = _random_sequences(len(tensors["vectors"]))
    cosines = (whole.embed(sequences) * StaticTable(small).embed(sequences)).sum(axis=1)
    if not cosines.min() >= LEAST_COSINE:
        raise AdjoinError(f"{model} cannot be packed: vectors would turn to a cosine of {cosines.min():.4f}")
    content = save(small)
    with folder_in_one_piece(out) as unfinished:
        for name in (DESCRIPTION_FILE, TOKENIZER_FILE):
            shutil.copyfile(model / name, unfinished / name)
        write_atomically(unfinished / WEIGHTS_FILE, content)
    return Packed((model / WEIGHTS_FILE).stat().st_size, len(content), float(cosines.min()))


def _random_sequences(vocabulary: int) -> Ragged:
    ids_N = np.random.default_rng(0).integers(vocabulary, size=_SEQUENCES * _LENGTH, dtype=np.int32)
    return Ragged(ids_N, np.full(_SEQUENCES, _LENGTH, np.int64))
