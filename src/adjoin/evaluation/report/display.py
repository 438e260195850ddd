"""A report for readers: its content as a page, written as Markdown and HTML, and as tables for the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import Estimate
from adjoin.evaluation.data.retrieval_task import CODE, RETRIEVAL
from adjoin.evaluation.report.figures import scores_figure
from adjoin.evaluation.report.folder import written_together
from adjoin.evaluation.report.page import Block, Cell, Grid, Heading, Lines, Page, Paragraph, Picture, Section
from adjoin.evaluation.report.render import render_html, render_markdown, write_text
from adjoin.evaluation.report.report import (
    BIAS,
    BM25_NAME,
    JUDGED,
    MODEL,
    PROBE,
    REPLICATES_FILE,
    REPORT_FILE,
    SIMILARITY,
    SPACE,
    TITLES,
    UNTRAINED,
    Comparison,
    Report,
)

if TYPE_CHECKING:
    from rich.table import Table

MISSING = "-"
MARKDOWN_FILE, PAGE_FILE = "report.md", "report.html"
MEASURED = {
    PROBE: "Accuracy of a logistic regression on the frozen vectors.",
    SIMILARITY: "Rank correlation between the cosine of two texts and their similarity as judged by people.",
    RETRIEVAL: "Each query searches the whole collection for the documents judged relevant.",
    CODE: "Each description searches for its function.",
    BIAS: "How much nearer one group of words is to an attribute than another group. 0 means no difference. "
    "These values describe the vectors and are not scores.",
    SPACE: "How the vectors use their dimensions. These values describe the vectors and are not scores.",
}
ROWS = {
    MODEL: "the evaluated model",
    UNTRAINED: "the same model before training",
    BM25_NAME: "lexical search, Okapi BM25",
}


Values = dict[str, Estimate | None]  # system → estimate


def write_report(folder: Path, report: Report) -> None:
    """Write report.json, the replicates, report.md and report.html together: all are old or all are new.

    The figures are kept if the page cannot be drawn.

    Args:
        folder: the folder to write to.
        report: the report.

    Raises:
        AdjoinError: jinja2 or matplotlib is not installed.
        OSError: the folder is not writable.
    """
    failure: AdjoinError | None = None
    with written_together(folder, (REPLICATES_FILE, REPORT_FILE, MARKDOWN_FILE, PAGE_FILE)) as unfinished:
        report.write(unfinished)
        try:
            page = report_page(report)
            write_text(unfinished / MARKDOWN_FILE, render_markdown(page))
            write_text(unfinished / PAGE_FILE, render_html(page))
        except AdjoinError as error:
            failure = error
    if failure is not None:
        raise failure


def report_page(report: Report) -> Page:
    """The whole report as a page: overview, one section per suite, and the environment."""
    lead = [
        "Each figure has a 95 % bootstrap interval over the items of its task. The best system of a task is in"
        " bold. Search, similarity and classification are different uses, so they are not averaged."
    ]
    explained = {**ROWS, **{row: hybrid.explained() for row, hybrid in report.hybrids.items()}}
    lead += [" ".join(f"{name}: {explained[name]}." for name in report.systems if name in explained)]
    sections = [Section("At a glance", (glance,))] if (glance := _overview(report)).rows else []
    sections += [_section(report, suite) for suite in report.suites()]
    if report.environment:
        lines = Lines(tuple(f"{name}: {setting(value)}" for name, value in report.environment.items()))
        sections.append(Section("Environment", (lines,)))
    return Page(f"Evaluation of {report.model}", tuple(lead), tuple(sections))


def _overview(report: Report) -> Grid:
    """One row per ranked suite: the model's mean, the best baseline's mean, and their difference."""
    rows = []
    for suite in report.suites():
        metric = report.metric_of(suite)
        own = report.mean(MODEL, suite, metric)
        if suite not in JUDGED or own is None:
            continue
        other = report.best_baseline(suite, metric)
        theirs = report.mean(other, suite, metric) if other else None
        baseline_cells = [Cell(MISSING)] * 4
        if other and theirs and theirs.n == own.n:
            minus = own.minus(theirs)
            baseline_cells = [Cell(other), cell(theirs), cell_of_difference(minus), Cell(fraction(minus.p))]
        rows.append((TITLES.get(suite, suite), (Cell(metric), cell(own), *baseline_cells)))
    return Grid(("", "metric", "model", "best baseline", "its mean", "difference", "p"), tuple(rows))


def _section(report: Report, suite: str) -> Section:
    title, main = TITLES.get(suite, suite), report.metric_of(suite)
    blocks: list[Block] = [Paragraph(MEASURED[suite])] if suite in MEASURED else []
    blocks += [picture_of_scores(report, suite), *_grids(report, suite, main)]
    if suite in JUDGED:
        blocks += _baseline_comparisons(report, suite, main)
    if notes := _notes(report, suite):
        blocks += [Heading("Notes"), Lines(tuple(notes))]
    return Section(title, tuple(blocks))


def _grids(report: Report, suite: str, main: str) -> list[Block]:
    """All results of a suite: one table per metric, the main one first; for the vector space one per task."""
    blocks: list[Block] = []
    if suite == SPACE:
        for task in report.tasks(suite):
            of_metrics = {metric: _values(report, suite, task, metric) for metric in report.metrics(suite)}
            blocks += [Heading(task), _transposed_grid("", report, suite, of_metrics)]
        return blocks
    alone: dict[str, Values] = {}
    for metric in [main, *(metric for metric in report.metrics(suite) if metric != main)]:
        grids = _grids_of_metric(report, suite, metric)
        if metric != main and len(grids) == 1 and len(columns := columns_of(report, suite, metric)) == 1:
            alone |= {f"{task} {metric}": values for task, values in columns.items()}
            continue
        candidates = _candidates(metric)
        blocks += [Heading(metric), *([Paragraph(candidates)] if candidates else []), *grids]
    return [*blocks, Heading("Further metrics"), _grid("", report, suite, alone)] if alone else blocks


def _grids_of_metric(report: Report, suite: str, metric: str) -> list[Grid]:
    """Tables of a metric for tasks and for subsets, if they have it."""
    tasks, subsets = (
        {name: _values(report, suite, name, metric) for name in names}
        for names in (report.tasks(suite), report.subsets(suite))
    )
    of_tasks = _transposed_grid("", report, suite, tasks) if suite == BIAS else score_grid(report, suite, metric)
    return [grid for grid in (of_tasks, _transposed_grid("subset", report, suite, subsets)) if grid.rows]


def picture_of_scores(report: Report, suite: str) -> Picture:
    """A figure of the suite's main metric on each task."""
    caption = f"{TITLES.get(suite, suite)}: {report.metric_of(suite)} with 95 % intervals."
    return Picture(caption, lambda: scores_figure(report, suite))


