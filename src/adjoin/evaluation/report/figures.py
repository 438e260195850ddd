"""Figures of reports as SVG, optionally also PNG: scores per task, and scores over size, steps and batch size.

Systems differ by marker and line style as well as by colour, so that figures can be read in black and white. The
colours suit colour-blind readers (after Okabe and Ito, "Color Universal Design", 2008; darker here, for a
contrast of 3:1 against white). In a page, colours are CSS variables (`--ink`, `--line`, `--paper`, `--series-1`
and so on), which render.py sets for light and dark mode. A standalone SVG uses the light ones.
"""

import io
import re
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import Estimate
from adjoin.evaluation.report.report import JUDGED, MODEL, TITLES, Report
from adjoin.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 5.8  # inches of 72 points: 418 pixels, the width of a phone
INK, LINE, PAPER = "#1a1a1a", "#cfcfcf", "#fefefe"
COLOURS = (INK, "#0072b2", "#c24e00", "#00795a", "#a0497f", "#8a6100", "#4e7f9e", "#7a5cc0")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.2, 1.6)), (0, (6, 2, 1.2, 2)), (0, (3, 1)), (0, (8, 3)))
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: searchable, accessible, and in the page's font
    "svg.hashsalt": "adjoin",  # equal figures give equal files
    "text.parse_math": False,  # "$" in a name is a dollar sign
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}


def scores_figure(report: Report, suite: str, *, png: Path | None = None) -> str | None:
    """Dot plot of a suite's main metric: one row per task and mean, one marker with interval per system.

    Args:
        report: the report.
        suite: one of `report.suites()`.
        png: path of a PNG to write in addition.

    Returns:
        SVG, or None if the suite has no results.

    Raises:
        AdjoinError: matplotlib is not installed.
    """
    metric = report.metric_of(suite)
    rows = _rows(report, suite, metric)
    numbers = {system: number for number, system in enumerate(report.systems)}  # the same style in every suite
    systems = {system: numbers[system] for system in numbers if any(system in row for row in rows.values())}
    if not rows:
        return None
    thickness = 0.12 if len(rows) <= 10 else 0.085  # inches per system
    with _figure(0.75 + len(rows) * (0.1 + thickness * max(2, len(systems)))) as figure:
        axes = figure.subplots()
        for place, row in enumerate(rows.values()):
            if place % 2:
                axes.axhspan(place - 0.5, place + 0.5, color=LINE, alpha=0.3, linewidth=0)
            _draw_row(axes, place, row, systems)
        axes.set_yticks(range(len(rows)), ["\n".join(textwrap.wrap(_shorten(name, 48), 24)) for name in rows])
        axes.set(ylim=(len(rows) - 0.5, -0.5), xlabel=metric)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        if suite in JUDGED and "mean" in rows:
            axes.axhline(len(rows) - 1.5, color=INK, linewidth=0.8)
        if suite not in JUDGED and axes.get_xlim()[0] < 0:
            axes.axvline(0, color=INK, linewidth=0.8)
        _legend(figure, systems, lines=False)
        title = f"{TITLES.get(suite, suite)}: {metric} of every system on each task"
        return _svg(figure, f"scores-{suite}", title, png)


def size_figure(runs: Sequence[Report], *, png: Path | None = None) -> str | None:
    """Scores over model size, as in Figure 1 of the paper, with one panel per suite.

    Args:
        runs: reports. Those with "parameters" in their environment are drawn; "training" there names a line.
        png: path of a PNG to write in addition.

    Returns:
        SVG, or None if no suite has runs of two sizes.

    Raises:
        AdjoinError: matplotlib is not installed.
    """
    return _curves(runs, "parameters", "parameters", base=10, png=png)


def steps_figure(runs: Sequence[Report], *, png: Path | None = None) -> str | None:
    """Scores over training steps ("step" in the environment), as in Figure 4 of the paper.

    Arguments, result and errors are those of `size_figure`.
    """
    return _curves(runs, "step", "training step", base=None, png=png)


def batch_figure(runs: Sequence[Report], *, png: Path | None = None) -> str | None:
    """Scores over the number of pairs per batch ("batch" in the environment), as in Table 9 of the paper.

    Arguments, result and errors are those of `size_figure`.
    """
    return _curves(runs, "batch", "pairs in a batch", base=2, png=png)


def number_in(report: Report, key: str) -> float | None:
    """A positive number from a report's environment, or None if it is missing or not a positive number."""
    try:
        value = float(report.environment[key])
    except (KeyError, ValueError, TypeError):
        return None
    return value if 0 < value < float("inf") else None


