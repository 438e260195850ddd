"""The first of each y stays, kind by kind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.cleaning.exact_duplicates import first_occurrences
from adjoin.errors import AdjoinError


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3), st.integers(0, 3))))
def test_as_a_set_would_tell(rows: list[tuple[int, int]]) -> None:
    seen: set[tuple[int, int]] = set()
    expected = []
    for row in rows:
        expected.append(row not in seen)
        seen.add(row)
    hashes = np.array([y for y, _ in rows], np.int64)
    kinds = np.array([kind for _, kind in rows], np.uint8)
    assert first_occurrences(hashes, kinds).tolist() == expected


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(AdjoinError, match="3 hashes and 2 kinds"):
        first_occurrences(np.zeros(3, np.int64), np.zeros(2, np.uint8))
