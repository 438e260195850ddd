"""HTML → prose that keeps its lines: we walk over the tags, and Resiliparse finds the main content.

Kept: running text, inline `<code>`. Dropped: scripts, styles, preformatted blocks, forms, short table cells, lists
of links, and what Resiliparse takes for navigation, banners, side bars or footers.

Two paragraphs on one line, or on adjacent lines, cannot be separated without moving text to another line. If the
first has several lines, its last line moves up by one.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

from adjoin.corpus.contents import Format
from adjoin.corpus.document import PROSE, Document
from adjoin.corpus.readers.sections import Rows, UnreadableError, lines_of, one_line, section_documents

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_DROPPED_NAMES = "head nav footer pre svg math form select button template iframe object canvas dialog audio video"
_DROPPED = frozenset(_DROPPED_NAMES.split())
_MAIN_HEADINGS = frozenset({"h1", "h2"})
_TEXT_BLOCKS = frozenset({"p", "li", "dd", "blockquote"})
# Elements that need a closing tag; Resiliparse takes quadratic time where they are deeply nested.
_NESTING_NAMES = "div section article main aside ul ol dl details figure fieldset center blockquote header table"
_NESTING = frozenset(_NESTING_NAMES.split())
_OTHER_BLOCKS = "dt figcaption address summary body hr tr td th caption thead tbody tfoot"
_BLOCKS = _HEADINGS | _TEXT_BLOCKS | _NESTING | _DROPPED | frozenset(_OTHER_BLOCKS.split())
# Tag names as pages write them → lower case. Other tags are removed, and have no other effect.
_NAMES = {
    form: name for name in _BLOCKS | {"a", "br"} for form in (name, name.upper(), name.capitalize())
}  # fmt: skip
_TAG = re.compile(
    r"<(/?)([A-Za-z!?][^\s/>]*+)((?:[^>=]++|=\s*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z))?+)*+)(?:>|\Z)"
)
# Elements whose content is no markup; they are cut out before tags are searched.
_RAW = re.compile(r"<(?:!--|(script|style|textarea|xmp|noscript)\b)", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{0,2000})</title", re.IGNORECASE)
_EMBEDDED_DATA = re.compile(r"data:[^\"'\s>]{1000,}")
_LINE_END_REFERENCE = re.compile(r"&(?:#0*1[03]|#x0*[ad]|NewLine)\b;?", re.IGNORECASE)
_PERMALINKS = frozenset(["¶", "§", "#", "🔗", "&para;", "&#182;", "&#xb6;"])
# Beginnings of boilerplate on pages of all kinds; only short paragraphs are tested.
_BOILERPLATE = re.compile(
    r"(?:skip to|jump to|back to top|edit this page|edit on|view source|show source|table of contents|"
    r"on this page|contents$|previous topic|next topic|search\b.{0,20}$|navigation|toggle |"
    r"copyright|©|\(c\) |all rights reserved|licensed under|"
    r"(?:last )?(?:updated|modified|changed)\b|generated (?:by|on|at|from)|created (?:using|with|by)|built with|"
    r"powered by|available languages|keyboard shortcuts|press .{1,40} to |you are here|share (?:this|on)|"
    r"read in |found a (?:bug|mistake|typo)|was this|cookies?\b|this site uses|we use cookies|redirecting|"
    r"loading)",
    re.IGNORECASE,
)
_MAX_BOILERPLATE = 240  # characters of a paragraph that may be boilerplate
_MIN_PROSE = 80  # characters of a paragraph in a table that is prose, not a cell
_LINK_LIST_SHARE = 0.65  # of a paragraph's characters in links: from this share, it is a list of links
_FEW_LINKS_SHARE = 0.3  # below this share, a paragraph in the middle of the content belongs to it
_MIN_CONFIRMED_SHARE = 0.4  # of the long paragraphs: below it, Resiliparse has missed the content
_MAX_DEPTH = 100  # nested elements; deeper pages are not given to Resiliparse
_MAX_TAG = 1 << 20  # characters of one tag; a longer one is broken markup


def read_html(text: str, origin: str) -> Iterator[Document]:
    """Yield one Document per section of the main content; each of `h1` to `h6` begins and names a section.

    All have the page's title, without the site's name if a heading shows which part of the title that is.

    Args:
        text: the page.
        origin: origin of the page.

    Raises:
        UnreadableError: a tag is longer than a million characters.
    """
    text = _without_raw("\n".join(lines_of(text)))
    text = _LINE_END_REFERENCE.sub(" ", _EMBEDDED_DATA.sub("", text))
    collector = _ParagraphCollector()
    collector.read(text)
    blocks = [block for block in collector.blocks if block.is_heading or not _is_boilerplate(block)]
    if collector.deepest <= _MAX_DEPTH and any(not block.is_heading for block in blocks):
        blocks = _content(blocks, _main_text(text))
    title = _title(text, blocks)
    for section, rows in _sections(blocks):
        yield from section_documents(rows, section, origin, title)


def _without_raw(text: str) -> str:
    """Replace comments, scripts and the like with their line ends; an unclosed one takes the rest of the page."""
    pieces: list[str] = []
    position = 0
    while match := _RAW.search(text, position):
        closing = re.compile(f"</{match[1]}" if match[1] else "--", re.IGNORECASE)
        end = closing.search(text, match.end())
        stop = text.find(">", end.end()) + 1 if end else 0
        stop = stop or len(text)
        pieces += (text[position : match.start()], "\n" * text.count("\n", match.start(), stop))
        position = stop
    return "".join([*pieces, text[position:]])


class _Block(NamedTuple):
    """A paragraph or heading."""

    line: int  # of the page, counted from 0
    lines: list[str]
    tag: str  # the element that holds it
    linked: float  # share of its characters in links
    size: int  # characters

    @property
    def is_heading(self) -> bool:
        return self.tag in _HEADINGS

    @property
    def is_long(self) -> bool:
        return self.size >= _MIN_PROSE and not self.is_heading


class _ParagraphCollector:
    """Walks over the tags of a page and collects its paragraphs.

    Attributes:
        blocks: paragraphs and headings outside dropped elements, in source order.
        deepest: largest depth of nested elements.
    """

    def __init__(self) -> None:
        self.blocks: list[_Block] = []
        self.deepest = 0
        self._depth = 0
        self._line = 0  # on which the open paragraph begins
        self._pieces: list[str] = []
        self._tag = ""  # the element that holds the open paragraph
        self._link = -1  # index of the piece with which the open link begins
        self._linked = 0  # characters in the links of the open paragraph
        self._dropped: list[str] = []  # dropped elements that are open
        self._headers = self._tables = 0  # numbers of open elements

    def read(self, text: str) -> None:
        """Walk over the whole page.

        Raises:
            UnreadableError: see `read_html`.
        """
        parts = _TAG.split(text)
        pieces = self._pieces
        pieces.append(parts[0])
        names = _NAMES
        for slash, name, attributes, after in zip(parts[1::4], parts[2::4], parts[3::4], parts[4::4], strict=True):
            block_name = names.get(name)
            if block_name is not None:
                self._handle(block_name, slash != "", attributes)
            if "\n" in attributes:
                pieces.append("\n" * attributes.count("\n"))
                if len(attributes) > _MAX_TAG:
                    raise UnreadableError("unreadable")
            if after:
                pieces.append(after)
        if len(parts) > 1 and len(parts[-2]) > _MAX_TAG:
            raise UnreadableError("unreadable")
        self._end_paragraph()

    def _handle(self, name: str, closes: bool, attributes: str) -> None:
        if name == "a":
            self._end_link()
            if not closes and "href" in attributes:
                self._link = len(self._pieces)
        elif name == "br":
            self._pieces.append(" ")
        else:
            self._end_paragraph()
            if name in _NESTING:
                self._nest(name, -1 if closes else 1)
            if name in _DROPPED or self._dropped:
                self._drop(name, closes, attributes)
            self._tag = "" if closes else name

    def _nest(self, name: str, step: int) -> None:
        self._depth = max(self._depth + step, 0)
        self.deepest = max(self.deepest, self._depth)
        if name == "header":
            self._headers = max(self._headers + step, 0)
        elif name == "table":
            self._tables = max(self._tables + step, 0)

    def _drop(self, name: str, closes: bool, attributes: str) -> None:
        """Track dropped elements; the end tag of `head` is optional."""
        if closes:
            if name in self._dropped:
                del self._dropped[self._dropped.index(name) :]
        elif name == "body" or (self._dropped == ["head"] and name not in _DROPPED):
            self._dropped.clear()
        elif name in _DROPPED and not attributes.endswith("/") and len(self._dropped) < _MAX_DEPTH:
            self._dropped.append(name)

    def _end_link(self) -> None:
        if self._link >= 0:
            inside = "".join(self._pieces[self._link :])
            if inside.strip() in _PERMALINKS:
                del self._pieces[self._link :]
            self._linked += len(inside.strip())
            self._link = -1

    def _end_paragraph(self) -> None:
        goes_on = self._link >= 0
        self._end_link()
        text = "".join(self._pieces)
        linked, self._linked = self._linked, 0
        self._link = 0 if goes_on else -1
        self._pieces.clear()
        line = self._line
        self._line += text.count("\n")
        if self._dropped or (self._headers and self._tag not in _HEADINGS) or text.isspace() or not text:
            return
        if "&" in text:
            text = unescape(text)
        lines = [" ".join(part.split()) for part in text.split("\n")]
        size = sum(map(len, lines))
        block = _Block(line, lines, self._tag, linked / size if size else 0.0, size)
        if size and (not self._tables or self._is_prose(block)):
            self.blocks.append(block)

    def _is_prose(self, block: _Block) -> bool:
        """Whether a block inside a table is prose, not a cell: some pages use tables for layout."""
        least = _MIN_PROSE if block.tag in _TEXT_BLOCKS else 2 * _MIN_PROSE
        return block.is_heading or (block.linked < _FEW_LINKS_SHARE and block.size >= least)


def _content(blocks: list[_Block], main: str) -> list[_Block]:
    """The blocks whose text is in `main`, the main content; all blocks, if it confirms few of them."""
    kept = list(_confirmed(blocks, main))
    all_long, kept_long = (sum(block.size for block in part if block.is_long) for part in (blocks, kept))
    return kept if kept_long >= _MIN_CONFIRMED_SHARE * all_long else blocks


def _is_boilerplate(block: _Block) -> bool:
    if block.linked >= _LINK_LIST_SHARE:
        return True
    return block.size <= _MAX_BOILERPLATE and _BOILERPLATE.match(" ".join(filter(None, block.lines))) is not None


def _main_text(text: str) -> str:
    """The main content by Resiliparse, without white space within its lines."""
    from resiliparse.extract.html2text import extract_plain_text

    main = extract_plain_text(
        text,
        main_content=True,
        preserve_formatting=True,
        list_bullets=False,
        alt_texts=False,
        skip_elements=["pre"],
    )
    return "\n".join(["".join(line.split()) for line in main.split("\n")])


def _confirmed(blocks: list[_Block], main: str) -> Iterator[_Block]:
    """The blocks whose text is in the main content, and those between them with few links.

    Resiliparse drops short lists, notes and boxes in the middle of the content. Navigation and comments stand
    before and after it.
    """
    lines = set(main.split("\n"))
    joined, position = main.replace("\n", ""), 0
    waiting: list[_Block] = []  # blocks since the last confirmed one
    begun = False
    for block in blocks:
        bare = "".join(block.lines).replace(" ", "")
        confirmed = bare in lines
        if not confirmed and len(bare) > 20:  # Resiliparse may break lines elsewhere
            # Search nearby only: the page may have 4 MiB.
            match_at = joined.find(bare[:200], position, position + (1 << 16))
            position, confirmed = max(match_at, position), match_at >= 0
        if confirmed and not block.is_heading:
            yield from (other for other in waiting if begun or other.is_heading)
            yield block
            waiting, begun = [], True
        elif block.is_heading or block.linked < _FEW_LINKS_SHARE:
            waiting.append(block)
    yield from (other for other in waiting if other.is_heading)


def _sections(blocks: list[_Block]) -> Iterator[tuple[str, Rows]]:
    """The heading and the rows of each section."""
    section = ""
    rows: dict[int, list[str]] = {}
    last = (-1, -1)  # first and last line of the previous paragraph
    for block in blocks:
        if block.is_heading:
            yield section, _joined(rows)
            section, rows, last = one_line(" ".join(block.lines)), {}, (-1, -1)
            continue
        parts = {line: part for line, part in enumerate(block.lines, start=block.line) if part}
        if not parts:
            continue
        here = (min(parts), max(parts))
        if here[0] == last[1] + 1 and last[0] < last[1] and last[1] in rows:
            rows.setdefault(last[1] - 1, []).extend(rows.pop(last[1]))
        for line, part in parts.items():
            rows.setdefault(line, []).append(part)
        last = here
    yield section, _joined(rows)


def _joined(rows: dict[int, list[str]]) -> Rows:
    return {line: " ".join(parts) for line, parts in rows.items()}


def _title(text: str, blocks: list[_Block]) -> str:
    """The page's title, or a main heading if it is the part of the title that names the page."""
    match = _TITLE.search(text, 0, 1 << 17)
    title = one_line(unescape(match[1])) if match else ""
    headings = [one_line(" ".join(block.lines)) for block in blocks if block.tag in _MAIN_HEADINGS][:10]
    shown = [heading for heading in headings if heading.casefold() in title.casefold()]
    first = next((heading for heading in shown if title.casefold().startswith(heading.casefold())), "")
    return first or (shown or [title])[0] or (headings or [""])[0]


HTML_FORMAT = Format(PROSE, read_html, long_lines=True)
