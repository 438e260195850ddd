"""Functions of source files, and their pairs: (documentation, implementation) or (name, implementation).

In the paper (arXiv 2201.10005, section 2), "the top-level docstring of a function and its implementation" are a
positive pair. Our decisions:
- A function is one by its language's row in `languages`, in a module or a class. Functions inside a function are
  part of its implementation.
- y is the signature and body, dedented, without the docstring but with inner comments.
- x is the summary of the documentation: its first paragraph, up to the first field or section.
- A pair's lines are those of y, from the signature to the end of the body. They include a Python docstring, but
  not a comment above the function.
Not from the paper: if requested, a function without such documentation makes a pair with its name in words as x.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from adjoin.corpus.document import Document
from adjoin.pairs.documentation import summary as summary
from adjoin.pairs.languages import Language, row_for
from adjoin.pairs.names import KIND as NAME_FUNCTION
from adjoin.pairs.names import name_in_words
from adjoin.pairs.pair import Pair, text_hash
from adjoin.pairs.parsing import parsed
from adjoin.pairs.quality import UNPARSABLE, Candidate, file_reason, function_reason, name_reason
from adjoin.sandbox import CRASHED, PARSERS, SandboxError
from adjoin.tally import Tally

if TYPE_CHECKING:
    from tree_sitter import Node

ResultT = TypeVar("ResultT")
KIND = "docstring-function"
KINDS = frozenset({KIND, NAME_FUNCTION})  # the kinds of pairs whose y is a function


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a source file.

    Attributes:
        name: the function's name with the classes around it: "Encoder.load".
        docstring: the plain text of its documentation, without quotes and comment marks; empty if there is none.
        code: signature and body, dedented, without the documentation.
        span: numbers of the first line of the signature and the last line of the body in the document's origin.
    """

    name: str
    docstring: str
    code: str
    span: tuple[int, int]


@dataclass(slots=True)
class _FunctionNodes:
    """The nodes of a function in the syntax tree.

    Attributes:
        scope: the names of the classes around it, each followed by a dot.
        node: a node of one of the row's `functions` types.
        text: the node whose source is y: `node`, or the declaration around it.
        body: the implementation; None for a declaration.
        above: comments and annotations above the function, in order.
        is_test: whether an annotation marks the function, or something around it, as a test.
    """

    scope: str
    node: "Node"
    text: "Node"
    body: "Node | None"
    above: list["Node"]
    is_test: bool


def functions(document: Document, tally: Tally) -> list[Function]:
    """Return the functions of a source document that have an implementation, in order.

    The parser runs in a process of its own, since some sources crash it or take gigabytes.

    Args:
        document: source code in a language that has a row.
        tally: counts functions that do not parse as "syntax error". A document that cannot be parsed within bounds
            is counted under the rule that `adjoin.pairs.parsing.parsed` returns, or as "its parser crashed".
    """
    return _apart(functions_here, document, tally)


def _apart(
    function: Callable[..., tuple[list[ResultT], Tally]], document: Document, tally: Tally, *arguments: object
) -> list[ResultT]:
    """Call a function of this module in a process of its own. It returns a list and what it has counted."""
    seconds = _SECONDS + _SECONDS_PER_MEGABYTE * len(document.text) / 1e6
    try:
        result, counted = PARSERS.call(f"{__name__}:{function.__name__}", document, *arguments, seconds=seconds)
    except SandboxError as error:
        tally.add(UNPARSABLE if error.timed_out else CRASHED, document.origin)
        return []
    tally.merge(counted)
    found: list[ResultT] = result
    return found


# CPU time, of which code takes at most 0.5 s per megabyte. A parser that needs more hangs, or reads no code.
_SECONDS, _SECONDS_PER_MEGABYTE = 6.0, 1.0


def functions_here(document: Document) -> tuple[list[Function], Tally]:
    """Do what `functions` does in this process, which the parser may crash."""
    tally = Tally()
    language = row_for(document.language, document.origin)
    source = document.text.encode("utf-8", "surrogatepass")
    root = parsed(source, language)
    if isinstance(root, str):
        tally.add(root, document.origin)
        return [], tally
    return functions_below(root, source, document, language, tally), tally


def functions_below(
    root: "Node", source: bytes, document: Document, language: Language, tally: Tally
) -> list[Function]:
    """Return the functions of a document that is already parsed, as `functions` does.

    Args:
        root: the root of the syntax tree.
        source: the document's text in UTF-8, as it was parsed.
        document: the source document.
        language: the row by which it was parsed.
        tally: counts functions that do not parse as "syntax error".
    """
    result = []
    for function in _find_functions(root, source, language):
        if function.text.has_error:
            tally.add("syntax error", f"{document.origin}:{document.span[0] + function.text.start_point.row}")
        elif function.body is not None:
            nodes = language.documentation(function.node, function.above, source)
            docstring = _plain_text(nodes, source, language)
            code = code_without(function.text, nodes if docstring else [], source)
            name = function.scope + language.name_of(function.node, source)
            result.append(Function(name, docstring, code, _span(function.text, document.span[0])))
    return result


