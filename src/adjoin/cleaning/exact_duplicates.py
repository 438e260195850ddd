"""Which rows say the same as an earlier one, over the columns of all parts."""

import numpy as np
from numpy.typing import NDArray

from adjoin.cleaning.slices import in_slices
from adjoin.errors import AdjoinError


def exact_duplicates(
    y_hash: NDArray[np.int64], kind: NDArray[np.uint8], keep: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Which rows have the y of an earlier row of their kind.

    One implementation is one pair, whoever repeats it, however documented. Many pairs may share an x: the loss
    masks those as false negatives. A passage may be the y of one pair a kind: of its title, and of its neighbour.

    Args:
        y_hash: `Pair.y_hash` of each row [N].
        kind: a number for each row's kind [N].
        keep: rows that count [N]; None for all. The others are not marked.

    Returns:
        Marks [N] of the rows to drop. Memory: 4 bytes a row, besides what is given; 3 s for 15 million rows.

    Raises:
        AdjoinError: the columns differ in length.
    """
    if len(y_hash) != len(kind):
        raise AdjoinError(f"{len(y_hash)} hashes and {len(kind)} kinds: expected as many of each")
    repeated = np.zeros(len(y_hash), np.bool_)
    for rows_in_slice in in_slices(y_hash, keep):
        for number in np.unique(kind[rows_in_slice]):
            rows = rows_in_slice[kind[rows_in_slice] == number]
            rows = rows[np.argsort(y_hash[rows], kind="stable")]
            hashes = y_hash[rows]
            repeated[rows[1:]] = hashes[1:] == hashes[:-1]
    return repeated
