"""What a workflow tells while it runs: the `Reporter` protocol, and one that stays silent."""

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
    """Where a workflow sends what a person may want to see while it runs."""

    def section(self, title: str) -> None:
        """Begin a part of the work."""

    def say(self, line: str) -> None:
        """Tell one finding or decision, as one plain sentence or paragraph."""

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
        """Ignore the title."""

    def say(self, line: str) -> None:
        """Ignore the line."""

    def command(self, line: str) -> None:
        """Ignore the command."""

    def table(self, title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Ignore the table."""

    def scores(self, report: "Report", suite: str) -> None:
        """Ignore the scores."""

    def hits(self, query: str, hits: Sequence["Hit"]) -> None:
        """Ignore the results."""

    def progress(self, doing: str, unit: str) -> AbstractContextManager[Advance]:
        """Give a function that ignores what it is told."""
        return nullcontext(lambda done, total: None)

    def training(self) -> AbstractContextManager[WatchTraining]:
        """Give a function that ignores what it is told."""
        return nullcontext(lambda report: None)

    def evaluation(self) -> AbstractContextManager[WatchEvaluation]:
        """Give a function that ignores what it is told."""
        return nullcontext(lambda task, share: None)


def in_megabytes(advance: Advance) -> Callable[[int, int, int], None]:
    """The function that mining calls, (bytes done, bytes in all, pairs so far), for a progress in megabytes."""
    return lambda done, total, pairs: advance(done // 1_000_000, max(1, total // 1_000_000))
