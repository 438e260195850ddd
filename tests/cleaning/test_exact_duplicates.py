"""Rows with the y of an earlier row of their kind are marked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_slices import slices_of_few

from adjoin.cleaning.exact_duplicates import exact_duplicates
from adjoin.errors import AdjoinError


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3), st.integers(0, 3))))
def test_marks_equal_those_of_a_set(rows: list[tuple[int, int]]) -> None:
    seen: set[tuple[int, int]] = set()
    expected = []
    for row in rows:
        expected.append(row in seen)
        seen.add(row)
    hashes = np.array([y for y, _ in rows], np.int64)
    kinds = np.array([kind for _, kind in rows], np.uint8)
    assert exact_duplicates(hashes, kinds).tolist() == expected
    with slices_of_few(3):
        assert exact_duplicates(hashes, kinds).tolist() == expected


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans())))
def test_rows_outside_keep_are_ignored(rows: list[tuple[int, bool]]) -> None:
    seen: set[int] = set()
    expected = []
    for y, counts in rows:
        expected.append(counts and y in seen)
        if counts:
            seen.add(y)
    hashes, keep = np.array([y for y, _ in rows], np.int64), np.array([counts for _, counts in rows], np.bool_)
    for few in (1 << 20, 0):
        with slices_of_few(few):
            assert exact_duplicates(hashes, np.zeros(len(rows), np.uint8), keep).tolist() == expected


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(AdjoinError, match="3 hashes and 2 kinds"):
        exact_duplicates(np.zeros(3, np.int64), np.zeros(2, np.uint8))
