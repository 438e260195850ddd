"""The report: what every system reached, how sure that is, and where it was measured."""

import io
import os
import platform
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import Estimate
from adjoin.evaluation.data.retrieval_task import CODE, RETRIEVAL
from adjoin.evaluation.result import Result
from adjoin.files import read_json, write_atomically, write_json, wrong_types

MODEL = "model"  # the row of the evaluated model; baselines have their own names
UNTRAINED = "untrained"
BM25_NAME = "bm25"
HYBRID = "hybrid"

PROBE, SIMILARITY, BIAS, SPACE = "probe", "similarity", "bias", "space"
SUITES = (PROBE, SIMILARITY, RETRIEVAL, CODE, BIAS, SPACE)
JUDGED = (PROBE, SIMILARITY, RETRIEVAL, CODE)  # higher is better; the others describe, and nothing wins there
TITLES = {
    PROBE: "Linear probes",
    SIMILARITY: "Sentence similarity",
    RETRIEVAL: "Text search",
    CODE: "Code search",
    BIAS: "Association tests",
    SPACE: "The vector space",
}
REPORT_FILE, REPLICATES_FILE = "report.json", "replicates.npz"
_DAMAGE = (KeyError, TypeError, ValueError, AttributeError, OSError, EOFError, BadZipFile, zlib.error)
_ROW = {"suite": str, "task": str, "metric": str, "value": float, "low": float, "high": float, "n": int}


def main_metric(suite: str, distractors: int = 999) -> str:
    """The metric that a suite is judged by; search and similarity have different ones and no common mean."""
    metrics = {CODE: f"mrr@{distractors + 1}", RETRIEVAL: "ndcg@10", PROBE: "accuracy", SIMILARITY: "spearman"}
    return {**metrics, BIAS: "effect size", SPACE: "effective dimension"}.get(suite, "ndcg@10")


@dataclass(frozen=True)
class Comparison:
    """One system minus another on one task, paired item by item.

    Attributes:
        suite: of the task.
        task: its name, or "mean" of the suite's tasks.
        metric: the suite's main metric.
        other: the system that is subtracted.
        difference: positive where the model is better.
        relative: the model's value over the other's, as the paper counts: .23 is 23 % better. Infinite, and left
            out of what is written, where the other's is not above 0.
    """

    suite: str
    task: str
    metric: str
    other: str
    difference: Estimate
    relative: float

    def sentence(self) -> str:
        """What it means, in words."""
        low, high = self.difference.interval()
        amounts = (
            f"{self.metric} {self.difference.value:+.3f} [{low:+.3f}, {high:+.3f}], p {self.difference.p:.3f}"
            + (f", {self.relative:+.1%}" if np.isfinite(self.relative) else "")
        )
        if low <= 0 <= high:
            return f"{self.task}: no difference seen between the model and {self.other} ({amounts})."
        better, worse = ("the model", self.other) if self.difference.value > 0 else (self.other, "the model")
        return f"{self.task}: {better} is better than {worse} ({amounts})."


