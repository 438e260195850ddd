"""Hash partitioning of rows, so that work on groups of equal values holds one slice in memory at a time."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

SLICES = 16
_BLOCK = 1 << 20  # rows per step
_SINGLE_SLICE = 1 << 20  # up to so many rows are not partitioned


def in_slices(
    values: NDArray[np.integer[Any]], keep: NDArray[np.bool_] | None = None
) -> Iterator[NDArray[np.int64]]:
    """Partition rows so that all rows with the same value are in the same slice.

    Args:
        values: [N] hashes or other integers.
        keep: [N] mask of the rows to include, or None for all.

    Yields:
        Row numbers of one slice, ascending: `SLICES` slices, or one if there are at most 2^20 rows. Memory: one
        byte per row beyond the arguments.
    """
    if len(values) <= _SINGLE_SLICE:
        yield np.arange(len(values)) if keep is None else np.flatnonzero(keep)
        return
    slices = np.empty(len(values), np.uint8)
    for begin in range(0, len(values), _BLOCK):
        mixed = values[begin : begin + _BLOCK].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        slices[begin : begin + _BLOCK] = mixed >> np.uint64(60)
    if keep is not None:
        slices[~keep] = SLICES
    for number in range(SLICES):
        yield np.flatnonzero(slices == number)
