"""The header of a safetensors file: names, types and shapes of its tensors, read and checked without their bytes.

8 bytes: length of the header;  the header, a JSON object;  the bytes of the tensors, end to end
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjoin.errors import AdjoinError, first_line

LONGEST_HEADER = 25_000_000  # bytes; a header of 100,000 tensors has 12 million
# Bits of a number of each type. Types of less than a byte are refused by name, as those of a later version are.
BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "I64": 64, "I32": 32,
    "I16": 16, "I8": 8, "U64": 64, "U32": 32, "U16": 16, "U8": 8, "BOOL": 8, "C64": 64,
}  # fmt: skip
FLOATS = ("F64", "F32", "F16", "BF16")  # types that weights may have


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor in a safetensors file.

    Attributes:
        path: the file.
        name: name of the tensor.
        dtype: its type as the file gives it, such as "F32".
        shape: its shape.
        first: offset of its first byte in the file.
        last: offset behind its last byte.
    """

    path: Path
    name: str
    dtype: str
    shape: tuple[int, ...]
    first: int
    last: int

    @property
    def numbers(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


def read_header(path: Path) -> dict[str, StoredTensor]:
    """Read the header of a safetensors file.

    Args:
        path: the file.

    Returns:
        Tensors by name, in the order of their bytes. They fill the file without a gap.

    Raises:
        AdjoinError: the file is missing, no file, damaged or truncated. The message names the tensor.
    """
    if path.is_dir():
        raise AdjoinError(f"the weights {path} are a folder: expected a safetensors file")
    if not path.is_file():
        raise AdjoinError(f"no weights at {path}: the file is missing")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 10 or length > size - 8:
                raise ValueError("the header is longer than the file")
            if length > LONGEST_HEADER:
                raise ValueError(f"the header has {length:,} bytes, expected at most {LONGEST_HEADER:,}")
            header = json.loads(file.read(length).decode(), object_pairs_hook=_without_repetition)
        return _checked(path, header, 8 + length, size)
    except (OSError, ValueError, RecursionError) as error:
        raise AdjoinError(f"the weights {path} are damaged or cut short: {first_line(error)}") from None


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys differ."""
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in content if names.count(name) > 1)
        raise ValueError(f"{twice!r:.100} stands twice in the header")
    return content


def _checked(path: Path, header: Any, start: int, size: int) -> dict[str, StoredTensor]:  # noqa: ANN401 - JSON
    if not isinstance(header, dict):
        raise ValueError("the header is no JSON object")
    header.pop("__metadata__", None)
    tensors = [_tensor(path, name, entry, start) for name, entry in header.items()]
    tensors.sort(key=lambda tensor: (tensor.first, tensor.last))
    end = start
    for tensor in tensors:
        if tensor.first != end:
            raise ValueError(f"the bytes of {tensor.name!r:.100} overlap others, or a gap stands before them")
        end = tensor.last
        if end > size:
            raise ValueError(f"the bytes of {tensor.name!r:.100} end at {end:,}, the file has {size:,}")
    if end != size:
        raise ValueError(f"the tensors end at byte {end:,}, the file has {size:,}")
    return {tensor.name: tensor for tensor in tensors}


def _tensor(path: Path, name: str, entry: Any, start: int) -> StoredTensor:  # noqa: ANN401 - JSON
    """A tensor from its entry in the header."""
    if not isinstance(entry, dict) or {"dtype", "shape", "data_offsets"} - entry.keys():
        raise ValueError(f"the entry of {name!r:.100} lacks dtype, shape or data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise ValueError(f"{name!r:.100} has the type {dtype!r:.40}, expected one such as F32, F16 or BF16")
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or any(type(n) is not int or not 0 <= n < 1 << 48 for n in numbers):
            raise ValueError(f"shape or offsets of {name!r:.100} are no sizes: {numbers!r:.60}")
    if len(offsets) != 2 or len(shape) > 8 or offsets[1] - offsets[0] != math.prod(shape) * BITS[dtype] // 8:
        raise ValueError(
            f"{name!r:.100} has the shape {shape!r:.60} of {dtype}, which does not fit its offsets {offsets!r:.60}"
        )
    return StoredTensor(path, name, dtype, tuple(shape), start + offsets[0], start + offsets[1])
