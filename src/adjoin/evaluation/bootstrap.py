"""How sure a figure is: percentile bootstrap intervals over the items of a task.

Items (queries, sentences, pairs) are what is drawn again, so an interval says what another sample of such items
would give, not another corpus or training. All figures over n items are drawn with the same seed, so two systems'
replicates belong together one by one, and their differences are a paired bootstrap, of any statistic.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError

RESAMPLES = 2000
DRAWS_PER_CHUNK = 1 << 20  # 16 MB of indices and values at a time, however many items there are

Replicates = NDArray[np.float64]  # (R,)


@dataclass(frozen=True)
class Estimate:
    """A figure over n items, and the same of R samples that were drawn from them with replacement.

    Attributes:
        value: over all items as they are.
        n: how many items.
        replicates: the figure of each sample [R]; of two estimates with one seed and n, those of the same samples.
    """

    value: float
    n: int
    replicates: Replicates

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Percentile interval; both ends are the value if there is only one item.

        Raises:
            AdjoinError: a level that is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise AdjoinError(f"no interval of level {level}: expected one between 0 and 1, 0.95 as a rule")
        low, high = np.quantile(self.replicates, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def minus(self, other: "Estimate") -> "Estimate":
        """The difference, sample by sample: pairing takes out how hard each item is.

        Raises:
            AdjoinError: the two were not measured on as many items, or not resampled as often.
        """
        if self.n != other.n or self.replicates.shape != other.replicates.shape:
            raise AdjoinError(
                f"cannot pair figures over {self.n:,} and {other.n:,} items, resampled {len(self.replicates):,}"
                f" and {len(other.replicates):,} times: expected the same items"
            )
        return Estimate(self.value - other.value, self.n, self.replicates - other.replicates)

    @property
    def p(self) -> float:
        """Two-sided: how often samples lie beyond 0, which is no difference; at least 1 / (R + 1)."""
        beyond = min(np.count_nonzero(self.replicates <= 0), np.count_nonzero(self.replicates >= 0))
        return float(min(1.0, 2 * (beyond + 1) / (len(self.replicates) + 1)))


def mean_of(values: NDArray[Any], *, resamples: int = RESAMPLES, seed: int = 0) -> Estimate:
    """The mean of one finite value an item, shape (n,).

    Raises:
        AdjoinError: no value, one that is not finite, or no resample.
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
    """Any figure over n items: F1, a correlation.

    Args:
        statistic: from how often each item counts in each of B samples [B, n] to the figure of each sample [B].
        n: items.
        resamples: R.
        seed: of the draws; the samples are those of `mean_of`.

    Raises:
        AdjoinError: no item, or no resample.
    """
    if n < 1:
        raise AdjoinError("no bootstrap over no items: expected at least one")
    found = [statistic(np.ones((1, n), np.int64))]
    for drawn in _drawn(n, resamples, seed):
        rows = np.arange(len(drawn))[:, np.newaxis] * n
        counts = np.bincount((drawn + rows).ravel(), minlength=len(drawn) * n).reshape(-1, n)
        found.append(statistic(counts))
    value, *replicates = found
    return Estimate(float(value[0]), n, np.concatenate(replicates))


def _drawn(n: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Items of the samples [B, n], some samples at a time."""
    if resamples < 1:
        raise AdjoinError(f"no bootstrap with {resamples} resamples: expected at least one, 2,000 as a rule")
    generator = np.random.default_rng(seed)
    rows = max(1, DRAWS_PER_CHUNK // n)
    for start in range(0, resamples, rows):
        yield generator.integers(n, size=(min(rows, resamples - start), n))
