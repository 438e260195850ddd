"""The evaluation loop: measure every system on every job once and collect the results in a report."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adjoin.blas import one_thread
from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import mean_of
from adjoin.evaluation.jobs import Job
from adjoin.evaluation.progress import listening
from adjoin.evaluation.report.report import BM25_NAME, MODEL, Hybrid, Report, environment
from adjoin.evaluation.result import Result, ResultCache
from adjoin.evaluation.suites.distractors import Blocks
from adjoin.evaluation.suites.retrieval import evaluate_together, metric_names
from adjoin.evaluation.systems.cache import CachedSystem
from adjoin.evaluation.systems.faiss_search import FaissScorer
from adjoin.evaluation.systems.scorers import OURS, BM25Scorer, DenseScorer, Embedder, Scorer
from adjoin.evaluation.systems.system import Fitted, System
from adjoin.evaluation.systems.watched import Watched
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
        dense_weight: weight of the vectors in every hybrid, 0 to 1. None for each system's own `dense_weight`, or
            0.5 for systems that state none.

    Raises:
        AdjoinError: a number is out of range.
    """

    distractors: int = 999
    seed: int = 0
    result_cache: Path | None = None
    faiss: int | None = None
    dense_weight: float | None = None

    def __post_init__(self) -> None:
        metric_names(self.distractors)
        Blocks(1, distractors=self.distractors)
        if self.faiss is not None and self.faiss < 1:
            raise AdjoinError(f"--faiss {self.faiss}: expected a number of documents, 1 or more")
        if self.dense_weight is not None and not 0 <= self.dense_weight <= 1:
            raise AdjoinError(
                f"--dense-weight {self.dense_weight:g}: expected 0 (BM25 alone) to 1 (vectors alone)"
            )

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

    If BM25 takes part, every dense system gets a hybrid row, see `hybrids_of`.

    Args:
        jobs: what to measure, see `find_jobs`.
        systems: row of the report → system. The row `MODEL` is the system that the report is about.
        model: name of the model in the report.
        date: date of the measurement, for the report.
        settings: seed, distractors, FAISS threshold and the folder of the result cache.
        progress: called before each job, at each step within it, and at the end.

    Returns:
        The report. `write_report` writes it to disk.

    Raises:
        AdjoinError: there is no job, two jobs have the same suite and name, `systems` has no `MODEL`, or a
            system returns unusable vectors.
    """
    settings = settings or Settings()
    keys = [(job.suite, job.task) for job in jobs]
    if not keys:
        raise AdjoinError("nothing to evaluate: expected at least one task")
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise AdjoinError(
            f"two tasks of the suite {twice[0][0]} are named {twice[0][1]}: expected no two of one suite and "
            "name; rename a folder"
        )
    if MODEL not in systems:
        raise AdjoinError(f"no {MODEL!r} among {', '.join(systems)}: expected a system to report on")
    hybrids = hybrids_of(systems, settings.dense_weight)
    rows = _rows(systems, hybrids)
    results: dict[str, list[Result]] = {row: [] for row in rows}
    cache = ResultCache(settings.result_cache, settings.seed, settings.distractors)
    texts_total, texts_done, began = sum(job.texts for job in jobs), 0, time.monotonic()
    for job in jobs:
        watch = Watch(progress, job, texts_done / texts_total, job.texts / texts_total)
        # Threads cost more than they save here: the small products of a busy machine wait for one another.
        with one_thread(), listening(watch.hear):
            for row, of_job in _results_of(job, systems, hybrids, rows, cache, settings, watch).items():
                results[row] += of_job
        texts_done += job.texts
    progress(f"{len(jobs)} tasks in {time.monotonic() - began:,.0f} s", 1.0)
    shared: dict[str, str | int] = {"distractors": settings.distractors, "seed": settings.seed}
    if settings.faiss is not None:
        shared["faiss from"] = settings.faiss
    if weights := [hybrid.weight for hybrid in hybrids.values() if hybrid.dense == MODEL]:
        shared["dense weight"] = f"{weights[0]:g}"
    data = {f"{job.suite}/{job.task}": job.digest for job in jobs}
    return Report(model, results, environment(date) | shared, data, hybrids)


def hybrids_of(systems: Mapping[str, EvaluatedSystem], dense_weight: float | None = None) -> dict[str, Hybrid]:
    """Row → hybrid of each dense system with BM25; empty if our BM25 is not among the systems.

    Args:
        systems: row of the report → system.
        dense_weight: weight of every dense system; None for each one's own `dense_weight`, or 0.5.

    Raises:
        AdjoinError: a system is named as a hybrid would be.
    """
    lexical = next((row for row in (BM25_NAME, MODEL) if _is_bm25(systems.get(row))), None)
    if lexical is None:
        return {}
    hybrids = [
        Hybrid(row, lexical, dense_weight_of(system) if dense_weight is None else dense_weight)
        for row, system in systems.items()
        if not isinstance(system, BM25Scorer)
    ]
    if taken := [hybrid.row for hybrid in hybrids if hybrid.row in systems]:
        raise AdjoinError(f"a system is named {taken[0]}, as a hybrid row is: expected another name; rename it")
    return {hybrid.row: hybrid for hybrid in hybrids}


def _is_bm25(system: EvaluatedSystem | None) -> bool:
    """Whether a system is the BM25 that hybrids contain."""
    return isinstance(system, BM25Scorer) and system.variant == OURS


def _rows(systems: Mapping[str, EvaluatedSystem], hybrids: Mapping[str, Hybrid]) -> list[str]:
    """The rows of the report. A hybrid follows its dense system, and the model's hybrid follows BM25."""
    rows = list(systems)
    for row, hybrid in hybrids.items():
        rows.insert(1 + rows.index(hybrid.lexical if hybrid.dense == MODEL else hybrid.dense), row)
    return rows


