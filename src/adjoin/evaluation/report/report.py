"""The report of an evaluation: the results of all systems and the environment they were measured in."""

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

MODEL = "model"  # row of the evaluated model; the rows of baselines have their names
UNTRAINED = "untrained"
BM25_NAME = "bm25"
HYBRID = "hybrid"

PROBE, SIMILARITY, BIAS, SPACE = "probe", "similarity", "bias", "space"
SUITES = (PROBE, SIMILARITY, RETRIEVAL, CODE, BIAS, SPACE)
JUDGED = (PROBE, SIMILARITY, RETRIEVAL, CODE)  # ranked: higher is better. The other suites only describe
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
    """The metric that a suite is ranked by. The metrics of search and similarity have no common mean.

    Args:
        suite: one of `SUITES`.
        distractors: wrong candidates per query in code search.
    """
    metrics = {CODE: f"mrr@{distractors + 1}", RETRIEVAL: "ndcg@10", PROBE: "accuracy", SIMILARITY: "spearman"}
    return {**metrics, BIAS: "effect size", SPACE: "effective dimension"}.get(suite, "ndcg@10")


@dataclass(frozen=True)
class Hybrid:
    """A row that sums the z-scores of a dense system and of BM25.

    Attributes:
        dense: row of the dense system.
        lexical: row of BM25.
        weight: weight of the dense system, 0 to 1. BM25 has the rest.
    """

    dense: str
    lexical: str
    weight: float

    @property
    def row(self) -> str:
        """The name of the row: "hybrid 0.9" for the model, "lsa hybrid 0.5" for another system."""
        name = f"{HYBRID} {self.weight:g}"
        return name if self.dense == MODEL else f"{self.dense} {name}"

    def explained(self) -> str:
        """What the row is, as in "the sum of the z-scores of model (weight 0.9) and bm25 (0.1)"."""
        return (
            f"the sum of the z-scores of {self.dense} (weight {self.weight:g}) and {self.lexical} "
            f"({1 - self.weight:g})"
        )


