"""reStructuredText → prose on its own lines, parsed by docutils, of Sphinx's kind as well.

Kept: paragraphs, list items, terms, field bodies, and the inside of directives that hold prose (notes, warnings,
descriptions of functions and classes). A role of any name becomes its text, `:func:`~os.walk`` becomes `walk`.
Emptied: all other directives, comments, literal blocks, tables, link targets, substitution definitions.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from adjoin.corpus.document import Document
from adjoin.corpus.sections import Rows, UnreadableError, lines_of, one_line, put, section_documents

MAX_CHARACTERS = 1 << 20  # docutils reads some 0.5 MB/s, and holds a hundred times the text in memory
# docutils seeks the end of each start of markup, in quadratic time: 8,000 backquotes take it a second.
_MAX_PARAGRAPH = 1 << 13
_MARKUP = re.compile(r"[*`_|<\[]")
_LONG = 1000  # characters from which on a paragraph with more than a third of markup is a drawing or data
# Bullets and numbers in a row on one line: each is a list in a list, and docutils takes 0.7 ms for each.
_LISTS_IN_LISTS = re.compile(r" *(?:(?:[-*+]|\(?\w{1,9}[.)]) +){6}")
_SEARCH = 200  # lines to look for a paragraph whose line docutils did not note

# Directives that hold running text, docutils' own and those of Sphinx; names of Sphinx's domains ("py:function")
# are looked up without the domain. In the first kind the text begins beside the name, in the second below an
# argument that is none: a signature, a title, a class.
_NOTE_NAMES = (
    "attention caution danger error hint important note tip warning epigraph highlights pull-quote compound "
    "versionadded versionchanged versionremoved deprecated seealso"
)
_DESCRIPTION_NAMES = (
    "admonition topic sidebar container class rst-class function method classmethod staticmethod attribute "
    "property data exception module describe object option decorator decoratormethod confval envvar cmdoption "
    "member type var macro struct enum glossary only tab tab-item dropdown details"
)
_NOTES, _DESCRIPTIONS = frozenset(_NOTE_NAMES.split()), frozenset(_DESCRIPTION_NAMES.split())
_TITLED = re.compile(r"(?s)^(.*?)\s*<[^<>]*>$")
_TEXTLESS_ROLES = frozenset({"raw", "math"})

# docutils finds roles and directives through module-level functions; ours stand there for the time of a parse.
_lock = threading.Lock()


def read_rest(text: str, origin: str) -> Iterator[Document]:
    """Give one Document per section; titles of any level start a new one and name it.

    Raises:
        UnreadableError: more than `MAX_CHARACTERS`, or lists nested on one line beyond reason.
    """
    if len(text) > MAX_CHARACTERS:
        raise UnreadableError("too large")
    lines = [line.expandtabs(8).rstrip() for line in lines_of(text)]
    if any(map(_LISTS_IN_LISTS.match, lines)):
        raise UnreadableError("unreadable")
    rows: Rows = {}
    title, cursor = "", 0
    for is_title, raw, bare, hint in _leaves(_parse(lines)):
        line = _locate(raw, lines, hint, cursor)
        if line is None:
            continue
        cursor = line + len(raw)
        if is_title:
            yield from section_documents(rows, title, origin)
            rows, title = {}, one_line(bare)
        else:
            for index, part in enumerate(_aligned(bare, raw), start=line):
                put(rows, index, part)
    yield from section_documents(rows, title, origin)


def _leaves(document: Any) -> Iterator[tuple[bool, list[str], str, int | None]]:  # noqa: ANN401 - docutils is untyped
    """Each text in reading order: whether it names a section, its source lines, its text, its line from 1."""
    from docutils import nodes

    dropped = (
        nodes.system_message, nodes.literal_block, nodes.doctest_block, nodes.table, nodes.comment, nodes.target,
        nodes.substitution_definition, nodes.label, nodes.field_name, nodes.option_group, nodes.math_block,
    )  # fmt: skip
    leaves = (nodes.paragraph, nodes.term, nodes.title, nodes.line, nodes.attribution, nodes.subtitle)
    waiting = [document]
    while waiting:  # not by recursion: lists nest as deep as someone cares to indent
        node = waiting.pop()
        if isinstance(node, leaves):
            bare = "".join(child.astext() for child in node.children)
            is_title = isinstance(node, nodes.title) and isinstance(node.parent, nodes.section)
            yield is_title, node.rawsource.split("\n"), bare, node.line
        elif not isinstance(node, dropped):
            waiting.extend(reversed(node.children))


def _locate(raw: list[str], lines: list[str], hint: int | None, cursor: int) -> int | None:
    """The index of the line on which a text begins: where docutils says, else the next place it stands.

    Its lines are the ends of the source lines; what precedes them is indentation, a bullet or the like.
    """
    raw = [line.rstrip() for line in raw]
    places = range(cursor, min(cursor + _SEARCH, len(lines)))
    for start in [hint - 1, *places] if hint is not None else places:
        here = lines[start : start + len(raw)] if start >= 0 else []
        if len(here) == len(raw) and all(map(str.endswith, here, raw)):
            return start
    return None


def _aligned(bare: str, raw: list[str]) -> list[str]:
    """The lines of the text, each where it stands in the source.

    A link's target may span lines and vanish; then each word goes to the line on which the source has it.
    """
    lines = bare.split("\n")
    if len(lines) == len(raw):
        return lines
    placed: list[list[str]] = [[] for _ in raw]
    row, column = 0, 0
    for word in bare.split():
        for ahead in range(row, len(raw)):
            found = raw[ahead].find(word, column if ahead == row else 0)
            if found >= 0:
                row, column = ahead, found + len(word)
                break
        placed[row].append(word)
    return [" ".join(words) for words in placed]


def _parse(lines: list[str]) -> Any:  # noqa: ANN401 - docutils is untyped
    from docutils.parsers.rst import Parser
    from docutils.utils import new_document

    document = new_document("", _settings())
    with _our_roles_and_directives():
        Parser(inliner=_inliner()).parse("\n".join(lines), document)
    return document


@cache
def _settings() -> Any:  # noqa: ANN401 - docutils is untyped
    from docutils.frontend import get_default_settings
    from docutils.parsers.rst import Parser

    settings = get_default_settings(Parser)
    settings.report_level = settings.halt_level = 5  # broken markup is no reason to stop, nor to write to stderr
    settings.warning_stream = False
    settings.file_insertion_enabled = settings.raw_enabled = False
    settings.line_length_limit = MAX_CHARACTERS  # ours has been applied
    settings.syntax_highlight = "none"
    return settings


@contextmanager
def _our_roles_and_directives() -> Iterator[None]:
    from docutils.parsers.rst import directives, roles

    with _lock:
        before = directives.directive, roles.role
        directives.directive, roles.role = _directive, _role
        try:
            yield
        finally:
            directives.directive, roles.role = before


def _directive(name: str, language: object, document: object) -> tuple[Any, list[Any]]:
    note, description, dropped = _directive_classes()
    name = name.rpartition(":")[2].lower()
    return note if name in _NOTES else description if name in _DESCRIPTIONS else dropped, []


def _role(name: str, language: object, line: int, reporter: object) -> tuple[Any, list[Any]]:
    return (_no_text if name.lower() in _TEXTLESS_ROLES else _role_text), []


def _role_text(name: str, raw: str, text: str, *rest: object) -> tuple[list[Any], list[Any]]:
    from docutils import nodes

    text = nodes.unescape(text)
    titled = _TITLED.match(text)
    if titled and titled[1]:
        text = titled[1]
    elif text.startswith("~"):  # Sphinx: show the last part of the dotted name
        text = text.rpartition(".")[2].lstrip("~")
    return [nodes.inline(raw, text.removeprefix("!"))], []


def _no_text(*arguments: object) -> tuple[list[Any], list[Any]]:
    return [], []


@cache
def _directive_classes() -> tuple[Any, Any, Any]:
    from docutils import nodes
    from docutils.parsers.rst import Directive

    class Note(Directive):  # type: ignore[misc]
        has_content = True

        def run(self) -> list[Any]:
            inside = nodes.container()
            self.state.nested_parse(self.content, self.content_offset, inside)
            return [inside]

    class Description(Note):
        optional_arguments = 1
        final_argument_whitespace = True

    class Dropped(Description):
        def run(self) -> list[Any]:
            return []

    return Note, Description, Dropped


def _inliner() -> Any:  # noqa: ANN401 - docutils is untyped
    """The inliner of docutils, spared long paragraphs; no subclass, since it looks into its class's own names."""
    from docutils import nodes
    from docutils.parsers.rst.states import Inliner

    inliner = Inliner()
    parse_any = inliner.parse

    def parse(text: str, lineno: int, memo: object, parent: object) -> tuple[list[Any], list[Any]]:
        noise = len(text) > _LONG and len(_MARKUP.findall(text)) * 3 > len(text)
        if noise or len(text) > _MAX_PARAGRAPH:
            return [nodes.Text(text)], []
        parsed: tuple[list[Any], list[Any]] = parse_any(text, lineno, memo, parent)
        return parsed

    inliner.parse = parse
    return inliner
