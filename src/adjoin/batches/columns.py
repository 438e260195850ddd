"""Arrays on disk that grow by rows and end as plain .npy files; what a killed writer left is cut off.

Rows are appended with plain writes. A memory map would be shorter, but on a full disk it kills the process instead
of raising.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from adjoin.errors import AdjoinError


class GrowingColumn:
    """A .npy file to append rows to. Its header has the number of rows only after `finish`.

    Attributes:
        rows: number of rows so far.
    """

    def __init__(self, path: Path, dtype: str, row_shape: tuple[int, ...] = (), *, rows: int = 0) -> None:
        """Create a file, or reopen one and keep its first `rows` rows; later rows are cut off.

        Args:
            path: the .npy file.
            dtype: NumPy dtype, such as "<i8".
            row_shape: shape of one row.
            rows: rows to keep; 0 creates the file.

        Raises:
            ValueError: the file has fewer rows.
            OSError: the file cannot be written.
        """
        self._path, self._dtype, self._row_shape = path, np.dtype(dtype), row_shape
        self.rows = rows
        self._file = path.open("r+b" if rows else "w+b")
        self._write_header(0)  # as long as the final header: NumPy leaves room for the number to grow
        end = self._file.tell() + rows * self._dtype.itemsize * int(np.prod(row_shape, dtype=np.int64))
        if self._file.seek(0, os.SEEK_END) < end:
            self._file.close()
            raise ValueError(f"{path} is shorter than {rows:,} rows")
        self._file.seek(end)
        self._file.truncate()

    def _write_header(self, rows: int) -> None:
        shape = (rows, *self._row_shape)
        self._file.seek(0)
        npy.write_array_header_1_0(self._file, {"descr": self._dtype.str, "fortran_order": False, "shape": shape})

    def append(self, values: NDArray[Any]) -> None:
        """Append rows, cast to the column's dtype."""
        assert values.shape[1:] == self._row_shape, (values.shape, self._row_shape)
        self._file.write(np.ascontiguousarray(values, self._dtype).data.cast("B") if values.size else b"")
        self.rows += len(values)

    def flush(self) -> None:
        """Write the rows so far to the disk (fsync)."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def finish(self) -> None:
        """Write the number of rows to the header, and close."""
        self._write_header(self.rows)
        self.flush()
        self._file.close()

    def close(self) -> None:
        """Close the file without finishing it."""
        self._file.close()


def open_column(path: Path, rows: int) -> NDArray[Any]:
    """Memory-map a finished column, read-only.

    Raises:
        AdjoinError: the file is missing or damaged, or does not have `rows` rows.
    """
    try:
        column: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        if len(column) != rows:
            raise ValueError(f"it has {len(column):,} rows, expected {rows:,}")
    except (OSError, ValueError, EOFError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise AdjoinError(f"the token cache {path.parent} is damaged: {path.name}: {reason}; remove it") from None
    return column.view(np.ndarray)  # np.memmap's own indexing costs several times as much
