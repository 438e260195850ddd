"""The table of grammars: for each language, which nodes of its syntax tree are definitions and how they are named.

A new language is one row in `_ROWS`, its suffixes in corpus/code_languages.py, and a sample file with the expected
names in tests/pieces/samples/. A language without a row is split into windows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from adjoin.errors import AdjoinError
from adjoin.pairs.documentation import lines_above
from adjoin.pairs.languages import LANGUAGES, parser_for
from adjoin.pieces import names
from adjoin.pieces.comments import plain_comment
from adjoin.pieces.loading import bundled_parser
from adjoin.pieces.names import Reader

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

# Roles of node types besides the kinds of definitions. They are compared by identity.
ABOVE, CONTAINER, WRAPPER = "(above)", "(container)", "(wrapper)"
LEAVES = frozenset({"function", "macro", "type"})  # kinds whose inside is not searched for definitions


@dataclass(frozen=True, slots=True)
class Grammar:
    """How to find the definitions of one programming language.

    Attributes:
        name: as in `Piece.language`; a dialect ("tsx") has a row of its own.
        bundled: the grammar's name in semble-grammars; empty if pairs/languages.py has the language's own wheel.
        kinds: node types that are definitions → their kind: "function", "class", "constant" ...
        containers: node types that are searched for definitions. Other nodes are not entered.
        wrappers: those of `containers` whose lines belong to the definition inside: decorators, `template <T>`.
        statements: those of `wrappers` that belong to a function's code as well: `const add = (a, b) => ...`.
        above: comments and annotations; those directly above a definition belong to it.
        read: takes a definition's node, the source and its kind. Returns the kind and the unqualified name, or
            None if this node defines nothing. Its lines then belong to what is around it.
        documentation: takes a function's node, the nodes above it and the source. Returns the nodes of its
            documentation.
        clean: takes the source of those nodes and returns plain text.
        roles: node type → its role in the search, made of the fields above.
    """

    name: str
    bundled: str
    kinds: Mapping[str, str]
    containers: frozenset[str]
    wrappers: frozenset[str] = frozenset()
    statements: frozenset[str] = frozenset()
    above: frozenset[str] = frozenset({"comment"})
    read: Reader = names.by_field
    documentation: Callable[["Node", Sequence["Node"], bytes], list["Node"]] = lines_above
    clean: Callable[[str], str] = plain_comment
    roles: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        roles = dict.fromkeys(self.containers | {"ERROR"}, CONTAINER)
        roles |= dict.fromkeys(self.wrappers, WRAPPER)
        roles |= dict.fromkeys(self.above, ABOVE)
        object.__setattr__(self, "roles", roles | dict(self.kinds))

    def parser(self) -> "Parser | None":
        """Return the parser, or None if the grammar is not installed."""
        if self.bundled:
            return bundled_parser(self.bundled)
        try:
            return parser_for(self.name)
        except AdjoinError:
            return None


def _kinds(rows: str) -> dict[str, str]:
    """Read "function: a b; class: c" into {"a": "function", "b": "function", "c": "class"}."""
    kinds: dict[str, str] = {}
    for row in rows.split(";"):
        kind, _, types = row.partition(":")
        kinds |= dict.fromkeys(types.split(), kind.strip())
    return kinds


def _types(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _row(
    name: str,
    kinds: str,
    inside: str,
    *,
    bundled: str = "",
    wrappers: str = "",
    above: str = "comment",
    read: Reader = names.by_field,
) -> Grammar:
    """A language whose grammar is in semble-grammars, under its own name unless `bundled` says another."""
    containers, around = _types(inside), _types(wrappers)
    return Grammar(
        name, bundled or name, _kinds(kinds), containers | around, around, above=_types(above), read=read
    )


def _mined(name: str, kinds: str, inside: str = "", *, wrappers: str = "", read: Reader | None = None) -> Grammar:
    """A language that is mined too: what its functions are, and their documentation, says pairs/languages.py."""
    row = LANGUAGES[name]
    around = _types(wrappers) | row.statements
    return Grammar(
        name,
        "",
        dict.fromkeys(row.functions, "function") | _kinds(kinds),
        row.containers | _types(inside) | around,
        around,
        row.statements,
        row.above,
        read or names.mined(row),
        row.documentation,
        row.clean,
    )


_SCRIPT = "class: class_declaration class"
_TYPESCRIPT = (
    f"{_SCRIPT} abstract_class_declaration; interface: interface_declaration; enum: enum_declaration; "
    "type: type_alias_declaration; module: internal_module module"
)

_C_INSIDE = (
    "translation_unit preproc_if preproc_ifdef preproc_else preproc_elif linkage_specification declaration_list"
)

_ROWS = (
    _mined(
        "python",
        "class: class_definition; constant: assignment; type: type_alias_statement",
        "expression_statement",
        wrappers="decorated_definition",
    ),
    _mined(
        "java",
        "class: class_declaration record_declaration; enum: enum_declaration; "
        "interface: interface_declaration annotation_type_declaration; constant: field_declaration",
        "annotation_type_body",
    ),
    _mined("javascript", _SCRIPT, wrappers="export_statement"),
    _mined("typescript", _TYPESCRIPT, wrappers="export_statement ambient_declaration"),
    _mined("tsx", _TYPESCRIPT, wrappers="export_statement ambient_declaration"),
    _mined(
        "php",
        "class: class_declaration trait_declaration; interface: interface_declaration; enum: enum_declaration; "
        "constant: const_element property_element",
        "const_declaration property_declaration",
    ),
    _mined("ruby", "class: class; module: module; constant: assignment"),
    _mined(
        "go",
        "type: type_spec type_alias; constant: const_spec var_spec",
        "type_declaration const_declaration var_declaration var_spec_list",
    ),
    _mined(
        "rust",
        "class: struct_item union_item impl_item; interface: trait_item; enum: enum_item; type: type_item; "
        "module: mod_item; macro: macro_definition; constant: const_item static_item",
        "foreign_mod_item",
    ),
    _row(
        "c",
        "function: function_definition; class: struct_specifier union_specifier; enum: enum_specifier; "
        "type: type_definition; macro: preproc_def preproc_function_def; constant: declaration",
        _C_INSIDE,
        read=names.c_definition,
    ),
    _row(
        "cpp",
        "function: function_definition; class: class_specifier struct_specifier union_specifier; "
        "enum: enum_specifier; type: type_definition alias_declaration concept_definition; "
        "macro: preproc_def preproc_function_def; "
        "constant: declaration field_declaration; module: namespace_definition",
        f"{_C_INSIDE} field_declaration_list",
        wrappers="template_declaration",
        read=names.c_definition,
    ),
    _row(
        "csharp",
        "function: method_declaration constructor_declaration destructor_declaration operator_declaration "
        "conversion_operator_declaration indexer_declaration local_function_statement; "
        "class: class_declaration struct_declaration record_declaration record_struct_declaration; "
        "interface: interface_declaration; enum: enum_declaration; type: delegate_declaration; "
        "constant: property_declaration field_declaration event_field_declaration event_declaration; "
        "module: namespace_declaration",
        "compilation_unit declaration_list preproc_if preproc_else preproc_elif preproc_region global_statement",
        read=names.csharp_definition,
    ),
    _row(
        "kotlin",
        "function: function_declaration secondary_constructor anonymous_initializer; "
        "class: class_declaration object_declaration companion_object; "
        "type: type_alias; constant: property_declaration",
        "source_file class_body enum_class_body",
        above="line_comment block_comment",
        read=names.kotlin_definition,
    ),
)

GRAMMARS: dict[str, Grammar] = {grammar.name: grammar for grammar in _ROWS}


def grammar_for(language: str, path: str) -> Grammar | None:
    """Return the row for a file: that of its language, or of the dialect of its suffix (".tsx").

    Args:
        language: as in `Piece.language`.
        path: the file's path.

    Returns:
        The row; None if the language has none.
    """
    if language == "typescript" and path.lower().endswith(".tsx"):
        language = "tsx"
    return GRAMMARS.get(language)
