"""The table of grammars: for each language, which nodes of its syntax tree are definitions and how they are named.

A new language is one row in `_ROWS`, its suffixes in corpus/code_languages.py, and a sample file with the expected
names in tests/pieces/samples/. A language without a row is split into windows.
"""

from adjoin.pieces.grammar import Grammar, bundled_row, mined_row
from adjoin.pieces.naming import c_family, functional, scripting
from adjoin.pieces.naming.common import named_by

_SCRIPT = "class: class_declaration class"
_TYPESCRIPT = (
    f"{_SCRIPT} abstract_class_declaration; interface: interface_declaration; enum: enum_declaration; "
    "type: type_alias_declaration; module: internal_module module"
)

_C_INSIDE = (
    "translation_unit preproc_if preproc_ifdef preproc_else preproc_elif linkage_specification declaration_list "
    "function_definition compound_statement labeled_statement"  # only if a macro has misled the parser
)

_ROWS = (
    mined_row(
        "python",
        "class: class_definition; constant: assignment; type: type_alias_statement",
        "expression_statement",
        wrappers="decorated_definition",
    ),
    mined_row(
        "java",
        "class: class_declaration record_declaration; enum: enum_declaration; "
        "interface: interface_declaration annotation_type_declaration; constant: field_declaration",
        "annotation_type_body",
    ),
    mined_row("javascript", _SCRIPT, wrappers="export_statement"),
    mined_row("typescript", _TYPESCRIPT, wrappers="export_statement ambient_declaration"),
    mined_row("tsx", _TYPESCRIPT, wrappers="export_statement ambient_declaration"),
    mined_row(
        "php",
        "class: class_declaration trait_declaration; interface: interface_declaration; enum: enum_declaration; "
        "constant: const_element property_element",
        "const_declaration property_declaration",
    ),
    mined_row("ruby", "class: class; module: module; constant: assignment"),
    mined_row(
        "go",
        "type: type_spec type_alias; constant: const_spec var_spec",
        "type_declaration const_declaration var_declaration var_spec_list",
    ),
    mined_row(
        "rust",
        "class: struct_item union_item impl_item; interface: trait_item; enum: enum_item; type: type_item; "
        "module: mod_item; macro: macro_definition; constant: const_item static_item",
        "foreign_mod_item",
    ),
    bundled_row(
        "c",
        "function: function_definition; class: struct_specifier union_specifier; enum: enum_specifier; "
        "type: type_definition; macro: preproc_def preproc_function_def; constant: declaration",
        _C_INSIDE,
        read=c_family.c_definition,
    ),
    bundled_row(
        "cpp",
        "function: function_definition; class: class_specifier struct_specifier union_specifier; "
        "enum: enum_specifier; type: type_definition alias_declaration concept_definition; "
        "macro: preproc_def preproc_function_def; "
        "constant: declaration field_declaration; module: namespace_definition",
        f"{_C_INSIDE} field_declaration_list",
        wrappers="template_declaration",
        read=c_family.c_definition,
    ),
    bundled_row(
        "csharp",
        "function: method_declaration constructor_declaration destructor_declaration operator_declaration "
        "conversion_operator_declaration indexer_declaration local_function_statement; "
        "class: class_declaration struct_declaration record_declaration record_struct_declaration; "
        "interface: interface_declaration; enum: enum_declaration; type: delegate_declaration; "
        "constant: property_declaration field_declaration event_field_declaration event_declaration; "
        "module: namespace_declaration",
        "compilation_unit declaration_list preproc_if preproc_else preproc_elif preproc_region global_statement",
        read=c_family.csharp_definition,
    ),
    bundled_row(
        "kotlin",
        "function: function_declaration secondary_constructor anonymous_initializer; "
        "class: class_declaration object_declaration companion_object; "
        "type: type_alias; constant: property_declaration",
        "source_file class_body enum_class_body",
        above="line_comment block_comment",
        read=c_family.kotlin_definition,
    ),
    bundled_row(
        "objectivec",
        "function: function_definition method_definition method_declaration; class: class_interface "
        "class_implementation category_interface struct_specifier union_specifier; enum: enum_specifier; "
        "interface: protocol_declaration; type: type_definition; macro: preproc_def preproc_function_def; "
        "constant: declaration property_declaration",
        f"{_C_INSIDE} implementation_definition",
        bundled="objc",
        read=c_family.objectivec_definition,
    ),
    bundled_row(
        "swift",
        "function: function_declaration init_declaration deinit_declaration subscript_declaration "
        "protocol_function_declaration; class: class_declaration; interface: protocol_declaration; "
        "type: typealias_declaration associatedtype_declaration; "
        "constant: property_declaration protocol_property_declaration",
        "source_file class_body enum_class_body protocol_body",
        above="comment multiline_comment",
        read=c_family.swift_definition,
    ),
    bundled_row(
        "zig",
        "function: function_declaration test_declaration; constant: variable_declaration",
        "source_file struct_declaration enum_declaration union_declaration block expression_statement "
        "return_expression",
        read=c_family.zig_definition,
    ),
    bundled_row(
        "scala",
        "function: function_definition function_declaration; class: class_definition object_definition "
        "package_object given_definition; interface: trait_definition; enum: enum_definition; "
        "type: type_definition; constant: val_definition var_definition val_declaration var_declaration",
        "compilation_unit package_clause template_body with_template_body enum_body extension_definition",
        above="comment block_comment",
        read=scripting.scala_definition,
    ),
    bundled_row(
        "dart",
        "function: function_signature method_signature getter_signature setter_signature; "
        "class: class_definition mixin_declaration extension_declaration extension_type_declaration; "
        "enum: enum_declaration; type: type_alias; "
        "constant: declaration static_final_declaration_list initialized_identifier_list",
        "program class_body extension_body enum_body",
        above="comment documentation_comment annotation",
        read=scripting.dart_definition,
        leaves="declaration",
        tails="function_body",
    ),
    bundled_row(
        "groovy",
        "function: function_definition function_declaration function_call; class: class_definition; "
        "constant: declaration",
        "source_file closure",
        above="comment groovy_doc",
        read=scripting.groovy_definition,
    ),
    bundled_row(
        "solidity",
        "function: function_definition constructor_definition modifier_definition fallback_receive_definition; "
        "class: contract_declaration library_declaration struct_declaration; interface: interface_declaration; "
        "enum: enum_declaration; type: event_definition error_declaration; "
        "constant: state_variable_declaration constant_variable_declaration",
        "source_file contract_body",
        read=c_family.solidity_definition,
    ),
    bundled_row(
        "lua",
        "function: function_declaration; constant: assignment_statement field",
        "chunk variable_declaration expression_list table_constructor return_statement do_statement",
        wrappers="variable_declaration",
        read=scripting.lua_definition,
    ),
    bundled_row(
        "r",
        "constant: binary_operator call argument",
        "program call arguments argument",
        read=scripting.r_definition,
    ),
    bundled_row(
        "julia",
        "function: function_definition; class: struct_definition; macro: macro_definition; "
        "type: abstract_definition primitive_definition; constant: assignment; module: module_definition; "
        "enum: macrocall_expression",
        "source_file block macrocall_expression macro_argument_list if_statement",
        wrappers="const_statement macrocall_expression macro_argument_list",
        above="line_comment block_comment string_literal",
        read=functional.julia_definition,
    ),
    bundled_row(
        "perl",
        "function: function_definition; module: package_statement; "
        "constant: use_constant_statement binary_expression",
        "source_file block",
        above="comments pod_statement",
        read=scripting.perl_definition,
    ),
    bundled_row(
        "shell",
        "function: function_definition; constant: variable_assignment",
        "program declaration_command if_statement else_clause elif_clause",
        bundled="bash",
    ),
    bundled_row(
        "bash",
        "function: function_definition; constant: variable_assignment",
        "program declaration_command if_statement else_clause elif_clause",
    ),
    bundled_row(
        "powershell",
        "function: function_statement class_method_definition; class: class_statement; enum: enum_statement; "
        "constant: assignment_expression",
        "program statement_list pipeline",
        read=scripting.powershell_definition,
    ),
    bundled_row(
        "vim",
        "function: function_definition; constant: let_statement; macro: command_statement",
        "script_file if_statement body",
        read=named_by("function_declaration .name", ".name", "scoped_identifier", "identifier"),
    ),
    bundled_row(
        "sql",
        "function: create_function create_procedure create_trigger; "
        "class: create_table create_view create_materialized_view; type: create_type create_index "
        "create_sequence create_schema create_database create_role",
        "program statement block",
        wrappers="statement",
        above="comment marginalia",
        read=scripting.sql_definition,
    ),
    bundled_row(
        "elixir",
        "function: call; constant: unary_operator",
        "source call do_block",
        read=functional.elixir_definition,
        clauses=True,
        documentation=functional.elixir_documentation,
    ),
    bundled_row(
        "erlang",
        "function: fun_decl spec; class: record_decl; type: type_alias opaque callback; macro: pp_define; "
        "module: module_attribute",
        "source_file",
        read=functional.erlang_definition,
        clauses=True,
    ),
    bundled_row(
        "haskell",
        "function: function bind signature foreign_import; class: data_type newtype class instance; "
        "type: type_synomym type_family kind_signature pattern_synonym",
        "haskell declarations class_declarations instance_declarations imports",
        above="comment haddock pragma",
        read=functional.haskell_definition,
        clauses=True,
    ),
    bundled_row(
        "ocaml",
        "function: let_binding external value_specification method_definition; type: type_binding "
        "exception_definition; module: module_binding; interface: module_type_definition; "
        "class: class_binding class_type_binding",
        "compilation_unit value_definition type_definition module_definition class_definition "
        "class_type_definition structure signature object_expression",
        read=functional.ocaml_definition,
    ),
    bundled_row(
        "clojure",
        "function: list_lit",
        "source read_cond_lit",
        read=functional.clojure_definition,
        documentation=functional.clojure_documentation,
    ),
    bundled_row(
        "fortran",
        "function: subroutine function; class: derived_type_definition; module: module submodule program; "
        "interface: interface; constant: variable_declaration",
        "translation_unit internal_procedures",
        read=named_by(
            "module_statement name",
            "submodule_statement name",
            "program_statement name",
            "subroutine_statement .name",
            "function_statement .name",
            "derived_type_statement type_name",
            "interface_statement name",
            "init_declarator identifier",
            "identifier",
        ),
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
