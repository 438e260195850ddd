import numpy as np
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
