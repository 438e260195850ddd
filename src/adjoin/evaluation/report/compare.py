"""Comparison of several runs: all scores, the differences from the first run, and curves over size and training.

A run is a written report, represented by its model. Runs are paired item by item if a task has the same number of
items and the same seed. Paired differences show effects that two separate intervals would hide.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import Estimate
from adjoin.evaluation.report.common import aligned, in_common, with_hybrids
from adjoin.evaluation.report.display import (
    MISSING,
    cell_of_difference,
    fraction,
    picture_of_scores,
    render_table,
    score_grid,
    setting,
)
from adjoin.evaluation.report.figures import batch_figure, number_in, size_figure, steps_figure
from adjoin.evaluation.report.folder import written_together
from adjoin.evaluation.report.page import Block, Cell, Grid, Heading, Lines, Page, Paragraph, Picture, Section
from adjoin.evaluation.report.render import render_html, render_markdown, write_text
from adjoin.evaluation.report.report import JUDGED, MODEL, TITLES, Report
from adjoin.outputs import filled_folder

if TYPE_CHECKING:
    from rich.table import Table

MARKDOWN_FILE, PAGE_FILE = "comparison.md", "comparison.html"
HYBRIDS = "hybrid W: on search tasks, the sum of the z-scores of a run's model (weight W) and of BM25 (1 - W)."
FIGURES = {
    "parameters": ("model size", size_figure),
    "step": ("training steps", steps_figure),
    "batch": ("the pairs in a batch", batch_figure),
}


def write_comparison(folder: Path, reports: Mapping[str, Report]) -> None:
    """Write comparison.md and comparison.html into a folder, both together.

    Args:
        folder: the folder to write to.
        reports: name → run. The first run is the reference.

    Raises:
        AdjoinError: there are fewer than two runs, or jinja2 or matplotlib is not installed.
        OSError: the folder is not writable.
    """
    page = compare(reports)
    with filled_folder(folder) as held, written_together(held, (MARKDOWN_FILE, PAGE_FILE)) as unfinished:
        write_text(unfinished / MARKDOWN_FILE, render_markdown(page))
        write_text(unfinished / PAGE_FILE, render_html(page))


def compare(reports: Mapping[str, Report]) -> Page:
    """All runs on one page, for `render_markdown` and `render_html`.

    Args:
        reports: name → run. The first run is the reference.

    Raises:
        AdjoinError: there are fewer than two runs.
    """
    named, renamed = _checked(reports)
    runs = with_hybrids(named)
    joined = _joined(runs)
    first = next(iter(reports))
    lead = (
        "The main metric of each suite with 95 % bootstrap intervals. The best run of a task is in bold. Search,"
        " similarity and classification are different uses, so they are not averaged.",
        f"Differences are from {first}, paired item by item, and in bold if the interval excludes 0. Each p is for"
        " a single comparison. Of twenty comparisons without any difference, about one has a p below 0.05.",
        *([HYBRIDS] if len(runs) > len(named) else []),
    )
    table, common = _settings(reports)
    in_all = Lines((*in_common(named), *renamed))
    sections = [Section("The runs", (table,)), Section("What the runs have in common", (in_all,))]
    common_tasks = "of the tasks that all runs of a panel measured on equally many items, with 95 % intervals."
    pictures = [
        Picture(f"Means over {what}, {common_tasks}", partial(draw, list(named.values())))
        for key, (what, draw) in FIGURES.items()
        if len({number_in(report, key) for report in reports.values()} - {None}) > 1
    ]
    if pictures:
        sections.append(Section("Size and training", tuple(pictures)))
    sections += [_section(joined, _of_suite(runs, named, suite), suite) for suite in joined.suites()]
    if common.items:
        sections.append(Section("Environment", (Paragraph("The same in all runs:"), common)))
    return Page(f"{len(reports)} runs compared", lead, tuple(sections))


def render_comparison(reports: Mapping[str, Report]) -> "list[Table]":
    """One terminal table per suite: the main metric of all runs and their differences from the first.

    Args:
        reports: name → run. The first run is the reference.

    Raises:
        AdjoinError: there are fewer than two runs.
    """
    from rich.text import Text

    named, _ = _checked(reports)
    runs, tables = with_hybrids(named), []
    for suite in _joined(runs).suites():
        shown = _of_suite(runs, named, suite)
        joined = _joined(shown)
        (name, first), *others = shown.items()
        metric = joined.metric_of(suite)
        table = render_table(joined, suite, metric)
        cells = [Cell("")]
        for _, other in others:
            paired, unpaired = differences(first, other, suite, metric)
            only = next(iter(paired.values())) if len(paired) == 1 and not unpaired else None
            cells.append(_difference(paired.get("mean", only)))
        table.add_section()
        texts = [Text(f"{each.text}\n{each.interval}".replace(" p ", "\np ").rstrip()) for each in cells]
        table.add_row(Text(f"minus {name}"), *texts)
        tables.append(table)
    return tables


def summary(reports: Mapping[str, Report]) -> list[str]:
    """What the runs have in common, which tasks have another name, and what could not be compared, as sentences.

    Args:
        reports: name → run. The first run is the reference.

    Raises:
        AdjoinError: there are fewer than two runs.
    """
    named, renamed = _checked(reports)
    (_, first), *others = named.items()
    both = [
        f"{other}, {suite}, {line}"
        for other, report in others
        for suite in first.suites()
        for line in differences(first, report, suite, first.metric_of(suite))[1]
        if "in one of the two only" not in line
    ]
    return [*in_common(named), *renamed, *both]


def differences(first: Report, other: Report, suite: str, metric: str) -> tuple[dict[str, Estimate], list[str]]:
    """Paired differences of another run from the first, per task and for the mean over ranked tasks.

    Args:
        first: the reference.
        other: the other run.
        suite: suite of the tasks.
        metric: metric of the suite.

    Returns:
        Task → difference, with "mean" if several tasks could all be paired. Then one sentence for each task that
        could not be paired.
    """
    paired: dict[str, Estimate] = {}
    unpaired = []
    for task in dict.fromkeys([*first.tasks(suite), *other.tasks(suite)]):
        pair = [run.find(MODEL, suite, task, metric) for run in (first, other)]
        estimates = [result.estimate for result in pair if result is not None]
        if len(estimates) == 2:
            data = {run.data.get(f"{suite}/{task}") for run in (first, other)} - {None}
            if why := _unpaired(estimates, [run.environment.get("seed") for run in (first, other)], len(data) < 2):
                unpaired.append(f"{task}: {why}")
            else:
                paired[task] = estimates[1].minus(estimates[0])
        elif estimates:
            unpaired.append(f"{task}: {metric} was measured in one of the two only.")
    if len(paired) > 1 and suite in JUDGED and not unpaired:
        replicates = np.mean([difference.replicates for difference in paired.values()], axis=0)
        value = float(np.mean([difference.value for difference in paired.values()]))
        paired["mean"] = Estimate(value, sum(difference.n for difference in paired.values()), replicates)
    return paired, unpaired


def _unpaired(estimates: Sequence[Estimate], seeds: Sequence[object], same_data: bool) -> str:
    """Why two estimates cannot be paired, or "" if they can."""
    one, two = estimates
    if not same_data:
        return "not measured on the same data."
    if one.n != two.n:
        return f"not measured on the same items, {two.n:,} against {one.n:,}."
    if one.replicates.shape != two.replicates.shape:
        return f"not resampled as often, {len(two.replicates):,} against {len(one.replicates):,} times."
    if seeds[0] != seeds[1]:
        return f"not resampled with the same seed, {seeds[1]} against {seeds[0]}."
    return ""


def _checked(reports: Mapping[str, Report]) -> tuple[dict[str, Report], list[str]]:
    """At least two runs, see `aligned`."""
    if len(reports) < 2:
        raise AdjoinError(f"nothing to compare in {len(reports)} report: expected two runs or more")
    return aligned(reports)


def _of_suite(runs: Mapping[str, Report], named: Mapping[str, Report], suite: str) -> dict[str, Report]:
    """The runs, and those of their hybrids that have the suite."""
    return {name: run for name, run in runs.items() if name in named or suite in run.suites()}


def _joined(reports: Mapping[str, Report]) -> Report:
    """All runs as the systems of one report."""
    first = next(iter(reports.values()))
    return Report("comparison", {name: report.results for name, report in reports.items()}, first.environment)


def _settings(reports: Mapping[str, Report]) -> tuple[Grid, Lines]:
    """The settings that differ between the runs, and those they share."""
    settings = {name: {"model": report.model, **report.environment} for name, report in reports.items()}
    keys = dict.fromkeys(key for of_run in settings.values() for key in of_run)
    if all(name == report.model for name, report in reports.items()):
        del keys["model"]
    differing = [key for key in keys if len({str(of_run.get(key)) for of_run in settings.values()}) > 1]
    rows = {
        name: tuple(Cell(setting(of_run.get(key, MISSING))) for key in differing)
        for name, of_run in settings.items()
    }
    first = next(iter(settings.values()))
    common = tuple(f"{key}: {setting(first[key])}" for key in keys if key not in differing)
    return Grid(("", *differing), tuple(rows.items())), Lines(common)


def _section(joined: Report, reports: Mapping[str, Report], suite: str) -> Section:
    metric = joined.metric_of(suite)
    blocks: list[Block] = [picture_of_scores(joined, suite), Heading(metric), score_grid(joined, suite, metric)]
    (name, first), *others = reports.items()
    compared = {other: differences(first, report, suite, metric) for other, report in others}
    columns = dict.fromkeys(task for paired, _ in compared.values() for task in paired if task != "mean")
    columns |= dict.fromkeys("mean" for paired, _ in compared.values() if "mean" in paired)
    if columns:
        cells = {
            other: tuple(_difference(paired.get(task)) for task in columns)
            for other, (paired, _) in compared.items()
        }
        blocks += [Heading(f"Minus {name}"), Grid(("", *columns), tuple(cells.items()))]
    lines = tuple(f"{other}, {line}" for other, (_, unpaired) in compared.items() for line in unpaired)
    if lines:
        blocks += [Heading(f"Not compared with {name}"), Lines(lines)]
    return Section(TITLES.get(suite, suite), tuple(blocks))


def _difference(difference: Estimate | None) -> Cell:
    if difference is None:
        return Cell(MISSING)
    shown = cell_of_difference(difference)
    return Cell(shown.text, f"{shown.interval} p {fraction(difference.p)}".lstrip(), shown.strong)
