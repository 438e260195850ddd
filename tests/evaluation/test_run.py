"""A whole evaluation of small systems."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_tasks import FixedRows, Floats, RandomEmbedder, task_of

from adjoin.errors import AdjoinError
from adjoin.evaluation import run as module
from adjoin.evaluation.bootstrap import mean_of
from adjoin.evaluation.jobs import Job, search_jobs
from adjoin.evaluation.report.report import BM25_NAME, MODEL, Hybrid, Report
from adjoin.evaluation.result import Result
from adjoin.evaluation.run import Settings, hybrids_of, run_evaluation
from adjoin.evaluation.suites.retrieval import evaluate_task
from adjoin.evaluation.systems.cache import CachedSystem
from adjoin.evaluation.systems.scorers import REFERENCE, BM25Scorer, DenseScorer, Embedder
from adjoin.evaluation.systems.system import Named
from adjoin.ranking.fusion import z_score_fusion

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
    assert list(report.systems) == [
        MODEL,
        "other",
        "other hybrid 0.5",
        BM25_NAME,
        "hybrid 0.5",
        "fit",
        "fit hybrid 0.5",
    ]
    assert {row: {f.suite for f in results} for row, results in report.systems.items()} == {
        MODEL: {"code", "probe"},
        "other": {"code", "probe"},
        BM25_NAME: {"code"},
        "hybrid 0.5": {"code"},
        "other hybrid 0.5": {"code"},
        "fit hybrid 0.5": {"code"},
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
    assert third.find("hybrid 0.5", "code", "verbs", "mrr") is not None


class Weighted(RandomEmbedder):
    """Random vectors that know their share in a hybrid."""

    def __init__(self, dense_weight: float) -> None:
        super().__init__()
        self.dense_weight = dense_weight


def hybrid_of(report: Report) -> dict[str, float]:
    (row,) = [row for row, hybrid in report.hybrids.items() if hybrid.dense == MODEL]
    return {result.metric: result.estimate.value for result in report.systems[row]}


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
    shares = [share for _, share in calls]
    assert shares == sorted(shares)
    tasks = [(line, share) for line, share in calls if " · " not in line]
    assert [share for _, share in tasks] == [0.0, pytest.approx(24 / 27), 1.0]
    assert tasks[0][0] == "code verbs: 24 texts"
    assert [line for line, _ in calls if line.endswith(" queries")] == [
        f"code verbs: 24 texts · {query} of 12 queries" for query in range(12)
    ]


def test_a_row_is_cached_before_the_next_is_measured(tmp_path: Path) -> None:
    """Ctrl-C in the second system of a task loses nothing of the first."""

    class Interrupted(RandomEmbedder):
        def encode_query(self, texts: list[str]) -> Floats:
            raise KeyboardInterrupt

    settings, rows = Settings(result_cache=tmp_path), {MODEL: Named(RandomEmbedder(), "m", "11")}
    with pytest.raises(KeyboardInterrupt):
        run_evaluation(jobs()[1:], rows | {"o": Named(Interrupted(), "o", "22")}, "m", date="d", settings=settings)
    again = {MODEL: Named(model := RandomEmbedder(), "m", "11")}
    run_evaluation(jobs()[1:], again, "m", date="d", settings=settings)
    assert not model.calls


def test_products_take_one_thread_within_a_task_and_as_many_as_before_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inside: list[int] = []
    monkeypatch.setattr(module, "one_thread", lambda: nullcontext(inside.append(1)))
    run_evaluation(jobs(), systems_with(RandomEmbedder()), "m", date="d")
    assert len(inside) == len(jobs())


def test_differences_are_item_by_item() -> None:
    report = run_evaluation(jobs(), systems_with(RandomEmbedder()), "m", date="d")
    (comparison,) = report.comparisons("code", "mrr", BM25_NAME)
    one, two = (report.find(row, "code", "verbs", "mrr") for row in (MODEL, BM25_NAME))
    assert one is not None
    assert two is not None
    assert comparison.difference.value == pytest.approx(one.estimate.value - two.estimate.value)
    np.testing.assert_allclose(comparison.difference.replicates, one.estimate.replicates - two.estimate.replicates)


def test_mistakes_are_one_line() -> None:
    with pytest.raises(AdjoinError, match="nothing to evaluate: expected at least one task"):
        run_evaluation([], systems_with(RandomEmbedder()), "m", date="d")
    with pytest.raises(
        AdjoinError, match="two tasks of the suite code are named verbs: expected no two of one suite and name"
    ):
        run_evaluation(jobs() * 2, systems_with(RandomEmbedder()), "m", date="d")
    with pytest.raises(AdjoinError, match="no 'model' among bm25"):
        run_evaluation(jobs(), {BM25_NAME: BM25Scorer()}, "m", date="d")


def measured_twice(tmp_path: Path, before: Job, after: Job) -> tuple[Report, Report, RandomEmbedder]:
    """The same systems on a job, then on another with the same cache; and the model of the second run."""
    settings = Settings(result_cache=tmp_path)
    first = run_evaluation([before], systems_with(RandomEmbedder()), "m", date="d", settings=settings)
    model = RandomEmbedder()
    return first, run_evaluation([after], systems_with(model), "m", date="d", settings=settings), model


def test_a_renamed_task_has_its_new_name_in_what_the_cache_gives(tmp_path: Path) -> None:
    first, second, model = measured_twice(tmp_path, jobs()[0], replace(jobs()[0], task="calls"))
    assert not model.calls
    assert second.tasks("code") == ["calls"]
    assert second.data == {"code/calls": first.data["code/verbs"]}
    for row, results in first.systems.items():
        values = [(result.metric, result.estimate.value) for result in second.systems[row]]
        assert values == [(result.metric, result.estimate.value) for result in results]


def test_two_tasks_of_the_same_content_have_a_name_each(tmp_path: Path) -> None:
    twins = [jobs()[0], replace(jobs()[0], task="copy")]
    for _ in range(2):
        settings = Settings(result_cache=tmp_path)
        report = run_evaluation(twins, systems_with(RandomEmbedder()), "m", date="d", settings=settings)
        assert report.tasks("code") == ["verbs", "copy"]
        for row in report.systems:
            assert {result.task for result in report.systems[row]} == {"verbs", "copy"}


def test_what_else_the_figures_depend_on_is_part_of_the_key(tmp_path: Path) -> None:
    _, _, model = measured_twice(tmp_path, jobs()[1], replace(jobs()[1], settings="other label texts"))
    assert model.calls


def test_rows_of_the_cache_may_change_places(tmp_path: Path) -> None:
    """The system beside becomes the measured one: its figures stand in the model's row, and in no other."""
    settings = Settings(result_cache=tmp_path)
    first = run_evaluation(jobs(), systems_with(RandomEmbedder()), "m", date="d", settings=settings)
    systems = {MODEL: Named(one := RandomEmbedder(seed=1), "o", "22"), "mine": Named(RandomEmbedder(), "m", "11")}
    second = run_evaluation(jobs(), systems, "o", date="d", settings=settings)
    assert not one.calls
    for row, before in ((MODEL, "other"), ("mine", MODEL)):
        assert [r.estimate.value for r in second.systems[row]] == [r.estimate.value for r in first.systems[before]]


