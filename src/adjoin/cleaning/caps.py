"""No package and no phrase gets more than its share of the dataset: of a large group, a fair sample stays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.cleaning.slices import in_slices
from adjoin.errors import AdjoinError

_BLOCK = 1 << 20  # rows worked on at once


def over_cap(
    groups: NDArray[np.integer[Any]],
    ties: NDArray[np.int64],
    cap: int,
    keep: NDArray[np.bool_] | None = None,
) -> NDArray[np.bool_]:
    """Which rows are beyond `cap` in their group: of each group those with the lowest ties stay.

    With a hash of the content for a tie the choice is an even sample, and the same wherever and in whatever order
    the rows are read; equal ties go by the row. A sample for a smaller cap is part of that for a larger one.

    Args:
        groups: a number for each row's group [N]: a package's, or `joint` of a package and a template.
        ties: [N], `Pair.y_hash` say.
        cap: rows of a group that stay.
        keep: rows that count [N]; None for all. The others are not marked.

    Returns:
        Marks [N] of the rows to drop. Memory: 4 bytes a row, besides what is given, and 3 a row of groups that are
        too large.

    Raises:
        AdjoinError: the cap is negative, or the columns differ in length.
    """
    if cap < 0:
        raise AdjoinError(f"a cap of {cap}: expected 0 or more; leave the cap out to keep all")
    if len(groups) != len(ties) or (keep is not None and len(keep) != len(groups)):
        raise AdjoinError(f"{len(groups)} groups and {len(ties)} ties: expected as many of each, and of marks")
    over = np.zeros(len(groups), np.bool_)
    for rows_in_slice in in_slices(groups, keep):
        rows = rows_in_slice[_is_over(groups[rows_in_slice], cap)]  # as a rule few
        rows = rows[np.lexsort((ties[rows], groups[rows]))]
        group = groups[rows]
        places = np.arange(len(rows))
        opens = np.ones(len(rows), np.bool_)
        opens[1:] = group[1:] != group[:-1]
        rank = places - np.maximum.accumulate(np.where(opens, places, 0))
        over[rows[rank >= cap]] = True
    return over


def _is_over(groups: NDArray[np.integer[Any]], cap: int) -> NDArray[np.bool_]:
    """Whether each row's group has more than `cap` rows."""
    ordered = np.sort(groups)
    last = len(ordered) - cap
    large = np.unique(ordered[: max(last, 0)][ordered[: max(last, 0)] == ordered[cap:]])
    if not len(large):
        return np.zeros(len(groups), np.bool_)
    found: NDArray[np.bool_] = large[np.minimum(np.searchsorted(large, groups), len(large) - 1)] == groups
    return found


def joint(first: NDArray[np.integer[Any]], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """One number [N] for each pair of numbers: rows are of one joint group where they share both."""
    result = np.empty(len(second), np.int64)
    for begin in range(0, len(second), _BLOCK):
        mixed = first[begin : begin + _BLOCK].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
        mixed = mixed * np.uint64(0xBF58476D1CE4E5B9) + second[begin : begin + _BLOCK].astype(np.uint64)
        result[begin : begin + _BLOCK] = mixed.view(np.int64)
    return result
