"""How good one ranking is: plain functions of a query's scores and its relevant documents.

Equal scores have no order of their own, so none is invented for them. A rank is the mean of the places the
equals share; nDCG and recall are their expectation over all orders of the equals (McSherry and Najork,
"Computing Information Retrieval Performance Measures Efficiently in the Presence of Tied Scores", ECIR
2008). A scorer that gives every document the same score thereby gets the value of chance, wherever the right
document happens to be stored. Without ties the values are those of trec_eval.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
_FEW = 16  # documents for which counting is faster than to sort all scores


def shared_places(scores_N: NDArray[Any], documents_R: Sequence[int] | NDArray[Any]) -> tuple[Places, Places]:
    """First and last place that documents can take in the ranking, counted from 1; equal unless tied.

    Args:
        scores_N: shape (N,), without NaN, higher is better.
        documents_R: R document indices.

    Returns:
        two arrays of shape (R,): 1 + number of higher scores, and number of scores at least as high.
    """
    own_R = scores_N[np.asarray(documents_R, dtype=np.int64)]
    if len(own_R) <= _FEW:
        higher = [int(np.count_nonzero(scores_N > own)) for own in own_R]
        as_high = [int(np.count_nonzero(scores_N >= own)) for own in own_R]
        return np.array(higher, np.int64) + 1, np.array(as_high, np.int64)
    ascending = np.sort(scores_N)
    first_R = len(ascending) - np.searchsorted(ascending, own_R, side="right") + 1
    last_R = len(ascending) - np.searchsorted(ascending, own_R, side="left")
    return first_R, last_R


def best_rank(first_R: Places, last_R: Places) -> float:
    """Rank of the best relevant document: 1 + higher scores + (equal scores - 1) / 2."""
    return float(np.min(first_R + last_R)) / 2


def reciprocal_rank(rank: float, cutoff: int | None = None) -> float:
    """1 / rank; 0 if the rank is beyond the cutoff."""
    return 1 / rank if cutoff is None or rank <= cutoff else 0.0


def recall(first_R: Places, last_R: Places, cutoff: int) -> float:
    """Share of the relevant documents among the first `cutoff`."""
    return float(np.mean(np.clip(cutoff + 1 - first_R, 0, last_R - first_R + 1) / (last_R - first_R + 1)))


def ndcg(first_R: Places, last_R: Places, grades_R: NDArray[np.float64], cutoff: int) -> float:
    """Normalised discounted cumulative gain with linear gain, as trec_eval's ndcg_cut and BEIR have it.

    The gain of a document is its grade, divided by log2(place + 1); the sum is divided by that of the ideal
    ranking, in which all relevant documents of the query, found or not, stand in front by falling grade.

    Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002.
    """
    discounts = 1 / np.log2(np.arange(cutoff) + 2)
    up_to = np.concatenate([[0.0], np.cumsum(discounts)])  # sum of the discounts of the first i places
    shared = up_to[np.minimum(last_R, cutoff)] - up_to[np.minimum(first_R - 1, cutoff)]
    gained = float(np.sum(grades_R * shared / (last_R - first_R + 1)))
    best = np.sort(grades_R)[::-1][:cutoff]
    return gained / float(np.sum(best * discounts[: len(best)]))
