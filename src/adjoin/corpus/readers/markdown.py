"""Markdown → prose that keeps its lines: GitHub-flavoured CommonMark, parsed by pulldown-cmark.

Kept: paragraphs, list items, quotations, the text of links, inline code, footnotes. Dropped: front matter, code
blocks, tables, images, blocks of raw HTML, link definitions, footnote references.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import accumulate
from typing import Any

from adjoin.corpus.document import Document
from adjoin.corpus.readers.sections import Rows, UnreadableError, lines_of, one_line, put, section_documents

MAX_CHARACTERS = 8 << 20  # of one file; pulldown-cmark reads 18 MB/s and takes linear time
_FENCES = {"---": ("---", "..."), "+++": ("+++",)}  # first line of front matter → lines that end it
_TITLE = re.compile(r"title\s*[:=]\s*(.*)", re.IGNORECASE)  # in YAML or TOML front matter
_QUOTE_MARKS = re.compile(rb"[ \t>]*")  # prefix of a quoted line that continues inline code
_BREAKS = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")  # characters that a character reference can stand for
_EMPTIED = frozenset({"CodeBlock", "HtmlBlock", "Image", "MetadataBlock", "Table"})
_INLINE = frozenset({"Emphasis", "Link", "Strikethrough", "Strong", "Subscript", "Superscript"})
_TEXTS, _BOUNDS = frozenset({"Text", "Code", "InlineHtml"}), frozenset({"Start", "End"})


def read_markdown(text: str, origin: str) -> Iterator[Document]:
    """Yield one Document per section; a heading of any level begins and names a section.

    The title of all is that of the front matter, or else the first heading if it is of level 1.

    Args:
        text: the file.
        origin: origin of the file.

    Raises:
        UnreadableError: "too large": more than `MAX_CHARACTERS`.
    """
    if len(text) > MAX_CHARACTERS:
        raise UnreadableError("too large")
    lines, title = _without_front_matter(lines_of(text))
    source = "\n".join(lines).encode()
    collector = _SectionCollector(source)
    collector.read(_parser().events_with_range(source.decode()))
    title = title or collector.first_title
    for section, rows in collector.sections:
        yield from section_documents(rows, section, origin, title)


def _without_front_matter(lines: list[str]) -> tuple[list[str], str]:
    """The lines with the front matter emptied, and its title."""
    ends = _FENCES.get(lines[0].rstrip())
    if ends is None or not "".join(lines[1:2]):  # an empty line next: a horizontal rule
        return lines, ""
    closing = next((index for index, line in enumerate(lines[1:], start=1) if line.rstrip() in ends), -1)
    named = next((match[1] for line in lines[1 : max(closing, 0)] if (match := _TITLE.match(line))), "")
    return [""] * (closing + 1) + lines[closing + 1 :], one_line(named.strip().strip("\"'"))


@cache
def _parser() -> Any:  # noqa: ANN401 - its types need typing_extensions
    from pyromark import Markdown, Options

    return Markdown(
        options=Options.ENABLE_GFM
        | Options.ENABLE_TABLES
        | Options.ENABLE_STRIKETHROUGH
        | Options.ENABLE_TASKLISTS
        | Options.ENABLE_FOOTNOTES
        | Options.ENABLE_HEADING_ATTRIBUTES
    )


class _SectionCollector:
    """Collects the text of a page by section and line from parser events and their byte ranges.

    Attributes:
        sections: heading and rows of each finished section.
        first_title: text of the page's first heading, if it is of level 1.
    """

    def __init__(self, source: bytes) -> None:
        self.sections: list[tuple[str, Rows]] = []
        self.first_title = ""
        self._source = source
        # Byte offset after the end of each line; the last is beyond every event.
        self._ends = list(accumulate(len(line) + 1 for line in source.split(b"\n")))
        self._section = ""
        self._rows: Rows = {}
        self._heading: list[str] | None = None  # lines of the open heading
        self._line, self._line_end = 0, 0  # the open line and its end offset; 0 if none is open
        self._pieces: list[str] = []  # text of the open line
        self._emptied = 0  # number of open elements whose text is dropped

    def read(self, events: Iterable[tuple[Any, dict[str, int]]]) -> None:
        """Read all events, in source order."""
        for event, span in events:
            if event.__class__ is str:  # a line end or a rule; the byte ranges tell lines apart
                continue
            ((kind, value),) = event.items()
            if kind in _TEXTS:
                if not self._emptied:
                    self._add(kind, value, span["start"], span["end"])
            elif kind in _BOUNDS:
                name = value if value.__class__ is str else next(iter(value))
                if name not in _INLINE:
                    self._begin_or_end(kind == "Start", name, value)
        self._end_section()

    def _add(self, kind: str, text: str, start: int, end: int) -> None:
        if start >= self._line_end:
            self._end_line()
            self._go_to(start)
        if kind == "Text":
            self._pieces.append(text)
        elif kind == "InlineHtml":
            if text[:3].lower() == "<br":
                self._pieces.append(" ")
        elif end <= self._line_end:
            self._pieces.append(text)
        else:
            self._add_lines_of_code(start, end)

    def _add_lines_of_code(self, start: int, end: int) -> None:
        """Add inline code that continues over a line end, which the parser shows as a space."""
        width = end - start - len(self._source[start:end].lstrip(b"`"))
        start += width
        for line in self._source[start : end - width].split(b"\n"):
            if start >= self._line_end:
                self._end_line()
                self._go_to(start)
            start += len(line) + 1
            self._pieces.append(_QUOTE_MARKS.sub(b"", line, count=1).decode())

    def _go_to(self, offset: int) -> None:
        self._line = bisect_right(self._ends, offset)
        self._line_end = self._ends[self._line]

    def _begin_or_end(self, begins: bool, name: str, value: Any) -> None:  # noqa: ANN401 - a string or a dictionary
        """Begin or end a block. An image counts as one, but does not end the line."""
        if name in _EMPTIED:
            self._emptied += 1 if begins else -1
        if name == "Image" or self._emptied:
            return
        self._end_line()
        if name == "Heading":
            if begins:
                self._end_section()
                self._heading = []
            else:
                self._name_section(first_level=value["Heading"] == "H1")

    def _name_section(self, *, first_level: bool) -> None:
        self._section, self._heading = one_line(" ".join(self._heading or [])), None
        if first_level and not any(section for section, _ in self.sections):
            self.first_title = self._section

    def _end_line(self) -> None:
        if self._pieces:
            text = "".join(self._pieces)
            if not text.isprintable():
                text = _BREAKS.sub(" ", text)
            if self._heading is None:
                put(self._rows, self._line, text)
            else:
                self._heading.append(text)
            self._pieces = []
        self._line_end = 0

    def _end_section(self) -> None:
        self._end_line()
        self.sections.append((self._section, self._rows))
        self._section, self._rows = "", {}
