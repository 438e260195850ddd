"""A whole evaluation of small systems."""

from pathlib import Path

import numpy as np
import pytest
from small_tasks import FixedRows, RandomEmbedder, task_of

from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import mean_of
from adjoin.evaluation.jobs import Job, search_jobs
from adjoin.evaluation.report.report import BM25_NAME, HYBRID, MODEL, Report
from adjoin.evaluation.result import Result
from adjoin.evaluation.run import Settings, run_evaluation
from adjoin.evaluation.suites.retrieval import evaluate_task
from adjoin.evaluation.systems.cache import CachedSystem
from adjoin.evaluation.systems.scorers import BM25Scorer, DenseScorer, Embedder
from adjoin.evaluation.systems.system import Named

DOCUMENTS = [
    f"{verb} {noun}" for verb in ("open", "close", "read") for noun in ("file", "socket", "table", "queue")
]
QUERIES = [f"the {' '.join(reversed(document.split()))}" for document in DOCUMENTS]


class Fit:
    """Learns nothing, but counts what it was fitted to."""

    name = "fit"

    def __init__(self) -> None:
        self.fitted: list[int] = []

    def fit(self, texts: tuple[str, ...]) -> Named:
        self.fitted.append(len(texts))
        return Named(RandomEmbedder(seed=2), "fit", "00")


def jobs() -> list[Job]:
    task = task_of([{i: 1.0} for i in range(12)], DOCUMENTS, name="verbs", queries=QUERIES, languages=["go"] * 12)

    def measure(embedder: Embedder, seed: int) -> list[Result]:
        first = embedder.encode_query(["a", "b", "c"])[:, 0]
        return [Result("probe", "made", "accuracy", mean_of((first > 0).astype(float), seed=seed))]

    return [*search_jobs([task]), Job("probe", "made", 3, "digest of made", measure=measure, corpus=("a", "b"))]


def systems_with(model: RandomEmbedder) -> dict:
    return {
        MODEL: Named(model, "m", "11"),
        "other": Named(RandomEmbedder(seed=1), "o", "22"),
        BM25_NAME: BM25Scorer(),
        "fit": Fit(),
    }


def test_every_system_on_every_job_it_can_do() -> None:
    systems = systems_with(RandomEmbedder())
    report = run_evaluation(jobs(), systems, "mine", date="2026-01-02")
    assert list(report.systems) == [MODEL, "other", BM25_NAME, HYBRID, "fit"]
    assert {row: {f.suite for f in results} for row, results in report.systems.items()} == {
        MODEL: {"code", "probe"},
        "other": {"code", "probe"},
        BM25_NAME: {"code"},
        HYBRID: {"code"},
        "fit": {"code", "probe"},
    }
    assert systems["fit"].fitted == [12, 2]
    assert report.environment["date"] == "2026-01-02"
    (task,) = [job.search for job in jobs() if job.search]
    alone = evaluate_task(task, DenseScorer("m", RandomEmbedder()))
    for metric, values in alone.items():
        result = report.find(MODEL, "code", "verbs", metric)
        assert result is not None
        assert result.estimate.value == pytest.approx(values.mean())
    lexical = evaluate_task(task, BM25Scorer())
    lexical_result = report.find(BM25_NAME, "code", "verbs", "mrr")
    assert lexical_result is not None
    assert lexical_result.estimate.value == pytest.approx(lexical["mrr"].mean()) == 1.0


def test_cached_results_are_not_measured_again(tmp_path: Path) -> None:
    settings = Settings(result_cache=tmp_path)
    first_model, second_model = RandomEmbedder(), RandomEmbedder()
    first = run_evaluation(jobs(), systems_with(first_model), "mine", date="d", settings=settings)
    second = run_evaluation(jobs(), systems_with(second_model), "mine", date="d", settings=settings)
    assert first_model.calls
    assert not second_model.calls
    assert first.to_json() == second.to_json()
    third_model = RandomEmbedder(seed=9)
    systems = systems_with(third_model) | {MODEL: Named(third_model, "m", "33")}
    third = run_evaluation(jobs(), systems, "mine", date="d", settings=settings)
    assert third_model.calls
    assert third.to_json()["results"] != first.to_json()["results"]
    assert third.to_json()["baselines"]["other"] == first.to_json()["baselines"]["other"]
    assert third.find(HYBRID, "code", "verbs", "mrr") is not None


