"""Validation during a training: the model is measured every so many steps, and its best checkpoint may be kept."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adjoin.errors import AdjoinError
from adjoin.evaluation.choices import chosen_tasks, refuse_unknown, suites_of
from adjoin.evaluation.jobs import Job, digest_of, find_jobs
from adjoin.evaluation.report.report import JUDGED, MODEL
from adjoin.evaluation.run import Settings, run_evaluation, scores_of
from adjoin.workflows.evaluate import facts_of, open_system, today

if TYPE_CHECKING:
    from adjoin.training.validation import Validation


def validation_on(
    data: Path, *, every: int, suites: Sequence[str] = (), limit: int | None = None, keep: str | None = None
) -> "Validation":
    """Validation on an evaluation folder, for `adjoin.training.contrast.train`.

    Args:
        data: evaluation folder, laid out as for `evaluate`.
        every: steps between two evaluations.
        suites: suites to measure; empty for all that there is data for.
        limit: at most this many queries, sentences or pairs per task.
        keep: score whose best checkpoint becomes the model: a suite (the mean of its tasks) or SUITE/TASK. None to
            keep the last step's model.

    Raises:
        AdjoinError: a suite is not ranked, there is no data, or the score is unknown.
    """
    if descriptive := [suite for suite in suites if suite not in JUDGED]:
        raise AdjoinError(
            f"--evaluate-suite {descriptive[0]}: expected {', '.join(JUDGED)}, in which higher is better"
        )
    suites = suites_of(suites, JUDGED)
    if every < 1:
        raise AdjoinError(f"evaluating every {every} steps: expected 1 or more")
    tasks = chosen_tasks(data, suites, limit=limit)
    if keep is not None:
        scores = dict.fromkeys((*(task.suite for task in tasks), *(f"{task.suite}/{task.name}" for task in tasks)))
        refuse_unknown("score", [keep], list(scores), " to keep the best by")
    jobs = find_jobs(data, suites=suites, limit=limit)
    return validation_of(jobs, every=every, limit=limit, keep=keep)


def validation_of(
    jobs: Sequence[Job], *, every: int, limit: int | None = None, keep: str | None = None
) -> "Validation":
    """Validation on jobs that are in memory already; arguments as `validation_on`."""
    from adjoin.training.validation import Validation

    def measure(model: Path, folder: Path, facts: Mapping[str, str | int]) -> dict[str, float]:
        systems = {MODEL: open_system(str(model))}
        report = run_evaluation(jobs, systems, str(facts["training"]), date=today(), settings=Settings())
        report.environment |= {**facts_of(model), **facts, **({} if limit is None else {"limit": limit})}
        report.write(folder)
        return scores_of(report)

    suites = dict.fromkeys(job.suite for job in jobs)
    names = (*suites, *(f"{job.suite}/{job.task}" for job in jobs))
    return Validation(every, measure, names, keep, digest_of(jobs))
