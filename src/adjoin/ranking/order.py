"""The one definite order of a score list, ties included, that is shown to a person.

A measurement must not reward the accident of which of two equal documents was stored first: it takes the mean of
the places they share (`evaluation.metrics`).
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