class Weighted(RandomEmbedder):
    """Random vectors that know their share in a hybrid."""

    def __init__(self, dense_weight: float) -> None:
        super().__init__()
        self.dense_weight = dense_weight


def hybrid_of(report: Report) -> dict[str, float]:
    return {result.metric: result.estimate.value for result in report.systems[HYBRID]}


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_the_hybrid_weighs_as_the_model_says(weight: float, tmp_path: Path) -> None:
    (task,) = [job.search for job in jobs() if job.search]
    parts = DenseScorer("m", Weighted(weight)), BM25Scorer()
    rows = [
        sum(
            share * (row - row.mean()) / row.std()
            for row, share in zip(map(np.float64, pair), (weight, 1 - weight), strict=True)
        )
        for pair in zip(*(part.scores(task) for part in parts), strict=True)
    ]
    expected = {metric: values.mean() for metric, values in evaluate_task(task, FixedRows(rows)).items()}
    named = [Named(Weighted(weight), "m", "11111111") for _ in range(2)]
    for model in (named[0], CachedSystem(named[1], tmp_path)):
        systems = {MODEL: model, BM25_NAME: BM25Scorer()}
        report = run_evaluation(jobs(), systems, "mine", date="d")
        assert hybrid_of(report) == pytest.approx(expected)
        assert report.environment["dense weight"] == f"{weight:g}"


def test_another_weight_is_measured_again_and_a_system_without_one_has_half(tmp_path: Path) -> None:
    settings = Settings(result_cache=tmp_path)

    def measured(model: RandomEmbedder) -> Report:
        systems = systems_with(model)
        return run_evaluation(jobs(), systems, "mine", date="d", settings=settings)

    first, second = measured(Weighted(0.0)), measured(model := Weighted(1.0))
    assert model.calls
    assert hybrid_of(first) == pytest.approx({f.metric: f.estimate.value for f in first.systems[BM25_NAME]})
    assert hybrid_of(second) == pytest.approx(
        {f.metric: f.estimate.value for f in second.results if f.suite == "code"}
    )
    assert hybrid_of(first) != hybrid_of(second)
    half, plain = measured(Weighted(0.5)), measured(model := RandomEmbedder())
    assert not model.calls, "0.5 is its weight, and that result is cached"
    assert hybrid_of(plain) == hybrid_of(half)
    fitted = run_evaluation(jobs(), {MODEL: Fit(), BM25_NAME: BM25Scorer()}, "mine", date="d")
    assert fitted.environment["dense weight"] == "0.5"


def test_progress_grows_with_the_texts() -> None:
    calls: list[tuple[str, float]] = []
    run_evaluation(
        jobs(),
        systems_with(RandomEmbedder()),
        "m",
        date="d",
        progress=lambda line, share: calls.append((line, share)),
    )
    assert [share for _, share in calls] == [0.0, pytest.approx(24 / 27), 1.0]
    assert calls[0][0] == "code verbs: 24 texts"


def test_differences_are_item_by_item() -> None:
    report = run_evaluation(jobs(), systems_with(RandomEmbedder()), "m", date="d")
    (comparison,) = report.comparisons("code", "mrr", BM25_NAME)
    one, two = (report.find(row, "code", "verbs", "mrr") for row in (MODEL, BM25_NAME))
    assert one is not None
    assert two is not None
    assert comparison.difference.value == pytest.approx(one.estimate.value - two.estimate.value)
    np.testing.assert_allclose(comparison.difference.replicates, one.estimate.replicates - two.estimate.replicates)


def test_mistakes_are_one_line() -> None:
    with pytest.raises(AdjoinError, match="expected at least one, and no two of one suite and name"):
        run_evaluation([], systems_with(RandomEmbedder()), "m", date="d")
    with pytest.raises(AdjoinError, match="no two of one suite and name"):
        run_evaluation(jobs() * 2, systems_with(RandomEmbedder()), "m", date="d")
    with pytest.raises(AdjoinError, match="no 'model' among bm25"):
        run_evaluation(jobs(), {BM25_NAME: BM25Scorer()}, "m", date="d")
