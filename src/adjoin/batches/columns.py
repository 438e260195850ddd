"""Reading of the finished columns of a token cache. `adjoin.npy.GrowingArray` writes them."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError, first_line


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
        reason = f"{path.name}: {first_line(error)}"
        raise AdjoinError(f"the token cache {path.parent} is damaged: {reason}; remove it") from None
    return column.view(np.ndarray)  # np.memmap's own indexing costs several times as much
