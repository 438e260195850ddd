"""Each group keeps the rows with the lowest ties, up to the cap."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_slices import slices_of_few

from adjoin.cleaning.caps import joint, over_cap
from adjoin.errors import AdjoinError

ROWS = st.lists(st.tuples(st.integers(-2, 2), st.integers(-4, 4), st.booleans()))


@given(ROWS, st.integers(0, 4))
def test_marks_equal_those_of_sorting_each_group(rows: list[tuple[int, int, bool]], cap: int) -> None:
    expected = set()
    for group in {group for group, _, _ in rows}:
        members = [(tie, row) for row, (other, tie, kept) in enumerate(rows) if other == group and kept]
        expected |= {row for _, row in sorted(members)[cap:]}
    groups, ties, keep = (np.array([row[column] for row in rows]) for column in range(3))
    for few in (1 << 20, 0):
        with slices_of_few(few):
            over = over_cap(groups.astype(np.int64), ties.astype(np.int64), cap, keep.astype(np.bool_))
        assert set(np.flatnonzero(over).tolist()) == expected


def test_the_sample_does_not_depend_on_the_order_of_the_rows() -> None:
    shuffle = np.random.default_rng(0)
    groups, ties = shuffle.integers(0, 9, 500), shuffle.integers(-(2**62), 2**62, 500)
    order = shuffle.permutation(500)
    assert (over_cap(groups[order], ties[order], 7) == over_cap(groups, ties, 7)[order]).all()
    assert (over_cap(groups, ties, 7) >= over_cap(groups, ties, 20)).all()
    assert (~over_cap(groups, ties, 7)).sum() == 9 * 7


def test_joint_groups() -> None:
    first, second = (
        column.ravel().astype(np.int64) for column in np.meshgrid(np.arange(-300, 300), np.arange(300))
    )
    assert len(np.unique(joint(first, second))) == len(first)
    assert joint(first[:1], second[:1]) == joint(first, second)[0]


def test_mistakes_are_refused() -> None:
    column = np.zeros(2, np.int64)
    with pytest.raises(AdjoinError, match="a cap of -1"):
        over_cap(column, column, -1)
    with pytest.raises(AdjoinError, match="2 groups and 1 ties"):
        over_cap(column, column[:1], 1)
