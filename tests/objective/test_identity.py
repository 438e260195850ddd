"""Which texts the batch knows as answers of a query, wherever they stand; batches in which nothing is left."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adjoin.batches.batch import Batch
from adjoin.model.bodies import TransformerBody
from adjoin.objective.contrastive import Temperature
from adjoin.objective.identity import Identity
from adjoin.objective.step import ContrastiveStep
from adjoin.pairs.pair import text_hash
from objective.small_steps import assert_close, double_body, gradients, random_batch, random_ragged

Written = tuple[str, str, object]  # x, y and group; None for a group of its own


def identity_of(pairs: list[Written], negatives: tuple[str, ...] = ()) -> Identity:
    groups = [f"own {number}" if group is None else f"group {group}" for number, (*_, group) in enumerate(pairs)]
    columns = [[x for x, *_ in pairs], [y for _, y, _ in pairs], groups]
    hashes = np.array([[text_hash(text) for text in column] for column in columns], np.int64)
    return Identity.of(hashes, np.array([text_hash(text) for text in negatives], np.int64))


def masked(pairs: list[Written], *negatives: str) -> list[tuple[int, int]]:
    mask_MN = identity_of(pairs, negatives).mask(torch.arange(len(pairs)))
    return [(int(row), int(column)) for row, column in mask_MN.nonzero()]


def plain_mask(identity_3M: np.ndarray, negative_hash_K: np.ndarray) -> list[list[bool]]:
    """The definition, written out: some pair of the batch ties the query to the column."""
    x, y, group = identity_3M.tolist()
    pairs = range(len(x))
    columns = [*zip(y, group, strict=True), *((text, None) for text in negative_hash_K.tolist())]
    return [
        [
            column != i
            and any((x[m] == x[i] or group[m] == group[i]) and (y[m] == text or group[m] == g) for m in pairs)
            for column, (text, g) in enumerate(columns)
        ]
        for i in pairs
    ]


few = st.integers(0, 5)


@given(st.lists(st.tuples(few, few, few), min_size=1, max_size=9), st.lists(few, max_size=5))
def test_the_mask_is_the_definition(pairs: list[tuple[int, int, int]], negatives: list[int]) -> None:
    identity_3M, hash_K = np.array(pairs, np.int64).T, np.array(negatives, np.int64)
    identity = Identity.of(identity_3M, hash_K)
    expected = plain_mask(identity_3M, hash_K)
    mask_MN = identity.mask(torch.arange(len(pairs)))
    assert mask_MN.tolist() == expected
    assert identity.has_negatives() == any(
        not hidden and column != row for row, line in enumerate(expected) for column, hidden in enumerate(line)
    )
    assert (identity.masked_M > mask_MN.sum(1)).all(), "its own document is counted, and no column is forgotten"
    assert (identity.shared_M | ~mask_MN.any(1)).all()


def test_an_explicit_negative_that_is_another_answer_of_x_is_masked() -> None:
    pairs: list[Written] = [("sort", "quick", None), ("sort", "merge", None), ("open", "fopen", None)]
    assert masked(pairs, "merge") == [(0, 1), (0, 3), (1, 0), (1, 3)]
    assert masked(pairs, " merge\n", "quick", "bubble") == [(0, 1), (0, 3), (0, 4), (1, 0), (1, 3), (1, 4)]


def test_an_answer_of_x_is_masked_as_the_document_of_another_query_and_x_for_it() -> None:
    pairs: list[Written] = [("sort", "quick", None), ("sort", "merge", None), ("join", "merge", None)]
    # "merge" is an answer of "sort" in pair 1, so it is none of its negatives in pair 2: in both directions.
    assert masked(pairs) == [(0, 1), (0, 2), (1, 0), (1, 2), (2, 1)]


def test_what_holds_of_a_group_holds_of_its_texts() -> None:
    pairs: list[Written] = [("a", "1", "g"), ("b", "2", "g"), ("c", "2", None), ("b", "3", None)]
    # 2 is no negative of a in the group, so it is none as the document of c. Nor is 1 one of the other b.
    assert masked(pairs, "2") == [
        *[(0, 1), (0, 2), (0, 4)],
        *[(1, 0), (1, 2), (1, 3), (1, 4)],
        *[(2, 1), (2, 4)],
        *[(3, 0), (3, 1), (3, 2), (3, 4)],
    ]


def test_other_texts_stay_negatives() -> None:
    assert masked([("a", "1", None), ("b", "2", None)], "3", "a", "b") == []
    assert masked([("a", "1", 0), ("b", "2", 1)], "1") == [(0, 2)]
    assert masked([("a", "a", None), ("b", "b", None)]) == []


@pytest.mark.parametrize(
    ("pairs", "negatives", "expected"),
    [
        ([("a", "1", None), ("a", "2", None)], (), False),
        ([("a", "1", None), ("b", "1", None)], (), False),
        ([("a", "1", 0), ("b", "2", 0)], (), False),
        ([("a", "1", None)], (), False),
        ([("a", "1", None), ("b", "1", None), ("a", "2", None), ("b", "2", None)], (), False),
        ([("a", "1", None), ("a", "2", None)], ("2", "1"), False),
        ([("a", "1", None), ("a", "2", None)], ("3",), True),
        ([("a", "1", None), ("a", "2", None), ("b", "3", None)], (), True),
        ([("a", "1", None)], ("2",), True),
    ],
)
def test_batches_without_any_negative_are_told(
    pairs: list[Written], negatives: tuple[str, ...], expected: bool
) -> None:
    assert identity_of(pairs, negatives).has_negatives() is expected


@pytest.fixture(scope="module")
def body() -> TransformerBody:
    return double_body()


def known_answers() -> Batch:
    """Six pairs: two of one x, one y under two, and the known answers as explicit negatives of the others."""
    random = np.random.default_rng(3)
    x, y, z = random_ragged(6, 9, random), random_ragged(6, 9, random), random_ragged(4, 9, random)
    identity_3M = np.array([[1, 1, 2, 3, 4, 5], [10, 11, 11, 13, 14, 15], [20, 21, 22, 23, 24, 25]], np.int64)
    return Batch(x, y, identity_3M, 0, z, np.array([10, 11, 13, 99], np.int64))


def test_the_cached_step_masks_as_the_whole_batch_does(body: TransformerBody) -> None:
    batch = known_answers()
    mask_MN = Identity.of(batch.identity_3M, batch.negative_hash_K).mask(torch.arange(6))
    assert mask_MN[:, 6:].tolist()[:3] == [[True, True, False, False]] * 2 + [[False, True, False, False]]
    whole, expected = gradients(body, batch)
    cached, computed = gradients(body, batch, 20, 0)
    assert cached.loss == pytest.approx(whole.loss, abs=1e-12)
    assert cached.has_negatives
    assert_close(computed, expected)


def test_a_batch_without_negatives_moves_nothing_and_is_counted(body: TransformerBody) -> None:
    random = np.random.default_rng(0)
    identity_3M = np.array([[1, 1, 1], [2, 3, 4], [5, 6, 7]], np.int64)
    batch = Batch(random_ragged(3, 9, random), random_ragged(3, 9, random), identity_3M)
    result, computed = gradients(body, batch)
    assert result.loss == pytest.approx(0, abs=1e-12)
    assert not result.has_negatives
    assert max(float(gradient.abs().max()) for gradient in computed) < 1e-12
    body.zero_grad()
    step = ContrastiveStep(body, Temperature().double(), token_budget=100, kept_tokens=0)
    for one in (batch, random_batch(4, 9, 0), batch):
        step(one)
    assert step.without_negatives == 2


def test_a_large_batch_of_one_x_needs_no_matrix() -> None:
    pairs = 5_000
    identity_3M = np.stack([np.zeros(pairs), np.arange(pairs), np.arange(pairs)]).astype(np.int64)
    assert not Identity.of(identity_3M).has_negatives()
    identity_3M[0, -1] = 1
    assert Identity.of(identity_3M).has_negatives()
