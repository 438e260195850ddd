from collections import Counter

import numpy as np
import pytest

from adjoin.errors import AdjoinError
from adjoin.evaluation.suites.distractors import Blocks


@pytest.mark.parametrize("documents", [1000, 1001, 1999, 2000, 2345])
def test_every_query_has_exactly_999_distractors(documents: int) -> None:
    blocks = Blocks(documents)
    for document in range(0, documents, 7):
        candidates = blocks.candidates(document)
        assert len(candidates) == len(set(candidates.tolist())) == 1000
        assert document in candidates


def test_the_blocks_are_a_seeded_shuffle_cut_up_with_the_last_topped_up_from_the_front() -> None:
    shuffle = np.random.default_rng(5).permutation(25)
    expected = [shuffle[:10], shuffle[10:20], np.concatenate([shuffle[20:], shuffle[:5]])]
    blocks = Blocks(25, distractors=9, seed=5)
    for place, document in enumerate(shuffle):
        assert blocks.candidates(document).tolist() == expected[place // 10].tolist()


def test_documents_are_distractors_about_equally_often() -> None:
    blocks = Blocks(25, distractors=9)
    seen = Counter(tuple(blocks.candidates(document).tolist()) for document in range(25))
    assert sorted(seen.values()) == [5, 10, 10]


def test_seeds() -> None:
    assert Blocks(3000).candidates(4).tolist() == Blocks(3000, seed=0).candidates(4).tolist()
    assert Blocks(3000).candidates(4).tolist() != Blocks(3000, seed=1).candidates(4).tolist()


def test_a_small_collection_is_one_block() -> None:
    assert sorted(Blocks(12).candidates(3).tolist()) == list(range(12))
    assert sorted(Blocks(12).candidates(3, excluded=5).tolist()) == [i for i in range(12) if i != 5]


@pytest.mark.parametrize("documents", [11, 25, 30])
def test_an_excluded_document_is_replaced(documents: int) -> None:
    blocks = Blocks(documents, distractors=9)
    for document in range(documents):
        block = blocks.candidates(document).tolist()
        for excluded in set(range(documents)) - {document}:
            candidates = blocks.candidates(document, excluded).tolist()
            assert len(set(candidates)) == 10
            assert document in candidates
            assert excluded not in candidates
            assert len(set(candidates) - set(block)) == (excluded in block)


@pytest.mark.parametrize("documents", [12, 25, 30])
def test_further_right_answers_are_candidates_and_no_distractors(documents: int) -> None:
    blocks = Blocks(documents, distractors=9)
    for document in range(documents):
        others = [document, (document + 1) % documents, (document + 5) % documents]
        candidates = blocks.candidates(document, others=others).tolist()
        assert len(set(candidates)) == len(candidates) == min(9 + 3, documents)
        assert set(others) <= set(candidates)
        alone = blocks.candidates(document).tolist()
        assert [c for c in candidates if c not in others][: len(alone) - 3] == [
            c for c in alone if c not in others
        ][: len(alone) - 3]


def test_no_distractors() -> None:
    with pytest.raises(AdjoinError, match="0 distractors"):
        Blocks(10, distractors=0)
