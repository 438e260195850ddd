from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation import bootstrap
from adjoin.evaluation.bootstrap import Estimate, mean_of, statistic_of


def weighted_mean(values: NDArray[np.float64]) -> Callable[[NDArray[np.int64]], NDArray[np.float64]]:
    return lambda counts: counts @ values / counts.sum(axis=1)


def test_an_interval_equals_a_plain_loop() -> None:
    values = np.random.default_rng(1).random(37)
    generator = np.random.default_rng(0)
    means = [values[generator.integers(37, size=37)].mean() for _ in range(2000)]
    assert mean_of(values).interval() == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=1e-12)


def test_any_statistic_has_the_samples_of_the_mean() -> None:
    values = np.random.default_rng(1).random(37)
    mean, statistic = mean_of(values, seed=3), statistic_of(weighted_mean(values), 37, seed=3)
    assert statistic.value == pytest.approx(mean.value)
    np.testing.assert_allclose(statistic.replicates, mean.replicates)
    assert (statistic.n, len(statistic.replicates)) == (37, 2000)


def test_chunks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).random(50)
    whole = mean_of(values), statistic_of(weighted_mean(values), 50)
    monkeypatch.setattr(bootstrap, "DRAWS_PER_CHUNK", 130)
    for one, other in zip(whole, (mean_of(values), statistic_of(weighted_mean(values), 50)), strict=True):
        np.testing.assert_allclose(one.replicates, other.replicates, rtol=1e-12)  # products round by their shapes


def test_intervals_hold_the_true_mean_as_often_as_they_say() -> None:
    generator = np.random.default_rng(7)

    def held(level: float) -> float:
        intervals = [
            mean_of(generator.random(150) < 0.3, resamples=400, seed=i).interval(level) for i in range(600)
        ]
        return float(np.mean([low <= 0.3 <= high for low, high in intervals]))

    # 95 % of 600 is 570 with a standard deviation of 5.3; the percentile interval is a little short at n = 150.
    assert 0.92 <= held(0.95) <= 0.975
    assert 0.43 <= held(0.5) <= 0.57


def test_intervals_of_differences_hold_the_true_one_as_often_as_they_say() -> None:
    """Two systems that are right on the same items more often than chance, one of them on 10 % more."""
    generator, held = np.random.default_rng(8), 0
    for seed in range(400):
        hard = generator.random(200)
        one, other = (hard < 0.5).astype(float), (hard + 0.1 * generator.choice([-1, 1], 200) < 0.4).astype(float)
        low, high = (
            mean_of(one, resamples=400, seed=seed).minus(mean_of(other, resamples=400, seed=seed)).interval()
        )
        held += low <= 0.1 <= high
    assert 0.92 <= held / 400 <= 0.98


def test_p_is_uniform_where_there_is_no_difference_and_small_where_there_is() -> None:
    generator = np.random.default_rng(9)
    ps = []
    for seed in range(300):
        one, other = (mean_of(generator.normal(size=80), resamples=400, seed=seed) for _ in range(2))
        ps.append(one.minus(other).p)
    assert 0.02 <= np.mean(np.array(ps) < 0.05) <= 0.085
    assert 0.42 <= np.mean(np.array(ps) < 0.5) <= 0.58
    sure = mean_of(np.ones(30)).minus(mean_of(np.zeros(30)))
    assert sure.p == pytest.approx(2 / 2001)
    assert mean_of(np.ones(30)).minus(mean_of(np.ones(30))).p == 1.0


def test_one_value_and_equal_values() -> None:
    assert mean_of(np.array([0.25])).interval() == (0.25, 0.25)
    assert mean_of(np.full(10, 0.5)).interval() == (0.5, 0.5)


def test_pairing_sees_what_separate_intervals_hide() -> None:
    generator = np.random.default_rng(0)
    difficulty = generator.random(200)
    better, worse = mean_of(difficulty + 0.02 + 0.01 * generator.random(200)), mean_of(difficulty)
    assert better.interval()[0] < worse.interval()[1]
    difference = better.minus(worse)
    low, high = difference.interval()
    assert difference.value == pytest.approx(better.value - worse.value)
    assert 0 < low < difference.value < high
    assert worse.minus(better).value == pytest.approx(-difference.value)


@pytest.mark.parametrize("values", [np.array([]), np.array([0.1, np.nan]), np.ones((2, 2))])
def test_values_that_cannot_be_resampled(values: NDArray[np.float64]) -> None:
    with pytest.raises(AdjoinError, match="expected one finite number per item"):
        mean_of(values)


def test_options_out_of_range() -> None:
    for level in (0.0, 1.0):
        with pytest.raises(AdjoinError, match="expected one between 0 and 1"):
            mean_of(np.ones(3)).interval(level)
    with pytest.raises(AdjoinError, match="expected at least one"):
        mean_of(np.ones(3), resamples=0)
    with pytest.raises(AdjoinError, match="expected at least one"):
        statistic_of(weighted_mean(np.ones(0)), 0)


def test_other_items_cannot_be_paired() -> None:
    with pytest.raises(AdjoinError, match="over 3 and 4 items"):
        mean_of(np.ones(3)).minus(mean_of(np.ones(4)))
    with pytest.raises(AdjoinError, match="resampled 2,000 and 7 times"):
        Estimate(1.0, 3, np.ones(2000)).minus(Estimate(1.0, 3, np.ones(7)))
