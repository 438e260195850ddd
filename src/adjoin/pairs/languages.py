"""The table of programming languages: for each its grammar, what a function is, and where its documentation is.

A new language is a new row here, its suffixes in corpus/code_languages.py, and its grammar's wheel among the
dependencies in pyproject.toml.
"""

import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from adjoin.errors import AdjoinError
from adjoin.pairs.documentation import (
    block_above,
    first_string_of_body,
    go_comment,
    java_comment,
    javascript_comment,
    lines_above,
    outer_above,
    php_comment,
    python_string,
    ruby_comment,
    rust_comment,
)

if TYPE_CHECKING:
    from tree_sitter import Node, Parser


def _types(names: str) -> frozenset[str]:
    return frozenset(names.split())


def with_body(function: "Node", source: bytes) -> "Node | None":
    """Return the function itself: in most languages, a function's node contains its implementation."""
    return function


def name_field(node: "Node", source: bytes) -> str:
    """Return the text of the field "name", which most languages have."""
    name = node.child_by_field_name("name")
    return _text(name, source)


def _text(node: "Node | None", source: bytes) -> str:
    # Not node.text, which reads through the parser's callback: 30 µs per node.
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace") if node is not None else ""


@dataclass(frozen=True, slots=True)
class Language:
    """How to find documented functions in one programming language.

    Attributes:
        name: as in `Document.language`; a dialect ("tsx") has a row of its own.
        grammar: the Python module of the grammar, such as "tree_sitter_python".
        functions: node types that are, or may contain, a function with a name and an implementation.
        containers: node types that are searched for functions of modules and classes. Other nodes are not entered:
            a function inside a function belongs to the outer one.
        documentation: takes a function's node, the comments and annotations above it, and the source. It returns
            the nodes of the documentation in order, inside the function (Python) or above it; often none.
        clean: takes the source of those nodes, joined by line ends, and returns the plain text, without quotes,
            comment marks, markup and tags.
        scopes: node types whose name qualifies what is inside them: class Encoder → "Encoder.load".
        special: matches names whose documentation does not describe the code; they make no pair.
        documented: matches in every file with a documented function. Other files are not parsed.
        above: node types that may stand between a function and its documentation, including comments.
        passes: containers whose documentation belongs to their first child: an export, a declaration.
        statements: those of `passes` that are part of the implementation: "const add = (a, b) => ...".
        implementation: takes one of `functions` and the source. It returns the node with the body, or None if it
            is no function.
        name_of: takes a function or scope and the source, and returns its name.
        test_mark: matches an annotation above a function or module that is a test.
        grammar_function: the function of the grammar's module that returns the language.
    """

    name: str
    grammar: str
    functions: frozenset[str]
    containers: frozenset[str]
    documentation: Callable[["Node", Sequence["Node"], bytes], list["Node"]]
    clean: Callable[[str], str]
    scopes: frozenset[str]
    special: re.Pattern[str]
    documented: re.Pattern[str]
    above: frozenset[str] = frozenset({"comment"})
    passes: frozenset[str] = frozenset()
    statements: frozenset[str] = frozenset()
    implementation: Callable[["Node", bytes], "Node | None"] = with_body
    name_of: Callable[["Node", bytes], str] = name_field
    test_mark: re.Pattern[bytes] | None = None
    grammar_function: str = "language"


# -- names and implementations in other fields ------------------------------------------------------------------

_RECEIVER = re.compile(r"\(\s*(?:\w+\s+)?\*?\s*(?:\w+\.)?(\w+)")


def go_name(node: "Node", source: bytes) -> str:
    """Return a Go function's name, qualified by the type of a method's receiver: "Store.Close"."""
    receiver = _RECEIVER.match(_text(node.child_by_field_name("receiver"), source))
    return f"{receiver[1]}.{name_field(node, source)}" if receiver else name_field(node, source)


def rust_name(node: "Node", source: bytes) -> str:
    """Return the name of a Rust item; for an impl block, that of its type without path and parameters."""
    if node.type != "impl_item":
        return name_field(node, source)
    path = _text(node.child_by_field_name("type"), source).partition("<")[0]
    return path.rpartition("::")[2].strip("&* ")


_SCRIPT_FUNCTIONS = frozenset({"function_expression", "arrow_function", "generator_function", "function"})
_SCRIPT_HOLDERS = _types("variable_declarator pair field_definition public_field_definition export_statement")
_SCRIPT_NAMES = ("name", "left", "key", "property")
_SCRIPT_PREFIX = re.compile(r"^(?:module\.)?exports\.|^(?:this|self|window|global|globalThis|root)\.|[\"'\[\]#\s]")


