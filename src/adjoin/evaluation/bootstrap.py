"""Percentile bootstrap confidence intervals over the items of a task.

The items (queries, sentences, pairs) are resampled. An interval therefore covers other samples of such items, not
other corpora or training runs. All figures over n items use the same seed. The replicates of two systems then
belong together one by one, and the difference of any statistic is a paired bootstrap.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.progress import step

RESAMPLES = 2000
DRAWS_PER_CHUNK = 1 << 20  # 16 MB of indices and values at a time

Replicates = NDArray[np.float64]  # (R,)


@dataclass(frozen=True)
class Estimate:
    """A figure over n items with its bootstrap replicates.

    Attributes:
        value: the figure over all items.
        n: number of items.
        replicates: the figure of each bootstrap sample, shape (R,). Two estimates with the same seed and n have
            replicates of the same samples.
    """

    value: float
    n: int
    replicates: Replicates

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The percentile confidence interval. With a single item both ends equal the value.

        Args:
            level: share of the replicates inside the interval.

        Raises:
            AdjoinError: the level is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise AdjoinError(f"no interval of level {level}: expected one between 0 and 1, usually 0.95")
        low, high = np.quantile(self.replicates, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def minus(self, other: "Estimate") -> "Estimate":
        """The paired difference, replicate by replicate. Pairing removes the variance due to hard and easy items.

        Raises:
            AdjoinError: the two differ in the number of items or of replicates.
        """
        if self.n != other.n or self.replicates.shape != other.replicates.shape:
            raise AdjoinError(
                f"cannot pair figures over {self.n:,} and {other.n:,} items, resampled {len(self.replicates):,}"
                f" and {len(other.replicates):,} times: expected the same items"
            )
        return Estimate(self.value - other.value, self.n, self.replicates - other.replicates)

    @property
    def p(self) -> float:
        """Two-sided p-value of the hypothesis that the value is 0; at least 1 / (R + 1)."""
        beyond = min(np.count_nonzero(self.replicates <= 0), np.count_nonzero(self.replicates >= 0))
        return float(min(1.0, 2 * (beyond + 1) / (len(self.replicates) + 1)))


def mean_of(values: NDArray[Any], *, resamples: int = RESAMPLES, seed: int = 0) -> Estimate:
    """The mean of one value per item, with its bootstrap replicates.

    Args:
        values: one finite value per item, shape (n,).
        resamples: number of bootstrap samples R.
        seed: of the bootstrap samples.

    Raises:
        AdjoinError: there is no value, a value is not finite, or `resamples` is below 1.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise AdjoinError(
            f"no bootstrap of values of shape {values.shape}: expected one finite number per item, "
            "and at least one; look at what was measured"
        )
    means = [values[drawn].mean(axis=1) for drawn in _drawn(len(values), resamples, seed)]
    return Estimate(float(values.mean()), len(values), np.concatenate(means))


def statistic_of(
    statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    n: int,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Any statistic over n items, such as F1 or a correlation, with its bootstrap replicates.

    Args:
        statistic: maps counts of shape (B, n), how often each item occurs in each of B samples, to values (B,).
        n: number of items.
        resamples: number of bootstrap samples R.
        seed: of the samples, which are the same as those of `mean_of`.

    Raises:
        AdjoinError: there is no item, or `resamples` is below 1.
    """
    if n < 1:
        raise AdjoinError("no bootstrap over no items: expected at least one")
    values = [statistic(np.ones((1, n), np.int64))]
    for drawn in _drawn(n, resamples, seed):
        rows = np.arange(len(drawn))[:, np.newaxis] * n
        counts = np.bincount((drawn + rows).ravel(), minlength=len(drawn) * n).reshape(-1, n)
        values.append(statistic(counts))
    value, *replicates = values
    return Estimate(float(value[0]), n, np.concatenate(replicates))


def _drawn(n: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Item indices of the bootstrap samples, shape (B, n), in chunks."""
    if resamples < 1:
        raise AdjoinError(f"no bootstrap with {resamples} resamples: expected at least one, usually 2,000")
    generator = np.random.default_rng(seed)
    rows = max(1, DRAWS_PER_CHUNK // n)
    for start in range(0, resamples, rows):
        step("bootstrap samples", start, resamples)
        yield generator.integers(n, size=(min(rows, resamples - start), n))
