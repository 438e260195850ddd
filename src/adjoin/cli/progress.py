"""How long work shows itself: a live bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from adjoin.training.log import StepReport

SECONDS_BETWEEN_LINES = 15.0  # where there is no terminal to redraw


@contextmanager
def counting(doing: str, what: str, console: Console | None = None) -> Iterator[Callable[[int, int], None]]:
    """Show `done of total`; gives the function to call with both."""
    console = console or Console(stderr=True)
    columns = (
        TextColumn(f"{doing} {what}"),
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
    """Show megabytes of sources done; gives the function that mining calls."""
    with counting(doing, "MB", console) as advance:
        yield lambda done, total, pairs: advance(done // 1_000_000, max(1, total // 1_000_000))


@contextmanager
def training_display(console: Console) -> Iterator[Callable[["StepReport"], None]]:
    """Show a training's steps: loss, temperature, speed, padding, time left."""
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
