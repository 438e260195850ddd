"""Ranking metrics of one query: functions of its scores and its relevant documents.

Ties are handled exactly instead of being broken by position. A rank is the mean of the tied positions. nDCG and
recall are expectations over all orders of the tied documents (McSherry and Najork, "Computing Information
Retrieval Performance Measures Efficiently in the Presence of Tied Scores", ECIR 2008). A scorer that gives all
documents the same score thus gets the value of chance. Without ties, the values equal those of trec_eval.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]
_FEW = 16  # up to this many documents, counting is faster than sorting all scores


def tied_positions(
    scores_N: NDArray[Any], documents_R: Sequence[int] | NDArray[Any]
) -> tuple[Positions, Positions]:
    """First and last possible position of documents in the ranking, counted from 1. They are equal unless tied.

    Args:
        scores_N: scores of N documents without NaN, higher is better.
        documents_R: indices of R documents.

    Returns:
        Two arrays of shape (R,): 1 + the number of higher scores, and the number of scores at least as high.
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


def best_rank(first_R: Positions, last_R: Positions) -> float:
    """Rank of the best relevant document: 1 + higher scores + (equal scores - 1) / 2.

    Args:
        first_R: first possible position of each relevant document.
        last_R: last possible position of each relevant document.
    """
    return float(np.min(first_R + last_R)) / 2


def reciprocal_rank(rank: float, cutoff: int | None = None) -> float:
    """1 / rank, or 0 if the rank is beyond the cutoff."""
    return 1 / rank if cutoff is None or rank <= cutoff else 0.0


def recall(first_R: Positions, last_R: Positions, cutoff: int) -> float:
    """Share of the relevant documents among the first `cutoff` positions.

    Args:
        first_R: first possible position of each relevant document.
        last_R: last possible position of each relevant document.
        cutoff: number of positions.
    """
    return float(np.mean(np.clip(cutoff + 1 - first_R, 0, last_R - first_R + 1) / (last_R - first_R + 1)))


def ndcg(first_R: Positions, last_R: Positions, grades_R: NDArray[np.float64], cutoff: int) -> float:
    """Normalised discounted cumulative gain with linear gain, as in trec_eval's ndcg_cut and BEIR.

    The gain of a document is its grade divided by log2(position + 1). The sum is divided by that of the ideal
    ranking, which has all relevant documents of the query first, by falling grade.

    Args:
        first_R: first possible position of each relevant document.
        last_R: last possible position of each relevant document.
        grades_R: grade of each relevant document.
        cutoff: number of positions.

    Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002.
    """
    discounts = 1 / np.log2(np.arange(cutoff) + 2)
    up_to = np.concatenate([[0.0], np.cumsum(discounts)])  # sum of the discounts of the first i positions
    discount_sums = up_to[np.minimum(last_R, cutoff)] - up_to[np.minimum(first_R - 1, cutoff)]
    gained = float(np.sum(grades_R * discount_sums / (last_R - first_R + 1)))
    best = np.sort(grades_R)[::-1][:cutoff]
    return gained / float(np.sum(best * discounts[: len(best)]))