@dataclass
class Report:
    """Everything one evaluation found.

    Attributes:
        model: name of the model.
        systems: row → what it reached: `MODEL` first, then the baselines by their names, on the same items.
        environment: versions, machine, date, seeds.
        data: "suite/task" → hash of what it was measured on; empty where that is not known.
    """

    model: str
    systems: dict[str, list[Result]] = field(default_factory=lambda: {MODEL: []})
    environment: dict[str, str | int] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)

    @property
    def results(self) -> list[Result]:
        """Of the model."""
        return self.systems.get(MODEL, [])

    def suites(self) -> list[str]:
        """The suites that were measured, in order of appearance."""
        return _different(result.suite for result in self._all())

    def tasks(self, suite: str) -> list[str]:
        """The suite's tasks, in order of appearance; their subsets ("STS12/MSRpar") are not tasks of their own."""
        return _different(f.task for f in self._all() if f.suite == suite and "/" not in f.task)

    def subsets(self, suite: str) -> list[str]:
        """The subsets of the suite's tasks."""
        return _different(f.task for f in self._all() if f.suite == suite and "/" in f.task)

    def metrics(self, suite: str) -> list[str]:
        """The suite's metrics, in order of appearance."""
        return _different(result.metric for result in self._all() if result.suite == suite)

    def find(self, system: str, suite: str, task: str, metric: str) -> Result | None:
        """The figure of one row and column, or None if that was not measured."""
        for result in self.systems.get(system, []):
            if result.key == (suite, task, metric):
                return result
        return None

    def mean(self, system: str, suite: str, metric: str) -> Estimate | None:
        """Mean over the suite's tasks, each weighing the same; None if one of them is missing.

        Tasks that have no such metric at all (F1 of MRPC alone) don't count.
        """
        tasks = self.tasks(suite)
        having = [task for task in tasks if any(self.find(other, suite, task, metric) for other in self.systems)]
        found = [self.find(system, suite, task, metric) for task in having]
        estimates = [result.estimate for result in found if result is not None]
        if not estimates or len(estimates) < len(found):
            return None
        replicates = np.mean([estimate.replicates for estimate in estimates], axis=0)
        return Estimate(float(np.mean([e.value for e in estimates])), sum(e.n for e in estimates), replicates)

    def comparisons(self, suite: str, metric: str, other: str) -> list[Comparison]:
        """The model minus another system on every task that both were measured on, then on the tasks' mean."""
        found = []
        for task in self.tasks(suite):
            one, two = (self.find(system, suite, task, metric) for system in (MODEL, other))
            if one and two:
                found.append(_compared(suite, task, metric, other, one.estimate, two.estimate))
        means = [self.mean(system, suite, metric) for system in (MODEL, other)]
        if len(found) > 1 and means[0] and means[1]:
            found.append(_compared(suite, "mean", metric, other, means[0], means[1]))
        return found

    def best_baseline(self, suite: str, metric: str) -> str | None:
        """The system beside the model, and not made with its help, that has the highest mean."""
        means = {name: self.mean(name, suite, metric) for name in self.systems if name not in (MODEL, HYBRID)}
        values = {name: mean.value for name, mean in means.items() if mean is not None}
        return max(values, key=values.__getitem__, default=None)

    def to_json(self) -> dict[str, Any]:
        """The content of report.json."""
        rows = {system: [_row(result) for result in results] for system, results in self.systems.items()}
        compared = [
            comparison
            for suite in self.suites()
            if suite in JUDGED
            for name in _different(filter(None, (BM25_NAME, self.best_baseline(suite, self.metric_of(suite)))))
            for comparison in self.comparisons(suite, self.metric_of(suite), name)
        ]
        return {
            "model": self.model,
            "results": rows.get(MODEL, []),
            "baselines": {name: found for name, found in rows.items() if name != MODEL},
            "differences": [_difference_row(comparison) for comparison in compared],
            "environment": self.environment,
            **({"data": self.data} if self.data else {}),
        }

    def metric_of(self, suite: str) -> str:
        """The suite's main metric, as far as it was measured."""
        wanted, measured = main_metric(suite, int(self.environment.get("distractors", 999))), self.metrics(suite)
        return wanted if wanted in measured or not measured else measured[0]

    def write(self, folder: Path) -> None:
        """Write report.json and, for `adjoin compare`, the replicates beside it, each whole or not at all.

        Raises:
            OSError: the folder cannot be written.
        """
        arrays = {
            f"{number}-{row}": result.estimate.replicates.astype(np.float32)
            for number, results in enumerate(self.systems.values())
            for row, result in enumerate(results)
        }
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / REPLICATES_FILE, buffer.getvalue())
        write_json(folder / REPORT_FILE, self.to_json())

    @classmethod
    def read(cls, folder: Path) -> "Report":
        """Read what `write` wrote.

        Raises:
            AdjoinError: there is no report, or it is damaged.
        """
        if not (folder / REPORT_FILE).is_file():
            raise AdjoinError(f"no report at {folder}: expected a folder that `adjoin evaluate --report` wrote")
        content = read_json(folder / REPORT_FILE, "report")
        try:
            rows = {MODEL: content["results"], **content["baselines"]}
            with np.load(folder / REPLICATES_FILE, allow_pickle=False) as arrays:
                systems = {
                    name: [_result(found, arrays[f"{number}-{row}"]) for row, found in enumerate(of_system)]
                    for number, (name, of_system) in enumerate(rows.items())
                }
            return cls(str(content["model"]), systems, dict(content["environment"]), dict(content.get("data", {})))
        except _DAMAGE as error:
            raise AdjoinError(f"the report {folder} is damaged or cut short ({error}): evaluate again") from None

    def _all(self) -> Iterable[Result]:
        for results in self.systems.values():
            yield from results


def _different(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _compared(suite: str, task: str, metric: str, other: str, one: Estimate, two: Estimate) -> Comparison:
    relative = one.value / two.value - 1 if two.value > 0 else float("inf")
    return Comparison(suite, task, metric, other, one.minus(two), relative)


def _row(result: Result) -> dict[str, Any]:
    low, high = result.estimate.interval()
    row = {
        "suite": result.suite,
        "task": result.task,
        "metric": result.metric,
        "value": result.estimate.value,
        "low": low,
        "high": high,
        "n": result.estimate.n,
    }
    return row | ({"notes": list(result.notes)} if result.notes else {})


def _difference_row(comparison: Comparison) -> dict[str, Any]:
    low, high = comparison.difference.interval()
    return {
        "suite": comparison.suite,
        "task": comparison.task,
        "metric": comparison.metric,
        "minus": comparison.other,
        "value": comparison.difference.value,
        "low": low,
        "high": high,
        "p": comparison.difference.p,
        "relative": comparison.relative if np.isfinite(comparison.relative) else None,
    }


def _result(row: dict[str, Any], replicates: Any) -> Result:  # noqa: ANN401 - as NumPy's archive gives it
    if wrong := wrong_types({name: row[name] for name in _ROW}, _ROW):
        raise ValueError(wrong)
    estimate = Estimate(row["value"], row["n"], np.asarray(replicates, np.float64))
    return Result(row["suite"], row["task"], row["metric"], estimate, tuple(row.get("notes", ())))


def environment(date: str, packages: Sequence[str] = ()) -> dict[str, str | int]:
    """What the figures may depend on, speed above all.

    Args:
        date: of the measurement, as the caller wants it written; a test passes a fixed one.
        packages: whose versions matter besides the usual ones.
    """
    found: dict[str, str | int] = {
        "date": date,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count() or 1,
    }
    for package in ("adjoin", "numpy", "torch", "bm25s", "pystemmer", "scikit-learn", *packages):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
