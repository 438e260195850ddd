"""Arrow arrays put together from buffers.

`pyarrow.array` asks of all that it is given whether it comes from pandas, and where pandas is installed imports it
to know: half a second and 40 MB in every worker, of which none has anything to do with pandas.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow


def text_array(encoded: Sequence[bytes]) -> "pyarrow.StringArray":
    """An array of strings.

    Args:
        encoded: each as UTF-8, valid; less than 2 GB together.
    """
    import pyarrow

    offsets = np.zeros(len(encoded) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, encoded), np.int32, len(encoded)), out=offsets[1:])
    data = pyarrow.py_buffer(b"".join(encoded))
    return pyarrow.StringArray.from_buffers(len(encoded), pyarrow.py_buffer(offsets), data)


def number_array(values: npt.NDArray[np.integer[Any]]) -> "pyarrow.Array":
    """An array of the same numbers, int32 or int64; contiguous ones are not copied."""
    import pyarrow

    kind = pyarrow.from_numpy_dtype(values.dtype)
    return pyarrow.Array.from_buffers(kind, len(values), [None, pyarrow.py_buffer(np.ascontiguousarray(values))])