def mean_over_common(runs: Sequence[Report], suite: str) -> tuple[list[str], list[Estimate]]:
    """The mean of each run over the tasks that all runs have with the same number of items.

    Args:
        runs: at least one report.
        suite: one of `SUITES`.

    Returns:
        The tasks, and one estimate per run; both empty if there is no common task.
    """
    metric = runs[0].metric_of(suite)
    results = {task: [run.find(MODEL, suite, task, metric) for run in runs] for task in runs[0].tasks(suite)}
    common = [task for task, of in results.items() if all(of) and len({f.estimate.n for f in of if f}) == 1]
    only = [Report(run.model, {MODEL: [f for f in run.results if f.task in common]}) for run in runs]
    means = [run.mean(MODEL, suite, metric) for run in only]
    return common, [mean for mean in means if mean is not None]


Panel = tuple[str, dict[str, list[tuple[float, Estimate]]]]  # title, line → points by rising x


def _panels(runs: Sequence[Report], key: str) -> list[Panel]:
    """The panels over a key: one per suite that has runs at two different values."""
    panels = []
    placed = [(place, run) for run in runs if (place := number_in(run, key)) is not None]
    for suite in JUDGED:
        held = [(place, run) for place, run in placed if any(result.suite == suite for result in run.results)]
        if len({place for place, _ in held}) < 2:
            continue
        tasks, means = mean_over_common([run for _, run in held], suite)
        lines: dict[str, list[tuple[float, Estimate]]] = {}
        for (place, run), mean in zip(held, means, strict=False):  # there are no means without a common task
            lines.setdefault(str(run.environment.get("training", "")), []).append((place, mean))
        if tasks:
            what = tasks[0] if len(tasks) == 1 else f"mean of {len(tasks)} tasks"
            title = f"{TITLES[suite]}: {held[0][1].metric_of(suite)}, {what}"
            by_place = {name: sorted(line, key=lambda point: point[0]) for name, line in lines.items()}
            panels.append((title, by_place))
    return panels


def _curves(runs: Sequence[Report], key: str, label: str, *, base: int | None, png: Path | None) -> str | None:
    panels = _panels(runs, key)
    if not panels:
        return None
    names = list(dict.fromkeys(name for _, lines in panels for name in lines))
    places = sorted({place for _, lines in panels for line in lines.values() for place, _ in line})
    with _figure(0.7 + 1.55 * len(panels)) as figure:
        rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (title, lines) in zip(rows, panels, strict=True):
            for name, line in lines.items():
                number = names.index(name)
                _draw_line(figure, axes, line, number, shift=2.5 * (number - (len(names) - 1) / 2))
            axes.set_title(_plain(title))
            axes.grid(axis="y")
            axes.margins(y=0.15)
            axes.autoscale_view()
        if base is not None:
            rows[-1].set_xscale("log", base=base)
            _label_ticks(rows[-1], places, _abbreviate if key == "parameters" else lambda place: f"{place:,.0f}")
        rows[-1].set_xlabel(label)
        if len(names) > 1:
            _legend(figure, {name: number for number, name in enumerate(names)}, lines=True)
        return _svg(figure, f"over-{key}", f"Scores over {label}", png)


def _draw_line(
    figure: "Figure", axes: "Axes", line: Sequence[tuple[float, Estimate]], number: int, shift: float
) -> None:
    """Draw points, intervals and the line through them, shifted a little so that lines do not hide one another.

    Runs with the same x differ in something else. Then no line is drawn, since it would suggest an effect of x.
    """
    from matplotlib.transforms import offset_copy

    moved = offset_copy(axes.transData, figure, x=shift, units="points")
    x, look = [place for place, _ in line], _series_style(number)
    ends = np.array([mean.interval() for _, mean in line])
    axes.vlines(x, ends[:, 0], ends[:, 1], color=look["color"], linewidth=0.9, transform=moved)
    values = [mean.value for _, mean in line]
    for end in (values, *ends.T):  # shifted artists do not count for the axes' limits
        axes.update_datalim(np.column_stack([x, end]))
    if len(set(x)) < len(x):
        look["linestyle"] = "none"
    axes.plot(x, values, gid=f"points-{number}", linewidth=1.2, transform=moved, **look)


def _rows(report: Report, suite: str, metric: str) -> dict[str, dict[str, Estimate]]:
    """Task → system → estimate, with a "mean" row if there are several ranked tasks."""
    rows: dict[str, dict[str, Estimate]] = {}
    for task in report.tasks(suite):
        results = {system: report.find(system, suite, task, metric) for system in report.systems}
        if of_task := {system: result.estimate for system, result in results.items() if result}:
            rows[task] = of_task
    if len(rows) > 1 and suite in JUDGED:
        means = {system: report.mean(system, suite, metric) for system in report.systems}
        rows["mean"] = {system: mean for system, mean in means.items() if mean is not None}
    return rows


