"""HTML → prose on its own lines: our own walk over the tags, and a library's word on what is the page's content.

Kept: running text, inline `<code>`. Emptied: scripts, styles, preformatted blocks, forms, short cells of tables,
lists of links, and whatever Resiliparse takes for navigation, banners, side bars or footers. Two paragraphs on one
line, or on two lines with none between them, cannot be set apart without moving text to another line; the last
line of the first moves up where it has a second line.
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
# Those that a closing tag must end; Resiliparse takes quadratic time where many stand in one another.
_NESTING_NAMES = "div section article main aside ul ol dl details figure fieldset center blockquote header table"
_NESTING = frozenset(_NESTING_NAMES.split())
_OTHER_BLOCKS = "dt figcaption address summary body hr tr td th caption thead tbody tfoot"
_BLOCKS = _HEADINGS | _TEXT_BLOCKS | _NESTING | _DROPPED | frozenset(_OTHER_BLOCKS.split())
# Names as pages write them → ours; a tag that is not here only sets off its attributes from the text.
_NAMES = {
    form: name for name in _BLOCKS | {"a", "br"} for form in (name, name.upper(), name.capitalize())
}  # fmt: skip
_TAG = re.compile(
    r"<(/?)([A-Za-z!?][^\s/>]*+)((?:[^>=]++|=\s*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z))?+)*+)(?:>|\Z)"
)
# Their content is no markup; it is cut before the tags are looked for.
_RAW = re.compile(r"<(?:!--|(script|style|textarea|xmp|noscript)\b)", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{0,2000})</title", re.IGNORECASE)
_EMBEDDED_DATA = re.compile(r"data:[^\"'\s>]{1000,}")
_LINE_END_REFERENCE = re.compile(r"&(?:#0*1[03]|#x0*[ad]|NewLine)\b;?", re.IGNORECASE)
_PERMALINKS = frozenset(["¶", "§", "#", "🔗", "&para;", "&#182;", "&#xb6;"])
# What surrounds the content on pages of all kinds; only short paragraphs are held against it.
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
_SHORT = 240  # characters up to which a paragraph may be boilerplate
_PROSE = 80  # characters from which on a paragraph inside a table is prose, not a cell
_MOSTLY = 0.65  # the share of a paragraph's characters in links from which on it is a list of links
_FEW = 0.3  # below this share, what stands in the middle of the content belongs to it
_KEPT = 0.4  # less than this share of the long paragraphs: then the library has missed the content
_DEEPEST = 100
# A tag that stays open over more characters than this is broken markup.
_MAX_OPEN = 1 << 20


def read_html(text: str, origin: str) -> Iterator[Document]:
    """Give one Document per section of the content; `h1` to `h6` start a new one and name it.

    The page's title is that of all, without the name of the site where a heading shows which part that is.

    Raises:
        UnreadableError: a tag stays open over a million characters.
    """
    text = _without_raw("\n".join(lines_of(text)))
    text = _LINE_END_REFERENCE.sub(" ", _EMBEDDED_DATA.sub("", text))
    collector = _ParagraphCollector()
    collector.read(text)
    blocks = [block for block in collector.blocks if block.is_heading or not _surrounds(block)]
    if collector.deepest <= _DEEPEST and any(not block.is_heading for block in blocks):
        blocks = _content(blocks, _main_text(text))
    title = _title(text, blocks)
    for section, rows in _sections(blocks):
        yield from section_documents(rows, section, origin, title)


def _without_raw(text: str) -> str:
    """Comments, scripts and the like, replaced by their line ends; one that is never closed takes the rest."""
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
    """A paragraph or heading: the index of its first line, its text by lines, and where it was found."""

    line: int
    lines: list[str]
    tag: str
    linked: float  # the share of its characters that stand in links

    size: int  # how many characters it has

    @property
    def is_heading(self) -> bool:
        return self.tag in _HEADINGS

    @property
    def is_long(self) -> bool:
        return self.size >= _PROSE and not self.is_heading


class _ParagraphCollector:
    """Walks over the tags of a page and collects its paragraphs.

    Attributes:
        blocks: the paragraphs and headings outside dropped elements, in the order of the source.
        deepest: how many elements stand in one another, at most.
    """

    def __init__(self) -> None:
        self.blocks: list[_Block] = []
        self.deepest = 0
        self._depth = 0
        self._line = 0  # where the open paragraph begins
        self._pieces: list[str] = []
        self._tag = ""  # the element that holds the open paragraph
        self._link = -1  # the piece with which the open link begins
        self._linked = 0  # characters in the links of the open paragraph
        self._dropped: list[str] = []  # the dropped elements that are open
        self._headers = self._tables = 0  # how many are open

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
            known = names.get(name)
            if known is not None:
                self._handle(known, slash != "", attributes)
            if "\n" in attributes:
                pieces.append("\n" * attributes.count("\n"))
                if len(attributes) > _MAX_OPEN:
                    raise UnreadableError("unreadable")
            if after:
                pieces.append(after)
        if len(parts) > 1 and len(parts[-2]) > _MAX_OPEN:
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
        """Note that a dropped element begins or ends; the end tags of `head` may be left out."""
        if closes:
            if name in self._dropped:
                del self._dropped[self._dropped.index(name) :]
        elif name == "body" or (self._dropped == ["head"] and name not in _DROPPED):
            self._dropped.clear()
        elif name in _DROPPED and not attributes.endswith("/") and len(self._dropped) < _DEEPEST:
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
        """Whether a block inside a table is more than a cell: pages are laid out by tables."""
        least = _PROSE if block.tag in _TEXT_BLOCKS else 2 * _PROSE
        return block.is_heading or (block.linked < _FEW and block.size >= least)


def _content(blocks: list[_Block], main: str) -> list[_Block]:
    """The blocks that belong to the page's content, which stands in `main`; all, if it says little of them."""
    kept = list(_confirmed(blocks, main))
    long, confirmed = (sum(block.size for block in some if block.is_long) for some in (blocks, kept))
    return kept if confirmed >= _KEPT * long else blocks


