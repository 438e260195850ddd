"""Sections of prose whose lines stand where they stood in the file."""

import re
from collections.abc import Callable, Iterator

from adjoin.corpus.document import PROSE, Document

Reader = Callable[[str, str], Iterator[Document]]
Rows = dict[int, str]  # line of the file, counted from 0 → what is left of it without markup

# str.splitlines and docutils end lines at these too; editors, and Document.span, do not.
_OTHER_LINE_ENDS = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_NOT_LINE_ENDS = re.compile(f"[{_OTHER_LINE_ENDS}]")


class UnreadableError(Exception):
    """A file that gives no Document; it is counted, never shown.

    Attributes:
        reason: as it stands in the tally.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def lines_of(text: str) -> list[str]:
    r"""Split at \n alone; lines of white space become empty, so that every parser sees the same paragraphs."""
    return ["" if line.isspace() else line for line in one_kind_of_line_end(text).split("\n")]


def one_kind_of_line_end(text: str) -> str:
    r"""The text with a space for every character but \n that some take for the end of a line."""
    # Ten times as fast as the substitution that finds none.
    return _NOT_LINE_ENDS.sub(" ", text) if any(end in text for end in _OTHER_LINE_ENDS) else text


def put(rows: Rows, line: int, text: str) -> None:
    """Add `text` to a line, set off by a space from what another block left there."""
    if text := text.strip():
        rows[line] = f"{rows[line]} {text}" if line in rows else text


def one_line(text: str) -> str:
    """The text with each run of white space as one space: how a heading becomes a section's name."""
    return re.sub(r"\s+", " ", text).strip()


def section_documents(rows: Rows, section: str, origin: str, title: str = "") -> Iterator[Document]:
    """Give the Document of one section of what is called `title`, or none if no text is left in it.

    Lines without an entry become empty lines, so line k of the text stands on line `span[0] + k` of the file.
    """
    if rows:
        first, last = min(rows), max(rows)
        text = "\n".join([rows.get(line, "") for line in range(first, last + 1)])
        yield Document.of(text, PROSE, origin, first_line=first + 1, section=section, title=title)
