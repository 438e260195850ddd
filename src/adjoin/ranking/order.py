"""A deterministic order of scores, ties included, for results that a person sees.

Metrics do not use it: they must not depend on which of two equal documents is stored first, so they average over
the ranks that tied documents share (`evaluation.metrics`).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def best_first(scores_N: NDArray[Any], k: int) -> NDArray[np.int64]:
    """Return the indices of the k highest scores, best first. Among equal scores the lower index comes first.

    Args:
        scores_N: shape (N,), any real type, without NaN.
        k: the number of indices; all N if there are fewer.

    Returns:
        Indices, shape (min(k, N),).
    """
    number = len(scores_N)
    if k < number:
        # Partitioning first keeps this linear in N. More than k items may reach the threshold. All of them are
        # sorted, so that the stable sort decides between equals, not the partition.
        threshold = np.partition(scores_N, number - k)[number - k] if k > 0 else np.inf
        chosen = np.flatnonzero(scores_N >= threshold)
    else:
        chosen = np.arange(number)
    return chosen[np.argsort(-scores_N[chosen], kind="stable")][: max(k, 0)].astype(np.int64, copy=False)
