"""HTML → prose on its own lines, by the tolerant parser of the standard library.

Kept: running text. Emptied: scripts, styles, navigation, page headers and footers, preformatted blocks, tables,
forms. Inline `<code>` is kept. Two paragraphs on one line, or on two lines with none between them, cannot be set
apart without moving text to another line; the last line of the first moves up where it has a second line.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from adjoin.corpus.document import Document
from adjoin.corpus.sections import Rows, UnreadableError, lines_of, one_line, put, section_documents

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_DROPPED = frozenset(
    [
        "head",
        "nav",
        "header",
        "footer",
        "pre",
        "table",
        "svg",
        "math",
        "form",
        "select",
        "button",
        "template",
        "iframe",
        "object",
        "canvas",
    ]
)
_BLOCKS = _HEADINGS | frozenset(
    [
        "p",
        "div",
        "li",
        "ul",
        "ol",
        "dl",
        "dt",
        "dd",
        "blockquote",
        "section",
        "article",
        "aside",
        "main",
        "figure",
        "figcaption",
        "address",
        "details",
        "summary",
        "body",
        "hr",
        "center",
        "fieldset",
    ]
)
# Their content is no markup; cut before parsing, since the parser looks for their ends again and again.
_RAW = re.compile(r"<!--|<(script|style|textarea|xmp|noscript)\b", re.IGNORECASE)
_EMBEDDED_DATA = re.compile(r"data:[^\"'\s>]{1000,}")
_LINE_END_REFERENCE = re.compile(r"&(?:#0*1[03]|#x0*[ad]|NewLine)\b;?", re.IGNORECASE)
_NO_TAG = re.compile(r"<(?![A-Za-z/!?])")  # each would be a piece of text of its own

_CHUNK = 1 << 16
# A tag that stays open over more characters than this is broken markup, and each chunk would scan it anew.
_MAX_OPEN = 1 << 20


def read_html(text: str, origin: str) -> Iterator[Document]:
    """Give one Document per section; `h1` to `h6` start a new one and name it.

    Raises:
        UnreadableError: a tag stays open over a million characters.
    """
    text = _without_raw("\n".join(lines_of(text)))
    text = _LINE_END_REFERENCE.sub(" ", _EMBEDDED_DATA.sub("", text))
    text = _NO_TAG.sub("&lt;", text)
    page = _Page()
    for start in range(0, len(text), _CHUNK):
        page.feed(text[start : start + _CHUNK])
        if len(page.rawdata) > _MAX_OPEN:
            raise UnreadableError("unreadable")
    # Not close(): it would try each "<" of an unfinished tag again, in quadratic time.
    page.feed("<p>")
    page.end_section()
    for title, rows in page.sections:
        yield from section_documents(rows, title, origin)


def _without_raw(text: str) -> str:
    """Comments, scripts and the like, replaced by their line ends; one that is never closed takes the rest."""
    pieces: list[str] = []
    position = 0
    while found := _RAW.search(text, position):
        closing = re.compile(f"</{found[1]}" if found[1] else "--", re.IGNORECASE)
        end = closing.search(text, found.end())
        stop = text.find(">", end.end()) + 1 if end else 0
        stop = stop or len(text)
        pieces += (text[position : found.start()], "\n" * text.count("\n", found.start(), stop))
        position = stop
    return "".join([*pieces, text[position:]])


class _Page(HTMLParser):
    """Collects the text of a page by section and line.

    Attributes:
        sections: the finished sections: heading, and line → text.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sections: list[tuple[str, Rows]] = []
        self._title = ""
        self._heading: list[str] | None = None  # the pieces of the heading that is open
        self._rows: Rows = {}  # the finished paragraphs of this section
        self._paragraph: dict[int, list[str]] = {}  # the open one: line → its pieces
        self._last: tuple[int, int] | None = None  # first and last line of the paragraph finished before
        self._dropped: list[str] = []  # the dropped elements that are open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._dropped.clear()  # the end tag of `head` may be left out
        if tag in _DROPPED:
            self._dropped.append(tag)
        if self._dropped:
            return
        if tag in _HEADINGS:
            self.end_section()
            self._heading = []
        elif tag in _BLOCKS:
            self._end_paragraph()
        elif tag == "br":
            self.handle_data(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _DROPPED:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self._dropped:
            if tag in self._dropped:
                del self._dropped[self._dropped.index(tag) :]
            return
        if tag in _HEADINGS and self._heading is not None:
            self._title, self._heading = one_line("".join(self._heading)), None
        elif tag in _BLOCKS:
            self._end_paragraph()

    def handle_data(self, data: str) -> None:
        if self._dropped:
            return
        if self._heading is not None:
            self._heading.append(data)
        else:
            for line, part in enumerate(data.split("\n"), start=self.getpos()[0] - 1):
                self._paragraph.setdefault(line, []).append(part)

    def end_section(self) -> None:
        """Close the open section: its heading and what was collected below it."""
        self._end_paragraph()
        if self._heading is not None:  # its end tag is missing
            self._title = one_line("".join(self._heading))
        self.sections.append((self._title, self._rows))
        self._title, self._heading, self._rows, self._last = "", None, {}, None

    def _end_paragraph(self) -> None:
        rows = {line: bare for line, part in self._paragraph.items() if (bare := one_line("".join(part)))}
        self._paragraph = {}
        if not rows:
            return
        first, last = min(rows), max(rows)
        if self._last and first == self._last[1] + 1 and self._last[0] < self._last[1]:
            put(self._rows, self._last[1] - 1, self._rows.pop(self._last[1]))
        for line, part in rows.items():
            put(self._rows, line, part)
        self._last = (first, last)
