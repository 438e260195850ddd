"""A report as it is read: JSON and Markdown files in a folder, a rich table on the terminal."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from adjoin.evaluation.report import MODEL, Difference, Report, Result
from adjoin.files import write_atomically, write_json

if TYPE_CHECKING:
    from rich.table import Table

TITLES = {"code": "Code search", "retrieval": "Text retrieval"}
MISSING = "-"

Column = tuple[str, Callable[[str], float | None], Callable[[str], str]]  # heading, value of a row, cell of a row


def write_report(folder: Path, report: Report) -> None:
    """Write report.json for programs and report.md for people into a folder, each whole or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    write_json(folder / "report.json", report.to_json())
    write_atomically(folder / "report.md", markdown(report))


def markdown(report: Report) -> str:
    """The whole report: one table per suite and metric, the comparison with BM25, the environment."""
    parts = [
        f"# Evaluation of {_escaped(report.model)}",
        "Means over the queries with 95 % bootstrap intervals; the best of a column in bold. "
        "trained: the model. untrained: the same before training. hybrid: trained and BM25, their ranks fused. "
        "mrr@1000: among 1,000 candidates, the right one and 999 others; it is no cutoff, as mrr@10 is.",
    ]
    for suite in report.suites():
        parts.append(f"## {TITLES.get(suite, suite)}")
        for metric in report.metrics():
            parts += [f"### {metric}", _markdown_table(report, suite, metric)]
        sentences = [_sentence(d) for d in report.differences if d.suite == suite]
        if sentences:
            parts += ["### Against BM25", "\n".join(sentences)]
    if report.environment:
        lines = [f"- {name}: {_escaped(str(value))}" for name, value in report.environment.items()]
        parts += ["## Environment", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def render_table(report: Report, metric: str) -> "Table":
    """One metric for the terminal: rows are tasks, each suite closed by its mean; columns are the systems.

    Turned round against the Markdown table, because a terminal has room for four columns and not for twenty.

    Args:
        report: what was measured.
        metric: one of `report.metrics()`.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(title=metric)
    table.add_column("task")
    for system in report.systems:
        table.add_column(_row_name(system), justify="right")
    for suite in report.suites():
        for heading, value, cell in _columns(report, suite, metric):
            best = _best(report, value)
            # The interval stands below its value: five systems then fit 80 columns.
            cells = [
                Text(cell(system).replace(" [", "\n[", 1), style="bold" if system in best else "")
                for system in report.systems
            ]
            table.add_row(Text(heading if heading != "mean" else f"mean, {suite}"), *cells)
        table.add_section()
    return table


def _row_name(system: str) -> str:
    return "trained" if system == MODEL else system


def fraction(value: float) -> str:
    """Three decimals without the leading zero: .412."""
    text = f"{value:.3f}"
    return text.removeprefix("0") if text.startswith("0.") else text


def _cell(result: Result | None) -> str:
    if result is None:
        return MISSING
    return f"{fraction(result.value)} [{fraction(result.low)}, {fraction(result.high)}]"


def _columns(report: Report, suite: str, metric: str) -> list[Column]:
    """A column for every task of the suite, then their mean."""

    def of_task(task: str) -> Column:
        def value(system: str) -> float | None:
            result = report.find(system, suite, task, metric)
            return None if result is None else result.value

        return task, value, lambda system: _cell(report.find(system, suite, task, metric))

    def mean(system: str) -> float | None:
        return report.mean(system, suite, metric)

    def mean_cell(system: str) -> str:
        value = mean(system)
        return MISSING if value is None else fraction(value)

    return [*(of_task(task) for task in report.tasks(suite)), ("mean", mean, mean_cell)]


def _best(report: Report, value: Callable[[str], float | None]) -> set[str]:
    """The rows with the highest value of a column; several if they read the same."""
    values = {system: round(found, 3) for system in report.systems if (found := value(system)) is not None}
    highest = max(values.values(), default=None)
    return {system for system, found in values.items() if found == highest}


def _markdown_table(report: Report, suite: str, metric: str) -> str:
    columns = _columns(report, suite, metric)
    best = [_best(report, value) for _, value, _ in columns]
    lines = [
        "| | " + " | ".join(_escaped(heading) for heading, _, _ in columns) + " |",
        "| --- |" + " ---: |" * len(columns),
    ]
    for system in report.systems:
        cells = [
            f"**{cell(system)}**" if system in winners else cell(system)
            for (_, _, cell), winners in zip(columns, best, strict=True)
        ]
        lines.append("| " + " | ".join([_row_name(system), *cells]) + " |")
    return "\n".join(lines)


def _sentence(difference: Difference) -> str:
    return f"- {_escaped(difference.sentence())}"


def _escaped(text: str) -> str:
    """Text that stays text in a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")