def test_another_baseline_of_the_same_name_is_measured_again(tmp_path: Path) -> None:
    class Small(Fit):
        fingerprint = "dimension 4"

    settings, again = Settings(result_cache=tmp_path), Small()
    for baseline in (Fit(), again):
        systems = {MODEL: baseline, BM25_NAME: BM25Scorer()}
        run_evaluation(jobs(), systems, "m", date="d", settings=settings)
    assert again.fitted == [12, 2]


@pytest.mark.parametrize("given", [None, 0.25])
def test_every_dense_system_has_a_hybrid_row_of_its_own_weight_or_of_the_one_that_is_given(
    given: float | None,
) -> None:
    (task,) = [job.search for job in jobs() if job.search]
    systems = {
        "lsa": Fit(),
        MODEL: Named(Weighted(0.9), "m", "11"),
        BM25_NAME: BM25Scorer(),
        "bm25-reference": BM25Scorer("bm25-reference", REFERENCE),
        "other": Named(RandomEmbedder(seed=1), "o", "22"),
    }
    report = run_evaluation(jobs(), systems, "m", date="d", settings=Settings(dense_weight=given))
    weights = (
        {"lsa": 0.5, MODEL: 0.9, "other": 0.5} if given is None else dict.fromkeys(("lsa", MODEL, "other"), given)
    )
    assert report.hybrids == {
        f"{'' if dense == MODEL else dense + ' '}hybrid {weight:g}": Hybrid(dense, BM25_NAME, weight)
        for dense, weight in weights.items()
    }
    assert report.environment["dense weight"] == f"{weights[MODEL]:g}"
    parts = DenseScorer("other", RandomEmbedder(seed=1)), BM25Scorer()
    rows = [
        z_score_fusion(pair, [weights["other"], 1 - weights["other"]])
        for pair in zip(*(part.scores(task) for part in parts), strict=True)
    ]
    expected = {metric: values.mean() for metric, values in evaluate_task(task, FixedRows(rows)).items()}
    shown = report.systems[f"other hybrid {weights['other']:g}"]
    assert {result.metric: result.estimate.value for result in shown} == pytest.approx(expected)


def test_beside_a_measured_bm25_a_dense_system_has_its_hybrid() -> None:
    systems = {MODEL: BM25Scorer(), "other": Named(RandomEmbedder(), "o", "22")}
    report = run_evaluation(jobs(), systems, "bm25", date="d")
    assert report.hybrids == {"other hybrid 0.5": Hybrid("other", MODEL, 0.5)}
    assert "dense weight" not in report.environment


def test_without_our_bm25_there_is_no_hybrid() -> None:
    for lexical in ({}, {BM25_NAME: BM25Scorer(BM25_NAME, REFERENCE)}):
        assert not hybrids_of({MODEL: Named(RandomEmbedder(), "m", "11"), **lexical})


def test_a_system_named_as_a_hybrid_row() -> None:
    systems = systems_with(RandomEmbedder()) | {"hybrid 0.5": Named(RandomEmbedder(), "o", "22")}
    with pytest.raises(AdjoinError, match=r"a system is named hybrid 0.5, as a hybrid row is"):
        run_evaluation(jobs(), systems, "m", date="d")


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"dense_weight": 1.5}, "--dense-weight 1.5: expected 0"),
        ({"dense_weight": float("nan")}, "--dense-weight nan"),
        ({"dense_weight": -0.1}, "--dense-weight -0.1"),
        ({"faiss": 0}, "--faiss 0"),
        ({"distractors": 0}, "0 distractors"),
        ({"distractors": 9}, "9 distractors"),
    ],
)
def test_settings_are_checked_before_anything_is_measured(wrong: dict, expected: str) -> None:
    with pytest.raises(AdjoinError, match=expected):
        Settings(**wrong)
