"""What a score list says about order, ties included: the two readings every other file here relies on.

A list that is shown to a person needs one definite order (`best_first`); a measurement must not reward the
accident of which of two equal documents was stored first, so it takes the mean of the places they share
(`mean_ranks`).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def best_first(scores_N: NDArray[Any], k: int) -> NDArray[np.int64]:
    """Indices of the k highest scores, best first; of equal scores the lower index comes first.

    Args:
        scores_N: shape (N,), any real type, without NaN.
        k: how many; all N if there are fewer.

    Returns:
        shape (min(k, N),).
    """
    number = len(scores_N)
    if k < number:
        # Selecting first keeps this linear in N. The threshold may be shared by more than k items: all of
        # them stay in, so that the stable sort, not the selection, decides between equals.
        threshold = np.partition(scores_N, number - k)[number - k] if k > 0 else np.inf
        chosen = np.flatnonzero(scores_N >= threshold)
    else:
        chosen = np.arange(number)
    return chosen[np.argsort(-scores_N[chosen], kind="stable")][: max(k, 0)].astype(np.int64, copy=False)


def mean_ranks(scores_N: NDArray[Any]) -> NDArray[np.float64]:
    """The rank of every item, 1 for the highest score; equal scores share the mean of their ranks.

    Args:
        scores_N: shape (N,), any real type, without NaN.

    Returns:
        shape (N,): 1 + (number of higher scores) + (number of other equal scores) / 2.
    """
    order = np.argsort(-np.asarray(scores_N, dtype=np.float64), kind="stable")
    ordered = scores_N[order]
    begins = np.concatenate([[True], ordered[1:] != ordered[:-1]]) if len(ordered) else np.zeros(0, bool)
    first = np.flatnonzero(begins)  # place, from 0, of the first item of each group of equals
    after = np.append(first[1:], len(ordered))
    group = np.cumsum(begins) - 1
    ranks = np.empty(len(ordered), dtype=np.float64)
    ranks[order] = ((first + after + 1) / 2)[group]
    return ranks
