from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.batches.mixing import as_weights, capped, pools_of, seats, shares
from adjoin.errors import AdjoinError

weights = st.lists(st.integers(1, 50), min_size=1, max_size=8)


def plain_seats(number: int, weights_S: list[int]) -> list[int]:
    """Allocation from its definition: the times of all sources, sorted."""
    times = [
        (Fraction(2 * j + 1, weight), source) for source, weight in enumerate(weights_S) for j in range(number)
    ]
    first = [source for _, source in sorted(times)[:number]]
    return [first.count(source) for source in range(len(weights_S))]


@given(weights, st.integers(0, 60))
def test_seats_are_the_first_by_time(weights_S: list[int], number: int) -> None:
    assert seats(number, weights_S) == plain_seats(number, weights_S)


@given(weights, st.integers(0, 10**12), st.integers(0, 1000))
def test_a_larger_number_takes_nothing_away(weights_S: list[int], number: int, more: int) -> None:
    before, after = seats(number, weights_S), seats(number + more, weights_S)
    assert sum(before) == number
    assert sum(after) == number + more
    assert all(a >= b for a, b in zip(after, before, strict=True))


def test_no_source_starves() -> None:
    weights_S = as_weights([0.999, 0.0009, 0.0001])
    assert seats(10_000, weights_S) == [9990, 9, 1]
    assert seats(10**9, weights_S) == pytest.approx([999e6, 900e3, 100e3], abs=1)


def test_shares_follow_the_temperature() -> None:
    assert shares([100, 300], 1) == pytest.approx([0.25, 0.75])
    assert shares([100, 400], 2) == pytest.approx([1 / 3, 2 / 3])
    assert shares([1, 10**9], float("inf")) == [0.5, 0.5]
    assert shares([1, 10**9], 1e-3)[1] == pytest.approx(1)
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(AdjoinError, match=f"mixing temperature is {wrong}"):
            shares([1, 2], wrong)


def test_what_a_bound_cuts_off_goes_to_the_others() -> None:
    assert capped([0.5, 0.25, 0.25], [0.1, 1, 1]) == pytest.approx([0.1, 0.45, 0.45])
    assert capped([0.5, 0.3, 0.2], [0.1, 0.4, 1]) == pytest.approx([0.1, 0.4, 0.5])  # the second one only then
    assert capped([0.5, 0.5], [0.25, 0.75]) == pytest.approx([0.25, 0.75])


def test_sources_too_small_for_a_batch_are_joined() -> None:
    def named(sources: dict[str, int]) -> dict[str, list[str]]:
        return {pool.name: list(pool.sources) for pool in pools_of(sources, 10)}

    assert named({"a": 20, "b": 10}) == {"a": ["a"], "b": ["b"]}
    assert named({"a": 20, "b": 6, "c": 7}) == {"a": ["a"], "b + c": ["b", "c"]}
    assert named({"a": 20, "b": 3, "c": 15}) == {"a": ["a"], "b + c": ["b", "c"]}
    assert named({"a": 6, "b": 4}) == {"a + b": ["a", "b"]}
    for pool in pools_of({"a": 9, "b": 1, "c": 30}, 10):
        assert pool.pairs >= 10
