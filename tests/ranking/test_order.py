import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from adjoin.ranking import best_first

few_levels = st.lists(st.integers(-2, 2).map(float), max_size=30).map(
    lambda values: np.array(values, dtype=np.float32)
)


@given(few_levels, st.integers(0, 35))
def test_best_first_equals_a_full_sort_with_the_lower_index_first(scores: NDArray[np.float32], k: int) -> None:
    expected = sorted(range(len(scores)), key=lambda index: (-scores[index], index))[:k]
    assert best_first(scores, k).tolist() == expected


@pytest.mark.parametrize("number", [255, 256, 1000, 50_000])
@pytest.mark.parametrize("levels", [1, 9, 1 << 30])
def test_many_scores_are_ordered_as_by_a_full_sort(number: int, levels: int) -> None:
    scores = np.random.default_rng(number).integers(0, levels, number).astype(np.float32)
    for k in (0, 1, 3, 77, 200, number - 1, number, number + 1):
        assert np.array_equal(best_first(scores, k), np.argsort(-scores, kind="stable")[:k])