def script_function(node: "Node", source: bytes) -> "Node | None":
    """Return the function in a JavaScript declaration, assignment, field or object member, or None.

    The function that a React component is made of, in memo() or forwardRef(), counts too.
    """
    kind = node.type
    if kind == "assignment_expression":
        value = node.child_by_field_name("right")
        while value is not None and value.type == "assignment_expression":  # exports.a = exports.b = function ...
            value = value.child_by_field_name("right")
    elif kind in _SCRIPT_HOLDERS:
        value = node.child_by_field_name("value")
    else:
        return node
    value = _wrapped(value, source)
    return value if value is not None and value.type in _SCRIPT_FUNCTIONS else None


_COMPONENTS = frozenset({"memo", "forwardRef"})
_WRAPPINGS = 3  # memo(forwardRef(function ...))


def _wrapped(value: "Node | None", source: bytes) -> "Node | None":
    """The function that a React component is made of, in memo() or forwardRef(); otherwise the value itself."""
    for _ in range(_WRAPPINGS):
        if value is None or value.type != "call_expression":
            break
        callee, arguments = value.child_by_field_name("function"), value.child_by_field_name("arguments")
        if callee is not None and callee.type == "member_expression":
            callee = callee.child_by_field_name("property")
        if arguments is None or _text(callee, source)[:20] not in _COMPONENTS:
            break
        value = arguments.named_child(0)
    return value


def script_name(node: "Node", source: bytes) -> str:
    """Return a JavaScript function's name as callers write it: "Foo.bar" for `Foo.prototype.bar = ...`."""
    if node.type == "export_statement":
        return "default"
    for field in _SCRIPT_NAMES:
        name = node.child_by_field_name(field)
        if name is not None:
            return _SCRIPT_PREFIX.sub("", _text(name, source)[:200]).replace(".prototype.", ".")
    return ""


# -- the table --------------------------------------------------------------------------------------------------

_SCRIPT_CONTAINERS = (  # from a module down to functions: statements, and calls that wrap a whole module
    "program statement_block export_statement expression_statement lexical_declaration variable_declaration "
    "variable_declarator assignment_expression parenthesized_expression unary_expression sequence_expression "
    "call_expression new_expression arguments object pair class_declaration class class_body if_statement "
    "else_clause try_statement return_statement function_expression arrow_function ternary_expression"
)
_SCRIPT_FUNCTION_TYPES = (
    "function_declaration generator_function_declaration method_definition variable_declarator "
    "assignment_expression pair export_statement"
)
_JSDOC = re.compile(r"/\*\*[^*/]")


def _script(
    name: str, grammar: str, functions: str, containers: str, scopes: str, grammar_function: str = "language"
) -> Language:
    """The row of JavaScript, TypeScript or TSX, which differ in the grammar and a few node types."""
    return Language(
        name=name,
        grammar=grammar,
        functions=_types(f"{_SCRIPT_FUNCTION_TYPES} {functions}"),
        containers=_types(f"{_SCRIPT_CONTAINERS} {containers}"),
        documentation=block_above,
        clean=javascript_comment,
        scopes=_types("class_declaration class variable_declarator assignment_expression pair " + scopes),
        special=re.compile(r"constructor|toString|valueOf|toJSON"),
        documented=_JSDOC,
        above=frozenset({"comment", "decorator"}),
        passes=_types("export_statement expression_statement lexical_declaration variable_declaration"),
        statements=_types("expression_statement lexical_declaration variable_declaration"),
        implementation=script_function,
        name_of=script_name,
        grammar_function=grammar_function,
    )


_TYPESCRIPT_FUNCTIONS = "public_field_definition function_signature abstract_method_signature method_signature"
_TYPESCRIPT_CONTAINERS = (
    "abstract_class_declaration internal_module module ambient_declaration as_expression satisfies_expression"
)

_TYPESCRIPT_SCOPES = "abstract_class_declaration internal_module"

