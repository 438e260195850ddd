"""What the readers of text share: line ends, line lengths, and sections of prose that keep their lines."""

import re
from collections.abc import Callable, Iterator

from adjoin.corpus.document import PROSE, Document

MAX_LINE = 20_000  # characters; longer lines are data or minified code, and parsers take quadratic time

Reader = Callable[[str, str], Iterator[Document]]  # (text, origin) → Documents
Rows = dict[int, str]  # line of the file, counted from 0 → its text without markup

# str.splitlines and docutils end lines at these too; editors, and Document.span, do not.
_OTHER_LINE_ENDS = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_ANY_OTHER_LINE_END = re.compile(f"[{_OTHER_LINE_ENDS}]")


class UnreadableError(Exception):
    """A file or record that gives no Document. Callers count it in the tally; users never see it.

    Attributes:
        reason: the reason under which it is counted.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def with_unix_line_ends(text: str) -> str:
    r"""Replace \r\n and \r with \n."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def only_newlines(text: str) -> str:
    r"""Replace every line end other than \n that some programs recognise, such as \f or U+2028, with a space."""
    # Ten times as fast as a substitution without a match.
    return _ANY_OTHER_LINE_END.sub(" ", text) if any(end in text for end in _OTHER_LINE_ENDS) else text


def lines_of(text: str) -> list[str]:
    r"""Split at \n only. Lines of white space become empty, so that every parser sees the same paragraphs."""
    return ["" if line.isspace() else line for line in only_newlines(text).split("\n")]


def check_line_lengths(text: str) -> None:
    """Refuse a text with a line of more than `MAX_LINE` characters.

    Raises:
        UnreadableError: "line too long".
    """
    if len(text) > MAX_LINE and max(map(len, text.split("\n"))) > MAX_LINE:
        raise UnreadableError("line too long")


def without_long_lines(text: str) -> tuple[str, bool]:
    """Empty each line of more than `MAX_LINE` characters, and return whether there was one.

    All other lines keep their numbers: an inline image or a table of data costs its own line only.
    """
    if len(text) <= MAX_LINE:
        return text, False
    lines = text.split("\n")
    kept = ["" if len(line) > MAX_LINE else line for line in lines]
    return ("\n".join(kept), True) if kept != lines else (text, False)


def put(rows: Rows, line: int, text: str) -> None:
    """Append `text` to a line, separated by a space from what is there."""
    if text := text.strip():
        rows[line] = f"{rows[line]} {text}" if line in rows else text


def one_line(text: str) -> str:
    """Collapse each run of white space into one space and strip the ends, as for a heading."""
    return re.sub(r"\s+", " ", text).strip()


def section_documents(rows: Rows, section: str, origin: str, title: str = "") -> Iterator[Document]:
    """Yield one Document for a section, or none if it has no text.

    Lines without text become empty lines, so line k of the text is line `span[0] + k` of the file.

    Args:
        rows: line of the file, counted from 0 → its text.
        section: heading of the section.
        origin: origin of the file.
        title: title of the whole file.
    """
    if rows:
        first, last = min(rows), max(rows)
        text = "\n".join([rows.get(line, "") for line in range(first, last + 1)])
        yield Document.of(text, PROSE, origin, first_line=first + 1, section=section, title=title)
