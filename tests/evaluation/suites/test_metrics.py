import math
from collections.abc import Sequence
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.evaluation.suites.metrics import best_rank, ndcg, recall, reciprocal_rank, tied_positions


def test_places_by_hand() -> None:
    scores = np.array([0.1, 0.9, 0.5, 0.5, 0.5], dtype=np.float32)
    first, last = tied_positions(scores, [1, 2, 0])
    assert first.tolist() == [1, 2, 5]
    assert last.tolist() == [1, 4, 5]
    assert best_rank(first, last) == 1.0
    assert best_rank(*tied_positions(scores, [3])) == 3.0  # 1 + 1 higher + (3 equal - 1) / 2
    assert best_rank(*tied_positions(scores, [0, 4])) == 3.0


def test_reciprocal_rank() -> None:
    assert reciprocal_rank(4.0) == 0.25
    assert reciprocal_rank(10.0, cutoff=10) == 0.1
    assert reciprocal_rank(10.5, cutoff=10) == 0.0


def test_ndcg_by_hand() -> None:
    # Places of the relevant documents: 1 (grade 1), 3 (grade 3), 12 (grade 2).
    scores = np.array([100.0, 99, 98, *range(50, 40, -1)])
    first, last = tied_positions(scores, [0, 2, 11])
    gained = 1 / math.log2(2) + 3 / math.log2(4)
    ideal = 3 / math.log2(2) + 2 / math.log2(3) + 1 / math.log2(4)
    assert ndcg(first, last, np.array([1.0, 3.0, 2.0]), 10) == pytest.approx(gained / ideal, abs=1e-12)
    assert recall(first, last, 10) == pytest.approx(2 / 3)
    assert recall(first, last, 12) == 1.0


def test_ideal_stops_at_the_cutoff() -> None:
    scores = -np.arange(40.0)
    assert ndcg(*tied_positions(scores, range(20)), np.ones(20), 10) == pytest.approx(1.0)
    assert recall(*tied_positions(scores, range(20)), 10) == 0.5


def test_a_scorer_that_says_nothing_gets_chance_wherever_the_answer_stands() -> None:
    scores = np.zeros(1000, dtype=np.float32)
    for document in (0, 500, 999):
        places = tied_positions(scores, [document])
        assert recall(*places, 20) == pytest.approx(0.02)
        assert best_rank(*places) == 500.5
        assert ndcg(*places, np.ones(1), 10) == pytest.approx(
            sum(1 / math.log2(r + 1) for r in range(1, 11)) / 1000
        )


def plain_values(order: Sequence[int], relevant: dict[int, float], cutoff: int) -> tuple[float, float]:
    """Recall and nDCG of one definite order, from their definitions."""
    gains = [relevant.get(document, 0.0) for document in order[:cutoff]]
    ideal = sorted(relevant.values(), reverse=True)[:cutoff]
    gained = sum(gain / math.log2(place + 2) for place, gain in enumerate(gains))
    best = sum(gain / math.log2(place + 2) for place, gain in enumerate(ideal))
    return sum(gain > 0 for gain in gains) / len(relevant), gained / best


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=6),
    st.dictionaries(st.integers(0, 5), st.sampled_from([1.0, 2.0, 3.0]), min_size=1, max_size=4),
    st.integers(1, 7),
)
def test_ties_give_the_mean_over_all_orders_of_the_equals(
    levels: list[int], relevant: dict[int, float], cutoff: int
) -> None:
    relevant = {document: grade for document, grade in relevant.items() if document < len(levels)} or {0: 2.0}
    scores = np.array(levels, dtype=np.float32)
    orders = {tuple(sorted(order, key=lambda d: -scores[d])) for order in permutations(range(len(levels)))}
    values = [plain_values(order, relevant, cutoff) for order in orders]
    places = tied_positions(scores, list(relevant))
    assert recall(*places, cutoff) == pytest.approx(np.mean([value for value, _ in values]), abs=1e-12)
    assert ndcg(*places, np.array(list(relevant.values())), cutoff) == pytest.approx(
        np.mean([value for _, value in values]), abs=1e-12
    )
    own = max(scores[d] for d in relevant)
    assert best_rank(*places) == 1 + (scores > own).sum() + ((scores == own).sum() - 1) / 2


def test_places_of_many_documents_are_those_of_each_alone() -> None:
    """A few documents are counted, many are looked up among the sorted scores: the results are the same."""
    chance = np.random.default_rng(4)
    scores = chance.integers(0, 50, 400).astype(np.float32)
    scores[chance.integers(0, 400, 60)] = -np.inf
    documents = list(range(0, 400, 5))
    together = tied_positions(scores, documents)
    alone = [tied_positions(scores, [document]) for document in documents]
    assert together[0].tolist() == [int(first[0]) for first, _ in alone]
    assert together[1].tolist() == [int(last[0]) for _, last in alone]
    assert (together[0] < together[1]).any()
