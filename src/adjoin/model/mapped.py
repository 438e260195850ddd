"""The tensors of a safetensors file, mapped into memory: what is not used is not read from the disk."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError

_DTYPES = {
    "F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32, "I16": np.int16,
    "I8": np.int8, "U8": np.uint8, "BOOL": np.bool_,
}  # fmt: skip


def map_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Map all tensors of a safetensors file, read-only. A search for one query touches few of their rows.

    The file must not be overwritten while the tensors are used. Replacing it, as Adjoin does, is no harm.

    Raises:
        AdjoinError: the file is missing, damaged or truncated, or has a dtype that NumPy lacks.
    """
    if not path.is_file():
        raise AdjoinError(f"no weights at {path}: the file is missing")
    try:
        return _tensors(np.memmap(path, np.uint8, mode="r"))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise AdjoinError(f"the weights {path} are damaged or cut short: {error}") from None


def _tensors(content: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    start = 8 + int.from_bytes(content[:8].tobytes(), "little")
    if not 8 < start <= len(content):
        raise ValueError("the header is longer than the file")
    header = json.loads(content[8:start].tobytes())
    header.pop("__metadata__", None)
    body = np.asarray(content[start:])
    tensors, end = {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        first, last = entry["data_offsets"]
        dtype, shape = np.dtype(_DTYPES[entry["dtype"]]), tuple(entry["shape"])
        if first != end or last - first != math.prod(shape) * dtype.itemsize or last > len(body):
            raise ValueError(f"the bytes of {name} are not those of its shape")
        tensors[name] = np.frombuffer(body[first:last], dtype).reshape(shape)
        end = last
    if end != len(body):
        raise ValueError("bytes follow the last tensor")
    return tensors
