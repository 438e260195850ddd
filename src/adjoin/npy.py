"""Append-only .npy files: arrays on disk that grow by rows and survive a killed writer.

Rows are appended with plain writes. A memory map would be shorter, but on a full disk it kills the process instead
of raising an error.
"""

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray


class GrowingArray:
    """A .npy file that rows are appended to.

    The header states 0 rows until `finish` writes the real number. A writer that was killed resumes with `rows`
    set to the number it had recorded elsewhere; everything after these rows is truncated.

    Attributes:
        rows: the number of rows so far.
    """

    def __init__(self, path: Path, dtype: DTypeLike, row_shape: tuple[int, ...] = (), *, rows: int = 0) -> None:
        """Create the file, or reopen it after its first `rows` rows.

        Args:
            path: the file.
            dtype: type of the elements, plain or structured.
            row_shape: shape of one row; () for one element.
            rows: the number of rows to keep; 0 creates a new file.

        Raises:
            ValueError: the file has fewer rows.
            OSError: the file cannot be opened or written.
        """
        self._dtype, self._row_shape = np.dtype(dtype), row_shape
        self.rows = rows
        self._file = path.open("r+b" if rows else "w+b")
        self._write_header(0)  # NumPy pads the header, so the final one has the same length
        end = self._file.tell() + rows * self._dtype.itemsize * int(np.prod(row_shape, dtype=np.int64))
        if (size := self._file.seek(0, os.SEEK_END)) < end:
            self._file.close()
            raise ValueError(f"it has {size:,} bytes, expected at least {end:,} for {rows:,} rows")
        self._file.seek(end)
        self._file.truncate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        self.close()

    def append(self, values: NDArray[Any]) -> None:
        """Append rows.

        Args:
            values: shape (number of rows, *row_shape); converted to the file's dtype.
        """
        assert values.shape[1:] == self._row_shape, (values.shape, self._row_shape)
        if values.size:
            self._file.write(np.ascontiguousarray(values, self._dtype).reshape(-1).view(np.uint8).data)
        self.rows += len(values)

    def flush(self) -> None:
        """Flush the rows so far to disk (fsync)."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def finish(self) -> None:
        """Write the number of rows into the header, flush to disk and close. The file is now a plain .npy file."""
        self._write_header(self.rows)
        self.flush()
        self.close()

    def close(self) -> None:
        """Close the file as it is; unless finished, its header states 0 rows."""
        self._file.close()

    def _write_header(self, rows: int) -> None:
        shape = (rows, *self._row_shape)
        descr = npy.dtype_to_descr(self._dtype)
        self._file.seek(0)
        npy.write_array_header_1_0(self._file, {"descr": descr, "fortran_order": False, "shape": shape})
