"""The tensors of a safetensors file, mapped into memory: what is not used is not read from the disk."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.model.stored.safetensors_header import read_header

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
    header = read_header(path)
    for tensor in header.values():
        if tensor.dtype not in _DTYPES:
            raise AdjoinError(
                f"the weights {path} have {tensor.name!r:.100} in {tensor.dtype}: expected {', '.join(_DTYPES)}"
            )
    if not header:
        return {}
    try:
        content = np.asarray(np.memmap(path, np.uint8, mode="r"))
    except (OSError, ValueError) as error:
        raise AdjoinError(f"the weights {path} are damaged or cut short: {error}") from None
    return {
        name: np.frombuffer(content[tensor.first : tensor.last], _DTYPES[tensor.dtype]).reshape(tensor.shape)
        for name, tensor in header.items()
    }
