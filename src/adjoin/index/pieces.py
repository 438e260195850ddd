"""Document → pieces: what a search shows, small enough to read and to embed, with the lines where it stands.

- A function of a language that has a grammar is one piece as it stands, with its docstring, its decorators
  and the comment right above it.
- All other lines of code (module level, class headers, languages without a grammar, functions with a syntax
  error, files that cannot be parsed) are windows of at most `WINDOW_LINES` lines, cut at empty lines where there
  are some.
- Prose is cut into the passages that training knows.

Every line with a letter is in exactly one piece: what is not in a piece cannot be found.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adjoin.corpus.document import Document
from adjoin.pairs.functions import Function, functions_below, summary
from adjoin.pairs.languages import LANGUAGES, Language, row_for
from adjoin.pairs.parsing import parsed
from adjoin.pairs.passages import passages
from adjoin.tally import Tally

if TYPE_CHECKING:
    from tree_sitter import Node

FUNCTION, LINES, PASSAGE = "function", "lines", "passage"  # the kinds of pieces

WINDOW_LINES = 40  # about one screen, and about 500 tokens of code
LONG_FUNCTION_LINES = 120  # of code without docstring; one vector of more says too little


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file that is found as one.

    Attributes:
        path: the file, below the indexed root; a member of an archive as "archive.whl!path/in/it.py".
        language: as in `Document.language`.
        kind: `FUNCTION`, `LINES` or `PASSAGE`.
        name: a function's name with its classes, a passage's heading; empty if it has none.
        first_line: counted from 1.
        last_line: included.
        text: code: the file's lines from first to last, unchanged; prose: a passage, white space folded.
        embedded: what the encoder reads. Of a function what training showed it, the code without its docstring,
            and the docstring's summary: a page on parameters would drown both. Otherwise the text.
    """

    path: str
    language: str
    kind: str
    name: str
    first_line: int
    last_line: int
    text: str
    embedded: str


def pieces_of(document: Document) -> Iterator[Piece]:
    """Cut a document into pieces, in order.

    Raises:
        AdjoinError: the grammar of the document's language is not installed.
    """
    if document.is_prose:
        for passage in passages(document):
            if _has_letter(passage.text):
                yield _piece(document, PASSAGE, document.section, passage.span, passage.text)
        return
    lines = document.text.split("\n")
    done = 0  # lines before this one are in a piece
    for function, start, end in _function_lines(document):
        yield from _windows(document, lines, (done, start), LINES)
        if function.code.count("\n") < LONG_FUNCTION_LINES:
            yield _function_piece(document, function, lines, start, end)
        else:
            yield from _windows(document, lines, (start, end), FUNCTION, function.name)
        done = max(done, end)
    yield from _windows(document, lines, (done, len(lines)), LINES)


def _piece(
    document: Document, kind: str, name: str, span: tuple[int, int], text: str, embedded: str | None = None
) -> Piece:
    # A lone surrogate, the one kind of string that is not UTF-8, would stop the table and the tokenizer.
    embedded = text if embedded is None else embedded
    text, name, embedded = (part.encode("utf-8", "replace").decode("utf-8") for part in (text, name, embedded))
    return Piece(document.origin, document.language, kind, name, *span, text, embedded)


def _function_piece(document: Document, function: Function, lines: list[str], start: int, end: int) -> Piece:
    signature, _, body = function.code.partition("\n")
    embedded = "\n".join(part for part in (signature, summary(function.docstring), body) if part)
    span = (document.span[0] + start, document.span[0] + end - 1)
    return _piece(document, FUNCTION, function.name, span, "\n".join(lines[start:end]), embedded)


def _function_lines(document: Document) -> list[tuple[Function, int, int]]:
    """Each function, its first line and the line after its last; lines from 0 within the document's text."""
    if document.language not in LANGUAGES:
        return []
    language = row_for(document.language, document.origin)
    source = document.text.encode("utf-8", "surrogatepass")
    root = parsed(source, language)
    # What does not parse becomes windows: it is not skipped, so it is not counted.
    if isinstance(root, str):
        return []
    offset = document.span[0]
    begins = _first_lines(root, source, language)
    functions = functions_below(root, source, document, language, Tally())
    starts = [(function, function.span[0] - offset, function.span[1] - offset + 1) for function in functions]
    return [(function, begins.get(start, start), end) for function, start, end in starts]


def _first_lines(root: "Node", source: bytes, language: Language) -> dict[int, int]:
    """Line on which a function starts → line on which what belongs to it starts, both from 0 in the text."""
    found = {}
    stack = [root]
    while stack:
        node = stack.pop()
        if node.type in language.functions:
            found[node.start_point[0]] = _first_line(node, source)
        elif node.type in language.containers or node.type == "ERROR":
            stack.extend(node.named_children)
    return found


def _first_line(function: "Node", source: bytes) -> int:
    """Where a function's decorators start, and the comments that stand above without an empty line between."""
    parent = function.parent
    outer = parent if parent is not None and parent.type == "decorated_definition" else function
    line = outer.start_point[0]
    above = outer.prev_sibling
    while above is not None and "comment" in above.type and line - above.end_point[0] <= 1:
        line_start = source.rfind(b"\n", 0, above.start_byte) + 1
        if source[line_start : above.start_byte].strip():
            break  # it stands behind code, and belongs to that
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
    """Pieces of at most `WINDOW_LINES` lines that cover the lines of `span` (from 0, the second not included)."""
    start, end = span
    while start < end:
        if not lines[start].strip():
            start += 1
            continue
        stop = _last_line_with_text(lines, start, _window_end(lines, start, end))
        text = "\n".join(lines[start:stop])
        if _has_letter(text):
            first = document.span[0] + start
            embedded = f"{name}\n{text}" if name else text  # a part of a function is read with the function's name
            yield _piece(document, kind, name, (first, first + stop - start - 1), text, embedded)
        start = stop


def _window_end(lines: list[str], start: int, end: int) -> int:
    """Where a window that begins at `start` ends: at the last empty line that leaves it a fair length."""
    if end - start <= WINDOW_LINES:
        return end
    fair = range(start + WINDOW_LINES - 1, start + WINDOW_LINES // 4, -1)
    return next((number for number in fair if not lines[number].strip()), start + WINDOW_LINES)


def _last_line_with_text(lines: list[str], start: int, end: int) -> int:
    while end > start and not lines[end - 1].strip():
        end -= 1
    return end


def _has_letter(text: str) -> bool:
    return any(character.isalpha() for character in text)