class Watch:
    """Tells the progress of one job: its line, and the share of the whole evaluation that is done.

    Args:
        progress: called with "SUITE TASK: N texts", followed by " · " and what is being done.
        job: the job.
        begun: share of the evaluation that is done before it.
        share: share of the evaluation that it is.
    """

    def __init__(self, progress: Progress, job: Job, begun: float, share: float) -> None:
        self._progress, self._begun, self._share = progress, begun, share
        self._line, self._row = f"{job.suite} {job.task}: {job.texts:,} texts", ""
        self._from, self._part, self._most = 0.0, 1.0, begun
        progress(self._line, begun)

    def at(self, row: str, begun: float, part: float) -> None:
        """Go on to another row, which is a part of the job."""
        self._row, self._from, self._part = f"{row}, ", begun, part

    def hear(self, what: str, done: int, total: int) -> None:
        """Tell a step. Encoding counts as the first third of a row."""
        within = done / max(1, total)
        within = within / 3 if what.startswith("texts") else (1 + 2 * within) / 3
        self._most = max(self._most, self._begun + self._share * (self._from + self._part * within))
        self._progress(f"{self._line} · {self._row}{done:,} of {total:,} {what}", min(self._most, 1.0))


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
    job: Job,
    systems: Mapping[str, EvaluatedSystem],
    hybrids: Mapping[str, Hybrid],
    rows: Sequence[str],
    cache: ResultCache,
    settings: Settings,
    watch: "Watch",
) -> dict[str, list[Result]]:
    """Row → results of one job, read from the cache or measured."""
    keys = {row: _cache_key(row, systems, hybrids, settings.index_of(job)) for row in rows}
    data = job.digest + job.settings
    cached = {row: results for row in rows if (results := cache.get(data, keys[row], job.task)) is not None}
    missing = [row for row in rows if row not in cached]
    measured: dict[str, list[Result]] = {}

    def keep(row: str, results: list[Result]) -> None:
        measured[row] = results
        cache.put(data, keys[row], job.task, results)  # at once: a run that is interrupted later goes on from here

    if job.search:
        for row, results in _measure_search(job, systems, hybrids, missing, settings).items():
            keep(row, results)
    else:
        embedders = [row for row in missing if row not in hybrids]
        for number, row in enumerate(embedders):
            watch.at(row, number / len(embedders), 1 / len(embedders))
            if (system := _fitted(job, systems[row])) is not None and job.measure:
                keep(row, job.measure(system, settings.seed))
    return {row: results for row in rows if (results := cached.get(row, measured.get(row))) is not None}


def _cache_key(row: str, systems: Mapping[str, EvaluatedSystem], hybrids: Mapping[str, Hybrid], index: str) -> str:
    """The fingerprint of a row's system and of the index it is searched with. It does not depend on names."""
    if row in hybrids:
        hybrid = hybrids[row]
        parts = [_cache_key(part, systems, hybrids, index) for part in (hybrid.dense, hybrid.lexical)]
        return "+".join((f"standard scores {[hybrid.weight, 1 - hybrid.weight]}", *parts))
    system = systems[row]
    if isinstance(system, BM25Scorer):
        return system.fingerprint
    fingerprint = getattr(system, "fingerprint", system.name)
    return (f"fitted {fingerprint}" if isinstance(system, Fitted) else fingerprint) + index


def _measure_search(
    job: Job,
    systems: Mapping[str, EvaluatedSystem],
    hybrids: Mapping[str, Hybrid],
    rows: Sequence[str],
    settings: Settings,
) -> dict[str, list[Result]]:
    """Results of a search task. Each scorer scores each query once, also for the hybrids."""
    assert job.search is not None
    fused = {
        row: {hybrids[row].dense: hybrids[row].weight, hybrids[row].lexical: 1 - hybrids[row].weight}
        for row in rows
        if row in hybrids
    }
    needed = dict.fromkeys(row for row in rows if row not in hybrids)
    needed |= dict.fromkeys(part for parts in fused.values() for part in parts)
    scorers: list[Scorer] = []
    for row in needed:
        system = systems[row]
        if isinstance(system, BM25Scorer):
            scorers.append(BM25Scorer(row, system.variant))
        elif (embedder := _fitted(job, system)) is not None:
            scorers.append((FaissScorer if settings.index_of(job) else DenseScorer)(row, embedder))
    if not scorers:
        return {}
    taking_part = {scorer.name for scorer in scorers}
    fused = {row: parts for row, parts in fused.items() if parts.keys() <= taking_part}
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


def _fitted(job: Job, system: EvaluatedSystem) -> Embedder | None:
    """The system ready for a job, fitted to its texts if necessary; None if it does not take part."""
    if isinstance(system, BM25Scorer):
        return None
    if isinstance(system, Fitted):
        if not job.corpus:
            return None
        system = system.fit(job.corpus)
    return system if isinstance(system, CachedSystem) else Watched(system, system.name)
