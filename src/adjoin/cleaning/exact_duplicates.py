"""Which rows say the same as an earlier one, over the columns of all parts."""

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError


def first_occurrences(y_hash: NDArray[np.int64], kind: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which rows are the first of their kind with their y: the others are exact duplicates.

    One implementation is one pair, whoever repeats it, however documented. Many pairs may share an x: the loss
    masks those as false negatives. A passage may be the y of one pair a kind: of its title, and of its neighbour.

    Args:
        y_hash: `Pair.y_hash` of each row [N].
        kind: a number for each row's kind [N].

    Returns:
        Marks [N] of the rows to keep. Memory: 33 bytes a row; 2 s for 15 million rows.

    Raises:
        AdjoinError: the columns differ in length.
    """
    if len(y_hash) != len(kind):
        raise AdjoinError(f"{len(y_hash)} hashes and {len(kind)} kinds: expected as many of each")
    first = np.zeros(len(y_hash), np.bool_)
    for number in np.unique(kind):
        rows = np.flatnonzero(kind == number)
        rows = rows[np.argsort(y_hash[rows], kind="stable")]
        hashes = y_hash[rows]
        first[rows[:1]] = True
        first[rows[1:]] = hashes[1:] != hashes[:-1]
    return first
