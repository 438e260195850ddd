"""Hybrid search: a weighted sum of the z-scores of several searches over the same items.

Reciprocal rank fusion ignores how far apart two scores are, and weights a weak search like a strong one. Measured
on seven prose data sets (nDCG@10): BM25 0.484, a static model 0.355, reciprocal rank fusion 0.460, z-scores with
weight 0.4 to 0.5 for the model 0.502.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError

DEFAULT_DENSE_WEIGHT = 0.5  # for models that state none


def dense_weight_of(encoder: object) -> float:
    """Return the weight of an encoder's scores in hybrid search, 0 to 1.

    It is the encoder's attribute `dense_weight`, or 0.5 if it has none. BM25 gets the rest.
    """
    return float(getattr(encoder, "dense_weight", DEFAULT_DENSE_WEIGHT))


def standard_score_fusion(score_lists: Sequence[NDArray[Any]], weights: Sequence[float]) -> NDArray[np.float64]:
    """Fuse score lists: Σ over the lists of weight · (score - mean) / standard deviation, over all N items.

    Scaling a list by a positive constant or shifting it changes nothing. A constant list adds 0. An item that a
    search did not find has the score -inf in its list and is treated as that list's lowest. An item that no search
    found stays at -inf and is left out of means and deviations.

    Sources: z-scores for fusion (called ZMUV): Montague and Aslam, "Relevance Score Normalization for
    Metasearch", CIKM 2001. Weighted sums of scores compared with reciprocal ranks: Bruch, Gai and Ingber, "An
    Analysis of Fusion Functions for Hybrid Retrieval", ACM TOIS 2023.

    Args:
        score_lists: S arrays of shape (N,), higher is better, in the same order of items.
        weights: S weights, 0 or more. Only their ratios affect the order.

    Returns:
        The fused scores, shape (N,), higher is better.

    Raises:
        AdjoinError: there is no list, lengths differ, there is not one weight per list, a weight is negative or
            not finite, or a score is NaN or +inf.
    """
    lengths = [len(scores) for scores in score_lists]
    if not lengths or len(set(lengths)) > 1:
        raise AdjoinError(
            f"cannot fuse score lists of lengths {lengths}: expected at least one list, all of the same "
            "length; score the same items in every list"
        )
    if len(weights) != len(lengths) or not all(0 <= weight < np.inf for weight in weights):
        raise AdjoinError(
            f"cannot fuse {len(lengths)} score lists by the weights {list(weights)}: expected one weight, 0 "
            "or more, per list"
        )
    lists_SN = np.array(score_lists, dtype=np.float64)
    if not (lists_SN < np.inf).all():
        raise AdjoinError(
            "cannot fuse scores that are not numbers (NaN or infinite): expected finite scores, or -inf for items "
            "that were not found; check the model's vectors"
        )
    found_N = (lists_SN > -np.inf).any(axis=0)
    fused_N = np.where(found_N, 0.0, -np.inf)
    for weight, scores_N in zip(weights, lists_SN, strict=True):
        fused_N[found_N] += weight * _z_scores(scores_N[found_N])
    return fused_N


def _z_scores(scores_N: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scores shifted and scaled to mean 0 and standard deviation 1; zeros if all are equal."""
    finite = scores_N[scores_N > -np.inf]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    if low == high:  # the deviation of equal scores may be 1e-17 by rounding
        return np.zeros(len(scores_N))
    unit_N = (np.maximum(scores_N, low) - low) / (high - low)  # so that no square overflows
    z_scores_N: NDArray[np.float64] = (unit_N - unit_N.mean()) / unit_N.std()
    return z_scores_N
