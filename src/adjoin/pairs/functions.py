"""Source code → functions, and functions → pairs (documentation, implementation), or (name, implementation).

The paper (section 2): "the top-level docstring of a function and its implementation" are a positive pair. So
- a function is what a language's row calls one, at the level of the module or of a class; what is nested in a
  function is part of its implementation;
- y is the signature and the body, dedented, the docstring cut out and inner comments kept;
- x is the documentation's summary: its first paragraph, up to the first field or section;
- a pair's lines are those of y: from the signature's first to the body's last (a Python docstring among them,
  a comment above the function not).
Not the paper's: of a function without such documentation, its name in words may be x, if that is asked for.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from adjoin.corpus.document import Document
from adjoin.pairs.documentation import summary as summary
from adjoin.pairs.languages import Language, row_for
from adjoin.pairs.names import KIND as NAME_FUNCTION
from adjoin.pairs.names import name_in_words
from adjoin.pairs.pair import Pair, text_hash
from adjoin.pairs.parsing import parsed
from adjoin.pairs.quality import Candidate, file_reason, function_reason, name_reason
from adjoin.tally import Tally

if TYPE_CHECKING:
    from tree_sitter import Node

KIND = "docstring-function"
KINDS = frozenset({KIND, NAME_FUNCTION})  # those whose y is a function


@dataclass(frozen=True, slots=True)
class Function:
    """A function as it stands in a source file.

    Attributes:
        name: with the classes around it, "Encoder.load".
        docstring: its documentation without quotes or comment marks; empty if there is none.
        code: signature and body, dedented, without the documentation.
        span: first and last line of signature and body in the document's origin, both included.
    """

    name: str
    docstring: str
    code: str
    span: tuple[int, int]


@dataclass(slots=True)
class _Found:
    """A function's nodes.

    Attributes:
        scope: the names of the classes around it, each with a dot behind.
        node: one of the row's `functions`.
        text: the node that y is: `node`, or the declaration around it.
        body: the implementation; None for a declaration.
        above: comments and annotations that stand above, in order.
        is_test: whether an annotation says that this only tests.
    """

    scope: str
    node: "Node"
    text: "Node"
    body: "Node | None"
    above: list["Node"]
    is_test: bool


def functions(document: Document, tally: Tally) -> list[Function]:
    """Find the functions of a source document that have an implementation, in order.

    A function that does not parse is counted as "syntax error" and left out; its neighbours stay. A document that
    cannot be parsed within bounds is counted with the reason that `adjoin.pairs.parsing.parsed` gives.
    """
    language = row_for(document.language, document.origin)
    source = document.text.encode("utf-8", "surrogatepass")
    root = parsed(source, language)
    if isinstance(root, str):
        tally.add(root, document.origin)
        return []
    return functions_below(root, source, document, language, tally)


def functions_below(
    root: "Node", source: bytes, document: Document, language: Language, tally: Tally
) -> list[Function]:
    """Find the functions as `functions` does, in a document that is parsed already.

    Args:
        root: of the syntax tree.
        source: the document's text as it was parsed, in UTF-8.
        document: where the text is from.
        language: the row by which it was parsed.
        tally: where functions that do not parse are counted.
    """
    result = []
    for found in _found(root, source, language):
        if found.text.has_error:
            tally.add("syntax error", f"{document.origin}:{document.span[0] + found.text.start_point.row}")
        elif found.body is not None:
            nodes = language.documentation(found.node, found.above, source)
            docstring = _cleaned(nodes, source, language)
            code = _code(found.text, nodes if docstring else [], source)
            name = found.scope + language.name_of(found.node, source)
            result.append(Function(name, docstring, code, _span(found.text, document.span[0])))
    return result


# -- the walk ---------------------------------------------------------------------------------------------------
# A walk over the containers alone: function bodies are not entered, so a file's few hundred nodes of the upper
# levels are touched (200-320 MB/s of source). A tree_sitter.Query visits every node of the tree (17-20 MB/s).


def _found(root: "Node", source: bytes, language: Language) -> Iterator[_Found]:
    """Each function with what stands above it, in source order."""
    stack: list[tuple[Node, str, list[Node], Node | None, bool]] = [(root, "", [], None, False)]
    kinds = language.functions | language.containers | {"ERROR"}
    while stack:
        node, scope, above, statement, is_test = stack.pop()
        kind = node.type
        if kind in language.functions:
            implementation = language.implementation(node)
            if implementation is not None:
                body = _body(implementation, language)
                yield _Found(scope, node, statement or node, body, above, is_test)
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
            test = is_test or _marked(comments, source, language)
            stack.append((child, scope, comments, only, test))


def _body(implementation: "Node", language: Language) -> "Node | None":
    # An empty Ruby method has no node for its body.
    return implementation if language.name == "ruby" else implementation.child_by_field_name("body")


def _children(
    node: "Node", inherited: list["Node"], language: Language, kinds: frozenset[str]
) -> list[tuple["Node", list["Node"]]]:
    """The children that are worth a visit, each with the comments and annotations right before it."""
    found = []
    above = carried = list(inherited)
    code = None
    for child in node.named_children:
        kind = child.type
        if kind in language.above:
            if above or not _trails(child, code, node):
                above.append(child)
            continue
        if kind in kinds:
            found.append((child, above))
        elif inherited and above is carried:
            continue  # what stands before the thing that a wrapper wraps: `private` in `private def`
        above, code = [], child
    return found


def _trails(comment: "Node", code: "Node | None", parent: "Node") -> bool:
    """Whether a comment stands behind code, on its line: it belongs to that."""
    row = comment.start_point.row
    if code is not None:
        return code.end_point.row == row
    return parent.start_byte < comment.start_byte and parent.start_point.row == row


def _marked(above: list["Node"], source: bytes, language: Language) -> bool:
    mark = language.test_mark
    return bool(mark and above and any(mark.match(source, node.start_byte) for node in above))


# -- nodes → text -----------------------------------------------------------------------------------------------


def _cleaned(nodes: list["Node"], source: bytes, language: Language) -> str:
    if not nodes:
        return ""
    comments = (source[node.start_byte : node.end_byte].decode("utf-8", "replace") for node in nodes)
    return language.clean("\n".join(comments))


def _code(node: "Node", documentation: list["Node"], source: bytes) -> str:
    """Signature and body, dedented; documentation that stands inside is cut out."""
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
    """Columns of white space before the line on which a node starts: words such as `export` may stand between."""
    line = node.start_byte - node.start_point.column
    head = source[line : min(node.start_byte, line + _WIDEST_INDENTATION)]
    return len(head) - len(head.lstrip())


_WIDEST_INDENTATION = 200  # columns; a file of one line must not be copied for each of its functions


def _dedent(line: str, width: int) -> str:
    """Take away at most `width` columns of white space: a string's inner lines may stand further left."""
    head = line[:width]
    return line[len(head) - len(head.lstrip()) :]


