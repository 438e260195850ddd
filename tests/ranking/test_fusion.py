import numpy as np
import pytest
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.ranking import reciprocal_rank_fusion


def test_fusion_by_hand() -> None:
    dense = np.array([0.9, 0.1, 0.5], dtype=np.float32)  # ranks 1, 3, 2
    lexical = np.array([0.0, 7.0, 0.0], dtype=np.float32)  # ranks 2.5, 1, 2.5
    fused = reciprocal_rank_fusion([dense, lexical])
    assert fused == pytest.approx([1 / 61 + 1 / 62.5, 1 / 63 + 1 / 61, 1 / 62 + 1 / 62.5], abs=1e-15)
    assert reciprocal_rank_fusion([dense], k=0).tolist() == [1.0, 1 / 3, 0.5]


def test_only_orders_count() -> None:
    first, second = np.array([3.0, 1.0, 2.0]), np.array([0.1, 0.3, 0.2])
    assert (
        reciprocal_rank_fusion([first, second]).tolist()
        == reciprocal_rank_fusion([np.exp(10 * first), second - 5]).tolist()
    )


def test_documents_without_a_match_get_equal_credit_wherever_they_stand() -> None:
    dense = np.zeros(100)
    lexical = np.zeros(100)
    lexical[70] = 3.0
    fused = reciprocal_rank_fusion([dense, lexical])
    assert fused.argmax() == 70
    assert len(set(np.delete(fused, 70))) == 1


@pytest.mark.parametrize("lists", [[], [np.zeros(3), np.zeros(4)]])
def test_lists_that_cannot_be_fused(lists: list[NDArray[np.float64]]) -> None:
    with pytest.raises(AdjoinError, match="lengths"):
        reciprocal_rank_fusion(lists)


def test_negative_k() -> None:
    with pytest.raises(AdjoinError, match="k = -1"):
        reciprocal_rank_fusion([np.zeros(3)], k=-1)
