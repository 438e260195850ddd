"""Terminal output of workflows: `ConsoleReporter`, and the progress displays that the verbs share."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from adjoin.cli.terminal import safe

if TYPE_CHECKING:
    from adjoin.evaluation import Report
    from adjoin.index.search import Hit
    from adjoin.training.log import StepReport

SECONDS_BETWEEN_LINES = 15.0  # where there is no terminal to redraw


class SafeConsole(Console):
    """A console that shows texts as they are, but without control characters.

    Brackets are no markup, and colons no emoji. The codes of rich itself, such as colours, are not part of a text.
    """

    def __init__(self, *, stderr: bool = False, quiet: bool = False) -> None:
        super().__init__(stderr=stderr, quiet=quiet, markup=False, emoji=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render an object to segments, whose texts have U+FFFD for each control character."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=safe(segment.text))


def output_console() -> Console:
    """Standard output."""
    return SafeConsole()


def error_console() -> Console:
    """Standard error, for progress that is not part of the result."""
    return SafeConsole(stderr=True)


class ConsoleReporter:
    """Prints a workflow's output: progress bars on a terminal, whole lines in a file or a pipe.

    Attributes:
        console: the console to print to; None for standard output.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or output_console()

    def section(self, title: str) -> None:
        """Draw a rule with the title in it."""
        self.console.rule(title)

    def say(self, line: str) -> None:
        """Print a line; it is wrapped on a terminal only."""
        self.console.print(line, highlight=False, soft_wrap=not self.console.is_terminal)

    def command(self, line: str) -> None:
        """Print a command on a line of its own, indented and never wrapped."""
        self.console.print(f"  {line}", highlight=False, soft_wrap=True)

    def table(self, title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a small table."""
        table = Table(title=Text(title), title_justify="left")
        for number, heading in enumerate(head):
            table.add_column(Text(heading), justify="right" if number else "left")
        for row in rows:
            table.add_row(*map(Text, row))
        self.console.print(table)

    def scores(self, report: "Report", suite: str) -> None:
        """Print the table of a suite's main metric."""
        from adjoin.evaluation.report.display import render_table

        self.console.print(render_table(report, suite, report.metric_of(suite)))

    def hits(self, query: str, hits: Sequence["Hit"]) -> None:
        """Print search results: file, lines, score, and the lines that answer."""
        from adjoin.cli.hits import Layout, write_hits
        from adjoin.index.folders.repositories import Found

        live = self.console.is_terminal
        layout = Layout(colour=live and not self.console.no_color, width=self.console.width if live else None)
        found = [Found(hit, hit.path, Path()) for hit in hits]
        write_hits(found, query, layout, self.console.file.write)

    def progress(self, doing: str, unit: str) -> AbstractContextManager[Callable[[int, int], None]]:
        """Show a bar with `done/total unit`, on a terminal only."""
        return counting(doing, unit, self.console)

    def training(self) -> AbstractContextManager[Callable[["StepReport"], None]]:
        """Show each step's loss, temperature, speed and time left."""
        return training_display(self.console)

    def evaluation(self) -> AbstractContextManager[Callable[[str, float], None]]:
        """Show the current task and a bar."""
        return evaluation_display(self.console)


@contextmanager
def counting(doing: str, unit: str, console: Console | None = None) -> Iterator[Callable[[int, int], None]]:
    """Show `done/total` as a bar on a terminal; nothing elsewhere."""
    console = console or error_console()
    columns = (
        TextColumn(f"{doing} {unit}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(doing, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def counting_bytes(doing: str, console: Console | None = None) -> Iterator[Callable[[int, int, int], None]]:
    """Show megabytes as a bar; gives the function that mining calls."""
    from adjoin.workflows.reporter import in_megabytes

    with counting(doing, "MB", console) as advance:
        yield in_megabytes(advance)


@contextmanager
def evaluation_display(console: Console) -> Iterator[Callable[[str, float], None]]:
    """Show an evaluation: a bar on a terminal; elsewhere a line per task, and one every 15 seconds."""
    if not console.is_terminal:
        yield _evaluation_lines(console)
        return
    columns = (BarColumn(), TextColumn("{task.percentage:3.0f}%"), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.description}"), console=console, transient=True) as bar:
        running = bar.add_task("", total=1.0)
        yield lambda task, share: bar.update(running, completed=share, description=task)


def _evaluation_lines(console: Console) -> Callable[[str, float], None]:
    last, task_before = 0.0, ""

    def show(line: str, share: float) -> None:
        nonlocal last, task_before
        task = line.partition(" · ")[0]
        if task != task_before or time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last, task_before = time.monotonic(), task
            console.print(f"{share:4.0%}  {line}", soft_wrap=True)

    return show


@contextmanager
def training_display(console: Console) -> Iterator[Callable[["StepReport"], None]]:
    """Show a training's steps: a live line on a terminal, one line every 15 seconds elsewhere."""
    if not console.is_terminal:
        yield _lines(console)
        return
    with Progress(TextColumn("{task.description}"), BarColumn(), console=console, transient=True) as bar:
        task = bar.add_task("training", total=1.0)

        def show(report: "StepReport") -> None:
            done = report.elapsed / max(1e-9, report.elapsed + report.left)
            bar.update(task, completed=done, description=_line(report))

        yield show


def _lines(console: Console) -> Callable[["StepReport"], None]:
    last = time.monotonic() - SECONDS_BETWEEN_LINES

    def show(report: "StepReport") -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES or report.left == 0:
            last = time.monotonic()
            console.print(_line(report), highlight=False, soft_wrap=True)

    return show


def _line(report: "StepReport") -> str:
    contrastive = (
        ""
        if report.logit_scale is None
        else f" · exp τ {report.logit_scale:.1f} · {report.pairs_per_second:,.0f} pairs/s"
    )
    return (
        f"step {report.step:,} · epoch {report.epoch:.1f} · loss {report.loss:.3f}"
        + contrastive
        + f" · {report.tokens_per_second / 1000:,.1f}k tokens/s"
        f" · padding {report.padding:.0%} · waiting {report.waited:.0%} · {report.left / 60:.1f} min left"
    )
