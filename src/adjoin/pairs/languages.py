"""One row a language: its grammar, what a function is in it, and where a function's documentation stands.

A new language is a new row (and its grammar's wheel in the `mine` extra): nothing else changes.
"""

import ast
import importlib
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from adjoin.errors import AdjoinError

if TYPE_CHECKING:
    from tree_sitter import Node, Parser


@dataclass(frozen=True, slots=True)
class Language:
    """How to find documented functions in one programming language.

    Attributes:
        name: as in `Document.language`.
        grammar: the module of the grammar's wheel, "tree_sitter_python".
        functions: node types that are a function with a name and an implementation.
        containers: node types in which functions of the module's or a class's level are looked for. What is
            not named here is not entered: a function inside a function belongs to the outer one.
        documentation: from a function's node to the nodes of its documentation, in order: inside the function
            (Python's docstring) or before it (a comment, or one a line); empty if there is none.
        clean: from those nodes' source to the text that its author meant, without quotes or comment marks.
        scopes: node types that lend their name to what is inside them: class Encoder → "Encoder.load".
        special: names whose documentation does not say what the code does; they make no pair.
        grammar_function: the function of the grammar's module that gives the language.
    """

    name: str
    grammar: str
    functions: frozenset[str]
    containers: frozenset[str]
    documentation: Callable[["Node"], list["Node"]]
    clean: Callable[[str], str]
    scopes: frozenset[str]
    special: re.Pattern[str]
    grammar_function: str = "language"


def first_string_of_body(function: "Node") -> list["Node"]:
    """The statement that holds a Python docstring: a plain string that opens the body."""
    body = function.child_by_field_name("body")
    for statement in body.named_children if body is not None else ():
        if statement.type == "comment":
            continue
        # Grammars differ: the string stands alone or inside an expression statement.
        is_statement = statement.type == "expression_statement" and statement.named_child_count == 1
        literal = statement.named_children[0] if is_statement else statement
        return [statement] if literal.type == "string" else []
    return []


def python_string(source: str) -> str:
    """The text of a Python string literal, its indentation removed; empty for bytes and f-strings."""
    try:
        text = ast.literal_eval(source.strip())
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return ""
    return inspect.cleandoc(text) if isinstance(text, str) else ""


LANGUAGES: dict[str, Language] = {
    language.name: language
    for language in (
        Language(
            name="python",
            grammar="tree_sitter_python",
            functions=frozenset({"function_definition"}),
            containers=frozenset(
                {
                    "module",
                    "block",
                    "class_definition",
                    "decorated_definition",
                    "if_statement",
                    "else_clause",
                    "elif_clause",
                    "try_statement",
                    "except_clause",
                    "finally_clause",
                    "with_statement",
                }
            ),
            documentation=first_string_of_body,
            clean=python_string,
            scopes=frozenset({"class_definition"}),
            special=re.compile(r"__\w+__"),
        ),
    )
}


@cache
def parser_for(language: str) -> "Parser":
    """The tree-sitter parser of a language, loaded once a process.

    Raises:
        AdjoinError: the language has no row here, or its grammar is not installed.
    """
    if language not in LANGUAGES:
        raise AdjoinError(f"no grammar for language {language!r}; known: {', '.join(sorted(LANGUAGES))}")
    row = LANGUAGES[language]
    try:
        import tree_sitter

        grammar = importlib.import_module(row.grammar)
    except ImportError as error:
        raise AdjoinError(
            f"reading {language} needs {error.name}, which is not installed: pip install 'adjoin[mine]'"
        ) from None
    return tree_sitter.Parser(tree_sitter.Language(getattr(grammar, row.grammar_function)()))
