"""How sure a mean is: percentile bootstrap intervals over the queries of a task.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13. Queries are what is drawn
again, so an interval says what another sample of such queries would give, not another corpus or training.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError

DRAWS_PER_CHUNK = 1 << 20  # 16 MB of indices and values at a time, however many queries there are


def interval(
    values: NDArray[Any], *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Bootstrap interval of the mean.

    Args:
        values: shape (n,), one finite value per query.
        level: the share of samples whose interval should hold the true mean, between 0 and 1.
        resamples: how often n values are drawn again, with replacement.
        seed: of the draws.

    Returns:
        low and high; both equal the value if there is only one.

    Raises:
        AdjoinError: no value, a value that is not finite, or a level or number of resamples out of range.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise AdjoinError(
            f"no bootstrap interval of values of shape {values.shape}: expected one finite number per query, "
            "and at least one; look at what was measured"
        )
    if not 0 < level < 1 or resamples < 1:
        raise AdjoinError(
            f"no bootstrap interval with level {level} and {resamples} resamples: expected a level between 0 "
            "and 1, 0.95 as a rule, and at least one resample"
        )
    generator = np.random.default_rng(seed)
    number = len(values)
    rows = max(1, DRAWS_PER_CHUNK // number)
    means = [
        values[generator.integers(number, size=(min(rows, resamples - start), number))].mean(axis=1)
        for start in range(0, resamples, rows)
    ]
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired_difference(
    a: NDArray[Any], b: NDArray[Any], *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """Mean of a - b with its bootstrap interval, both measured on the same queries.

    Pairing takes out how hard each query is, so this sees differences that two separate intervals hide.

    Returns:
        mean, low, high.

    Raises:
        AdjoinError: unequal shapes, or as for `interval`.
    """
    if np.shape(a) != np.shape(b):
        raise AdjoinError(
            f"cannot pair values of shapes {np.shape(a)} and {np.shape(b)}: expected the same queries"
        )
    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    low, high = interval(difference, level=level, resamples=resamples, seed=seed)
    return float(difference.mean()), low, high
