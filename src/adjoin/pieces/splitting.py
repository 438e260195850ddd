"""Splits a Document into pieces, the units that are embedded and found.

- A function in a language with a grammar is one piece, with its docstring, its decorators and the comment directly
  above it.
- All other lines of code become windows of at most `WINDOW_LINES` lines, split at empty lines if possible. This
  holds for module-level code, class headers, languages without a grammar and code that cannot be parsed.
- Prose is split into passages, as for training.

Every line with a letter is in exactly one piece, so that it can be found.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from adjoin.corpus.document import Document
from adjoin.pairs.functions import Function, functions_below, summary
from adjoin.pairs.languages import LANGUAGES, Language, row_for
from adjoin.pairs.parsing import parsed
from adjoin.pairs.passages import passages
from adjoin.pieces.piece import FUNCTION, LINES, PASSAGE, Piece
from adjoin.tally import Tally
from adjoin.texts import valid_unicode

if TYPE_CHECKING:
    from tree_sitter import Node

WINDOW_LINES = 40  # about one screen, and about 500 tokens of code
LONG_FUNCTION_LINES = 120  # without the docstring; one vector represents a longer function poorly


def pieces_of(document: Document) -> Iterator[Piece]:
    """Split a document into pieces, in order.

    Raises:
        AdjoinError: the grammar of the document's language is not installed.
    """
    if document.is_prose:
        for passage in passages(document):
            if _has_letter(passage.text):
                yield _piece(document, PASSAGE, document.section, passage.span, passage.text)
        return
    lines = document.text.split("\n")
    covered = 0  # lines before this one are in a piece
    for function, start, end in _function_lines(document):
        yield from _windows(document, lines, (covered, start), LINES)
        if function.code.count("\n") < LONG_FUNCTION_LINES:
            yield _function_piece(document, function, lines, start, end)
        else:
            yield from _windows(document, lines, (start, end), FUNCTION, function.name)
        covered = max(covered, end)
    yield from _windows(document, lines, (covered, len(lines)), LINES)


def _piece(
    document: Document, kind: str, name: str, span: tuple[int, int], text: str, embedded: str | None = None
) -> Piece:
    embedded = text if embedded is None else embedded
    text, name, embedded = map(valid_unicode, (text, name, embedded))  # for the table and the tokenizer
    return Piece(document.origin, document.language, kind, name, *span, text, embedded)


def _function_piece(document: Document, function: Function, lines: list[str], start: int, end: int) -> Piece:
    signature, _, body = function.code.partition("\n")
    embedded = "\n".join(part for part in (signature, summary(function.docstring), body) if part)
    span = (document.span[0] + start, document.span[0] + end - 1)
    return _piece(document, FUNCTION, function.name, span, "\n".join(lines[start:end]), embedded)


def _function_lines(document: Document) -> list[tuple[Function, int, int]]:
    """Functions, each with its first line and the line after its last, counted from 0 in the document's text."""
    if document.language not in LANGUAGES:
        return []
    language = row_for(document.language, document.origin)
    source = document.text.encode("utf-8", "surrogatepass")
    root = parsed(source, language)
    # Code that cannot be parsed is not skipped but becomes windows, so it is not counted.
    if isinstance(root, str):
        return []
    offset = document.span[0]
    first_lines = _first_lines(root, source, language)
    functions = functions_below(root, source, document, language, Tally())
    starts = [(function, function.span[0] - offset, function.span[1] - offset + 1) for function in functions]
    return [(function, first_lines.get(start, start), end) for function, start, end in starts]


def _first_lines(root: "Node", source: bytes, language: Language) -> dict[int, int]:
    """First line of each function to the first line of its decorators and comments, counted from 0."""
    first_lines = {}
    stack = [root]
    while stack:
        node = stack.pop()
        if node.type in language.functions:
            first_lines[node.start_point[0]] = _first_line(node, source)
        elif node.type in language.containers or node.type == "ERROR":
            stack.extend(node.named_children)
    return first_lines


def _first_line(function: "Node", source: bytes) -> int:
    """The first line of a function's decorators, or of the comments directly above them."""
    parent = function.parent
    outer = parent if parent is not None and parent.type == "decorated_definition" else function
    line = outer.start_point[0]
    above = outer.prev_sibling
    while above is not None and "comment" in above.type and line - above.end_point[0] <= 1:
        line_start = source.rfind(b"\n", 0, above.start_byte) + 1
        if source[line_start : above.start_byte].strip():
            break  # a comment after code on the same line belongs to that code
        line = above.start_point[0]
        above = above.prev_sibling
    return line


def _windows(
    document: Document,
    lines: list[str],
    span: tuple[int, int],
    kind: str,
    name: str = "",
) -> Iterator[Piece]:
    """Split the lines of `span` (start inclusive, end exclusive) into windows of at most `WINDOW_LINES` lines."""
    start, end = span
    while start < end:
        if not lines[start].strip():
            start += 1
            continue
        stop = _last_line_with_text(lines, start, _window_end(lines, start, end))
        text = "\n".join(lines[start:stop])
        if _has_letter(text):
            first = document.span[0] + start
            embedded = f"{name}\n{text}" if name else text  # parts of a function are embedded with its name
            yield _piece(document, kind, name, (first, first + stop - start - 1), text, embedded)
        start = stop


def _window_end(lines: list[str], start: int, end: int) -> int:
    """The end of the window that begins at `start`: its last empty line, unless that makes it too short."""
    if end - start <= WINDOW_LINES:
        return end
    candidates = range(start + WINDOW_LINES - 1, start + WINDOW_LINES // 4, -1)
    return next((number for number in candidates if not lines[number].strip()), start + WINDOW_LINES)


def _last_line_with_text(lines: list[str], start: int, end: int) -> int:
    while end > start and not lines[end - 1].strip():
        end -= 1
    return end


def _has_letter(text: str) -> bool:
    return any(character.isalpha() for character in text)
