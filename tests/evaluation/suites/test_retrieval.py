import math
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from small_tasks import FixedRows, Floats, RandomEmbedder, SpellingEmbedder, task_of

from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import mean_of
from adjoin.evaluation.data.retrieval_task import RetrievalTask
from adjoin.evaluation.suites.distractors import Blocks
from adjoin.evaluation.suites.retrieval import evaluate_task, evaluate_together, metric_names
from adjoin.evaluation.systems import scorers
from adjoin.evaluation.systems.scorers import BM25Scorer, DenseScorer, Scorer, rank_scores
from adjoin.ranking import BM25, z_score_fusion


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


def test_every_metric_equals_its_plain_version() -> None:
    generator = np.random.default_rng(0)
    relevant = [
        {int(d): float(generator.integers(1, 4)) for d in generator.permutation(250)[: 1 + query % 5]}
        for query in range(40)
    ]
    query_ids = [f"d{query}" if query % 2 else f"q{query}" for query in range(40)]
    task = task_of(relevant, [f"text {i}" for i in range(250)], query_ids=query_ids)
    assert sum(own is not None for own in task.excluded) >= 18
    rows = generator.standard_normal((40, 250)).astype(np.float32)
    for query, judged in enumerate(relevant):  # some signal, so that values are not all near zero
        rows[query, list(judged)] += 2
    metrics = evaluate_task(task, FixedRows(rows), distractors=20, seed=3)
    blocks = Blocks(250, distractors=20, seed=3)
    assert tuple(metrics) == metric_names(20)
    for query, judged in enumerate(relevant):
        own = task.excluded[query]
        candidates = blocks.candidates(next(iter(judged)), own, judged).tolist()
        expected = plain_values(rows[query], judged, own, candidates)
        assert {metric: values[query] for metric, values in metrics.items()} == pytest.approx(expected, abs=1e-12)


def test_the_excluded_document_does_not_count() -> None:
    task = task_of([{0: 1.0}, {0: 1.0}], ["right", "own", "other"], query_ids=["d1", "q"])
    row = np.array([0.5, 0.9, 0.1], dtype=np.float32)
    rows = [row, row]
    assert evaluate_task(task, FixedRows(rows))["mrr"].tolist() == [1.0, 0.5]
    assert evaluate_task(task, FixedRows(rows))["mrr@1000"].tolist() == [1.0, 0.5]
    assert row.tolist() == np.array([0.5, 0.9, 0.1], dtype=np.float32).tolist()


def test_the_relevant_document_with_the_query_s_own_id_counts() -> None:
    task = task_of([{1: 1.0}], ["other", "own"], query_ids=["d1"])
    assert evaluate_task(task, FixedRows([np.array([0.0, 1.0], dtype=np.float32)]))["mrr"].tolist() == [1.0]


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
    values = evaluate_task(task, FixedRows([np.zeros(1500, dtype=np.float32)] * 2))
    assert values["mrr@1000"].tolist() == [1 / 500.5] * 2
    assert values["recall@100"] == pytest.approx([100 / 1500] * 2)


def fused_by_hand(one: Floats, other: Floats, weight: float) -> Floats:
    """z-scores from their definition."""
    return sum(w * (row - row.mean()) / row.std() for row, w in ((one, weight), (other, 1 - weight)))


def test_fusion_sees_the_candidates_only() -> None:
    generator = np.random.default_rng(0)
    task = task_of([{i: 1.0} for i in range(60)])
    one, other = generator.standard_normal((2, 60, 60))
    parts = [FixedRows(one, "one"), FixedRows(other * 9 + 4, "other")]
    values = evaluate_together(task, parts, fused={"both": {"one": 0.7, "other": 0.3}}, distractors=19)["both"]
    blocks = Blocks(60, distractors=19)
    for metric, candidates in (("mrr@20", blocks.candidates), ("mrr", lambda query: np.arange(60))):
        expected = []
        for query in range(60):
            block = candidates(query)
            fused = fused_by_hand(one[query][block], other[query][block], 0.7)
            expected.append(1 / (1 + (fused > fused[block == query]).sum()))
        assert values[metric].tolist() == expected
    assert rank_scores([one[0]], [0.2]).tolist() == one[0].tolist()


