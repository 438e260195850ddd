"""Print the tables of docs/baselines.md from a report: `python benchmarks/baselines.py REPORT`.

The report comes from `adjoin evaluate MINILM --suite all --beside bm25 lsa words wordllama random`.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from adjoin.evaluation.bootstrap import Estimate
from adjoin.evaluation.report.display import fraction
from adjoin.evaluation.report.report import HYBRID, MODEL, TITLES, Report

METRICS = {
    "probe": ("accuracy",),
    "similarity": ("spearman",),
    "retrieval": ("ndcg@10", "recall@100"),
    "code": ("mrr@1000", "mrr"),
}
CODESEARCHNET = "csn-"  # its six languages have a mean of their own, as in the paper
ORDER = ("untrained", "bm25", "lsa", "words", "wordllama", MODEL, HYBRID, "random")  # HYBRID: the model's


def with_interval(estimate: Estimate | None) -> str:
    """A value with its 95 % confidence interval."""
    if estimate is None:
        return ""
    low, high = estimate.interval()
    return f"{fraction(estimate.value)} [{fraction(low)}, {fraction(high)}]"


def table(report: Report, suite: str, metric: str, names: dict[str, str]) -> str:
    """A table with one row per task and one column per system. The mean has its interval."""
    tasks = report.tasks(suite)
    systems = [name for name in names if any(report.find(name, suite, task, metric) for task in tasks)]
    lines = [f"| {metric} | {' | '.join(names[name] for name in systems)} |", f"| --- |{' ---: |' * len(systems)}"]
    for task in tasks:
        results = [report.find(name, suite, task, metric) for name in systems]
        values = [result.estimate.value if result else None for result in results]
        best = max(value for value in values if value is not None)
        cells = ["" if v is None else f"**{fraction(v)}**" if v == best else fraction(v) for v in values]
        lines.append(f"| {task} | {' | '.join(cells)} |")
    parts = {"mean": report}
    if any(task.startswith(CODESEARCHNET) for task in tasks):
        parts["mean of csn-*"] = only(report, CODESEARCHNET)
    for label, part in parts.items():
        means = [with_interval(part.mean(name, suite, metric)) for name in systems]
        lines.append(f"| {label} | {' | '.join(means)} |")
    return "\n".join(lines)


def only(report: Report, beginning: str) -> Report:
    """The report restricted to tasks whose names start with `beginning`."""
    systems = {
        name: [result for result in results if result.task.startswith(beginning)]
        for name, results in report.systems.items()
    }
    return replace(report, systems=systems)


def other_metrics(report: Report, suite: str, names: dict[str, str]) -> str:
    """All figures of a descriptive suite: one row per task and metric."""
    systems = [name for name in names if any(result.suite == suite for result in report.systems.get(name, ()))]
    lines = [f"| | {' | '.join(names[name] for name in systems)} |", f"| --- |{' ---: |' * len(systems)}"]
    for task in report.tasks(suite):
        for metric in report.metrics(suite):
            results = [report.find(name, suite, task, metric) for name in systems]
            if any(results):
                values = [None if result is None else f"{result.estimate.value:.3f}" for result in results]
                cells = ("< 0.001" if metric == "p" and v == "0.000" else v or "" for v in values)
                lines.append(f"| {task}, {metric} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print all tables of a report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("--model", default="all-MiniLM-L6-v2", help="name of the report's model in the tables")
    options = parser.parse_args()
    report = Report.read(options.report)
    shown = {
        MODEL: options.model,
        "bm25": "BM25",
        "lsa": "LSA",
        "words": "averaged words",
    }
    hybrids = [row for row, hybrid in report.hybrids.items() if hybrid.dense == MODEL]
    shown |= {row: f"BM25 + {options.model}" for row in hybrids}
    order = [row for name in ORDER for row in (hybrids if name == HYBRID else [name])]
    names = {name: shown.get(name, name) for name in order if name in report.systems}
    for suite in report.suites():
        metrics = METRICS.get(suite)
        tables = [table(report, suite, metric, names) for metric in metrics or ()]
        tables = tables or [other_metrics(report, suite, names)]
        sys.stdout.write("\n\n".join([f"## {TITLES[suite]}", *tables]) + "\n\n")


if __name__ == "__main__":
    main()
