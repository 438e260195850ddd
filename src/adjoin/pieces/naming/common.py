"""How the nodes of a syntax tree are read as definitions: kind and name.

A reader takes a node, the source and the kind in its grammar's row. It returns the kind and the unqualified name,
or None if the node defines nothing.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from adjoin.pairs.languages import Language

if TYPE_CHECKING:
    from tree_sitter import Node

ABOVE = "(above)"  # the kind of a node that belongs to the definition below it, such as `@doc "..."`
Reader = Callable[["Node", bytes, str], "tuple[str, str] | None"]
_LONGEST = 200  # characters of a name


def text_of(node: "Node | None", source: bytes) -> str:
    """Return a node's source on one line; empty if there is no node."""
    # Not node.text, which reads through the parser's callback: 30 µs per node.
    if node is None:
        return ""
    text = source[node.start_byte : min(node.end_byte, node.start_byte + _LONGEST)].decode("utf-8", "replace")
    return " ".join(text.split())


def by_field(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
    """Read a definition whose name is in the field "name"; without a name it is none."""
    name = text_of(node.child_by_field_name("name"), source)
    return (kind, name) if name else None


def named_by(*paths: str) -> Reader:
    """Return a reader for names that are inside the node, at the first of these paths that there is.

    Args:
        paths: types of nodes from child to child, such as "module_statement name". A dot marks a field.
    """
    steps = [path.split() for path in paths]

    def read(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
        for path in steps:
            name = text_of(_at(node, path), source)
            if name:
                return kind, name
        return None

    return read


def _at(node: "Node", path: list[str]) -> "Node | None":
    found: Node | None = node
    for step in path:
        if found is None:
            break
        found = found.child_by_field_name(step[1:]) if step[0] == "." else child_of(found, step)
    return found


def child_of(node: "Node", *types: str) -> "Node | None":
    """Return the first named child of one of these types."""
    return next((child for child in node.named_children if child.type in types), None)


# -- languages that are mined -----------------------------------------------------------------------------------

_NAME = re.compile(r"[\w$.]+(?:, ?[\w$.]+)*")
_SCRIPT = frozenset({"javascript", "typescript", "tsx"})
_SCRIPT_VALUES = frozenset({"variable_declarator", "public_field_definition", "field_definition"})
_GO_TYPES = {"interface_type": "interface", "struct_type": "class"}


def mined(language: Language) -> Reader:
    """Return the reader of a language in pairs/languages.py."""
    read_constant = _script_constant if language.name in _SCRIPT else _assigned

    def read(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
        if kind == "function":
            if language.implementation(node, source) is None:
                return read_constant(node, source)
            return kind, language.name_of(node, source)
        if kind == "constant":
            return read_constant(node, source)
        if node.type == "type_alias_statement":  # Python
            return kind, text_of(node.child_by_field_name("left"), source)
        if kind == "type" and (shape := node.child_by_field_name("type")) is not None:
            kind = _GO_TYPES.get(shape.type, kind)
        name = language.name_of(node, source)
        return (kind, name) if name else None

    return read


def _assigned(node: "Node", source: bytes) -> tuple[str, str] | None:
    """A Python or Ruby assignment, a PHP, Go or Rust constant."""
    target = node.child_by_field_name("left") or node.child_by_field_name("name")
    if target is None and (declarator := node.child_by_field_name("declarator")) is not None:
        target = declarator.child_by_field_name("name")  # Java
    if target is None and node.named_child_count:
        target = node.named_children[0]
    others = node.children_by_field_name("name")  # Go: var a, b = 1, 2
    name = ", ".join(text_of(other, source) for other in others if other.is_named) or text_of(target, source)
    return ("constant", name) if _NAME.fullmatch(name) else None


def _script_constant(node: "Node", source: bytes) -> tuple[str, str] | None:
    """A JavaScript variable or field that is no function, or an object or class that is assigned."""
    if node.type in _SCRIPT_VALUES:
        name = text_of(node.child_by_field_name("name") or node.child_by_field_name("property"), source)
        return ("constant", name) if _NAME.fullmatch(name) else None
    return None
