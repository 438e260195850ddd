"""A deterministic order of scores, ties included, for results that a person sees.

Metrics do not use it: they must not depend on which of two equal documents is stored first, so they average over
the ranks that tied documents share (`evaluation.metrics`).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_SHORTEST_BLOCK = 8  # scores; maxima of shorter blocks take longer than they save


def best_first(scores_N: NDArray[Any], k: int) -> NDArray[np.int64]:
    """Return the indices of the k highest scores, best first. Among equal scores the lower index comes first.

    Args:
        scores_N: shape (N,), any real type, without NaN.
        k: the number of indices; all N if there are fewer.

    Returns:
        Indices, shape (min(k, N),).
    """
    number = len(scores_N)
    chosen = np.arange(number)
    if 0 < k < number:
        width = number // (4 * k)
        if width >= _SHORTEST_BLOCK:
            # k blocks have a maximum of at least the k-th highest maximum, so k scores are at least that. In this
            # way a million scores take 1 ms; a partition of all of them takes 7. A block is a column: NumPy takes
            # the maxima of columns many at a time.
            blocks_WB = scores_N[: number // width * width].reshape(width, -1)
            chosen = np.flatnonzero(scores_N >= _highest(blocks_WB.max(axis=0), k))
        # More than k items may reach the threshold. All of them are sorted, so that the stable sort decides
        # between equals, not the partition.
        chosen = chosen[scores_N[chosen] >= _highest(scores_N[chosen], k)]
    return chosen[np.argsort(-scores_N[chosen], kind="stable")][: max(k, 0)].astype(np.int64, copy=False)


def _highest(scores_N: NDArray[Any], k: int) -> Any:  # noqa: ANN401 - a scalar of the array's type
    """The k-th highest score."""
    return np.partition(scores_N, len(scores_N) - k)[len(scores_N) - k]
