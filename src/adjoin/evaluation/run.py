"""The evaluation loop: measure every system on every job once and collect the results in a report."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import mean_of
from adjoin.evaluation.jobs import Job
from adjoin.evaluation.report.report import BM25_NAME, HYBRID, MODEL, Report, environment
from adjoin.evaluation.result import Result, ResultCache
from adjoin.evaluation.suites.retrieval import evaluate_together
from adjoin.evaluation.systems.faiss_search import FaissScorer
from adjoin.evaluation.systems.scorers import BM25Scorer, DenseScorer, Scorer
from adjoin.evaluation.systems.system import Fitted, System
from adjoin.ranking.fusion import dense_weight_of

Progress = Callable[[str, float], None]  # description of the current task, share of the work that is done

EvaluatedSystem = System | Fitted | BM25Scorer


@dataclass(frozen=True)
class Settings:
    """Settings shared by all figures of an evaluation.

    Attributes:
        distractors: wrong candidates per query in code search.
        seed: of distractors, folds and confidence intervals.
        result_cache: folder with the results of earlier evaluations. None measures everything again.
        faiss: corpora of at least this many documents are searched approximately with FAISS. None means never.
    """

    distractors: int = 999
    seed: int = 0
    result_cache: Path | None = None
    faiss: int | None = None

    def index_of(self, job: Job) -> str:
        """The kind of index that a job is searched with, as it enters the cache key; "" for exact search."""
        if self.faiss is None or job.search is None or len(job.search.documents) < self.faiss:
            return ""
        return " faiss"


def run_evaluation(
    jobs: Sequence[Job],
    systems: Mapping[str, EvaluatedSystem],
    model: str,
    *,
    date: str,
    settings: Settings | None = None,
    progress: Progress = lambda line, share: None,
) -> Report:
    """Measure several systems on the same items.

    If both the model and BM25 take part, a hybrid row is added. It sums their z-scores, weighted by the model's
    `dense_weight` (0.5 each if it has none).

    Args:
        jobs: what to measure, see `find_jobs`.
        systems: row of the report → system. The row `MODEL` is the system that the report is about.
        model: name of the model in the report.
        date: date of the measurement, for the report.
        settings: seed, distractors, FAISS threshold and the folder of the result cache.
        progress: called before each job and at the end.

    Returns:
        The report. `write_report` writes it to disk.

    Raises:
        AdjoinError: there is no job, two jobs have the same suite and name, `systems` has no `MODEL`, or a
            system returns unusable vectors.
    """
    settings = settings or Settings()
    keys = [(job.suite, job.task) for job in jobs]
    if not keys or len(set(keys)) < len(keys):
        raise AdjoinError(
            f"cannot evaluate the tasks {keys}: expected at least one, and no two of one suite and name; "
            "rename a folder"
        )
    if MODEL not in systems:
        raise AdjoinError(f"no {MODEL!r} among {', '.join(systems)}: expected a system to report on")
    rows = list(systems)
    if isinstance(systems.get(BM25_NAME), BM25Scorer) and not isinstance(systems[MODEL], BM25Scorer):
        rows.insert(rows.index(BM25_NAME) + 1, HYBRID)
    results: dict[str, list[Result]] = {row: [] for row in rows}
    cache = ResultCache(settings.result_cache, settings.seed, settings.distractors)
    texts_total, texts_done, began = sum(job.texts for job in jobs), 0, time.monotonic()
    for job in jobs:
        progress(f"{job.suite} {job.task}: {job.texts:,} texts", texts_done / texts_total)
        for row, of_job in _results_of(job, systems, rows, cache, settings).items():
            results[row] += of_job
        texts_done += job.texts
    progress(f"{len(jobs)} tasks in {time.monotonic() - began:,.0f} s", 1.0)
    shared: dict[str, str | int] = {"distractors": settings.distractors, "seed": settings.seed}
    if settings.faiss is not None:
        shared["faiss from"] = settings.faiss
    if HYBRID in rows:
        shared["dense weight"] = f"{_hybrid_weights(systems)[MODEL]:g}"
    return Report(model, results, environment(date) | shared, {f"{j.suite}/{j.task}": j.digest for j in jobs})


def scores_of(report: Report) -> dict[str, float]:
    """The model's scores by main metric: suite → mean over its tasks, and "suite/task" → score."""
    scores = {}
    for suite in report.suites():
        metric = report.metric_of(suite)
        if mean := report.mean(MODEL, suite, metric):
            scores[suite] = mean.value
        for task in report.tasks(suite):
            if result := report.find(MODEL, suite, task, metric):
                scores[f"{suite}/{task}"] = result.estimate.value
    return scores


