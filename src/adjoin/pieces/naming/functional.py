"""How definitions of Elixir, Erlang, Haskell, OCaml, Clojure and Julia are read."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from adjoin.pieces.naming.common import ABOVE, by_field, child_of, named_by, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

# -- Elixir -----------------------------------------------------------------------------------------------------

_ELIXIR = {
    "def": "function", "defp": "function", "defdelegate": "function", "defguard": "function",
    "defguardp": "function", "defmacro": "macro", "defmacrop": "macro", "defmodule": "module",
    "defprotocol": "interface", "defimpl": "class", "defexception": "class", "test": "function",
}  # fmt: skip
_ELIXIR_TYPES = frozenset({"type", "typep", "opaque"})
_ELIXIR_ABOVE = frozenset({"doc", "spec", "impl", "deprecated", "dialyzer", "since", "typedoc", "tag", "shortdoc"})
_ELIXIR_LINES = frozenset({"moduledoc", "behaviour", "derive", "enforce_keys", "compile", "before_compile"})


def elixir_definition(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
    """Read a definition of Elixir, which is a call of a macro (`def`), or a module's attribute (`@limit 64`)."""
    if node.type == "unary_operator":
        return _attribute(node, source, kind)
    word = text_of(node.child_by_field_name("target"), source)
    arguments = child_of(node, "arguments")
    if word not in _ELIXIR or arguments is None:
        return None
    head: Node | None = arguments.named_child(0)
    while head is not None and head.type == "binary_operator":
        operator = head.child_by_field_name("operator")
        if operator is None or operator.type != "when":  # def a <> b
            return _ELIXIR[word], text_of(operator, source)
        head = head.child_by_field_name("left")
    if head is not None and head.type == "call":
        head = head.child_by_field_name("target")
    return _ELIXIR[word], text_of(head, source).strip('"')


def _attribute(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
    call = child_of(node, "call")
    word = text_of(call.child_by_field_name("target"), source) if call is not None else ""
    if word in _ELIXIR_ABOVE:
        return ABOVE, ""
    if not word or call is None or word in _ELIXIR_LINES:
        return None
    if word in _ELIXIR_TYPES or word.endswith("callback"):
        head = child_of(call, "arguments")
        while head is not None and head.type in ("arguments", "binary_operator", "call"):
            head = head.child_by_field_name("target") or head.child_by_field_name("left") or head.named_child(0)
        return "type" if word in _ELIXIR_TYPES else "function", text_of(head, source)
    return kind, word


def elixir_documentation(function: "Node", above: Sequence["Node"], source: bytes) -> list["Node"]:
    """Return the comments and `@doc` among the nodes above a function."""
    return [node for node in above if node.type == "comment" or source.startswith(b"@doc", node.start_byte)]


# -- Erlang, Haskell, OCaml -------------------------------------------------------------------------------------

erlang_definition = named_by(".name .name", ".name", "function_clause .name", ".fun", "macro_lhs .name")


def haskell_definition(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
    """Read a definition of Haskell: an operator's name is inside its first equation."""
    if node.type == "instance":
        patterns = text_of(node.child_by_field_name("patterns"), source)
        return kind, f"{text_of(node.child_by_field_name('name'), source)} {patterns}".strip()
    if (infix := child_of(node, "infix")) is not None:
        name = text_of(infix.child_by_field_name("operator"), source)
        return (kind, f"({name})") if name and not name.startswith("`") else (kind, name.strip("`"))
    return by_field(node, source, kind)


_OCAML_NAMES = named_by(
    ".pattern", ".name", "module_name", "module_type_name", "class_name", "value_name", "parenthesized_operator",
    "constructor_declaration constructor_name", "method_name",
)  # fmt: skip
_OCAML_FUNCTIONS = frozenset({"function_expression", "fun_expression"})


def ocaml_definition(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
    """Read a definition of OCaml: a binding with parameters is a function; `let () = ...` defines nothing."""
    found = _OCAML_NAMES(node, source, kind)
    if node.type != "let_binding" or found is None:
        return found
    body = node.child_by_field_name("body")
    is_function = child_of(node, "parameter") is not None or (body is not None and body.type in _OCAML_FUNCTIONS)
    name = found[1].strip("() ")
    return ("function" if is_function else "constant", name) if name and name != "_" else None


# -- Clojure ----------------------------------------------------------------------------------------------------

_CLOJURE = {
    "def": "constant", "defonce": "constant", "defrecord": "class", "deftype": "class", "defstruct": "class",
    "defprotocol": "interface", "definterface": "interface", "defmacro": "macro", "ns": "module",
}  # fmt: skip


def clojure_definition(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
    """Read a definition of Clojure: a list that begins with `ns` or a word that begins with `def`."""
    if node.named_child_count < 2:
        return None
    word = text_of(node.named_child(0), source).rpartition("/")[2]
    name = child_of(node.named_children[1], "sym_name")
    if name is None or not (word.startswith("def") or word == "ns"):
        return None
    return _CLOJURE.get(word, kind), text_of(name, source)


def clojure_documentation(function: "Node", above: Sequence["Node"], source: bytes) -> list["Node"]:
    """Return the docstring of a Clojure function: the string after its name, if there is one."""
    third = function.named_child(2)
    return [third] if third is not None and third.type == "str_lit" and function.named_child_count > 3 else []


# -- Julia ------------------------------------------------------------------------------------------------------

_JULIA_HEADS = ("where_expression", "typed_expression", "call_expression", "parametrized_type_expression")
_JULIA_INSIDE = (*_JULIA_HEADS, "signature", "type_head", "binary_expression")
_JULIA_NAMES = ("identifier", "field_expression", "operator", "macro_identifier")


def julia_definition(node: "Node", source: bytes, kind: str) -> tuple[str, str] | None:
    """Read a definition of Julia: `f(x) = ...` is a function, `const a = ...` a constant, `@enum A b` an enum."""
    shape = node.type
    if shape == "module_definition":
        return by_field(node, source, kind)
    if shape == "macrocall_expression":
        if text_of(child_of(node, "macro_identifier"), source) != "@enum":
            return None
        arguments = child_of(node, "macro_argument_list")
        return kind, text_of(arguments.named_child(0), source) if arguments is not None else ""
    head: Node | None = node
    if shape == "assignment":
        head = node.named_child(0)
        if head is not None and head.type == "identifier":
            return kind, text_of(head, source)
        kind = "function"
    for _ in range(9):  # f(x::T)::Int where {T <: Real}: the name is inside
        if head is None or head.type in _JULIA_NAMES:
            break
        if head is not node and head.type not in _JULIA_INSIDE:
            return None
        head = head.named_child(0)
    return (kind, text_of(head, source)) if head is not None and head.type in _JULIA_NAMES else None