def _surrounds(block: _Block) -> bool:
    if block.linked >= _MOSTLY:
        return True
    return block.size <= _SHORT and _BOILERPLATE.match(" ".join(filter(None, block.lines))) is not None


def _main_text(text: str) -> str:
    """What Resiliparse takes for the content, without white space inside its lines."""
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
    """Those whose text stands in the content, and what stands between them without links.

    The library cuts short lists, notes and boxes out of the middle of a page, which are content; navigation and
    other people's words stand before and behind it.
    """
    lines = set(main.split("\n"))
    joined, position = main.replace("\n", ""), 0
    waiting: list[_Block] = []  # since the last that was confirmed
    begun = False
    for block in blocks:
        bare = "".join(block.lines).replace(" ", "")
        confirmed = bare in lines
        if not confirmed and len(bare) > 20:  # the library may have set its lines' ends elsewhere
            # What stands nowhere near is not looked for all over the page, which could be 4 MiB.
            place = joined.find(bare[:200], position, position + (1 << 16))
            position, confirmed = max(place, position), place >= 0
        if confirmed and not block.is_heading:
            yield from (other for other in waiting if begun or other.is_heading)
            yield block
            waiting, begun = [], True
        elif block.is_heading or block.linked < _FEW:
            waiting.append(block)
    yield from (other for other in waiting if other.is_heading)


def _sections(blocks: list[_Block]) -> Iterator[tuple[str, Rows]]:
    """Each section's heading, and line → text."""
    section = ""
    rows: dict[int, list[str]] = {}
    last = (-1, -1)  # the first and last line of the paragraph before
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
    """The page's title, or a main heading where that is the part of the title that names the page."""
    match = _TITLE.search(text, 0, 1 << 17)
    title = one_line(unescape(match[1])) if match else ""
    headings = [one_line(" ".join(block.lines)) for block in blocks if block.tag in _MAIN_HEADINGS][:10]
    shown = [heading for heading in headings if heading.casefold() in title.casefold()]
    first = next((heading for heading in shown if title.casefold().startswith(heading.casefold())), "")
    return first or (shown or [title])[0] or (headings or [""])[0]


HTML_FORMAT = Format(PROSE, read_html, long_lines=True)