def _results_of(
    job: Job, systems: Mapping[str, EvaluatedSystem], rows: Sequence[str], cache: ResultCache, settings: Settings
) -> dict[str, list[Result]]:
    """Row → results of one job, read from the cache or measured."""
    keys = {row: _cache_key(row, systems, settings.index_of(job)) for row in rows}
    cached = {row: results for row in rows if (results := cache.get(job.digest, keys[row])) is not None}
    missing = [row for row in rows if row not in cached]
    measure = _measure_search if job.search else _measure_embedders
    measured = measure(job, systems, missing, settings)
    for row, results in measured.items():
        cache.put(job.digest, keys[row], results)
    return {row: results for row in rows if (results := cached.get(row, measured.get(row))) is not None}


def _cache_key(row: str, systems: Mapping[str, EvaluatedSystem], index: str) -> str:
    """The fingerprint of a row's system and of the index it is searched with."""
    if row == HYBRID:
        weights = _hybrid_weights(systems)
        return "+".join(
            (f"standard scores {[*weights.values()]}", *(_cache_key(part, systems, index) for part in weights))
        )
    system = systems[row]
    if isinstance(system, BM25Scorer):
        return system.fingerprint
    return (f"fitted {system.name}" if isinstance(system, Fitted) else system.fingerprint) + index


def _hybrid_weights(systems: Mapping[str, EvaluatedSystem]) -> dict[str, float]:
    """Row → its weight in the hybrid."""
    dense_weight = dense_weight_of(systems[MODEL])
    return {MODEL: dense_weight, BM25_NAME: 1 - dense_weight}


def _measure_embedders(
    job: Job, systems: Mapping[str, EvaluatedSystem], rows: Sequence[str], settings: Settings
) -> dict[str, list[Result]]:
    results = {}
    for row in rows:
        if row != HYBRID and (system := _fitted(job, systems[row])) is not None and job.measure:
            results[row] = job.measure(system, settings.seed)
    return results


def _measure_search(
    job: Job, systems: Mapping[str, EvaluatedSystem], rows: Sequence[str], settings: Settings
) -> dict[str, list[Result]]:
    """Results of a search task. Each scorer scores each query once, also for the hybrid."""
    assert job.search is not None
    needed = dict.fromkeys(row for row in rows if row != HYBRID)
    fused: dict[str, dict[str, float]] = {}
    if HYBRID in rows:
        fused[HYBRID] = _hybrid_weights(systems)
        needed |= dict.fromkeys(fused[HYBRID])
    scorers: list[Scorer] = []
    for row in needed:
        system = systems[row]
        if isinstance(system, BM25Scorer):
            scorers.append(BM25Scorer(row, system.variant))
        elif (embedder := _fitted(job, system)) is not None:
            scorers.append((FaissScorer if settings.index_of(job) else DenseScorer)(row, embedder))
    if not scorers:
        return {}
    values = evaluate_together(
        job.search, scorers, fused=fused, distractors=settings.distractors, seed=settings.seed
    )
    return {
        row: [
            Result(job.suite, job.task, metric, mean_of(per_query, seed=settings.seed))
            for metric, per_query in values[row].items()
        ]
        for row in rows
        if row in values
    }


def _fitted(job: Job, system: EvaluatedSystem) -> System | None:
    """The system ready for a job, fitted to its texts if necessary; None if it does not take part."""
    if isinstance(system, BM25Scorer):
        return None
    if isinstance(system, Fitted):
        return system.fit(job.corpus) if job.corpus else None
    return system