def test_the_excluded_document_moves_no_z_score() -> None:
    task = task_of([{0: 1.0}], ["right", "own", "other", "third"], query_ids=["d1"])
    one, other = np.array([3.0, 1e6, 4.0, 0.0]), np.array([5.0, -1e6, 1.0, 0.0])
    parts = [FixedRows([one], "one"), FixedRows([other], "other")]
    for weight in (0.1, 0.2, 0.5, 0.7, 0.9):
        values = evaluate_together(task, parts, fused={"both": {"one": weight, "other": 1 - weight}})["both"]
        fused = fused_by_hand(np.delete(one, 1), np.delete(other, 1), weight)
        rank = 1 + (fused > fused[0]).sum()
        assert (values["mrr"].tolist(), values["mrr@1000"].tolist()) == ([1 / rank], [1 / rank])


def test_nine_distractors_would_give_two_metrics_one_name() -> None:
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
    weights = {"model": 0.6, "bm25": 0.4}
    together = evaluate_together(task, [dense, lexical], fused={"hybrid": weights}, distractors=19)
    assert len(built) == 1
    alone = {
        "model": evaluate_task(task, dense, distractors=19),
        "bm25": evaluate_task(task, lexical, distractors=19),
    }
    assert list(together) == [*alone, "hybrid"]
    for name, values in alone.items():
        for metric, expected in values.items():
            assert together[name][metric].tolist() == expected.tolist()
    fused = evaluate_task(task, FixedRows(rows_fused(task, [dense, lexical], [0.6, 0.4])), distractors=19)
    assert together["hybrid"]["mrr"].tolist() == fused["mrr"].tolist() != together["model"]["mrr"].tolist()
    for sure, only in (("model", {"model": 1.0, "bm25": 0.0}), ("bm25", {"model": 0.0, "bm25": 1.0})):
        one_sided = evaluate_together(task, [dense, lexical], fused={"hybrid": only}, distractors=19)
        for metric, expected in one_sided[sure].items():
            assert one_sided["hybrid"][metric].tolist() == expected.tolist()
    counting = RandomEmbedder()
    evaluate_together(task, [DenseScorer("model", counting), lexical], fused={"hybrid": weights})
    assert counting.calls == [64, 64]


def rows_fused(task: RetrievalTask, parts: list[Scorer], weights: list[float]) -> Iterator[Floats]:
    for rows in zip(*(part.scores(task) for part in parts), strict=True):
        yield z_score_fusion(rows, weights)


@pytest.mark.parametrize("scores_per_block", [1 << 24, 50, 1])
def test_dense_scores_in_blocks(monkeypatch: pytest.MonkeyPatch, scores_per_block: int) -> None:
    monkeypatch.setattr(scorers, "SCORES_PER_BLOCK", scores_per_block)
    task = task_of([{i: 1.0} for i in range(23)])
    embedder = SpellingEmbedder()
    rows = list(DenseScorer("model", embedder).scores(task))
    assert {row.shape for row in rows} == {(23,)}
    expected = embedder.encode_query(task.queries) @ embedder.encode_document(task.documents).T
    assert np.stack(rows) == pytest.approx(expected, abs=1e-6)


@pytest.mark.slow
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
    """An embedder that returns given vectors."""

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
        (ones((2,)), "shape None for query 1"),
        (ones((2,), (2,), (2,)), "more rows than small has queries"),
        (ones((2,), (3,)), r"shape \(3,\) for query 1"),
        (ones((1, 2)), r"shape \(1, 2\) for query 0"),
        (ones(()), r"shape \(\) for query 0"),
        (iter([np.full(2, np.nan, dtype=np.float32)]), "not numbers for query 0"),
    ],
)
def test_scorers_that_give_nonsense(rows: Iterator[Floats], expected: str) -> None:
    with pytest.raises(AdjoinError, match=expected):
        evaluate_task(task_of([{1: 1.0}, {0: 1.0}]), FixedRows(rows))


def test_names_that_clash() -> None:
    task = task_of([{0: 1.0}])
    scorers = [FixedRows([]), FixedRows([])]
    with pytest.raises(AdjoinError, match="different names"):
        evaluate_together(task, scorers)
    with pytest.raises(AdjoinError, match="scorers that are there"):
        evaluate_together(task, scorers[:1], fused={"both": {"fixed": 0.5, "absent": 0.5}})
    with pytest.raises(AdjoinError, match="different names"):
        evaluate_together(task, scorers[:1], fused={"fixed": {"fixed": 1.0}})
