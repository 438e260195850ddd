"""How the definitions of one programming language are found: a row of the table in `grammars`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from adjoin.errors import AdjoinError
from adjoin.pairs.documentation import lines_above
from adjoin.pairs.languages import LANGUAGES, parser_for
from adjoin.pieces.comments import plain_comment
from adjoin.pieces.loading import bundled_parser
from adjoin.pieces.naming.common import ABOVE, Reader, by_field, mined

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

# Roles of node types besides the kinds of definitions. They are compared by identity.
CONTAINER, TAIL = "(container)", "(tail)"
SYNTAX = frozenset({ABOVE, CONTAINER, TAIL})
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
        leaves: those of `kinds` whose inside is not searched for definitions.
        tails: nodes that belong to the definition before them: in Dart, a function's body.
        clauses: whether functions of one name that follow each other are one function.
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
    read: Reader = by_field
    leaves: frozenset[str] = frozenset()
    tails: frozenset[str] = frozenset()
    clauses: bool = False
    documentation: Callable[["Node", Sequence["Node"], bytes], list["Node"]] = lines_above
    clean: Callable[[str], str] = plain_comment
    roles: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        roles = dict.fromkeys(self.containers, CONTAINER)
        roles |= dict.fromkeys(self.above, ABOVE)
        roles |= dict.fromkeys(self.tails, TAIL)
        object.__setattr__(self, "roles", roles | dict(self.kinds))

    def parser(self) -> "Parser | None":
        """Return the parser, or None if the grammar is not installed."""
        if self.bundled:
            return bundled_parser(self.bundled)
        try:
            return parser_for(self.name)
        except AdjoinError:
            return None


_BROKEN = frozenset({"ERROR"})  # what does not parse is searched too


def _kinds(rows: str) -> dict[str, str]:
    """Read "function: a b; class: c" into {"a": "function", "b": "function", "c": "class"}."""
    kinds: dict[str, str] = {}
    for row in rows.split(";"):
        kind, _, types = row.partition(":")
        kinds |= dict.fromkeys(types.split(), kind.strip())
    return kinds


def _types(text: str) -> frozenset[str]:
    return frozenset(text.split())


def bundled_row(
    name: str,
    kinds: str,
    inside: str,
    *,
    bundled: str = "",
    wrappers: str = "",
    above: str = "comment",
    read: Reader = by_field,
    leaves: str = "",
    tails: str = "",
    clauses: bool = False,
    documentation: Callable[["Node", Sequence["Node"], bytes], list["Node"]] = lines_above,
) -> Grammar:
    """A language whose grammar is in semble-grammars, under its own name unless `bundled` says another."""
    around = _types(wrappers)
    return Grammar(
        name,
        bundled or name,
        _kinds(kinds),
        _types(inside) | around | _BROKEN,
        around,
        above=_types(above),
        read=read,
        leaves=_types(leaves),
        tails=_types(tails),
        clauses=clauses,
        documentation=documentation,
    )


def mined_row(name: str, kinds: str, inside: str = "", *, wrappers: str = "") -> Grammar:
    """A language that is mined too: what its functions are, and their documentation, says pairs/languages.py."""
    row = LANGUAGES[name]
    around = _types(wrappers) | row.statements
    return Grammar(
        name,
        "",
        dict.fromkeys(row.functions, "function") | _kinds(kinds),
        row.containers | _types(inside) | around | _BROKEN,
        around,
        row.statements,
        row.above,
        mined(row),
        documentation=row.documentation,
        clean=row.clean,
    )
