"""Cuts the lines of a file into pieces of one size, at the boundaries that its structure gives.

A structure names its boundaries as `Mark`s: the line where a section, key, target or block begins, and its level.
The size policy is the same for all structures:

- What fits into `SIZE` characters is one piece.
- What is larger is cut at its highest marks. Without marks, it is cut at
  empty lines, or before its least indented line.
- Small neighbours are merged, up to `MERGED` characters.
- A line of more than `SIZE` characters is cut at spaces. Each part has the number of that line.

Every line with a letter is in exactly one piece, and the text of a piece is its lines, unchanged.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from adjoin.pieces.piece import LINES, Piece
from adjoin.texts import valid_unicode

SIZE = 1000  # characters of a piece, at most, unless one word is longer
MERGED = 800  # characters up to which small neighbours are merged, as in code
MAX_LEVEL = 6  # deeper marks count as this level
SEPARATOR = " > "  # between the headings in a name
_MAX_NAME = 120  # characters of a piece's name
_NAMED_PARTS = 3  # merged neighbours whose names are kept
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class Mark:
    """A line at which a part of a file begins.

    Attributes:
        line: number of the line, counted from 0.
        level: 1 for the outermost parts.
        name: name of the part, with the names around it, such as "services.queue"; may be empty.
        symbols: names that the part defines.
    """

    line: int
    level: int
    name: str
    symbols: tuple[str, ...] = ()


Marker = Callable[[Sequence[str]], list[Mark]]  # lines of a file → the marks of its structure


@dataclass(frozen=True, slots=True)
class Part:
    """Lines `start` to `end` (exclusive, counted from 0) that become one piece."""

    start: int
    end: int
    names: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()


def cut(lines: Sequence[str], marks: Sequence[Mark], *, measure: Callable[[str], int] = len) -> list[Part]:
    """Cut lines into parts of at most `SIZE` characters, in order; a longer line is a part on its own.

    Args:
        lines: the lines of the file.
        marks: in the order of their lines, at most one for each line.
        measure: a line → the number of characters that it counts as.
    """
    cutter = _Cutter(lines, measure)
    return cutter.cut(0, len(lines), list(marks), (), ())


def pieces_of_parts(
    lines: Sequence[str],
    parts: Sequence[Part],
    path: str,
    language: str,
    *,
    kind: str = LINES,
    first_line: int = 1,
    embedded: Callable[[str], str] = lambda text: text,
) -> Iterator[Piece]:
    """Yield one piece for each part that has a letter; several for one long line.

    Args:
        lines: the lines that the parts count.
        parts: as `cut` gives them.
        path: the file, as in `Piece.path`.
        language: as in `Piece.language`.
        kind: as in `Piece.kind`.
        first_line: number of the first of `lines` in the file.
        embedded: text of the piece → what the encoder reads. The name of the piece comes before it.
    """
    for part in parts:
        start, end = part.start, part.end
        while start < end and not lines[start].strip():
            start += 1
        while start < end and not lines[end - 1].strip():
            end -= 1
        text = "\n".join(lines[start:end])
        name = _one_name(part.names)
        for segment in segments(text) if end - start == 1 else [text]:
            if _LETTER.search(segment):
                to_encode = _with_name(name, embedded(segment) or segment)
                yield Piece(
                    path,
                    language,
                    kind,
                    valid_unicode(name),
                    first_line + start,
                    first_line + end - 1,
                    valid_unicode(segment),
                    valid_unicode(to_encode),
                    part.symbols,
                )


def _one_name(names: Sequence[str]) -> str:
    """One name for merged parts: "a.b, c" for "a.b" and "a.c"."""
    first, *others = names[:_NAMED_PARTS] or ("",)
    around = ""
    if SEPARATOR in first:
        around = first[: first.rindex(SEPARATOR) + len(SEPARATOR)]
    elif "." in first and " " not in first:  # a key, not a sentence
        around = first[: first.rindex(".") + 1]
    return ", ".join([first, *(name.removeprefix(around) for name in others)])[:_MAX_NAME]


def _with_name(name: str, text: str) -> str:
    """The text below its name. A heading that the text begins with is not repeated, only those above it."""
    above, _, heading = name.rpartition(SEPARATOR)
    if heading and text.lstrip("#=*- ").startswith(heading):
        name = above
    return f"{name}\n{text}" if name else text


def segments(line: str) -> Iterator[str]:
    """Cut a line into segments of at most `SIZE` characters, at spaces if there are any."""
    start = 0
    while len(line) - start > SIZE:
        space = line.rfind(" ", start + SIZE // 2, start + SIZE)
        end = space + 1 if space >= 0 else start + SIZE
        yield line[start:end]
        start = end
    yield line[start:]


class _Cutter:
    """The lines of one file, with the sums of their lengths."""

    def __init__(self, lines: Sequence[str], measure: Callable[[str], int]) -> None:
        self._lines = lines
        self._ends = [0, *accumulate(measure(line) + 1 for line in lines)]

    def size(self, start: int, end: int) -> int:
        return self._ends[end] - self._ends[start]

    def cut(
        self, start: int, end: int, marks: list[Mark], names: tuple[str, ...], symbols: tuple[str, ...]
    ) -> list[Part]:
        """Cut these lines; `marks` are those of them. The depth of the recursion is the number of levels."""
        level = min((min(mark.level, MAX_LEVEL) for mark in marks), default=0)
        if self.size(start, end) <= SIZE or not marks:
            names = names or _names(mark for mark in marks if min(mark.level, MAX_LEVEL) == level)
            whole = Part(start, end, names, (*symbols, *(symbol for mark in marks for symbol in mark.symbols)))
            return [whole] if self.size(start, end) <= SIZE else self._windows(whole)
        parts: list[Part] = []
        group: list[Mark] = []
        begins, begin_names, begin_symbols = start, names, symbols
        for mark in marks:
            if min(mark.level, MAX_LEVEL) == level:
                parts += self.cut(begins, mark.line, group, begin_names, begin_symbols)
                begins, begin_names, begin_symbols, group = (
                    mark.line,
                    (mark.name,) if mark.name else names,
                    mark.symbols,
                    [],
                )
            else:
                group.append(mark)
        parts += self.cut(begins, end, group, begin_names, begin_symbols)
        return self._merged(parts)

    def _merged(self, parts: Sequence[Part]) -> list[Part]:
        """Merge neighbours while they fit into `MERGED` characters."""
        merged: list[Part] = []
        for part in parts:
            last = merged[-1] if merged else None
            if part.start == part.end:
                continue
            if last is not None and self.size(last.start, part.end) <= MERGED:
                symbols = tuple(dict.fromkeys((*last.symbols, *part.symbols)))
                merged[-1] = Part(last.start, part.end, _joined_names(last, part), symbols)
            else:
                merged.append(part)
        return merged

    def _windows(self, whole: Part) -> list[Part]:
        """Cut lines without marks. All parts keep the names, the first one the symbols."""
        parts: list[Part] = []
        start = whole.start
        while start < whole.end:
            end = self._window_end(start, whole.end)
            parts.append(Part(start, end, whole.names, () if parts else whole.symbols))
            start = end
        return parts

    def _window_end(self, start: int, end: int) -> int:
        """The end of the window that begins at `start`: its best boundary in the second half, by one look back."""
        stop = start + 1
        while stop < end and self.size(start, stop + 1) <= SIZE:
            stop += 1
        if stop == end:
            return end
        half = self._ends[start] + SIZE // 2
        best, best_indent = stop, 1 << 30
        candidate = stop
        while candidate > start + 1 and self._ends[candidate] > half:
            line = self._lines[candidate]
            if not line.strip():
                return candidate
            indent = len(line) - len(line.lstrip())
            if indent < best_indent and line.lstrip()[:1] not in "}])":
                best, best_indent = candidate, indent
            candidate -= 1
        return best


def _joined_names(first: Part, second: Part) -> tuple[str, ...]:
    """The names of two merged parts: of "jobs" and "jobs.test", the second if the first is one line."""
    if (
        first.end - first.start == 1
        and first.names
        and second.names[:1]
        and second.names[0].startswith(first.names)
    ):
        return second.names
    inside = tuple(name for name in second.names if not name.startswith(first.names))
    return (*first.names, *inside)


def _names(marks: Iterable[Mark]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(mark.name for mark in marks if mark.name))
