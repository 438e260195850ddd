import math

import pytest

from adjoin.errors import AdjoinError
from adjoin.training.schedule import SCHEDULES, Budget, lr_scale

STEPS = [step / 1_000 for step in range(1_001)]


@pytest.mark.parametrize("shape", SCHEDULES)
@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.3, 0.9, 1.0])
def test_every_shape_rises_once_and_never_again(shape: str, warmup: float) -> None:
    rates = [lr_scale(progress, warmup, shape) for progress in STEPS]
    top = rates.index(1.0)
    assert top == math.ceil(1_000 * warmup)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert all(0 <= value <= 1 for value in rates)
    if warmup:
        assert rates[0] == 0.01  # a step at zero would be wasted
    if warmup < 1:
        assert rates[-1] == pytest.approx(1.0 if shape == "constant" else 0.0, abs=1e-12)


def test_linear_is_the_default_and_to_the_bit_what_it_was() -> None:
    for progress in STEPS:
        expected = max(0.01, progress / 0.07) if progress < 0.07 else (1 - progress) / (1 - 0.07)
        assert lr_scale(progress, 0.07) == lr_scale(progress, 0.07, "linear") == expected


def test_cosine_equals_its_formula() -> None:
    for progress in (0.1, 0.25, 0.5, 0.99):
        done = (progress - 0.1) / 0.9
        assert lr_scale(progress, 0.1, "cosine") == pytest.approx((1 + math.cos(math.pi * done)) / 2)


def test_wsd_stays_up_and_falls_in_the_last_share() -> None:
    assert {lr_scale(progress, 0.05, "wsd", 0.25) for progress in STEPS if 0.05 <= progress <= 0.75} == {1.0}
    for done in (0.01, 0.25, 0.81, 1.0):
        assert lr_scale(0.75 + 0.25 * done, 0.05, "wsd", 0.25) == pytest.approx(1 - math.sqrt(done))
    assert lr_scale(1.0, 0.05, "wsd", 0.0) == 1.0
    assert lr_scale(0.95, 0.9, "wsd", 0.5) == pytest.approx(
        1 - math.sqrt(0.5)
    )  # no fall before the rise has ended


def test_an_unknown_shape_is_refused() -> None:
    with pytest.raises(
        AdjoinError, match="unknown schedule 'steep': expected one of linear, cosine, wsd, constant"
    ):
        lr_scale(0.5, 0.1, "steep")


def test_a_budget_is_the_first_bound_reached() -> None:
    assert Budget(100, None).progress(25, 1e9) == 0.25
    assert Budget(None, 60.0).progress(10**9, 15.0) == 0.25
    assert Budget(100, 60.0).progress(10, 45.0) == 0.75
    assert Budget(100, 60.0).progress(200, 0.0) == 1.0
