import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from adjoin.ranking import best_first, mean_ranks

few_levels = st.lists(st.integers(-2, 2).map(float), max_size=30).map(
    lambda values: np.array(values, dtype=np.float32)
)


def test_mean_ranks_by_hand() -> None:
    assert mean_ranks(np.array([0.5, 2.0, 0.5, 0.5, -1.0])).tolist() == [3.0, 1.0, 3.0, 3.0, 5.0]
    assert mean_ranks(np.array([], dtype=np.float32)).tolist() == []
    assert mean_ranks(np.array([1, 2, 3], dtype=np.uint8)).tolist() == [3.0, 2.0, 1.0]
    assert mean_ranks(np.array([0.0, -np.inf, -np.inf])).tolist() == [1.0, 2.5, 2.5]


@given(few_levels)
def test_mean_ranks_equal_the_counting_definition(scores: NDArray[np.float32]) -> None:
    expected = [1 + (scores > own).sum() + ((scores == own).sum() - 1) / 2 for own in scores]
    assert mean_ranks(scores).tolist() == expected


@given(few_levels, st.integers(0, 35))
def test_best_first_equals_a_full_sort_with_the_lower_index_first(scores: NDArray[np.float32], k: int) -> None:
    expected = sorted(range(len(scores)), key=lambda index: (-scores[index], index))[:k]
    assert best_first(scores, k).tolist() == expected
