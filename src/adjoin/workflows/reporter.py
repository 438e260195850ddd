"""Output of a workflow while it runs: the `Reporter` protocol, and a reporter that shows nothing."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from adjoin.evaluation import Report
    from adjoin.index.search import Hit
    from adjoin.training.log import StepReport

Advance = Callable[[int, int], None]
WatchTraining = Callable[["StepReport"], None]
WatchEvaluation = Callable[[str, float], None]


class Reporter(Protocol):
    """Protocol of the receiver of a workflow's messages, tables and progress."""

    def section(self, title: str) -> None:
        """Begin a part of the work."""

    def say(self, line: str) -> None:
        """Report one result or decision, as a sentence or a paragraph."""

    def command(self, line: str) -> None:
        """Show a command to copy. It is never wrapped."""

    def table(self, title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show a small table. The first column holds names, the others hold numbers as text."""

    def scores(self, report: "Report", suite: str) -> None:
        """Show what every system reached on the tasks of one suite of an evaluation."""

    def hits(self, query: str, hits: Sequence["Hit"]) -> None:
        """Show the results of one search, best first."""

    def progress(self, doing: str, unit: str) -> AbstractContextManager[Advance]:
        """Show how much of a task is done. The context gives a function of (units done, units in all)."""

    def training(self) -> AbstractContextManager[WatchTraining]:
        """Show the steps of a training. The context gives a function of one `StepReport`."""

    def evaluation(self) -> AbstractContextManager[WatchEvaluation]:
        """Show an evaluation. The context gives a function of (current task, share of the work done, 0 to 1)."""


class SilentReporter:
    """A `Reporter` that shows nothing, for programs and tests."""

    def section(self, title: str) -> None:
        """Ignore the title of a part."""

    def say(self, line: str) -> None:
        """Ignore a line of text."""

    def command(self, line: str) -> None:
        """Ignore a command to copy."""

    def table(self, title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Ignore a small table."""

    def scores(self, report: "Report", suite: str) -> None:
        """Ignore the scores of a suite."""

    def hits(self, query: str, hits: Sequence["Hit"]) -> None:
        """Ignore the results of a search."""

    def progress(self, doing: str, unit: str) -> AbstractContextManager[Advance]:
        """Give a function that ignores its arguments."""
        return nullcontext(lambda done, total: None)

    def training(self) -> AbstractContextManager[WatchTraining]:
        """Give a function that ignores its arguments."""
        return nullcontext(lambda report: None)

    def evaluation(self) -> AbstractContextManager[WatchEvaluation]:
        """Give a function that ignores its arguments."""
        return nullcontext(lambda task, share: None)


def in_megabytes(advance: Advance) -> Callable[[int, int, int], None]:
    """The function that mining calls, (bytes done, bytes in all, pairs so far), for a progress in megabytes."""
    return lambda done, total, pairs: advance(done // 1_000_000, max(1, total // 1_000_000))