# -- search for functions ---------------------------------------------------------------------------------------
# Only containers are entered, not the bodies of functions: a few hundred nodes per file (200-320 MB/s of source).
# A tree_sitter.Query visits every node of the tree (17-20 MB/s).


def _find_functions(root: "Node", source: bytes, language: Language) -> Iterator[_FunctionNodes]:
    """Each function with the comments and annotations above it, in source order."""
    stack: list[tuple[Node, str, list[Node], Node | None, bool]] = [(root, "", [], None, False)]
    kinds = language.functions | language.containers | {"ERROR"}
    while stack:
        node, scope, above, statement, is_test = stack.pop()
        kind = node.type
        if kind in language.functions:
            implementation = language.implementation(node, source)
            if implementation is not None:
                body = _body(implementation, language)
                yield _FunctionNodes(scope, node, statement or node, body, above, is_test)
                continue
        if kind not in language.containers and kind != "ERROR":
            continue
        if kind in language.scopes and (name := language.name_of(node, source)):
            scope += name + "."
        passes = kind in language.passes
        children = _children(node, above if passes else [], language, kinds)
        only = statement if passes else None
        if kind in language.statements and len(children) == 1:
            only = statement or node
        for child, comments in reversed(children):
            test = is_test or _is_marked_test(comments, source, language)
            stack.append((child, scope, comments, only, test))


def _body(implementation: "Node", language: Language) -> "Node | None":
    # An empty Ruby method has no body node.
    return implementation if language.name == "ruby" else implementation.child_by_field_name("body")


def _children(
    node: "Node", inherited: list["Node"], language: Language, kinds: frozenset[str]
) -> list[tuple["Node", list["Node"]]]:
    """The children to visit, each with the comments and annotations directly above it."""
    children = []
    above = carried = list(inherited)
    code = None
    for child in node.named_children:
        kind = child.type
        if kind in language.above:
            if above or not _trails(child, code, node):
                above.append(child)
            continue
        if kind in kinds:
            children.append((child, above))
        elif inherited and above is carried:
            continue  # part of the wrapper itself: `private` in `private def`
        above, code = [], child
    return children


def _trails(comment: "Node", code: "Node | None", parent: "Node") -> bool:
    """Whether a comment follows code on the same line, and so belongs to that code."""
    row = comment.start_point.row
    if code is not None:
        return code.end_point.row == row
    return parent.start_byte < comment.start_byte and parent.start_point.row == row


def _is_marked_test(above: list["Node"], source: bytes, language: Language) -> bool:
    mark = language.test_mark
    return bool(mark and above and any(mark.match(source, node.start_byte) for node in above))


# -- nodes → text -----------------------------------------------------------------------------------------------


def _plain_text(nodes: list["Node"], source: bytes, language: Language) -> str:
    if not nodes:
        return ""
    comments = (source[node.start_byte : node.end_byte].decode("utf-8", "replace") for node in nodes)
    return language.clean("\n".join(comments))


def code_without(node: "Node", documentation: list["Node"], source: bytes) -> str:
    """Return signature and body, dedented, without documentation inside them.

    Args:
        node: the function, or the statement around it.
        documentation: the nodes of its documentation, in order; those that are not inside `node` are ignored.
        source: the source code in UTF-8.
    """
    first, last = node.start_byte, node.end_byte
    code = source[first:last]
    if documentation and (start := documentation[0].start_byte) >= first:
        end = documentation[-1].end_byte
        while source[start - 1 : start] in (b" ", b"\t"):  # the line's indentation goes too
            start -= 1
        if source[end : end + 1] == b"\n":
            end += 1
        code = source[first:start] + source[end:last]
    lines = code.decode("utf-8", "replace").rstrip().split("\n")
    indentation = _indentation(node, source)
    if indentation == 0:
        return "\n".join(lines)
    return "\n".join([lines[0], *(_dedent(line, indentation) for line in lines[1:])])


def _indentation(node: "Node", source: bytes) -> int:
    """Columns of white space at the start of a node's first line; words such as `export` may precede the node."""
    line = node.start_byte - node.start_point.column
    head = source[line : min(node.start_byte, line + _WIDEST_INDENTATION)]
    return len(head) - len(head.lstrip())


