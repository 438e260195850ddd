"""Finds the definitions of a syntax tree: functions, classes, types and constants, with their lines and members.

Only containers are entered (a grammar's row in `grammars` names them), not the bodies of functions: a few hundred
nodes per file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from adjoin.pieces.grammars import ABOVE, CONTAINER, LEAVES, WRAPPER, Grammar

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


def definitions(root: "Node", source: bytes, grammar: Grammar) -> list[Definition]:
    """Return the definitions of a syntax tree that are not inside another, in order; their lines do not overlap.

    Args:
        root: the root of the tree.
        source: the source code in UTF-8, as it was parsed.
        grammar: the row of the grammar by which it was parsed.
    """
    top: list[Definition] = []
    above: dict[int, tuple[int, Node]] = {}
    roles, read = grammar.roles, grammar.read
    stack: list[tuple[Node, list[Definition], str, Node | None, Node | None, int]]
    stack = [(root, top, "", None, None, 0)]
    while stack:
        node, members, prefix, wrapper, statement, depth = stack.pop()
        for child in node.named_children:
            kind = child.type
            role = roles.get(kind)
            if role is None:
                continue
            if role is ABOVE:
                _note_above(child, source, above)
                continue
            if role is not CONTAINER and role is not WRAPPER:
                found = read(child, source, role)
                if found is not None:
                    outer = wrapper or child
                    name = prefix + found[1]
                    definition = Definition(
                        found[0], name, outer.start_point[0], _end(outer), child, statement or child
                    )
                    members.append(definition)
                    if found[0] not in LEAVES and depth < DEEPEST:
                        inner = name + "." if found[1] else prefix
                        stack.append((child, definition.members, inner, None, None, depth + 1))
                    continue
                if kind not in grammar.containers:
                    continue
            if kind in grammar.wrappers:
                only = statement or (child if kind in grammar.statements else None)
                stack.append((child, members, prefix, wrapper or child, only, depth))
            else:
                stack.append((child, members, prefix, None, None, depth))
    return _in_order(top, above, 0)


def _end(node: "Node") -> int:
    """The line after a node's last; some grammars count the line end to a node."""
    row, column = node.end_point
    return row + 1 if column or row == node.start_point[0] else row


def _note_above(node: "Node", source: bytes, above: dict[int, tuple[int, "Node"]]) -> None:
    """Remember a comment or annotation by its last line, unless code stands before it on its first."""
    row, column = node.start_point
    start = node.start_byte
    if column and source[start - column : start].strip():
        return
    end = _end(node)
    # The first of several on one line holds it; the last would hide a block comment that ends there.
    first = above.get(end - 1, (row,))[0]
    above[end - 1] = (min(first, row), node)


def _in_order(found: list[Definition], above: dict[int, tuple[int, "Node"]], covered: int) -> list[Definition]:
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
        if result:
            covered = result[-1].end
        if definition.members:
            definition.members = _in_order(definition.members, above, definition.first)
        nodes = []
        line = definition.first
        while (comment := above.get(line - 1)) is not None and comment[0] >= covered:
            line = comment[0]
            nodes.append(comment[1])
        if nodes:
            definition.first, definition.above = line, nodes[::-1]
        result.append(definition)
    return result