def _candidates(metric: str) -> str:
    """An explanation of mrr@1000, where the number is not a cutoff as in mrr@10."""
    name, _, number = metric.partition("@")
    if name != "mrr" or not number.isdigit() or int(number) < 100:
        return ""
    return (
        f"Among {int(number):,} candidates: the right one and {int(number) - 1:,} distractors. It is not a cutoff."
    )


def _baseline_comparisons(report: Report, suite: str, metric: str) -> list[Block]:
    """Sentences that compare the model with BM25 and with the best baseline."""
    best = report.best_baseline(suite, metric)
    blocks: list[Block] = []
    for name in dict.fromkeys(filter(None, (BM25_NAME, best))):
        compared: list[Comparison] = report.comparisons(suite, metric, name)
        if compared:
            blocks += [
                Heading(f"Against {name}" + (", the best baseline" if name == best else "")),
                Lines(tuple(comparison.sentence() for comparison in compared)),
            ]
    return blocks


def _notes(report: Report, suite: str) -> list[str]:
    """Each note once, with its tasks, and with its metrics and systems unless it holds for all."""
    measured: dict[str, set[tuple[str, str]]] = {}
    noted: dict[str, dict[str, dict[tuple[str, str], None]]] = {}
    for system, results in report.systems.items():
        for result in results:
            if result.suite == suite:
                measured.setdefault(result.task, set()).add((result.metric, system))
                for note in result.notes:
                    noted.setdefault(note, {}).setdefault(result.task, {})[result.metric, system] = None

    def label(task: str, keys: Mapping[tuple[str, str], None]) -> str:
        if set(keys) == measured[task]:
            return task
        metrics = dict.fromkeys(metric for metric, _ in keys)
        systems = dict.fromkeys(system for _, system in keys)
        of_all = set(keys) == {(metric, system) for metric, system in measured[task] if metric in metrics}
        return f"{task} ({', '.join(metrics)}{'' if of_all else ' of ' + ', '.join(systems)})"

    return [f"{', '.join(label(*each) for each in tasks.items())}: {note}" for note, tasks in noted.items()]


