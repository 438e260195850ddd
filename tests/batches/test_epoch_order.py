import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.batches.order import shuffled, shuffled_runs


@pytest.mark.parametrize("key", [[0, 0], [7, 1, 2]])
def test_every_number_comes_once_whatever_the_size(key: list[int]) -> None:
    for size in [*range(1, 300), 1023, 1024, 1025, 65_537]:
        assert sorted(shuffled(np.arange(size), size, key).tolist()) == list(range(size))


@given(st.integers(1, 10**12), st.data())
def test_a_stretch_is_the_same_whatever_else_is_asked_for(size: int, data: st.DataObject) -> None:
    places = np.array(data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=20, unique=True)))
    together = shuffled(places, size, [5])
    assert [int(shuffled(places[i : i + 1], size, [5])[0]) for i in range(len(places))] == together.tolist()
    assert len(set(together.tolist())) == len(places)
    assert ((together >= 0) & (together < size)).all()


def test_keys_give_different_orders() -> None:
    orders = [shuffled(np.arange(1000), 1000, [0, epoch]) for epoch in range(20)]
    for i, one in enumerate(orders):
        for other in orders[:i]:
            assert (one == other).mean() < 0.02


@pytest.mark.parametrize("size", [7, 100, 109, 1000])
def test_each_number_stands_about_equally_often_at_each_place(size: int) -> None:
    orders = 3000
    bins = min(size, 10)
    counts = np.zeros((bins, bins))
    for key in range(orders):
        order = shuffled(np.arange(size), size, [key])
        np.add.at(counts, (np.arange(size) * bins // size, order * bins // size), 1)
    places = np.bincount(np.arange(size) * bins // size)
    expected = orders * np.outer(places, places) / size
    # For true permutations the sum is about (bins - 1)², with a standard deviation of about its root times 1.4.
    chi_square = ((counts - expected) ** 2 / expected).sum() * (size - 1) / size
    assert chi_square < (bins - 1) ** 2 + 6 * 1.42 * (bins - 1)


def test_neighbours_part() -> None:
    order = shuffled(np.arange(10_000), 10_000, [3])
    assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.05
    assert (np.abs(np.diff(order)) < 10).mean() < 0.01


@given(st.integers(1, 400), st.integers(1, 40), st.integers(0, 5))
def test_runs_of_neighbours_are_a_whole_order_too(size: int, run: int, epoch: int) -> None:
    order = shuffled_runs(np.arange(size), size, run, [0, epoch])
    assert sorted(order) == list(range(size))
    some = np.random.default_rng(0).integers(0, size, 20)
    assert (shuffled_runs(some, size, run, [0, epoch]) == order[some]).all()


def test_neighbours_stay_together_and_runs_do_not_begin_at_the_same_places() -> None:
    orders = [shuffled_runs(np.arange(640), 640, 64, [0, epoch]) for epoch in range(4)]
    for order in orders:
        steps = np.diff(order.reshape(10, 64), axis=1) % 640
        assert (steps == 1).all()
    assert len({int(order[0]) % 64 for order in orders}) > 1