@dataclass(frozen=True)
class Comparison:
    """The paired difference of two systems on one task.

    Attributes:
        suite: suite of the task.
        task: name of the task, or "mean" over the tasks of the suite.
        metric: main metric of the suite.
        other: the system that is subtracted from the model.
        difference: positive if the model is better.
        relative: relative improvement, as in the paper: 0.23 means 23 % better. Infinite, and not written, if the
            other system's value is not above 0.
    """

    suite: str
    task: str
    metric: str
    other: str
    difference: Estimate
    relative: float

    def sentence(self) -> str:
        """The comparison as an English sentence."""
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
    """The results of one evaluation.

    Attributes:
        model: name of the model.
        systems: row → results, on the same items: `MODEL` first, then the baselines by name.
        environment: versions, machine, date and seeds.
        data: "suite/task" → hash of the data; empty if unknown.
        hybrids: row → what it sums, for the rows that are hybrids.
    """

    model: str
    systems: dict[str, list[Result]] = field(default_factory=lambda: {MODEL: []})
    environment: dict[str, str | int] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    hybrids: dict[str, Hybrid] = field(default_factory=dict)

    @property
    def results(self) -> list[Result]:
        """The results of the model."""
        return self.systems.get(MODEL, [])

    def suites(self) -> list[str]:
        """The suites with results, in order of appearance."""
        return _distinct(result.suite for result in self._all())

    def tasks(self, suite: str) -> list[str]:
        """The tasks of a suite, in order of appearance, without subsets such as "STS12/MSRpar"."""
        return _distinct(f.task for f in self._all() if f.suite == suite and "/" not in f.task)

    def subsets(self, suite: str) -> list[str]:
        """The subsets of a suite's tasks, in order of appearance."""
        return _distinct(f.task for f in self._all() if f.suite == suite and "/" in f.task)

    def metrics(self, suite: str) -> list[str]:
        """The metrics of a suite, in order of appearance."""
        return _distinct(result.metric for result in self._all() if result.suite == suite)

    def find(self, system: str, suite: str, task: str, metric: str) -> Result | None:
        """The result of one system on one task and metric, or None if there is none."""
        for result in self.systems.get(system, []):
            if result.key == (suite, task, metric):
                return result
        return None

    def mean(self, system: str, suite: str, metric: str) -> Estimate | None:
        """Unweighted mean over the tasks of a suite. Tasks where no system has the metric do not count.

        Args:
            system: row of the report.
            suite: one of `suites()`.
            metric: one of `metrics(suite)`.

        Returns:
            The mean, or None if the system lacks one of the tasks.
        """
        tasks = self.tasks(suite)
        having = [task for task in tasks if any(self.find(other, suite, task, metric) for other in self.systems)]
        results = [self.find(system, suite, task, metric) for task in having]
        estimates = [result.estimate for result in results if result is not None]
        if not estimates or len(estimates) < len(results):
            return None
        replicates = np.mean([estimate.replicates for estimate in estimates], axis=0)
        return Estimate(float(np.mean([e.value for e in estimates])), sum(e.n for e in estimates), replicates)

    def comparisons(self, suite: str, metric: str, other: str) -> list[Comparison]:
        """The paired differences between the model and another system, per task and for the mean over tasks.

        Args:
            suite: one of `suites()`.
            metric: one of `metrics(suite)`.
            other: row of the other system.
        """
        comparisons = []
        for task in self.tasks(suite):
            one, two = (self.find(system, suite, task, metric) for system in (MODEL, other))
            if one and two:
                comparisons.append(_compared(suite, task, metric, other, one.estimate, two.estimate))
        means = [self.mean(system, suite, metric) for system in (MODEL, other)]
        if len(comparisons) > 1 and means[0] and means[1]:
            comparisons.append(_compared(suite, "mean", metric, other, means[0], means[1]))
        return comparisons

    def best_baseline(self, suite: str, metric: str) -> str | None:
        """The baseline with the highest mean, or None. Hybrids do not count: they are not one system but two."""
        alone = [name for name in self.systems if name != MODEL and name not in self.hybrids]
        means = {name: self.mean(name, suite, metric) for name in alone}
        values = {name: mean.value for name, mean in means.items() if mean is not None}
        return max(values, key=values.__getitem__, default=None)

    def to_json(self) -> dict[str, Any]:
        """The content of report.json."""
        rows = {system: [_row(result) for result in results] for system, results in self.systems.items()}
        compared = [
            comparison
            for suite in self.suites()
            if suite in JUDGED
            for name in _distinct(filter(None, (BM25_NAME, self.best_baseline(suite, self.metric_of(suite)))))
            for comparison in self.comparisons(suite, self.metric_of(suite), name)
        ]
        return {
            "model": self.model,
            "results": rows.get(MODEL, []),
            "baselines": {name: results for name, results in rows.items() if name != MODEL},
            "differences": [_difference_row(comparison) for comparison in compared],
            "environment": self.environment,
            **({"hybrids": {row: vars(hybrid) for row, hybrid in self.hybrids.items()}} if self.hybrids else {}),
            **({"data": self.data} if self.data else {}),
        }

    def metric_of(self, suite: str) -> str:
        """The main metric of a suite, or its first metric if the main one was not measured."""
        main, measured = main_metric(suite, int(self.environment.get("distractors", 999))), self.metrics(suite)
        return main if main in measured or not measured else measured[0]

    def write(self, folder: Path) -> None:
        """Write report.json, and the bootstrap replicates for `adjoin compare`. Files are written atomically.

        Args:
            folder: the folder to write to.

        Raises:
            OSError: the folder is not writable.
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
        """Read a report that `write` wrote.

        Args:
            folder: the folder with the report.

        Raises:
            AdjoinError: there is no report, or it is damaged.
        """
        if not (folder / REPORT_FILE).is_file():
            below = [each for each in ("report", "training/report") if (folder / each / REPORT_FILE).is_file()]
            hint = f" (did you mean {folder / below[0]}?)" if below else ""
            raise AdjoinError(
                f"no report at {folder}{hint}: expected a folder that `adjoin evaluate --report` wrote"
            )
        content = read_json(folder / REPORT_FILE, "report")
        try:
            rows = {MODEL: content["results"], **content["baselines"]}
            # Opened here: NumPy leaves a damaged file open.
            with (folder / REPLICATES_FILE).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                systems = {
                    name: [_result(values, arrays[f"{number}-{row}"]) for row, values in enumerate(of_system)]
                    for number, (name, of_system) in enumerate(rows.items())
                }
            environment, data = dict(content["environment"]), dict(content.get("data", {}))
            hybrids = {row: _hybrid(values) for row, values in content.get("hybrids", {}).items()}
            if HYBRID in systems and not hybrids:  # a report from before every dense system had such a row
                hybrids = {HYBRID: Hybrid(MODEL, BM25_NAME, float(environment.get("dense weight", 0.5)))}
            return cls(str(content["model"]), systems, environment, data, hybrids)
        except _DAMAGE as error:
            raise AdjoinError(
                f"the report {folder} is damaged or cut short ({error}): run the evaluation again"
            ) from None

    def _all(self) -> Iterable[Result]:
        for results in self.systems.values():
            yield from results


def _distinct(names: Iterable[str]) -> list[str]:
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


def _hybrid(values: dict[str, Any]) -> Hybrid:
    if wrong := wrong_types(values, {"dense": str, "lexical": str, "weight": float}):
        raise ValueError(wrong)
    return Hybrid(**values)


def environment(date: str, packages: Sequence[str] = ()) -> dict[str, str | int]:
    """The environment of a measurement: versions and machine.

    Args:
        date: date of the measurement, as it should be written.
        packages: further packages whose versions to record.
    """
    facts: dict[str, str | int] = {
        "date": date,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count() or 1,
    }
    for package in ("adjoin", "numpy", "torch", "bm25s", "pystemmer", "scikit-learn", *packages):
        try:
            facts[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return facts