def _span(node: "Node", first_line: int) -> tuple[int, int]:
    return first_line + node.start_point.row, first_line + node.end_point.row


# -- pairs ------------------------------------------------------------------------------------------------------


def function_pairs(document: Document, tally: Tally, kinds: Collection[str] = (KIND,)) -> Iterator[Pair]:
    """Pairs (summary, implementation) of a source document; what is left out is counted with its rule.

    Each function ends in one count: those of the rules of functions and the number of pairs add up to
    "functions". A file that breaks a rule of files is one count, and its functions none.

    Args:
        document: source code in a language that has a row.
        tally: counts.
        kinds: which of `KINDS` are wanted. A function makes one pair, with its documentation if it can, else with
            its name; if neither, the rule is counted that speaks against the last of them. The name still stands
            in the y of a "name-function" pair: `adjoin.pairs.names.hidden` takes it away.
    """
    language = row_for(document.language, document.origin)
    with_names = NAME_FUNCTION in kinds
    reason = file_reason(document.text, document.origin, language, undocumented=with_names)
    if reason is not None:
        tally.add(reason, document.origin)
        return
    source = document.text.encode("utf-8", "surrogatepass")
    root = parsed(source, language)
    if isinstance(root, str):
        tally.add(root, document.origin)
        return
    for found in _found(root, source, language):
        tally.add("functions")
        pair = _pair(found, document, source, language) if KIND in kinds else ""
        if with_names and not isinstance(pair, Pair):
            pair = _name_pair(found, document, source, language)
        if isinstance(pair, Pair):
            yield pair
        else:
            tally.add(pair, f"{document.origin}:{document.span[0] + found.text.start_point.row}")


def _pair(found: _Found, document: Document, source: bytes, language: Language) -> Pair | str:
    """The pair that a function makes with its documentation, or the rule that speaks against it."""
    nodes = language.documentation(found.node, found.above, source)
    if not nodes:
        return "no docstring"
    if reason := _source_reason(found, source, language):
        return reason
    docstring = _cleaned(nodes, source, language)
    if not docstring:
        return "no docstring"
    code = _code(found.text, nodes, source)
    name = found.scope + language.name_of(found.node, source)
    candidate = Candidate(name, docstring, summary(docstring), code, language)
    return function_reason(candidate) or _made(KIND, candidate, found, document)


def _name_pair(found: _Found, document: Document, source: bytes, language: Language) -> Pair | str:
    """The pair that a function makes with its name, or the rule that speaks against it."""
    if reason := _source_reason(found, source, language):
        return reason
    nodes = language.documentation(found.node, found.above, source)
    # Only what stands inside has to be cut out, and only if it is documentation.
    inside = bool(nodes) and nodes[0].start_byte >= found.text.start_byte
    code = _code(found.text, nodes if inside and _cleaned(nodes, source, language) else [], source)
    name = found.scope + language.name_of(found.node, source)
    candidate = Candidate(name, "", name_in_words(name), code, language)
    return name_reason(candidate) or _made(NAME_FUNCTION, candidate, found, document)


def _source_reason(found: _Found, source: bytes, language: Language) -> str:
    """The rule of `SOURCE_RULES` that a function breaks, whatever its documentation; empty for none."""
    if found.body is None:
        return "no implementation"
    if found.text.has_error:
        return "syntax error"
    mark = language.test_mark
    if found.is_test or (mark and mark.match(source, found.text.start_byte)):
        return "test function"
    return ""


def _made(kind: str, candidate: Candidate, found: _Found, document: Document) -> Pair:
    first, last = _span(found.text, document.span[0])
    # Functions of one file are told apart: they are hard negatives. Overloads and versions of one function
    # (the same name in the same file) are not.
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
