"""How definitions of C, C++, Objective-C, C#, Kotlin, Swift and Zig are read."""

import re
from typing import TYPE_CHECKING

from adjoin.pieces.naming.common import child_of, named_by, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

# -- C and C++ --------------------------------------------------------------------------------------------------

_DECLARED = frozenset(
    {
        "identifier", "field_identifier", "type_identifier", "qualified_identifier", "destructor_name",
        "operator_name", "operator_cast",
    }
)  # fmt: skip
_C_INSIDE = (
    "identifier", "field_identifier", "type_identifier", "qualified_identifier", "pointer_declarator",
    "function_declarator", "array_declarator", "reference_declarator",
)  # fmt: skip
_CLASSES = frozenset({"class_specifier", "struct_specifier", "union_specifier"})
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


def _declared(node: "Node | None", source: bytes, kind: str) -> tuple[str, str] | None:
    if node is None:
        return None
    shape = node.child_by_field_name("type")
    declarator = node.child_by_field_name("declarator")
    if shape is not None and shape.child_by_field_name("body") is not None:
        kind = "enum" if shape.type == "enum_specifier" else "class"  # struct a { ... } b;
        if declarator is None:
            declarator = shape.child_by_field_name("name")
    declared, is_function = _innermost(declarator)
    if is_function and kind == "constant":
        kind = "declaration"  # a prototype
    elif not is_function and kind == "function":
        # `class EXPORT Box {` and `BEGIN_NAMESPACE namespace detail {`, where a macro stands before a name.
        if shape is None or shape.type not in _CLASSES:
            return None
        kind = "class"
    name = re.sub(r"<[^<>]*>", "", text_of(declared, source)).replace("::", ".")
    return (kind, name) if name else None


def _innermost(declarator: "Node | None") -> "tuple[Node | None, bool]":
    """The name inside declarators, and whether one of them is a function's."""
    is_function = False
    for _ in range(_C_DEEPEST):
        if declarator is None or declarator.type in _DECLARED:
            return declarator, is_function or (declarator is not None and declarator.type == "operator_cast")
        is_function = is_function or declarator.type == "function_declarator"
        inner = declarator.child_by_field_name("declarator")
        declarator = inner if inner is not None else child_of(declarator, *_C_INSIDE)
    return None, is_function


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


_OBJECTIVE_C = named_by("identifier")


def objectivec_definition(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
    """Read a definition of Objective-C: a method is named by its keywords, "send:to:"."""
    shape = node.type
    if shape in ("method_definition", "method_declaration"):
        words = [text_of(child, source) for child in node.named_children if child.type == "identifier"]
        colon = ":" if child_of(node, "method_parameter") is not None else ""
        return (kind, ":".join(words) + colon) if words else None
    if shape in ("protocol_declaration", "class_interface", "class_implementation", "category_interface"):
        return _OBJECTIVE_C(node, source, kind)
    if shape == "property_declaration":
        declaration = child_of(node, "struct_declaration")
        return _declared(child_of(declaration, "struct_declarator"), source, kind) if declaration else None
    return c_definition(node, source, kind)


_SWIFT_UNNAMED = {"init_declaration": "init", "deinit_declaration": "deinit", "subscript_declaration": "subscript"}


def swift_definition(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
    """Read a definition of Swift: a struct, an enum and an extension are classes to the grammar."""
    if node.type == "class_declaration":
        kind = _keyword(node, {"enum": "enum"}, kind)
    name = _SWIFT_UNNAMED.get(node.type, "")
    name = name or text_of(node.child_by_field_name("name"), source).partition("<")[0]
    if kind == "constant":
        name = name.removeprefix("var ").removeprefix("let ")
    return (kind, name) if name else None


_ZIG_TYPES = {"enum_declaration": "enum", "error_set_declaration": "enum"} | dict.fromkeys(
    ("struct_declaration", "union_declaration", "opaque_declaration"), "class"
)


def zig_definition(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
    """Read a definition of Zig: a type is a constant, or what a function with the result `type` returns."""
    if node.type == "test_declaration":
        return kind, text_of(child_of(node, "string", "identifier"), source).strip('"')
    if node.type == "function_declaration":
        name = text_of(node.child_by_field_name("name"), source)
        result = text_of(node.child_by_field_name("type"), source)
        return ("class" if result == "type" else kind, name) if name else None
    shape = child_of(node, *_ZIG_TYPES)
    name = text_of(child_of(node, "identifier"), source)
    return (_ZIG_TYPES[shape.type] if shape is not None else kind, name) if name else None


_SOLIDITY = named_by(".name", "identifier")


def solidity_definition(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
    """Read a definition of Solidity, where a constructor has no name."""
    return (kind, "constructor") if node.type == "constructor_definition" else _SOLIDITY(node, source, kind)