def score_grid(report: Report, suite: str, metric: str) -> Grid:
    """A table with one row per system, one column per task, and the mean if the suite is ranked."""
    return _grid("", report, suite, columns_of(report, suite, metric))


def _grid(corner: str, report: Report, suite: str, columns: Mapping[str, Values]) -> Grid:
    """A table with one row per system that has any value."""
    cells = [cells_of(suite, values) for values in columns.values()]
    rows = [(system, tuple(column[system] for column in cells)) for system in report.systems]
    return Grid((corner, *columns), tuple(row for row in rows if any(each.text != MISSING for each in row[1])))


def _transposed_grid(corner: str, report: Report, suite: str, values: Mapping[str, Values]) -> Grid:
    """A table with one column per system, for long lists of subsets, tests or metrics."""
    systems = [name for name in report.systems if any(of_row.get(name) for of_row in values.values())]
    rows = []
    for heading, of_row in values.items():
        if any(of_row.values()):
            cells = cells_of(suite, {name: of_row[name] for name in systems})
            rows.append((heading, tuple(cells.values())))
    return Grid((corner, *systems), tuple(rows))


def _values(report: Report, suite: str, task: str, metric: str) -> Values:
    results = {system: report.find(system, suite, task, metric) for system in report.systems}
    return {system: result.estimate if result else None for system, result in results.items()}


def columns_of(report: Report, suite: str, metric: str) -> dict[str, Values]:
    """Task → system → estimate for one metric, with a "mean" column for several tasks of a ranked suite.

    Args:
        report: the report.
        suite: one of `report.suites()`.
        metric: one of `report.metrics(suite)`.
    """
    columns = {task: _values(report, suite, task, metric) for task in report.tasks(suite)}
    columns = {task: values for task, values in columns.items() if any(values.values())}
    if len(columns) > 1 and suite in JUDGED:
        columns["mean"] = {system: report.mean(system, suite, metric) for system in report.systems}
    return columns


def cells_of(suite: str, values: Values) -> dict[str, Cell]:
    """A cell per system. The highest value is bold, or several if they read the same, if the suite is ranked."""
    rounded = {system: fraction(value.value) for system, value in values.items() if value is not None}
    highest = max((value.value for value in values.values() if value is not None), default=0.0)
    best = {system for system, text in rounded.items() if text == fraction(highest) and suite in JUDGED}
    return {
        system: Cell(MISSING) if value is None else cell(value, strong=system in best and len(rounded) > 1)
        for system, value in values.items()
    }


def cell(estimate: Estimate, *, signed: bool = False, strong: bool = False) -> Cell:
    """A value with its 95 % confidence interval; `signed` shows a plus sign."""
    text, low, high = (fraction(each, signed=signed) for each in (estimate.value, *estimate.interval()))
    if low == text == high:  # a p-value, whose replicates are all equal, or a perfect score
        return Cell(text, strong=strong)
    return Cell(text, f"[{low}, {high}]", strong)


def fraction(value: float, *, signed: bool = False) -> str:
    """A figure with three decimals, such as 0.412. From 100 it has one decimal and thousands separators."""
    text = f"{value:+,.3f}" if abs(value) < 100 else f"{value:+,.1f}"
    if signed or (text[0] == "-" and float(text.replace(",", ""))):
        return text
    return text[1:]


def setting(value: str | int) -> str:
    """A value of the environment; integers with thousands separators, as in 5,900,000."""
    return f"{value:,}" if isinstance(value, int) else str(value)


def cell_of_difference(difference: Estimate) -> Cell:
    """A difference with its interval, in bold if the interval excludes 0."""
    low, high = difference.interval()
    return cell(difference, signed=True, strong=not low <= 0 <= high)


def render_table(report: Report, suite: str, metric: str) -> "Table":
    """One suite and metric as a terminal table: rows are tasks and their mean, columns are systems.

    The Markdown table has them the other way round. A terminal has room for about five columns.

    Args:
        report: the report.
        suite: one of `report.suites()`.
        metric: one of `report.metrics(suite)`.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(f"{TITLES.get(suite, suite)}, {metric}"))
    table.add_column("task", overflow="fold")
    for system in report.systems:
        table.add_column(Text(system), justify="right", overflow="fold")
    for heading, values in columns_of(report, suite, metric).items():
        if heading == "mean":
            table.add_section()
        # The interval goes below its value, so that five systems fit into 80 columns.
        cells = [
            Text(f"{each.text}\n{each.interval}".rstrip(), style="bold" if each.strong else "")
            for each in cells_of(suite, values).values()
        ]
        table.add_row(Text(heading), *cells)
    return table
