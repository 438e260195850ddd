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


def child_of(node: "Node", *types: str) -> "Node | None":
    """Return the first named child of one of these types."""
    return next((child for child in node.named_children if child.type in types), None)


# -- languages that are mined -----------------------------------------------------------------------------------

_NAME = re.compile(r"[\w$.]+")
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
    name = text_of(target, source)
    return ("constant", name) if _NAME.fullmatch(name) else None


def _script_constant(node: "Node", source: bytes) -> tuple[str, str] | None:
    """A JavaScript variable or field that is no function, or an object or class that is assigned."""
    if node.type in _SCRIPT_VALUES:
        name = text_of(node.child_by_field_name("name") or node.child_by_field_name("property"), source)
        return ("constant", name) if _NAME.fullmatch(name) else None
    return None


# -- C and C++ --------------------------------------------------------------------------------------------------

_DECLARED = frozenset({"identifier", "field_identifier", "type_identifier", "destructor_name", "operator_name"})
_C_INSIDE = (
    "identifier", "field_identifier", "type_identifier", "qualified_identifier", "pointer_declarator",
    "function_declarator", "array_declarator", "reference_declarator",
)  # fmt: skip
_C_DEEPEST = 30  # declarators inside declarators


def c_definition(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
    """Read a definition of C or C++, whose name is inside declarators: `static int (*table[3])(void)`."""
    if kind in ("function", "constant") or node.type == "type_definition":
        return _declared(node, source, kind)
    name = text_of(node.child_by_field_name("name"), source)
    if kind == "module":
        return kind, name.replace("::", ".")
    if kind in ("class", "enum") and node.child_by_field_name("body") is None:
        return None  # a use of the type
    return (kind, name.partition("<")[0].replace("::", ".")) if name else None


def _declared(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
    shape = node.child_by_field_name("type")
    if shape is not None and shape.child_by_field_name("body") is not None:
        kind = "enum" if shape.type == "enum_specifier" else "class"  # struct a { ... } b;
    declarator = node.child_by_field_name("declarator")
    if declarator is None and kind in ("class", "enum"):
        declarator = shape.child_by_field_name("name") if shape is not None else None
    for _ in range(_C_DEEPEST):
        if declarator is None:
            return None
        if declarator.type in _DECLARED or declarator.type in ("qualified_identifier", "operator_cast"):
            break
        if declarator.type == "function_declarator" and kind == "constant":
            kind = "declaration"  # a prototype
        inner = declarator.child_by_field_name("declarator")
        declarator = inner if inner is not None else child_of(declarator, *_C_INSIDE)
    name = re.sub(r"<[^<>]*>", "", text_of(declarator, source)).replace("::", ".")
    return (kind, name) if name else None


# -- C# and Kotlin ----------------------------------------------------------------------------------------------

_CSHARP_OTHERS = {"indexer_declaration": "this", "destructor_declaration": "Finalize"}


def csharp_definition(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
    """Read a definition of C#: fields and events are named by their declarators, operators by their sign."""
    name = text_of(node.child_by_field_name("name"), source)
    if not name and (declaration := child_of(node, "variable_declaration")) is not None:
        declarator = child_of(declaration, "variable_declarator")
        name = text_of(declarator.child_by_field_name("name"), source) if declarator is not None else ""
    if not name and (operator := node.child_by_field_name("operator")) is not None:
        name = "operator " + text_of(operator, source)
    name = name or _CSHARP_OTHERS.get(node.type, "")
    return (kind, name) if name else None


_KOTLIN_UNNAMED = {
    "secondary_constructor": "constructor",
    "anonymous_initializer": "init",
    "companion_object": "Companion",
}


def kotlin_definition(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
    """Read a definition of Kotlin: a property and a type alias are named by a child, a constructor by nothing."""
    holder = node
    if node.type == "property_declaration":
        variable = child_of(node, "variable_declaration")
        if variable is None:
            return None
        holder = variable
    if node.type == "class_declaration":
        kind = _keyword(node, {"interface": "interface"}, kind)
    name_node = holder.child_by_field_name("name") or holder.child_by_field_name("type")
    name = text_of(name_node or child_of(holder, "identifier"), source)
    name = name or _KOTLIN_UNNAMED.get(node.type, "")
    return (kind, name) if name else None


def _keyword(node: "Node", kinds: dict[str, str], otherwise: str) -> str:
    """The kind that one of a node's keywords stands for."""
    return next((kinds[child.type] for child in node.children if child.type in kinds), otherwise)
