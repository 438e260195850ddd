"""Each row is in one slice, and rows with equal values are in the same slice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_slices import slices_of_few

from adjoin.cleaning.slices import SLICES, in_slices


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 9), st.booleans())))
def test_each_row_once_ascending_and_equal_values_together(rows: list[tuple[int, bool]]) -> None:
    values, keep = np.array([v for v, _ in rows], np.int64), np.array([k for _, k in rows], np.bool_)
    with slices_of_few(0):
        slices = [rows.tolist() for rows in in_slices(values, keep)]
    assert sorted(row for rows_of_slice in slices for row in rows_of_slice) == np.flatnonzero(keep).tolist()
    assert all(rows_of_slice == sorted(rows_of_slice) for rows_of_slice in slices)
    homes = [{values[row] for row in rows_of_slice} for rows_of_slice in slices]
    assert sum(map(len, homes)) == len(set(values[keep].tolist()))


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_slices_are_about_even_for_hashes_and_for_small_numbers(dtype: type[np.integer]) -> None:
    with slices_of_few(0):
        sizes = [len(rows) for rows in in_slices(np.arange(16_000).astype(dtype))]
    assert len(sizes) == SLICES
    assert 700 < min(sizes) <= max(sizes) < 1300


def test_few_rows_are_one_slice() -> None:
    (rows,) = in_slices(np.zeros(5, np.int64))
    assert rows.tolist() == [0, 1, 2, 3, 4]
