"""Source code → functions, and documented functions → pairs (docstring, implementation).

The paper (section 2): "the top-level docstring of a function and its implementation" are a positive pair. So
- a function is what a language's row calls one, at the level of the module or of a class; what is nested in a
  function is part of its implementation;
- y is the signature and the body, dedented, the docstring cut out and inner comments kept;
- x is the docstring's summary: its first paragraph, up to the first field or section.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from adjoin.corpus.document import Document
from adjoin.pairs.languages import LANGUAGES, Language, parser_for
from adjoin.pairs.pair import Pair, text_hash
from adjoin.tally import Tally

if TYPE_CHECKING:
    from tree_sitter import Node

KIND = "docstring-function"


@dataclass(frozen=True, slots=True)
class Function:
    """A function as it stands in a source file.

    Attributes:
        name: with the classes around it, "Encoder.load".
        docstring: its documentation without quotes or comment marks; empty if there is none.
        code: signature and body, dedented, without the docstring.
        span: first and last line in the document's origin, both included, the docstring among them.
    """

    name: str
    docstring: str
    code: str
    span: tuple[int, int]


def functions(document: Document, tally: Tally) -> list[Function]:
    """Find the functions of a source document, in order.

    A function that does not parse is counted as "syntax error" and left out; its neighbours stay.
    """
    language = LANGUAGES[document.language]
    source = document.text.encode("utf-8", "surrogatepass")
    tree = parser_for(language.name).parse(source)
    found = []
    for scope, node in _function_nodes(tree.root_node, language):
        if node.has_error:
            tally.add("syntax error", f"{document.origin}:{document.span[0] + node.start_point[0]}")
            continue
        found.append(_function(node, scope, source, document.span[0], language))
    return found


def _function_nodes(root: "Node", language: Language) -> Iterator[tuple[str, "Node"]]:
    """Each function's node with the names of the classes around it, in source order."""
    stack = [("", root)]
    while stack:
        scope, node = stack.pop()
        if node.type in language.functions:
            yield scope, node
        elif node.type in language.containers or node.type == "ERROR":
            if node.type in language.scopes:
                scope += _name(node) + "."
            stack.extend((scope, child) for child in reversed(node.named_children))


def _name(node: "Node") -> str:
    name = node.child_by_field_name("name")
    return name.text.decode("utf-8", "replace") if name is not None and name.text else ""


def _function(node: "Node", scope: str, source: bytes, first_line: int, language: Language) -> Function:
    documentation = language.documentation(node)
    docstring, code = "", source[node.start_byte : node.end_byte]
    if documentation:
        start, end = documentation[0].start_byte, documentation[-1].end_byte
        docstring = language.clean(source[start:end].decode("utf-8", "replace"))
        if docstring and node.start_byte <= start and end <= node.end_byte:
            while source[start - 1 : start] in (b" ", b"\t"):  # the line's indentation goes too
                start -= 1
            if source[end : end + 1] == b"\n":
                end += 1
            code = source[node.start_byte : start] + source[end : node.end_byte]
    lines = code.decode("utf-8", "replace").rstrip().split("\n")
    indentation = node.start_point[1]
    dedented = [lines[0], *(_dedent(line, indentation) for line in lines[1:])]
    span = (first_line + node.start_point[0], first_line + node.end_point[0])
    return Function(scope + _name(node), docstring, "\n".join(dedented), span)


def _dedent(line: str, width: int) -> str:
    """Take away at most `width` columns of white space: a string's inner lines may stand further left."""
    return line[len(line[:width]) - len(line[:width].lstrip()) :]


# What ends a summary besides an empty line: fields (:param x:, but not the role :func:`x`), examples, rules,
# section heads, and a parameter with its type where its section's head is missing.
_END_OF_SUMMARY = re.compile(
    r"""\s*(?: :(?![\w:+-]+:\s?`)\w | @\w | >>> | \.\.\s | [-=~*]{3,}
    | (?:args|arguments|parameters|params|inputs?|outputs?|returns?|yields|raises)\s*:{1,2}\s
    | (?:args|arguments|parameters|params|inputs?|outputs?|returns?|yields|raises|examples?|notes?|see\ also
       |attributes|usage|references|shape)\s*:{0,2}\s*$
    | \*{0,2}\w+\*{0,2}\s?\(.*\)[^.:]{0,40}:(?:\s|$) )""",
    re.IGNORECASE | re.VERBOSE,
)
_SIGNATURE = re.compile(r"[\w.]+\(.*\)(?:\s*->.*)?")
_ROLE = re.compile(r":[\w:+-]+:\s?`~?([^`<]*?)(?:\s*<[^`]*>)?`")  # :func:`~a.b` → a.b
_LITERAL = re.compile(r"`+([^`]*)`+_{0,2}")  # ``a``, `a`, `a`_ → a


def summary(docstring: str) -> str:
    """The first paragraph of a docstring that is no signature, without reST and Markdown quoting."""
    for paragraph in re.split(r"\n\s*\n", docstring.strip()):
        lines = paragraph.split("\n")
        kept = list(itertools.takewhile(lambda line: not _END_OF_SUMMARY.match(line), lines))
        text = " ".join(_LITERAL.sub(r"\1", _ROLE.sub(r"\1", " ".join(kept))).split())
        if not _SIGNATURE.fullmatch(text):
            return text
    return ""


MIN_WORDS, MAX_WORDS = 3, 256  # of a summary: CodeSearchNet's lower bound; the evaluation sets' upper one
MIN_LINES, MAX_CHARACTERS = 3, 12_000  # of an implementation: likewise
_TEST_PATH = re.compile(r"(^|[/!])(tests?|testing|conftest\.py|test_[^/]*|[^/]*_test\.\w+)(/|$)")
_WORD = re.compile(r"\w+")


def reason_against(function: Function, document: Document) -> str | None:
    """The first quality rule that a function breaks, in the words of the manifest; None if it makes a pair."""
    x = summary(function.docstring)
    words = len(_WORD.findall(x))
    letters = sum(character.isalpha() and character.isascii() for character in x)
    rules = (
        ("no docstring", not function.docstring),
        ("test code", bool(_TEST_PATH.search(document.origin)) or _base(function.name).startswith("test_")),
        ("special method", bool(LANGUAGES[document.language].special.fullmatch(_base(function.name)))),
        (f"summary under {MIN_WORDS} words", words < MIN_WORDS),
        (f"summary over {MAX_WORDS} words", words > MAX_WORDS),
        ("summary not mostly Latin letters", letters < len(x) / 2),
        (f"function under {MIN_LINES} lines", function.code.count("\n") + 1 < MIN_LINES),
        (f"function over {MAX_CHARACTERS:,} characters", len(function.code) > MAX_CHARACTERS),
    )
    return next((name for name, broken in rules if broken), None)


def _base(name: str) -> str:
    return name.rpartition(".")[2]


def function_pairs(document: Document, tally: Tally) -> Iterator[Pair]:
    """Pairs (summary, implementation) of a source document; what is left out is counted with its rule."""
    for function in functions(document, tally):
        tally.add("functions")
        reason = reason_against(function, document)
        if reason is not None:
            tally.add(reason)
            continue
        place = f"{document.origin}:{function.span[0]}-{function.span[1]}"
        # Functions of one file are told apart: they are hard negatives. Overloads and versions of one function
        # (the same name in the same file) are not.
        group = text_hash(f"{PurePosixPath(document.origin)} {function.name}")
        yield Pair(summary(function.docstring), function.code, KIND, document.language, place, group)
