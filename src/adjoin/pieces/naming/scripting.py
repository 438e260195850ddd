"""How definitions of Lua, R, Perl, SQL, Groovy, Dart and Scala are read."""

import re
from typing import TYPE_CHECKING

from adjoin.pieces.naming.common import by_field, child_of, named_by, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

# -- Lua --------------------------------------------------------------------------------------------------------


def lua_definition(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
    """Read a definition of Lua: a function, or a variable or field of a table that is assigned."""
    if node.type == "function_declaration":
        return by_field(node, source, kind)
    value = node.child_by_field_name("value")
    name = node.child_by_field_name("name")
    if node.type == "assignment_statement":
        variables, values = child_of(node, "variable_list"), child_of(node, "expression_list")
        name = variables.named_child(0) if variables is not None else None
        value = values.named_child(0) if values is not None else None
    if name is None or value is None:
        return None
    if value.type == "function_definition":
        return "function", text_of(name, source)
    return (kind, text_of(name, source)) if node.type == "assignment_statement" else None


# -- R ----------------------------------------------------------------------------------------------------------

_R_ASSIGNMENTS = frozenset({"<-", "<<-", "=", ":="})
_R_CALLS = {
    "setClass": "class", "setRefClass": "class", "setGeneric": "function", "setMethod": "function",
    "setValidity": "function",
}  # fmt: skip


def r_definition(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
    """Read a definition of R: an assignment, `setClass("Box", ...)`, or a function in a list of arguments."""
    if node.type == "call":
        word = text_of(node.child_by_field_name("function"), source)
        arguments = node.child_by_field_name("arguments")
        if word not in _R_CALLS or arguments is None:
            return None
        return _R_CALLS[word], text_of(arguments.named_child(0), source).strip("\"'")
    if node.type == "argument":
        value, name = node.child_by_field_name("value"), node.child_by_field_name("name")
    else:
        value, name = node.child_by_field_name("rhs"), node.child_by_field_name("lhs")
        operator = node.child_by_field_name("operator")
        if operator is None or operator.type not in _R_ASSIGNMENTS:
            return None
    if name is None or value is None:
        return None
    if value.type == "function_definition":
        return "function", text_of(name, source).strip("\"'`")
    return (kind, text_of(name, source)) if node.type == "binary_operator" and name.type == "identifier" else None


# -- Perl, SQL, Groovy, Dart, Scala -----------------------------------------------------------------------------

_PERL = named_by(".name", "package_name", ".constant")


def perl_definition(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
    """Read a definition of Perl: of variables, those that `our` declares."""
    if node.type != "binary_expression":
        return _PERL(node, source, kind)
    declared = text_of(node.child_by_field_name("variable"), source)
    return (kind, declared[4:].strip("$@% ")) if declared.startswith("our ") else None


sql_definition = named_by(".column", "object_reference", "identifier")


def groovy_definition(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
    """Read a definition of Groovy; the grammar does not know `implements`, and calls a constructor a call."""
    if node.type == "class_definition":
        error = child_of(node, "ERROR")
        name = child_of(error, "identifier") if error is not None else None
        return (
            (kind, text_of(name or node.child_by_field_name("name"), source)) if node.named_child_count else None
        )
    name = node.child_by_field_name("name") or node.child_by_field_name("function")
    if node.type == "function_call" and not (
        text_of(name, source)[:1].isupper() and source.endswith(b"}", 0, node.end_byte)
    ):
        return None  # no constructor
    return (kind, text_of(name, source)) if name is not None else None


_DART = named_by(
    ".name", "identifier", "function_signature .name", "getter_signature .name", "setter_signature .name",
    "operator_signature binary_operator", "type_identifier",
)  # fmt: skip
_DART_LISTS = ("initialized_identifier_list", "static_final_declaration_list")


def dart_definition(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
    """Read a definition of Dart: a declaration in a class is one of functions, fields or a constructor."""
    for part in node.named_children:
        if part.type.endswith("constructor_signature"):  # of `Box.empty()`, the last name
            kind = "declaration" if kind == "constant" else kind
            names = [text_of(word, source) for word in part.named_children if word.type == "identifier"]
            return (kind, names[-1]) if names else None
    several = node if node.type in _DART_LISTS else child_of(node, *_DART_LISTS)
    if several is not None:
        parts = [text_of(child_of(part, "identifier"), source) for part in several.named_children]
        return kind, ", ".join(filter(None, parts))
    found = _DART(node, source, kind)
    if found is None:
        return None
    if kind == "constant" and any(part.type.endswith("signature") for part in node.named_children):
        kind = "declaration"
    return kind, re.split(r"[\s=(]", found[1])[0]


scala_definition = named_by(".name", ".pattern")

_POWERSHELL = named_by("function_name", "simple_name", "left_assignment_expression")


def powershell_definition(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
    """Read a definition of PowerShell; a variable is named without its `$`."""
    found = _POWERSHELL(node, source, kind)
    return (kind, found[1].removeprefix("$")) if found is not None else None
