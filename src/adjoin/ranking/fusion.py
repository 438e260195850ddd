"""Fusing the orders that different searches give to the same items."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.ranking.order import mean_ranks

SMOOTHING = 60  # the constant of the paper, chosen there on pilot data and used unchanged ever since


def reciprocal_rank_fusion(score_lists: Sequence[NDArray[Any]], *, k: int = SMOOTHING) -> NDArray[np.float64]:
    """Sum of 1 / (k + rank) over the lists: only orders count, so scores of any scale can be fused.

    Equal scores share their mean rank. The many documents without a single word of the query (BM25 score 0)
    therefore get one common, low credit, and none of them rises above another by its place in the store.

    Source: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank
    Learning Methods", SIGIR 2009.

    Args:
        score_lists: one or more arrays of shape (N,), higher is better, item i at place i of each.
        k: the smoothing constant; the larger, the less the first few ranks weigh.

    Returns:
        shape (N,): the fused scores, higher is better.

    Raises:
        AdjoinError: no list, lists of unequal length, or a negative k.
    """
    lengths = [len(scores) for scores in score_lists]
    if not lengths or len(set(lengths)) > 1:
        raise AdjoinError(
            f"cannot fuse score lists of lengths {lengths}: expected at least one list and all of one length; "
            "score the same items in every list"
        )
    if k < 0:
        raise AdjoinError(f"cannot fuse ranks with k = {k}: expected 0 or more; leave it at {SMOOTHING}")
    fused = np.zeros(lengths[0], dtype=np.float64)
    for scores in score_lists:
        fused += 1.0 / (k + mean_ranks(scores))
    return fused
