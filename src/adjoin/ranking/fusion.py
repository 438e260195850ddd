"""Fusing what different searches say of the same items: a weighted sum of their standard scores.

Ranks forget by how much one document is better than the next, and give a weak search as much say as a strong one.
nDCG@10 over seven sets of prose, BM25 .484, a static model .355: by reciprocal rank fusion .460, by standard
scores with .4 to .5 of the vectors .502.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError

EVEN = 0.5  # the share of the vectors where a model says nothing of it


def dense_weight_of(encoder: object) -> float:
    """The share of an encoder's vectors in a hybrid search, 0 to 1: its `dense_weight`, or half if it has none."""
    return float(getattr(encoder, "dense_weight", EVEN))


def standard_score_fusion(score_lists: Sequence[NDArray[Any]], weights: Sequence[float]) -> NDArray[np.float64]:
    """Σ over the lists of weight · (score - mean) / standard deviation, both taken over all N items.

    A list multiplied by a positive constant, or shifted by any, gives the same. A constant list says nothing of
    any item: it adds 0. An item that a search did not find has the score -inf there and counts as the lowest that
    it found; one that no search found stays at -inf, and neither mean nor deviation sees it.

    Source: standard scores for fusion: Montague and Aslam, "Relevance Score Normalization for Metasearch", CIKM
    2001 (there ZMUV); a convex combination of scores against reciprocal ranks: Bruch, Gai and Ingber, "An Analysis
    of Fusion Functions for Hybrid Retrieval", ACM TOIS 2023.

    Args:
        score_lists: S arrays of shape (N,), higher is better, item i at place i of each.
        weights: S numbers, 0 or more; a search with 0 has no say. Only their ratios move the order.

    Returns:
        shape (N,): the fused scores, higher is better.

    Raises:
        AdjoinError: no list, lists of unequal length, other than one weight a list, a weight that is negative or
            not finite, or scores that are neither finite nor -inf.
    """
    lengths = [len(scores) for scores in score_lists]
    if not lengths or len(set(lengths)) > 1:
        raise AdjoinError(
            f"cannot fuse score lists of lengths {lengths}: expected at least one list and all of one length; "
            "score the same items in every list"
        )
    if len(weights) != len(lengths) or not all(0 <= weight < np.inf for weight in weights):
        raise AdjoinError(
            f"cannot fuse {len(lengths)} score lists by the weights {list(weights)}: expected one for each, 0 or "
            "more; give each search its share"
        )
    lists_SN = np.array(score_lists, dtype=np.float64)
    if not (lists_SN < np.inf).all():
        raise AdjoinError(
            "cannot fuse scores that are not numbers (NaN or infinite): expected finite scores, or -inf for what "
            "was not found; look at the model"
        )
    found_N = (lists_SN > -np.inf).any(axis=0)
    fused_N = np.where(found_N, 0.0, -np.inf)
    for weight, scores_N in zip(weights, lists_SN, strict=True):
        fused_N[found_N] += weight * _standard_scores(scores_N[found_N])
    return fused_N


def _standard_scores(scores_N: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scores with mean 0 and standard deviation 1; zeros if all are alike."""
    finite = scores_N[scores_N > -np.inf]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    if low == high:  # not by the deviation, which rounding lets be 1e-17 of equal scores
        return np.zeros(len(scores_N))
    unit_N = (np.maximum(scores_N, low) - low) / (high - low)  # of any scale, its square is a number
    standard_N: NDArray[np.float64] = (unit_N - unit_N.mean()) / unit_N.std()
    return standard_N
