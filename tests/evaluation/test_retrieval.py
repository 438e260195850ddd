import math
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from small_tasks import FixedRows, Floats, RandomEmbedder, SpellingEmbedder, task_of

from adjoin.errors import AdjoinError
from adjoin.evaluation import scorers
from adjoin.evaluation.bootstrap import mean_of
from adjoin.evaluation.distractors import Blocks
from adjoin.evaluation.retrieval import evaluate_task, evaluate_together, metric_names
from adjoin.evaluation.scorers import BM25Scorer, DenseScorer, HybridScorer, rank_scores
from adjoin.ranking import BM25, reciprocal_rank_fusion


def plain_values(
    scores: Floats, relevant: dict[int, float], excluded: int | None, candidates: list[int]
) -> dict[str, float]:
    """Every metric from its definition, for scores without ties."""
    order = [int(i) for i in np.argsort(-scores) if int(i) != excluded]
    rank = 1 + min(order.index(document) for document in relevant)
    in_block = [document for document in order if document in candidates]
    gains = [relevant.get(document, 0.0) / math.log2(place + 2) for place, document in enumerate(order[:10])]
    best = [grade / math.log2(place + 2) for place, grade in enumerate(sorted(relevant.values())[::-1][:10])]
    return {
        "mrr@21": 1 / (1 + min(in_block.index(document) for document in relevant if document in candidates)),
        "mrr": 1 / rank,
        "ndcg@10": sum(gains) / sum(best),
        "mrr@10": 1 / rank if rank <= 10 else 0.0,
        "recall@20": sum(document in relevant for document in order[:20]) / len(relevant),
        "recall@100": sum(document in relevant for document in order[:100]) / len(relevant),
    }


def test_every_metric_equals_its_plain_twin() -> None:
    generator = np.random.default_rng(0)
    relevant = [
        {int(d): float(generator.integers(1, 4)) for d in generator.permutation(250)[: 1 + query % 5]}
        for query in range(40)
    ]
    query_ids = [f"d{query}" if query % 2 else f"q{query}" for query in range(40)]
    task = task_of(relevant, [f"text {i}" for i in range(250)], query_ids=query_ids)
    assert sum(own is not None for own in task.excluded) >= 18
    rows = generator.standard_normal((40, 1, 250)).astype(np.float32)
    for query, judged in enumerate(relevant):  # some signal, so that values are not all near zero
        rows[query, 0, list(judged)] += 2
    found = evaluate_task(task, FixedRows(rows), distractors=20, seed=3)
    blocks = Blocks(250, distractors=20, seed=3)
    assert tuple(found) == metric_names(20)
    for query, judged in enumerate(relevant):
        own = task.excluded[query]
        candidates = blocks.candidates(next(iter(judged)), own, judged).tolist()
        expected = plain_values(rows[query, 0], judged, own, candidates)
        assert {metric: values[query] for metric, values in found.items()} == pytest.approx(expected, abs=1e-12)


def test_the_excluded_document_does_not_count() -> None:
    task = task_of([{0: 1.0}, {0: 1.0}], ["right", "own", "other"], query_ids=["d1", "q"])
    row = np.array([[0.5, 0.9, 0.1]], dtype=np.float32)
    rows = [row, row]
    assert evaluate_task(task, FixedRows(rows))["mrr"].tolist() == [1.0, 0.5]
    assert evaluate_task(task, FixedRows(rows))["mrr@1000"].tolist() == [1.0, 0.5]
    assert row.tolist() == np.array([[0.5, 0.9, 0.1]], dtype=np.float32).tolist()


def test_the_relevant_document_with_the_query_s_own_id_counts() -> None:
    task = task_of([{1: 1.0}], ["other", "own"], query_ids=["d1"])
    assert evaluate_task(task, FixedRows([np.array([[0.0, 1.0]], dtype=np.float32)]))["mrr"].tolist() == [1.0]


def test_random_vectors_give_the_reciprocal_rank_of_chance() -> None:
    number = 2000
    task = task_of([{i: 1.0} for i in range(number)])
    values = evaluate_task(task, DenseScorer("random", RandomEmbedder(32)))["mrr@1000"]
    chance = sum(1 / rank for rank in range(1, 1001)) / 1000
    assert chance == pytest.approx(0.00749, abs=1e-5)
    low, high = mean_of(values).interval(0.99)
    assert low < chance < high
    assert high - low < 0.006


def test_a_score_for_everything_is_worth_what_chance_is_worth() -> None:
    task = task_of([{0: 1.0}, {1499: 1.0}], [f"text {i}" for i in range(1500)])
    found = evaluate_task(task, FixedRows([np.zeros((1, 1500), dtype=np.float32)] * 2))
    assert found["mrr@1000"].tolist() == [1 / 500.5] * 2
    assert found["recall@100"] == pytest.approx([100 / 1500] * 2)


def test_fusion_sees_the_candidates_only() -> None:
    generator = np.random.default_rng(0)
    task = task_of([{i: 1.0} for i in range(60)])
    rows = generator.standard_normal((60, 2, 60)).astype(np.float32)
    found = evaluate_task(task, FixedRows(rows), distractors=19)["mrr@20"]
    blocks = Blocks(60, distractors=19)
    expected = []
    for query in range(60):
        block = blocks.candidates(query)
        fused = reciprocal_rank_fusion(list(rows[query][:, block]))
        own = fused[block == query]
        expected.append(1 / (1 + (fused > own).sum() + ((fused == own).sum() - 1) / 2))
    assert found.tolist() == expected
    assert rank_scores(rows[0][:1]).tolist() == rows[0][0].tolist()


