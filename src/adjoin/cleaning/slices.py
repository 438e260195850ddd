"""Rows by the slice that their value falls into: what is decided among equal values needs one slice in memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

SLICES = 16
_BLOCK = 1 << 20  # rows worked on at once
_SINGLE_SLICE = 1 << 20  # rows that are one slice


def in_slices(
    values: NDArray[np.integer[Any]], keep: NDArray[np.bool_] | None = None
) -> Iterator[NDArray[np.int64]]:
    """The rows of each slice, ascending; all rows of one value are in one slice.

    Args:
        values: hashes or numbers [N].
        keep: rows that count [N]; None for all.

    Yields:
        Rows. Memory: a byte a row, besides what is given; with few rows there is one slice.
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
