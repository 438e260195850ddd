"""What a terminal may be sent: colours if it wants them, and texts of files without control characters.

Written for `adjoin search`, which has half a CPU-second in all. It needs no package; rich takes 0.05 to import.
"""

import os
import re
import sys
import time
import traceback
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TextIO, cast

from adjoin.redaction import redacted

SECONDS_BETWEEN = 0.1  # two progress lines
PATH, NAME, DIM, MATCH, WARNING = (
    "1;36",
    "32",
    "2",
    "1;31",
    "33",
)  # parameters of the escape code that sets a style


def wants_colour(choice: str, stream: TextIO) -> bool:
    """Whether a stream gets colours.

    Args:
        choice: "always", "never", or "auto": if it is a terminal that can, and NO_COLOR (no-color.org) is not set.
        stream: where the output goes.
    """
    if choice != "auto":
        return choice == "always"
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def painted(text: str, style: str) -> str:
    """The text in a style, such as `PATH`; unchanged if one of them is empty."""
    return f"\x1b[{style}m{text}\x1b[0m" if style and text else text


def safe(text: str) -> str:
    """The text with U+FFFD for each control character except line ends and tabs.

    Files are not trusted: escape codes in them would change a terminal's colours, title or keys, and marks of
    writing direction would show code in another order than it runs in.
    """
    if text.isprintable():
        return text
    return "".join(
        "\N{REPLACEMENT CHARACTER}"
        if unicodedata.category(character) in _UNSAFE and character not in "\n\t"
        else character
        for character in text
    )


_UNSAFE = ("Cc", "Cf", "Zl", "Zp")


def one_line(text: str) -> str:
    """A name as one safe line; a file name may hold a line end."""
    return safe(text).replace("\n", "\N{REPLACEMENT CHARACTER}").replace("\t", "\N{REPLACEMENT CHARACTER}")


# Anything that a terminal might act on: C0 without tab and line end, DEL, C1, marks of direction, separators.
_ACTIVE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\U000e0000-\U000e007f]"
)
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# What this program itself sends: colours; on a terminal also what moves the cursor and clears a line.
_COLOURS = re.compile(r"\x1b\[[0-9;]{0,30}m")
_CURSOR = re.compile(r"\x1b\[[0-9;]{0,30}m|\x1b\[[0-9]{0,4}[ABCDGJK]|\x1b\[\?25[hl]|\r")


class CleanStream:
    """A stream that takes no control characters but our own: the last line of defence before a terminal.

    What is printed is made safe where it is printed. This stream also covers what is printed elsewhere, such as
    the warnings of libraries. All other attributes are those of the stream itself.

    Attributes:
        unchecked: the stream itself, for names that end with a zero byte.
    """

    def __init__(self, stream: TextIO) -> None:
        self.unchecked = stream
        self._ours = _CURSOR if stream.isatty() else _COLOURS

    def write(self, text: str) -> int:
        """Write a text, with U+FFFD for each control character that is not ours."""
        if _ACTIVE.search(text):
            start, parts = 0, []
            for ours in self._ours.finditer(text):
                parts += [_ACTIVE.sub(_REPLACEMENT, text[start : ours.start()]), ours[0]]
                start = ours.end()
            text = "".join([*parts, _ACTIVE.sub(_REPLACEMENT, text[start:])])
        return self.unchecked.write(text)

    def writelines(self, lines: list[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream has
        return getattr(self.unchecked, name)


@contextmanager
def clean_outputs() -> Iterator[None]:
    """Let nothing reach standard output and standard error but what `CleanStream` lets through."""
    before, hook = (sys.stdout, sys.stderr), sys.excepthook
    sys.stdout, sys.stderr = (cast(TextIO, CleanStream(stream)) for stream in before)
    sys.excepthook = _show_traceback
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        sys.excepthook = hook if sys.exc_info()[0] is None else _show_traceback


def _show_traceback(kind: type[BaseException], error: BaseException, place: TracebackType | None) -> None:
    """Show an error of ours that nothing has caught, without the keys and control characters in its message."""
    sys.stderr.write(safe(redacted("".join(traceback.format_exception(kind, error, place)))))


def cells(text: str) -> int:
    """The number of columns that a text without control characters takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(_cells_of(character) for character in text)


def _cells_of(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def cut(text: str, width: int) -> str:
    """The beginning of a text that takes at most `width` columns, with an ellipsis if something is left out."""
    if cells(text) <= width:
        return text
    taken = 0
    for place, character in enumerate(text):
        taken += _cells_of(character)
        if taken > width - 1:
            return text[:place] + "\N{HORIZONTAL ELLIPSIS}"
    return text


class ProgressLine:
    """A line on standard error that counts what is done, on a terminal only; it is gone at the end."""

    def __init__(self, doing: str, unit: str, stream: TextIO | None = None) -> None:
        """Say nothing yet.

        Args:
            doing: what is done, such as "Indexing".
            unit: what is counted, such as "files".
            stream: the terminal; None for standard error.
        """
        self._doing, self._unit = doing, unit
        self._stream = stream or sys.stderr
        self._live = self._stream is not None and self._stream.isatty()
        self._last = 0.0
        self._shown = False

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` are done, ten times a second at most."""
        now = time.monotonic()
        if self._live and total and now - self._last >= SECONDS_BETWEEN:
            self._last, self._shown = now, True
            self._stream.write(f"\r{self._doing} {done:,} of {total:,} {self._unit} ({done / total:.0%})\x1b[K")
            self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Remove the line, so that another can be written."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False