def test_nine_distractors_would_name_two_metrics_alike() -> None:
    with pytest.raises(AdjoinError, match="9 distractors"):
        metric_names(9)


def test_together_equals_one_by_one_and_encodes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["open", "close", "read", "write", "seek", "flush", "lock", "stat"]
    documents = [f"{first} the {second} file" for first in words for second in words]
    queries = [f"how to {text.split()[2]} and {text.split()[0]}" for text in documents]
    task = task_of([{i: 1.0} for i in range(64)], documents, queries=queries)
    dense, lexical = DenseScorer("model", SpellingEmbedder()), BM25Scorer()
    built = []
    monkeypatch.setattr(scorers, "BM25", lambda *texts, **options: built.append(1) or BM25(*texts, **options))
    together = evaluate_together(task, [dense, lexical], fused={"hybrid": ("model", "bm25")}, distractors=19)
    assert len(built) == 1
    alone = {
        "model": evaluate_task(task, dense, distractors=19),
        "bm25": evaluate_task(task, lexical, distractors=19),
        "hybrid": evaluate_task(task, HybridScorer(dense, lexical), distractors=19),
    }
    assert list(together) == list(alone)
    for name, values in alone.items():
        for metric, expected in values.items():
            assert together[name][metric].tolist() == expected.tolist()
    assert together["hybrid"]["mrr"].tolist() != together["model"]["mrr"].tolist()
    counting = RandomEmbedder()
    evaluate_together(task, [DenseScorer("model", counting), lexical], fused={"hybrid": ("model", "bm25")})
    assert counting.calls == [64, 64]


@pytest.mark.parametrize("scores_per_block", [1 << 24, 50, 1])
def test_dense_scores_in_blocks(monkeypatch: pytest.MonkeyPatch, scores_per_block: int) -> None:
    monkeypatch.setattr(scorers, "SCORES_PER_BLOCK", scores_per_block)
    task = task_of([{i: 1.0} for i in range(23)])
    embedder = SpellingEmbedder()
    rows = list(DenseScorer("model", embedder).scores(task))
    assert {row.shape for row in rows} == {(1, 23)}
    expected = embedder.encode_query(task.queries) @ embedder.encode_document(task.documents).T
    assert np.concatenate(rows) == pytest.approx(expected, abs=1e-6)


def test_memory_does_not_grow_with_the_number_of_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorers, "SCORES_PER_BLOCK", 1 << 16)
    task = task_of([{i % 1500: 1.0} for i in range(3000)], [f"text {i}" for i in range(1500)])
    tracemalloc.start()
    try:
        evaluate_task(task, DenseScorer("random", RandomEmbedder(8)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6e6  # all scores at once are 18 MB


class Odd:
    """An embedder that gives what it is told to."""

    def __init__(self, documents: Floats, queries: Floats) -> None:
        self.documents, self.queries = documents, queries

    def encode_document(self, texts: list[str]) -> Floats:
        return self.documents

    def encode_query(self, texts: list[str]) -> Floats:
        return self.queries


@pytest.mark.parametrize(
    ("documents", "queries", "expected"),
    [
        (np.ones((3, 4)), np.ones((1, 4)), r"document vectors of shape \(3, 4\) for 2 texts"),
        (np.ones((2, 4)), np.ones(4), r"query vectors of shape \(4,\)"),
        (np.ones((2, 4)), np.ones((1, 5)), "4 dimensions and queries 5"),
        (np.array([[1.0], [np.nan]]), np.ones((1, 1)), "1 document vectors with values that are not finite"),
    ],
)
def test_embedders_that_give_nonsense(documents: Floats, queries: Floats, expected: str) -> None:
    with pytest.raises(AdjoinError, match=expected):
        evaluate_task(task_of([{1: 1.0}]), DenseScorer("odd", Odd(documents, queries)))


def ones(*shapes: tuple[int, ...]) -> Iterator[Floats]:
    return (np.ones(shape, dtype=np.float32) for shape in shapes)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (ones((1, 2)), "shape None for query 1"),
        (ones((1, 2), (1, 2), (1, 2)), "more rows than small has queries"),
        (ones((1, 2), (1, 3)), r"shape \(1, 3\) for query 1"),
        (ones((2,)), r"shape \(2,\) for query 0"),
        (ones((0, 2)), r"shape \(0, 2\) for query 0"),
        (iter([np.full((1, 2), np.nan, dtype=np.float32)]), "not numbers for query 0"),
    ],
)
def test_scorers_that_give_nonsense(rows: Iterator[Floats], expected: str) -> None:
    with pytest.raises(AdjoinError, match=expected):
        evaluate_task(task_of([{1: 1.0}, {0: 1.0}]), FixedRows(rows))


def test_names_that_clash() -> None:
    task = task_of([{0: 1.0}])
    twins = [FixedRows([]), FixedRows([])]
    with pytest.raises(AdjoinError, match="different names"):
        evaluate_together(task, twins)
    with pytest.raises(AdjoinError, match="scorers that are there"):
        evaluate_together(task, twins[:1], fused={"both": ("fixed", "absent")})
    with pytest.raises(AdjoinError, match="different names"):
        evaluate_together(task, twins[:1], fused={"fixed": ("fixed",)})
