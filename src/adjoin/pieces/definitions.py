"""Finds the definitions of a syntax tree: functions, classes, types and constants, with their lines and members.

Only containers are entered (a grammar's row in `grammars` names them), not the bodies of functions: a few hundred
nodes per file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from adjoin.pieces.grammar import CONTAINER, LEAVES, SYNTAX, TAIL, Grammar
from adjoin.pieces.naming.common import ABOVE
from adjoin.pieces.piece import FUNCTION

if TYPE_CHECKING:
    from tree_sitter import Node

DEEPEST = 40  # definitions inside definitions; what is deeper belongs to the one around it


@dataclass(slots=True)
class Definition:
    """A definition of a source file.

    Attributes:
        kind: such as "function", as in `Piece.kind`.
        name: qualified by the definitions around it: "Encoder.load".
        first: its first line, from 0, with the comments and decorators above it.
        end: the line after its last.
        node: its node in the syntax tree.
        text: the node whose source is its code: `node` or the statement around it.
        above: the comments and annotations directly above it, in order.
        members: the definitions inside it, in order; none for a function.
        others: definitions that share lines with this one, which are part of its piece.
        whole: whether `text` is all of its code; not if its body is a node beside it, or if it has clauses.
    """

    kind: str
    name: str
    first: int
    end: int
    node: "Node"
    text: "Node"
    above: Sequence["Node"] = ()
    members: list["Definition"] = field(default_factory=list)
    others: list["Definition"] = field(default_factory=list)
    whole: bool = True


@dataclass(slots=True)
class _Place:
    """A node whose children are searched, and what is known about its surroundings.

    Attributes:
        node: the node.
        members: what is found becomes one of these.
        prefix: the names around it, with a dot at the end.
        wrapper: the outermost of the wrappers that it is directly inside of, if any.
        statement: the outermost of those that are part of a function's code.
        depth: number of definitions around it.
    """

    node: "Node"
    members: list[Definition]
    prefix: str = ""
    wrapper: "Node | None" = None
    statement: "Node | None" = None
    depth: int = 0


_Above = dict[int, tuple[int, "Node"]]  # last line → first line and node of a comment or annotation


def definitions(root: "Node", source: bytes, grammar: Grammar) -> list[Definition]:
    """Return the definitions of a syntax tree that are not inside another, in order; their lines do not overlap.

    Args:
        root: the root of the tree.
        source: the source code in UTF-8, as it was parsed.
        grammar: the row of the grammar by which it was parsed.
    """
    top: list[Definition] = []
    above: _Above = {}
    roles, containers = grammar.roles, grammar.containers
    stack = [_Place(root, top)]
    while stack:
        place = stack.pop()
        for child in place.node.named_children:
            kind = child.type
            role = roles.get(kind)
            if role is None:
                continue
            found = (role, "") if role in SYNTAX else grammar.read(child, source, role)
            if found is None or found[0] is CONTAINER:
                if kind in containers:
                    stack.append(_inside(child, place, grammar))
            elif found[0] is ABOVE:
                _note_above(child, source, above)
            elif found[0] is TAIL:
                _add_tail(child, place.members)
            elif (inside := _define(child, found, place, grammar)) is not None:
                stack.append(inside)
    return _in_order(top, above, 0, grammar)


def _inside(child: "Node", place: _Place, grammar: Grammar) -> _Place:
    """The inside of a container, whose definitions belong to the same place."""
    if child.type not in grammar.wrappers:
        return _Place(child, place.members, place.prefix, depth=place.depth)
    statement = place.statement or (child if child.type in grammar.statements else None)
    return _Place(child, place.members, place.prefix, place.wrapper or child, statement, place.depth)


def _define(child: "Node", found: tuple[str, str], place: _Place, grammar: Grammar) -> _Place | None:
    """Add a definition to its place. Returns its inside if that is to be searched."""
    kind, name = found
    outer = place.wrapper or child
    definition = Definition(
        kind, place.prefix + name, outer.start_point[0], _end(outer), child, place.statement or child
    )
    place.members.append(definition)
    if kind in LEAVES or child.type in grammar.leaves or place.depth >= DEEPEST:
        return None
    return _Place(
        child, definition.members, definition.name + "." if name else place.prefix, depth=place.depth + 1
    )


def _add_tail(node: "Node", members: list[Definition]) -> None:
    """Add a node to the definition before it, if nothing stands between them."""
    if members and members[-1].end >= node.start_point[0]:
        members[-1].end, members[-1].whole = max(members[-1].end, _end(node)), False


def _end(node: "Node") -> int:
    """The line after a node's last; some grammars count the line end to a node."""
    row, column = node.end_point
    return row + 1 if column or row == node.start_point[0] else row


def _note_above(node: "Node", source: bytes, above: _Above) -> None:
    """Remember a comment or annotation by its last line, unless code stands before it on its first."""
    row, column = node.start_point
    start = node.start_byte
    if column and source[start - column : start].strip():
        return
    end = _end(node)
    if node.type == "pod_statement" and source[node.end_byte : node.end_byte + 2] in (b"\n\n", b"\n"):
        end += 1  # Perl's documentation needs an empty line below it
    # The first of several on one line holds it; the last would hide a block comment that ends there.
    first = above.get(end - 1, (row,))[0]
    above[end - 1] = (min(first, row), node)


def _in_order(found: list[Definition], above: _Above, covered: int, grammar: Grammar) -> list[Definition]:
    """Definitions in order, each with what stands above it; those that share lines are joined."""
    found.sort(key=lambda definition: definition.first)
    result: list[Definition] = []
    for definition in found:
        if result and definition.first < result[-1].end:
            outer = result[-1]
            outer.others += [*outer.members, definition]
            outer.members = []  # one of them may share a line with the next definition
            outer.end = max(outer.end, definition.end)
            continue
        if grammar.clauses and result and _continues(definition, result[-1]):
            result[-1].end, result[-1].whole = definition.end, False
            continue
        if result:
            covered = result[-1].end
        if definition.members:
            definition.members = _in_order(definition.members, above, definition.first, grammar)
        nodes = []
        line = definition.first
        while (comment := above.get(line - 1)) is not None and comment[0] >= covered:
            line = comment[0]
            nodes.append(comment[1])
        if nodes:
            definition.first, definition.above = line, nodes[::-1]
        result.append(definition)
    return result


def _continues(definition: Definition, before: Definition) -> bool:
    """Whether this is one more clause of the function before it, as in Haskell or Elixir."""
    return definition.kind == before.kind == FUNCTION and definition.name == before.name
