"""The report: values with their intervals, the baselines beside them, and what was measured where."""

import os
import platform
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Any

from adjoin.evaluation.task import CODE

MODEL = "model"  # the row of the evaluated model; baselines have their own names
UNTRAINED = "untrained"
BM25_NAME = "bm25"
HYBRID = "hybrid"


@dataclass(frozen=True)
class Result:
    """One measured mean.

    Attributes:
        suite: "code" or "retrieval"; the two are never averaged together.
        task: name of the task.
        metric: "mrr@1000", "ndcg@10", ...
        value: mean over the queries, a fraction from 0 to 1.
        low: lower end of the 95 % bootstrap interval.
        high: its upper end.
        n: number of queries.
    """

    suite: str
    task: str
    metric: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Difference:
    """Model minus BM25 on one task, query by query.

    Attributes:
        suite: as in `Result`.
        task: name of the task.
        metric: the suite's main metric.
        value: mean difference; positive where the model is better.
        low: lower end of the 95 % paired bootstrap interval.
        high: its upper end.
    """

    suite: str
    task: str
    metric: str
    value: float
    low: float
    high: float

    def sentence(self) -> str:
        """What it means, in words."""
        amounts = f"{self.metric} {self.value:+.3f} [{self.low:+.3f}, {self.high:+.3f}], model minus BM25"
        if self.low <= 0 <= self.high:
            return f"{self.task}: no difference seen between the model and BM25 ({amounts})."
        better, worse = ("the model", "BM25") if self.value > 0 else ("BM25", "the model")
        return f"{self.task}: {better} is better than {worse} ({amounts})."


@dataclass
class Report:
    """Everything one evaluation found.

    Attributes:
        model: name of the model.
        results: of the model.
        baselines: "untrained", "bm25", "hybrid" (model and BM25 fused) → results, on the same queries.
        differences: model against BM25, one per task.
        environment: versions, machine, date, seeds.
    """

    model: str
    results: list[Result] = field(default_factory=list)
    baselines: dict[str, list[Result]] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    environment: dict[str, str | int] = field(default_factory=dict)

    @property
    def systems(self) -> dict[str, list[Result]]:
        """Row name → results: the model first, then the baselines."""
        return {MODEL: self.results, **self.baselines}

    def suites(self) -> list[str]:
        """The suites that were measured, in order of appearance."""
        return list(dict.fromkeys(result.suite for result in self.results))

    def tasks(self, suite: str) -> list[str]:
        """The suite's tasks, in order of appearance."""
        return list(dict.fromkeys(result.task for result in self.results if result.suite == suite))

    def metrics(self) -> list[str]:
        """The metrics, in order of appearance."""
        return list(dict.fromkeys(result.metric for result in self.results))

    def find(self, system: str, suite: str, task: str, metric: str) -> Result | None:
        """The result of one row and column, or None if that was not measured."""
        for result in self.systems.get(system, []):
            if (result.suite, result.task, result.metric) == (suite, task, metric):
                return result
        return None

    def mean(self, system: str, suite: str, metric: str) -> float | None:
        """Mean over the suite's tasks, each weighing the same; None if one of them is missing."""
        found = [self.find(system, suite, task, metric) for task in self.tasks(suite)]
        values = [result.value for result in found if result is not None]
        return sum(values) / len(values) if values and len(values) == len(found) else None

    def to_json(self) -> dict[str, Any]:
        """The content of report.json."""
        return asdict(self)


def main_metric(suite: str, distractors: int = 999) -> str:
    """The metric a suite is judged by: MRR among distractors for code, nDCG@10 for text."""
    return f"mrr@{distractors + 1}" if suite == CODE else "ndcg@10"


def environment(date: str) -> dict[str, str | int]:
    """What the figures may depend on, speed above all.

    Args:
        date: of the measurement, as the caller wants it written; a test passes a fixed one.
    """
    found: dict[str, str | int] = {
        "date": date,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count() or 1,
    }
    for package in ("adjoin", "numpy", "torch", "bm25s", "pystemmer"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
