"""A small stand-in for a repository, and a reporter that remembers."""

from collections.abc import Sequence
from pathlib import Path

from adjoin.evaluation import Report
from adjoin.index.search import Hit
from adjoin.workflows.reporter import SilentReporter
from small_sources import NOUNS, VERBS, function_source


def write_modules(root: Path, numbers: Sequence[int] = (0, 1, 2)) -> Path:
    """Ten modules of ten documented functions for each number, in a new folder."""
    root.mkdir(parents=True)
    for number in numbers:
        for noun in NOUNS:
            source = "\n\n".join(function_source(verb, f"{noun}{number}") for verb in VERBS)
            (root / f"{noun}{number}.py").write_text(source)
    return root


class RecordingReporter(SilentReporter):
    """Records the output of a workflow.

    Attributes:
        lines: the reported lines.
        commands: commands to copy.
        tables: the head and the rows of each table.
        suites: whose scores were shown.
        results: query → hits.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.commands: list[str] = []
        self.tables: list[list[tuple[str, ...]]] = []
        self.suites: list[str] = []
        self.results: dict[str, Sequence[Hit]] = {}

    def say(self, line: str) -> None:
        self.lines.append(line)

    def command(self, line: str) -> None:
        self.commands.append(line)

    def table(self, title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.tables.append([tuple(head), *map(tuple, rows)])

    def scores(self, report: Report, suite: str) -> None:
        self.suites.append(suite)

    def hits(self, query: str, hits: Sequence[Hit]) -> None:
        self.results[query] = hits
