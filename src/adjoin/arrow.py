"""Arrow arrays built from buffers.

`pyarrow.array` imports pandas, where it is installed, to check whether its input is a pandas object. That costs
half a second and 40 MB in every worker, and no worker uses pandas.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow


def text_array(encoded: Sequence[bytes]) -> "pyarrow.StringArray":
    """An Arrow array of strings.

    Args:
        encoded: the strings as valid UTF-8, less than 2 GB in total.
    """
    import pyarrow

    offsets = np.zeros(len(encoded) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, encoded), np.int32, len(encoded)), out=offsets[1:])
    data = pyarrow.py_buffer(b"".join(encoded))
    return pyarrow.StringArray.from_buffers(len(encoded), pyarrow.py_buffer(offsets), data)


def number_array(values: npt.NDArray[np.integer[Any]]) -> "pyarrow.Array":
    """An Arrow array of int32 or int64 numbers. Contiguous input is not copied."""
    import pyarrow

    kind = pyarrow.from_numpy_dtype(values.dtype)
    return pyarrow.Array.from_buffers(kind, len(values), [None, pyarrow.py_buffer(np.ascontiguousarray(values))])
