"""A whole evaluation: every system on every job, each measured once, as one report."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import mean_of
from adjoin.evaluation.jobs import Job
from adjoin.evaluation.report.report import BM25_NAME, HYBRID, MODEL, Report, environment
from adjoin.evaluation.result import Finding
from adjoin.evaluation.result_cache import KnownFindings
from adjoin.evaluation.suites.retrieval import evaluate_together
from adjoin.evaluation.systems.faiss_search import FaissScorer
from adjoin.evaluation.systems.scorers import BM25Scorer, DenseScorer, Scorer
from adjoin.evaluation.systems.system import Fitted, System
from adjoin.ranking.fusion import dense_weight_of

Progress = Callable[[str, float], None]  # what is under way, and the share of the work that is done

Contestant = System | Fitted | BM25Scorer


@dataclass(frozen=True)
class Settings:
    """What all figures of an evaluation share.

    Attributes:
        distractors: candidates beside the right one in code search.
        seed: of distractors, folds and intervals.
        known: where figures of earlier evaluations are; None to measure all anew.
        faiss: from so many documents on a corpus is searched with FAISS, approximately; None for never.
    """

    distractors: int = 999
    seed: int = 0
    known: Path | None = None
    faiss: int | None = None

    def index_of(self, job: Job) -> str:
        """How a job's vectors are searched, for its known figures; "" where exactly."""
        if self.faiss is None or job.search is None or len(job.search.documents) < self.faiss:
            return ""
        return " faiss"


def run_evaluation(
    jobs: Sequence[Job],
    contestants: Mapping[str, Contestant],
    model: str,
    *,
    date: str,
    settings: Settings | None = None,
    progress: Progress = lambda line, share: None,
) -> Report:
    """Measure systems on the same items; the model and BM25, where both are there, fused as well.

    Fused are their standard scores, by the model's `dense_weight`, half and half where it has none.

    Args:
        jobs: what to measure, see `find_jobs`.
        contestants: row of the report → system; `MODEL` is the one that the report is about.
        model: what the report calls it.
        date: of the measurement, for the report.
        settings: seed, distractors, and where known figures are.
        progress: called before and after each job.

    Returns:
        the report; `write_report` writes it.

    Raises:
        AdjoinError: no job, two of one suite and name, no model among the contestants, or a system that gives no
            usable vectors.
    """
    settings = settings or Settings()
    keys = [(job.suite, job.task) for job in jobs]
    if not keys or len(set(keys)) < len(keys):
        raise AdjoinError(
            f"cannot evaluate the tasks {keys}: expected at least one, and no two of one suite and name; "
            "rename a folder"
        )
    if MODEL not in contestants:
        raise AdjoinError(f"no {MODEL!r} among {', '.join(contestants)}: expected a system to report on")
    rows = list(contestants)
    if isinstance(contestants.get(BM25_NAME), BM25Scorer) and not isinstance(contestants[MODEL], BM25Scorer):
        rows.insert(rows.index(BM25_NAME) + 1, HYBRID)
    found: dict[str, list[Finding]] = {row: [] for row in rows}
    known = KnownFindings(settings.known, settings.seed, settings.distractors)
    total, done, began = sum(job.texts for job in jobs), 0, time.monotonic()
    for job in jobs:
        progress(f"{job.suite} {job.task}: {job.texts:,} texts", done / total)
        for row, findings in _measured(job, contestants, rows, known, settings).items():
            found[row] += findings
        done += job.texts
    progress(f"{len(jobs)} tasks in {time.monotonic() - began:,.0f} s", 1.0)
    shared: dict[str, str | int] = {"distractors": settings.distractors, "seed": settings.seed}
    if settings.faiss is not None:
        shared["faiss from"] = settings.faiss
    if HYBRID in rows:
        shared["dense weight"] = f"{_weights(contestants)[MODEL]:g}"
    return Report(model, found, environment(date) | shared, {f"{j.suite}/{j.task}": j.digest for j in jobs})