_WIDEST_INDENTATION = 200  # columns; limits copying if a file is one long line


def _dedent(line: str, width: int) -> str:
    """Remove at most `width` columns of white space: lines inside a string may have less."""
    head = line[:width]
    return line[len(head) - len(head.lstrip()) :]


def _span(node: "Node", first_line: int) -> tuple[int, int]:
    return first_line + node.start_point.row, first_line + node.end_point.row


# -- pairs ------------------------------------------------------------------------------------------------------


def function_pairs(document: Document, tally: Tally, kinds: Collection[str] = (KIND,)) -> Iterator[Pair]:
    """Yield the pairs of a source document, at most one per function.

    x is the summary of the documentation or, if that makes no pair and names are requested, the name in words. The
    y of a name-function pair still contains the name; `adjoin.pairs.names.hidden` removes it.

    Args:
        document: source code in a language that has a row.
        tally: counts "functions", and each function that makes no pair under one rule, the last one that rejected
            it. A file that is rejected as a whole is counted once, and its functions are not.
        kinds: the kinds of pairs to make, a subset of `KINDS`.
    """
    language = row_for(document.language, document.origin)
    reason = file_reason(document.text, document.origin, language, undocumented=NAME_FUNCTION in kinds)
    if reason is not None:
        tally.add(reason, document.origin)
        return
    yield from _apart(function_pairs_here, document, tally, tuple(kinds))


def function_pairs_here(document: Document, kinds: Collection[str]) -> tuple[list[Pair], Tally]:
    """Do what `function_pairs` does in this process, which the parser may crash."""
    pairs, tally = [], Tally()
    with_names = NAME_FUNCTION in kinds
    language = row_for(document.language, document.origin)
    source = document.text.encode("utf-8", "surrogatepass")
    root = parsed(source, language)
    if isinstance(root, str):
        tally.add(root, document.origin)
        return [], tally
    for function in _find_functions(root, source, language):
        tally.add("functions")
        pair = _pair(function, document, source, language) if KIND in kinds else ""
        if with_names and not isinstance(pair, Pair):
            pair = _name_pair(function, document, source, language)
        if isinstance(pair, Pair):
            pairs.append(pair)
        else:
            tally.add(pair, f"{document.origin}:{document.span[0] + function.text.start_point.row}")
    return pairs, tally


def _pair(function: _FunctionNodes, document: Document, source: bytes, language: Language) -> Pair | str:
    """The pair of a function and its documentation, or the rule that rejects it."""
    nodes = language.documentation(function.node, function.above, source)
    if not nodes:
        return "no docstring"
    if reason := _source_reason(function, source, language):
        return reason
    docstring = _plain_text(nodes, source, language)
    if not docstring:
        return "no docstring"
    code = code_without(function.text, nodes, source)
    name = function.scope + language.name_of(function.node, source)
    candidate = Candidate(name, docstring, summary(docstring), code, language)
    return function_reason(candidate) or _to_pair(KIND, candidate, function, document)


def _name_pair(function: _FunctionNodes, document: Document, source: bytes, language: Language) -> Pair | str:
    """The pair of a function and its name, or the rule that rejects it."""
    if reason := _source_reason(function, source, language):
        return reason
    nodes = language.documentation(function.node, function.above, source)
    # Documentation has to be cut out only if it is inside the function.
    inside = bool(nodes) and nodes[0].start_byte >= function.text.start_byte
    code = code_without(function.text, nodes if inside and _plain_text(nodes, source, language) else [], source)
    name = function.scope + language.name_of(function.node, source)
    candidate = Candidate(name, "", name_in_words(name), code, language)
    return name_reason(candidate) or _to_pair(NAME_FUNCTION, candidate, function, document)


def _source_reason(function: _FunctionNodes, source: bytes, language: Language) -> str:
    """The rule of `SOURCE_RULES` that a function breaks, or the empty string."""
    if function.body is None:
        return "no implementation"
    if function.text.has_error:
        return "syntax error"
    mark = language.test_mark
    if function.is_test or (mark and mark.match(source, function.text.start_byte)):
        return "test function"
    return ""


def _to_pair(kind: str, candidate: Candidate, function: _FunctionNodes, document: Document) -> Pair:
    first, last = _span(function.text, document.span[0])
    # Functions of one file are negatives of each other, and hard ones. Overloads and versions of one function,
    # which have the same name in the same file, are not.
    group = text_hash(f"{PurePosixPath(document.origin)} {candidate.name}")
    return Pair(
        candidate.x,
        candidate.code,
        kind,
        document.language,
        f"{document.origin}:{first}-{last}",
        group,
        candidate.name,
        document.licence,
        document.repository,
    )
