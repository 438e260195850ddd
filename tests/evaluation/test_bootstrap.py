from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation import bootstrap
from adjoin.evaluation.bootstrap import interval, paired_difference


def test_interval_equals_a_plain_loop() -> None:
    values = np.random.default_rng(1).random(37)
    generator = np.random.default_rng(0)
    means = [values[generator.integers(37, size=37)].mean() for _ in range(2000)]
    assert interval(values) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=1e-12)


def test_chunks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).random(50)
    whole = interval(values)
    monkeypatch.setattr(bootstrap, "DRAWS_PER_CHUNK", 130)
    assert interval(values) == whole


def test_intervals_hold_the_true_mean_as_often_as_they_say() -> None:
    generator = np.random.default_rng(7)
    held = [
        low <= 0.3 <= high
        for low, high in (interval(generator.random(150) < 0.3, resamples=400, seed=i) for i in range(600))
    ]
    # 95 % of 600 is 570 with a standard deviation of 5.3; the percentile interval is a little short at n = 150.
    assert 0.92 <= np.mean(held) <= 0.975
    tighter = [
        low <= 0.3 <= high
        for low, high in (
            interval(generator.random(150) < 0.3, level=0.5, resamples=400, seed=i) for i in range(600)
        )
    ]
    assert 0.43 <= np.mean(tighter) <= 0.57


def test_one_value_and_equal_values() -> None:
    assert interval(np.array([0.25])) == (0.25, 0.25)
    assert interval(np.full(10, 0.5)) == (0.5, 0.5)


def test_pairing_sees_what_separate_intervals_hide() -> None:
    generator = np.random.default_rng(0)
    difficulty = generator.random(200)
    better, worse = difficulty + 0.02 + 0.01 * generator.random(200), difficulty
    assert interval(better)[0] < interval(worse)[1]
    mean, low, high = paired_difference(better, worse)
    assert mean == pytest.approx((better - worse).mean())
    assert 0 < low < mean < high
    assert paired_difference(worse, better)[0] == pytest.approx(-mean)


@pytest.mark.parametrize("values", [np.array([]), np.array([0.1, np.nan]), np.ones((2, 2))])
def test_values_that_cannot_be_resampled(values: NDArray[np.float64]) -> None:
    with pytest.raises(AdjoinError, match="no bootstrap interval of values"):
        interval(values)


@pytest.mark.parametrize("options", [{"level": 1.0}, {"level": 0.0}, {"resamples": 0}])
def test_options_out_of_range(options: dict[str, Any]) -> None:
    with pytest.raises(AdjoinError, match="expected a level"):
        interval(np.ones(3), **options)


def test_unequal_queries_cannot_be_paired() -> None:
    with pytest.raises(AdjoinError, match=r"\(3,\) and \(4,\)"):
        paired_difference(np.ones(3), np.ones(4))