_ROWS = (
    Language(
        name="python",
        grammar="tree_sitter_python",
        functions=frozenset({"function_definition"}),
        containers=_types(
            "module block class_definition decorated_definition if_statement else_clause elif_clause "
            "try_statement except_clause finally_clause with_statement"
        ),
        documentation=first_string_of_body,
        clean=python_string,
        scopes=frozenset({"class_definition"}),
        special=re.compile(r"__\w+__"),
        # At most ten lines of comments, so that a file full of colons does not take quadratic time.
        documented=re.compile(r":[ \t]*(?:#[^\n]*)?\n(?:[ \t]*(?:#[^\n]*)?\n){0,10}[ \t]*[rRuU]?[\"']"),
    ),
    Language(
        name="java",
        grammar="tree_sitter_java",
        functions=_types("method_declaration constructor_declaration compact_constructor_declaration"),
        containers=_types(
            "program class_declaration class_body interface_declaration interface_body enum_declaration enum_body "
            "enum_body_declarations record_declaration"
        ),
        documentation=block_above,
        clean=java_comment,
        scopes=_types("class_declaration interface_declaration enum_declaration record_declaration"),
        special=re.compile(
            r"toString|equals|hashCode|clone|finalize|main|(\w+)\.\1"
        ),  # a constructor: Store.Store
        documented=_JSDOC,
        above=frozenset({"block_comment", "line_comment"}),
        test_mark=re.compile(rb"@(?:Test|ParameterizedTest|Before|After|Benchmark)\b"),
    ),
    _script("javascript", "tree_sitter_javascript", "field_definition", "", ""),
    _script(
        "typescript",
        "tree_sitter_typescript",
        _TYPESCRIPT_FUNCTIONS,
        _TYPESCRIPT_CONTAINERS,
        _TYPESCRIPT_SCOPES,
        "language_typescript",
    ),
    _script(
        "tsx",
        "tree_sitter_typescript",
        _TYPESCRIPT_FUNCTIONS,
        _TYPESCRIPT_CONTAINERS,
        _TYPESCRIPT_SCOPES,
        "language_tsx",
    ),
    Language(
        name="php",
        grammar="tree_sitter_php",
        functions=frozenset({"function_definition", "method_declaration"}),
        containers=_types(
            "program namespace_definition compound_statement class_declaration trait_declaration "
            "interface_declaration enum_declaration declaration_list enum_declaration_list if_statement "
            "else_clause colon_block"
        ),
        documentation=block_above,
        clean=php_comment,
        scopes=_types("class_declaration trait_declaration interface_declaration enum_declaration"),
        special=re.compile(r"__\w+|(\w+)\.\1"),
        documented=_JSDOC,
        grammar_function="language_php",
    ),
    Language(
        name="ruby",
        grammar="tree_sitter_ruby",
        functions=frozenset({"method", "singleton_method"}),
        containers=_types(
            "program module class singleton_class body_statement call argument_list do_block assignment begin if "
            "unless then else if_modifier unless_modifier"
        ),
        documentation=lines_above,
        clean=ruby_comment,
        scopes=frozenset({"module", "class"}),
        special=re.compile(r"initialize|to_s|inspect|method_missing|respond_to_missing\?|hash|eql\?|==|===|<=>"),
        documented=re.compile(r"^[ \t]*(?:#.*|=end.*)\n[ \t]*(?:\w+ )?def\b", re.MULTILINE),
        passes=frozenset({"body_statement", "call", "argument_list"}),
    ),
    Language(
        name="go",
        grammar="tree_sitter_go",
        functions=frozenset({"function_declaration", "method_declaration"}),
        containers=frozenset({"source_file"}),
        documentation=lines_above,
        clean=go_comment,
        scopes=frozenset(),
        special=re.compile(r"main|init|String|Error|GoString"),
        documented=re.compile(r"^(?://.*|.*\*/[ \t]*)\n[ \t]*func\b", re.MULTILINE),
        name_of=go_name,
    ),
    Language(
        name="rust",
        grammar="tree_sitter_rust",
        functions=frozenset({"function_item", "function_signature_item"}),
        containers=_types("source_file impl_item trait_item mod_item declaration_list"),
        documentation=outer_above,
        clean=rust_comment,
        scopes=_types("impl_item trait_item mod_item"),
        special=re.compile(r"fmt|drop|clone|eq|ne|cmp|partial_cmp|hash|main"),
        documented=re.compile(r"///|/\*\*"),
        above=frozenset({"line_comment", "block_comment", "attribute_item"}),
        name_of=rust_name,
        test_mark=re.compile(rb"#\[\s*(?:cfg\s*\(\s*(?:all\s*\(\s*)?)?(?:\w+::)*(?:test|bench)\b"),
    ),
)

LANGUAGES: dict[str, Language] = {language.name: language for language in _ROWS}


def row_for(language: str, origin: str) -> Language:
    """Return the row for a file: that of its language, or of the dialect of its suffix (".tsx").

    Args:
        language: as in `Document.language`; it must have a row.
        origin: the file's path.
    """
    if language == "typescript" and origin.lower().endswith(".tsx"):
        return LANGUAGES["tsx"]
    return LANGUAGES[language]


@cache
def parser_for(language: str) -> "Parser":
    """Return the tree-sitter parser of a language, loaded once per process.

    Raises:
        AdjoinError: the language has no row, or its grammar is not installed.
    """
    if language not in LANGUAGES:
        raise AdjoinError(f"no grammar for language {language!r}: expected one of {', '.join(sorted(LANGUAGES))}")
    row = LANGUAGES[language]
    try:
        import tree_sitter

        grammar = importlib.import_module(row.grammar)
    except ImportError as error:
        raise AdjoinError(
            f"reading {language} needs {error.name}, which is not installed: pip install adjoin"
        ) from None
    return tree_sitter.Parser(tree_sitter.Language(getattr(grammar, row.grammar_function)()))
