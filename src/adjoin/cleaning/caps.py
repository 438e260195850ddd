"""Caps per group: of a package or template with too many pairs, a uniform sample stays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.cleaning.slices import in_slices
from adjoin.errors import AdjoinError

_BLOCK = 1 << 20  # rows per step


def over_cap(
    groups: NDArray[np.integer[Any]],
    ties: NDArray[np.int64],
    cap: int,
    keep: NDArray[np.bool_] | None = None,
) -> NDArray[np.bool_]:
    """Mark the rows to drop so that each group keeps at most `cap` rows: those with the lowest ties.

    If `ties` are hashes of the content, this is a uniform sample that does not depend on the order of the rows.
    Equal ties are broken by row number. The sample for a smaller cap is a subset of that for a larger one.

    Args:
        groups: [N] number of each row's group: a package, or `joint` of a package and a template.
        ties: [N] sort keys, such as `Pair.y_hash`.
        cap: the most rows that a group keeps.
        keep: [N] mask of the rows to consider, or None for all. Other rows are never marked.

    Returns:
        Mask [N] of the rows to drop. Memory: 4 bytes per row beyond the arguments, and 3 per row of the groups
        over the cap.

    Raises:
        AdjoinError: `cap` is negative, or the arrays differ in length.
    """
    if cap < 0:
        raise AdjoinError(f"a cap of {cap}: expected 0 or more; leave the cap out to keep all")
    if len(groups) != len(ties) or (keep is not None and len(keep) != len(groups)):
        marks = "" if keep is None else f" and {len(keep)} marks"
        raise AdjoinError(f"{len(groups)} groups and {len(ties)} ties{marks}: expected equal lengths")
    over = np.zeros(len(groups), np.bool_)
    for rows_in_slice in in_slices(groups, keep):
        rows = rows_in_slice[_is_over(groups[rows_in_slice], cap)]  # usually few
        rows = rows[np.lexsort((ties[rows], groups[rows]))]
        group = groups[rows]
        order = np.arange(len(rows))
        starts_group = np.ones(len(rows), np.bool_)
        starts_group[1:] = group[1:] != group[:-1]
        rank = order - np.maximum.accumulate(np.where(starts_group, order, 0))
        over[rows[rank >= cap]] = True
    return over


def _is_over(groups: NDArray[np.integer[Any]], cap: int) -> NDArray[np.bool_]:
    """Whether each row's group has more than `cap` rows."""
    ordered = np.sort(groups)
    last = len(ordered) - cap
    large = np.unique(ordered[: max(last, 0)][ordered[: max(last, 0)] == ordered[cap:]])
    if not len(large):
        return np.zeros(len(groups), np.bool_)
    is_large: NDArray[np.bool_] = large[np.minimum(np.searchsorted(large, groups), len(large) - 1)] == groups
    return is_large


def joint(first: NDArray[np.integer[Any]], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Hash two group numbers per row into one [N]: rows are in the same joint group if they share both."""
    result = np.empty(len(second), np.int64)
    for begin in range(0, len(second), _BLOCK):
        mixed = first[begin : begin + _BLOCK].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
        mixed = mixed * np.uint64(0xBF58476D1CE4E5B9) + second[begin : begin + _BLOCK].astype(np.uint64)
        result[begin : begin + _BLOCK] = mixed.view(np.int64)
    return result
