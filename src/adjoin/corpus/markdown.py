"""Markdown → prose on its own lines: CommonMark with tables and strikethrough, parsed by markdown-it.

Kept: paragraphs, list items, quotations, the text of links, code inside a line. Emptied: front matter, code
blocks, tables, images, blocks of raw HTML, link definitions.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING

from adjoin.corpus.document import Document
from adjoin.corpus.sections import Rows, UnreadableError, lines_of, one_line, put, section_documents

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

    InlineRule = Callable[[StateInline, bool], bool]

MAX_CHARACTERS = 2 << 20  # markdown-it reads 0.5 to 5 MB/s, whatever is in the text
_MARKUP = re.compile(r"[\\`*_\[\]<&~]")  # a paragraph without any of these is its own text
_FENCES = {"---": ("---", "..."), "+++": ("+++",)}  # of front matter: the first line → what ends it
_LINE_BREAKS = ("softbreak", "hardbreak")
_LONG = 1000  # characters from which on a paragraph is looked at for density, see `_is_noise`


def read_markdown(text: str, origin: str) -> Iterator[Document]:
    """Give one Document per section; a heading of any level starts a new one and names it.

    Raises:
        UnreadableError: more than `MAX_CHARACTERS`.
    """
    if len(text) > MAX_CHARACTERS:
        raise UnreadableError("too large")
    parser = _parser()
    lines = _without_front_matter(lines_of(text))
    tokens: list[Token] = []
    links: dict[
        str, object
    ] = {}  # the link definitions: the block parser finds them, the inline parser needs them
    parser.block.parse("\n".join(lines), parser, links, tokens)
    rows: Rows = {}
    title, in_heading, in_table = "", False, False
    for token in tokens:
        if token.type == "heading_open":
            yield from section_documents(rows, title, origin)
            rows, in_heading = {}, True
        elif token.type in ("table_open", "table_close"):
            in_table = token.type == "table_open"
        elif token.type == "inline" and not in_table and token.map is not None:
            bare = _without_markup(parser, token.content, links)
            if in_heading:
                title, in_heading = one_line(bare), False
            else:
                for line, part in enumerate(bare.split("\n"), start=token.map[0]):
                    put(rows, line, part)
    yield from section_documents(rows, title, origin)


def _without_front_matter(lines: list[str]) -> list[str]:
    ends = _FENCES.get(lines[0].rstrip())
    if ends is None or not "".join(lines[1:2]):  # an empty line next: a mere rule across the page
        return lines
    closing = next((index for index, line in enumerate(lines[1:], start=1) if line.rstrip() in ends), -1)
    return [""] * (closing + 1) + lines[closing + 1 :]


def _without_markup(parser: "MarkdownIt", paragraph: str, links: dict[str, object]) -> str:
    """The text of a paragraph, with as many line ends as before, each in its place."""
    marks = _MARKUP.findall(paragraph)
    if not marks or _is_noise(paragraph, len(marks)):
        return paragraph
    tokens: list[Token] = []
    parser.inline.parse(paragraph, parser, links, tokens)
    pieces: list[str] = []
    for token in tokens:
        if token.type in _LINE_BREAKS:
            pieces.append("\n")
        elif token.type in ("text", "text_special", "code_inline"):
            pieces.append(token.content)
        elif token.type == "html_inline" and token.content[:3].lower() == "<br":
            pieces.append(" ")
        pieces.append("\n" * token.meta.get("line_ends", 0))
    return "".join(pieces)


def _is_noise(paragraph: str, marks: int) -> bool:
    """Whether it is a drawing or data: 4 MiB of brackets would take markdown-it a minute (14 µs a bracket)."""
    return len(paragraph) > _LONG and marks * 3 > len(paragraph)


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import autolink, backtick, html_inline, image, link

    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    # Targets are dropped: to check and encode them took a sixth of the time.
    parser.normalizeLink = parser.normalizeLinkText = str  # type: ignore[method-assign, assignment]
    parser.validateLink = bool  # type: ignore[method-assign, assignment]
    for name, rule in (("link", link), ("image", image), ("html_inline", html_inline), ("autolink", autolink)):
        parser.inline.ruler.at(name, _counting_lines(rule))
    parser.inline.ruler.at("backticks", _keeping_lines(backtick))
    return parser


def _counting_lines(rule: "InlineRule") -> "InlineRule":
    """A rule that notes the line ends it swallows (in a link's target, a tag), for `_without_markup`."""

    def counted(state: "StateInline", silent: bool) -> bool:
        start, before = state.pos, len(state.tokens)
        if not rule(state, silent):
            return False
        swallowed = state.src.count("\n", start, state.pos)
        if swallowed and not silent:
            kept = sum(_line_ends(token) for token in state.tokens[before:])
            state.tokens[-1].meta = {"line_ends": swallowed - kept}
        return True

    return counted


def _keeping_lines(backtick: "InlineRule") -> "InlineRule":
    """The rule of code inside a line, without its exchange of line ends for spaces."""

    def kept(state: "StateInline", silent: bool) -> bool:
        start, before = state.pos, len(state.tokens)
        if not backtick(state, silent):
            return False
        if len(state.tokens) > before and state.tokens[-1].type == "code_inline":
            width = len(state.tokens[-1].markup)
            state.tokens[-1].content = state.src[start + width : state.pos - width].strip(" ")
        return True

    return kept


def _line_ends(token: "Token") -> int:
    if token.type in _LINE_BREAKS:
        return 1
    inside = token.content.count("\n") if token.type == "code_inline" else 0
    return inside + int(token.meta.get("line_ends", 0))