def _draw_row(axes: "Axes", place: int, row: Mapping[str, Estimate], systems: Mapping[str, int]) -> None:
    """Markers and intervals of one task, each system a little below the previous one."""
    for height, (system, number) in enumerate(systems.items()):
        if system not in row:
            continue
        y = place + 0.72 * ((height + 0.5) / len(systems) - 0.5)
        look = _series_style(number) | {"linestyle": "none"}
        low, high = row[system].interval()
        axes.hlines(y, low, high, color=look["color"], linewidth=1)
        axes.plot([row[system].value], [y], gid=f"points-{number}-{place}", **look)


def _series_style(number: int) -> dict[str, Any]:
    """Marker, line style and colour of a series. From the ninth series on, markers are hollow."""
    colour = COLOURS[number % len(COLOURS)]
    return {
        "color": colour,
        "marker": MARKERS[number % len(MARKERS)],
        "markersize": 5,
        "markerfacecolor": colour if number // len(MARKERS) % 2 == 0 else PAPER,
        "linestyle": DASHES[number % len(DASHES)],
    }


def _legend(figure: "Figure", numbers: Mapping[str, int], *, lines: bool) -> None:
    """A legend above the figure, in as many columns as fit. Names are cut to 34 characters."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], linewidth=1.2, **_series_style(number)) for number in numbers.values()]
    for handle in handles:
        handle.set_linestyle(handle.get_linestyle() if lines else "none")
    labels = [_shorten(name, 34) or "…" for name in numbers]
    handle_width = 8 if lines else 6  # a handle with its gaps, in characters; a line has about 80
    in_one_line = sum(len(label) + handle_width for label in labels) <= 80
    columns = len(labels) if in_one_line else max(1, 80 // (max(map(len, labels)) + handle_width))
    figure.legend(
        handles, labels, loc="outside upper left", ncols=columns, handlelength=2.4 if lines else 1, borderpad=0.5
    )


def _label_ticks(axes: "Axes", places: Sequence[float], name: Any) -> None:  # noqa: ANN401 - a function of a number
    """Ticks at the x values of the runs, as far as their labels do not overlap."""
    from matplotlib.ticker import NullLocator

    span, kept = np.log(places[-1] / places[0]) or 1.0, [places[0]]
    for place in places[1:]:
        if np.log(place / kept[-1]) / span > 0.1:
            kept.append(place)
    axes.set_xticks(kept, [name(place) for place in kept])
    axes.xaxis.set_minor_locator(NullLocator())


def _abbreviate(number: float) -> str:
    """6M, 1.2B."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.0f}"


def _shorten(text: str, longest: int) -> str:
    """A name of at most `longest` characters. The middle is cut out, since paths differ at their end."""
    text = _plain(text)
    return text if len(text) <= longest else f"{text[: longest // 3]}…{text[longest // 3 + 1 - longest :]}"


def _plain(text: str) -> str:
    """Text on one line without control characters and lone surrogates, which XML cannot hold."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in " ".join(text.split()))


@contextmanager
def _figure(height: float) -> "Iterator[Figure]":
    """A figure in our style, without pyplot's global state.

    Raises:
        AdjoinError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise AdjoinError("figures need matplotlib: pip install 'adjoin[evaluate]'") from None
    with mpl.rc_context(_STYLE):
        yield Figure(figsize=(WIDTH, height), layout="constrained")


def _svg(figure: "Figure", name: str, title: str, png: Path | None) -> str:
    """The figure as an SVG element with unique ids, and with the page's colours and font."""
    drawn, picture = io.StringIO(), io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # the reader's fonts are used, not ours
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
        if png is not None:
            figure.savefig(picture, format="png", dpi=200, facecolor="white")
            write_atomically(png, picture.getvalue())
    ElementTree.register_namespace("", "http://www.w3.org/2000/svg")
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ElementTree.fromstring(drawn.getvalue())
    for parent in list(root.iter()):
        for element in [child for child in parent if child.tag.endswith(("}metadata", "}style"))]:
            parent.remove(element)  # the style would apply to the whole page
    root.set("style", "stroke-linejoin: round; stroke-linecap: butt")
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == "id":
                element.set(key, f"{name}-{value}")
            elif key == "style":
                element.set(key, _themed(value))
            elif "#" in value:
                element.set(key, value.replace("#", f"#{name}-"))
    heading = ElementTree.Element("{http://www.w3.org/2000/svg}title")
    heading.text = _plain(title)
    root.insert(0, heading)
    root.set("role", "img")
    root.set("aria-label", heading.text)
    return ElementTree.tostring(root, encoding="unicode")


def _themed(style: str) -> str:
    """Replace our colours by CSS variables with defaults, and the font by the page's font."""
    named = {INK: "--ink", LINE: "--line", PAPER: "--paper"}
    named |= {colour: f"--series-{number}" for number, colour in enumerate(COLOURS) if number}
    for colour, variable in named.items():
        style = style.replace(colour, f"var({variable}, {colour})")
    return re.sub(r"font: ((?:[\w.]+ )*?)([\d.]+px) [^;]*", r"font: \1\2 system-ui, sans-serif", style)
