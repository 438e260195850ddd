import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.ranking import standard_score_fusion
from adjoin.ranking.fusion import dense_weight_of

scores = st.lists(st.integers(-50, 50), min_size=1, max_size=20).map(lambda values: np.array(values, np.float64))


def z_scores(values: list[float]) -> list[float]:
    """The plain version, as in a textbook."""
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    return [(value - mean) / deviation if deviation else 0.0 for value in values]


def test_fusion_by_hand() -> None:
    dense = np.array([1.0, 3.0, 5.0], dtype=np.float32)  # mean 3, deviation √(8/3)
    lexical = np.array([0.0, 0.0, 6.0], dtype=np.float32)  # mean 2, deviation √8
    fused = standard_score_fusion([dense, lexical], [0.8, 0.2])
    root = math.sqrt(8)
    expected = [
        0.8 * -2 / (root / math.sqrt(3)) + 0.2 * -2 / root,
        0.2 * -2 / root,
        0.8 * 2 / (root / math.sqrt(3)) + 0.2 * 4 / root,
    ]
    assert fused == pytest.approx(expected, abs=1e-12)
    assert fused.dtype == np.float64
    assert fused == pytest.approx([-1.12122, -0.14142, 1.26264], abs=1e-5)


@given(scores, st.floats(0, 1))
def test_it_equals_the_plain_version(first: NDArray[np.float64], weight: float) -> None:
    second = first // 7
    fused = standard_score_fusion([first, second], [weight, 1 - weight])
    both = zip(z_scores(first.tolist()), z_scores(second.tolist()), strict=True)
    assert fused == pytest.approx([weight * one + (1 - weight) * other for one, other in both], abs=1e-9)


@given(scores, st.floats(1e-6, 1e6), st.floats(-1e3, 1e3))
def test_neither_scale_nor_place_of_a_list_counts(first: NDArray[np.float64], factor: float, shift: float) -> None:
    second = np.sin(first)
    expected = standard_score_fusion([first, second], [0.3, 0.7])
    scaled = standard_score_fusion([first * factor, second], [0.3, 0.7])
    shifted = standard_score_fusion([first + shift, second * 1e-30], [0.3, 0.7])
    for other in (scaled, shifted):
        assert other == pytest.approx(expected, abs=1e-6)
        best = expected.argmax()
        assert other[best] == pytest.approx(other.max(), abs=1e-6)


@given(scores)
def test_weights_of_0_and_1_give_the_order_of_one_half(first: NDArray[np.float64]) -> None:
    second = np.cos(first)
    for weights, alone in (([1, 0], first), ([0, 1], second), ([5, 0], first)):
        fused = standard_score_fusion([first, second], weights)
        assert np.argsort(-fused, kind="stable").tolist() == np.argsort(-alone, kind="stable").tolist()


@pytest.mark.parametrize("level", [0.0, 0.1, -7.3, 1e30])
def test_a_constant_list_says_nothing(level: float) -> None:
    constant, other = np.full(7, level, dtype=np.float32), np.arange(7.0)
    fused = standard_score_fusion([constant, other], [0.9, 0.1])
    assert fused.tolist() == standard_score_fusion([other], [0.1]).tolist()
    assert standard_score_fusion([constant, constant], [0.5, 0.5]).tolist() == [0.0] * 7


def test_one_item_none_and_numbers_of_any_size() -> None:
    assert standard_score_fusion([np.array([3.0]), np.array([-1.0])], [0.5, 0.5]).tolist() == [0.0]
    assert standard_score_fusion([np.zeros(0)], [1.0]).tolist() == []
    for huge in (1e300, 1e-300):
        fused = standard_score_fusion([np.array([1.0, 2.0, 6.0]) * huge], [1.0])
        assert fused == pytest.approx(z_scores([1.0, 2.0, 6.0]), abs=1e-9)


def test_documents_without_a_match_get_equal_credit_wherever_they_stand() -> None:
    dense = np.zeros(100)
    lexical = np.zeros(100)
    lexical[70] = 3.0
    fused = standard_score_fusion([dense, lexical], [0.5, 0.5])
    assert fused.argmax() == 70
    assert len(set(np.delete(fused, 70))) == 1


def test_what_one_search_did_not_find_counts_as_its_lowest_and_what_none_found_is_not_there() -> None:
    first, second = np.array([4.0, -np.inf, 2.0, -np.inf]), np.array([0.0, 3.0, 1.0, -np.inf])
    fused = standard_score_fusion([first, second], [0.4, 0.6])
    there = standard_score_fusion([np.array([4.0, 2.0, 2.0]), second[:3]], [0.4, 0.6])
    assert fused.tolist() == [*there.tolist(), -np.inf]
    nothing = np.full(4, -np.inf)
    assert standard_score_fusion([nothing, second], [0.4, 0.6])[:3] == pytest.approx(
        [0.6 * value for value in z_scores([0.0, 3.0, 1.0])]
    )
    assert standard_score_fusion([nothing], [1.0]).tolist() == nothing.tolist()


@pytest.mark.parametrize("lists", [[], [np.zeros(3), np.zeros(4)]])
def test_lists_that_cannot_be_fused(lists: list[NDArray[np.float64]]) -> None:
    with pytest.raises(AdjoinError, match="lengths"):
        standard_score_fusion(lists, [0.5] * len(lists))


@pytest.mark.parametrize("weights", [[], [0.5], [0.5, -0.1], [0.5, np.nan], [np.inf, 0.5], [0.3, 0.3, 0.4]])
def test_weights_that_cannot_be(weights: list[float]) -> None:
    with pytest.raises(AdjoinError, match="cannot fuse 2 score lists by the weights"):
        standard_score_fusion([np.zeros(3), np.ones(3)], weights)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_scores_that_are_not_numbers(wrong: float) -> None:
    with pytest.raises(AdjoinError, match="not numbers"):
        standard_score_fusion([np.zeros(3), np.array([0.0, wrong, 1.0])], [0.5, 0.5])


def test_an_encoder_without_a_weight_of_its_own_has_half() -> None:
    class Heavy:
        dense_weight = 0.8

    assert (dense_weight_of(object()), dense_weight_of(None), dense_weight_of(Heavy())) == (0.5, 0.5, 0.8)