def scores_of(report: Report) -> dict[str, float]:
    """What the model reached by its suites' main metrics: the mean of each suite's tasks, and "suite/task"."""
    scores = {}
    for suite in report.suites():
        metric = report.metric_of(suite)
        if mean := report.mean(MODEL, suite, metric):
            scores[suite] = mean.value
        for task in report.tasks(suite):
            if found := report.find(MODEL, suite, task, metric):
                scores[f"{suite}/{task}"] = found.estimate.value
    return scores


def _measured(
    job: Job, contestants: Mapping[str, Contestant], rows: Sequence[str], known: KnownFindings, settings: Settings
) -> dict[str, list[Finding]]:
    """Row → figures of a job: known ones, and the others measured."""
    marks = {row: _mark(row, contestants, settings.index_of(job)) for row in rows}
    there = {row: findings for row in rows if (findings := known.find(job.digest, marks[row])) is not None}
    wanted = [row for row in rows if row not in there]
    measure = _searched if job.search else _embedded
    made = measure(job, contestants, wanted, settings)
    for row, findings in made.items():
        known.keep(job.digest, marks[row], findings)
    return {row: findings for row in rows if (findings := there.get(row, made.get(row))) is not None}


def _mark(row: str, contestants: Mapping[str, Contestant], index: str) -> str:
    """What stands for a row's system among known figures."""
    if row == HYBRID:
        weights = _weights(contestants)
        return "+".join(
            (f"standard scores {[*weights.values()]}", *(_mark(p, contestants, index) for p in weights))
        )
    contestant = contestants[row]
    if isinstance(contestant, BM25Scorer):
        return contestant.fingerprint
    return (f"fitted {contestant.name}" if isinstance(contestant, Fitted) else contestant.fingerprint) + index


def _weights(contestants: Mapping[str, Contestant]) -> dict[str, float]:
    """Row → its share in the hybrid."""
    dense_weight = dense_weight_of(contestants[MODEL])
    return {MODEL: dense_weight, BM25_NAME: 1 - dense_weight}


def _embedded(
    job: Job, contestants: Mapping[str, Contestant], rows: Sequence[str], settings: Settings
) -> dict[str, list[Finding]]:
    made = {}
    for row in rows:
        if row != HYBRID and (system := _fitted(job, contestants[row])) is not None and job.measure:
            made[row] = job.measure(system, settings.seed)
    return made


def _searched(
    job: Job, contestants: Mapping[str, Contestant], rows: Sequence[str], settings: Settings
) -> dict[str, list[Finding]]:
    """Each scorer scores each query once, whatever is made of the scores."""
    assert job.search is not None
    needed = dict.fromkeys(row for row in rows if row != HYBRID)
    fused: dict[str, dict[str, float]] = {}
    if HYBRID in rows:
        fused[HYBRID] = _weights(contestants)
        needed |= dict.fromkeys(fused[HYBRID])
    scorers: list[Scorer] = []
    for row in needed:
        contestant = contestants[row]
        if isinstance(contestant, BM25Scorer):
            scorers.append(BM25Scorer(row, contestant.variant))
        elif (system := _fitted(job, contestant)) is not None:
            scorers.append((FaissScorer if settings.index_of(job) else DenseScorer)(row, system))
    if not scorers:
        return {}
    values = evaluate_together(
        job.search, scorers, fused=fused, distractors=settings.distractors, seed=settings.seed
    )
    return {
        row: [
            Finding(job.suite, job.task, metric, mean_of(each, seed=settings.seed))
            for metric, each in values[row].items()
        ]
        for row in rows
        if row in values
    }


def _fitted(job: Job, contestant: Contestant) -> System | None:
    """The contestant ready for a job, or None if it takes no part in it."""
    if isinstance(contestant, BM25Scorer):
        return None
    if isinstance(contestant, Fitted):
        return contestant.fit(job.corpus) if job.corpus else None
    return contestant
