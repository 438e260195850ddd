"""Splits source code into pieces: definitions with what stands above them, and the lines between them.

- A function, a class without long members, a type or a constant is one piece, with the comments and decorators
  directly above it. A larger class is its header and its members.
- The lines between definitions are pieces of the definition around them.
- Neighbours inside one definition are merged up to `MERGED` characters. What is longer than `LONGEST` is cut where
  its statements begin.
- Parsers run in a process of their own (`adjoin.sandbox`), since some inputs crash them or take gigabytes.
- Code without a grammar, or which the bounded parse refuses, or whose tree has errors, is cut at lines that look
  like the first of a definition, and becomes windows.

Every line with a letter is in exactly one piece, so that it can be found.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING

from adjoin.pairs.documentation import summary
from adjoin.pairs.functions import code_without
from adjoin.pairs.parsing import parsed_by
from adjoin.pairs.quality import UNPARSABLE
from adjoin.pieces.cutting import cut_lines, cut_node
from adjoin.pieces.definitions import Definition, definitions
from adjoin.pieces.grammar import Grammar
from adjoin.pieces.grammars import grammar_for
from adjoin.pieces.outline import outlined
from adjoin.pieces.piece import FUNCTION, LINES, Piece
from adjoin.sandbox import CRASHED, PARSERS, SandboxError
from adjoin.tally import Tally
from adjoin.texts import valid_unicode

if TYPE_CHECKING:
    from tree_sitter import Node

TINY = 80  # characters of lines that are merged with what follows, or what they close, whatever its size
MERGED = 800  # characters of neighbours that are merged into one piece
LONGEST = 4000  # characters of a definition in one piece; one vector represents a longer one poorly
PART = 1600  # characters of a part of what is longer, and of lines between definitions: about one screen


@dataclass(slots=True)
class _Part:
    """Lines that become a piece, alone or merged with their neighbours: `first` from 0 to before `end`."""

    first: int
    end: int
    kind: str
    name: str
    symbols: tuple[str, ...]
    inside: int  # identity of what is around it; only parts of the same are merged
    embedded: str | None = None  # of a whole function
    header: bool = False  # the first lines of what is around it
    closing: bool = False  # its last lines, such as `end`


def code_pieces(
    text: str, language: str, path: str, *, first_line: int = 1, tally: Tally | None = None
) -> list[Piece]:
    """Split source code into pieces, in order.

    Args:
        text: the source code.
        language: as in `Piece.language`, such as "python"; a language without a grammar is split into windows.
        path: the file, as in `Piece.path`. Its suffix chooses a dialect: ".tsx".
        first_line: the number of the text's first line in the file.
        tally: counts the files that have a grammar but are split into windows: "no grammar installed", "its
            parser crashed", or the rule by which `adjoin.pairs.parsing.parsed` refuses to parse.
    """
    text = valid_unicode(text)
    grammar = grammar_for(language, path)
    reason, answer = "", None
    if grammar is not None:
        reason, answer = _cut_apart(text, language, path, first_line)
    if tally is not None and reason:
        tally.add(reason, path)
    if answer is not None:
        return answer
    source = _Source(text, language, path, first_line)
    return source.pieces(list(_windows(source)))


def cut_by_grammar(
    text: str, language: str, path: str, first_line: int
) -> tuple[str, list[tuple[object, ...]] | None]:
    """Split source code by its syntax tree, in this process. The arguments are those of `code_pieces`.

    Returns:
        The reason why it cannot be parsed, if any, and the fields of its pieces after `path` and `language`, which
        pickle faster than pieces; None for windows.
    """
    grammar = grammar_for(language, path)
    assert grammar is not None
    source = _Source(text, language, path, first_line)
    root = _parsed(source.code, grammar)
    if isinstance(root, str):
        return root, None
    if root.type == "ERROR" and language in _GUESSED:
        return "", None
    return "", list(map(_FIELDS, source.pieces(_Layout(source, grammar, root).parts())))


_CUT = f"{__name__}:{cut_by_grammar.__name__}"
_FIELDS = attrgetter(*(one.name for one in fields(Piece)[2:]))
# Ten times what code takes, on any machine. A parser that needs it hangs where it does not look at its bounds.
_SECONDS, _SECONDS_PER_MEGABYTE = 3.0, 1.7


def _cut_apart(text: str, language: str, path: str, first_line: int) -> tuple[str, list[Piece] | None]:
    """Do the same in a process of its own, which the parser may crash."""
    seconds = _SECONDS + _SECONDS_PER_MEGABYTE * len(text) / 1e6
    try:
        reason, rows = PARSERS.call(_CUT, text, language, path, first_line, seconds=seconds)
    except SandboxError as error:
        return (UNPARSABLE if error.timed_out else CRASHED), None
    return reason, None if rows is None else [Piece(path, language, *row) for row in rows]


# Where a grammar gives up on the whole file, its fragments have wrong names, and first lines tell more.
_GUESSED = frozenset({"objectivec"})


def _windows(source: "_Source") -> Iterator[_Part]:
    """All lines as parts of at most `PART` characters; only those with a name are merged."""
    for section in _sections(source, 0, len(source.lines)):
        spans = cut_lines(source.lines, source.sizes, section.first, section.end, PART)
        for index, (first, end) in enumerate(spans):
            known = section.symbols if index == 0 else ()
            yield _Part(first, end, section.kind, section.name, known, 0 if section.name else first + 1)


def _sections(source: "_Source", first: int, end: int, around: Definition | None = None) -> Iterator[_Part]:
    """Lines that no grammar reads, as one part for each definition whose first line is recognized."""
    found = outlined(source.lines, source.language, first, end)
    prefix = f"{around.name}." if around is not None and around.name else ""
    if around is not None:  # its own first line is none
        found = [one for one in found if not around.name.endswith(one[2])]
    rows = [*(row for row, _, _ in found), end]
    if first < rows[0]:
        yield _Part(first, rows[0], LINES, prefix[:-1], (), 0)
    for (row, kind, name), stop in zip(found, rows[1:], strict=True):
        yield _Part(row, stop, kind, prefix + name, (_unqualified(name),), 0)


def _parsed(code: bytes, grammar: Grammar) -> "Node | str":
    parser = grammar.parser()
    if parser is None:
        return "no grammar installed"
    return parsed_by(parser, grammar.name, code, strict=bool(grammar.bundled))


class _Source:
    """A source file: its lines and how pieces are made of them."""

    def __init__(self, text: str, language: str, path: str, first_line: int) -> None:
        self.lines = text.split("\n")
        # Characters before each line, with the line ends.
        self.sizes = [start + row for row, start in enumerate(accumulate(map(len, self.lines), initial=0))]
        self.code = text.encode()
        self.language, self.path, self.first_line = language, path, first_line

    def size(self, first: int, end: int) -> int:
        """Characters of the lines from `first` to before `end`."""
        return self.sizes[end] - self.sizes[first]

    def pieces(self, parts: list[_Part]) -> list[Piece]:
        """Merge neighbours and make pieces."""
        pieces, group = [], [_Part(0, 0, "", "", (), -1)]
        for part in self._trimmed(parts):
            together = part.inside == group[-1].inside
            if (
                (together and self.size(group[0].first, part.end) <= MERGED)
                or self._opens(group, part, together)
                or (part.closing and self.size(part.first, part.end) <= TINY and group[-1].kind)
            ):
                group.append(part)
                continue
            pieces.append(group)
            group = [part]
        pieces.append(group)
        return [self._piece(group) for group in pieces[1:]]

    def _opens(self, group: list[_Part], part: _Part, together: bool) -> bool:
        """Whether these few lines mean little without what follows: `private:`, or the header of a namespace."""
        if self.size(group[0].first, group[-1].end) > TINY or not group[0].kind:
            return False
        return all(one.header or (together and one.kind == LINES) for one in group)

    def _trimmed(self, parts: list[_Part]) -> Iterator[_Part]:
        """Parts without empty lines at their ends; those without a letter are left out."""
        lines = self.lines
        for part in parts:
            while part.first < part.end and not lines[part.first].strip():
                part.first += 1
            while part.end > part.first and not lines[part.end - 1].strip():
                part.end -= 1
            if any(_LETTER.search(line) for line in lines[part.first : part.end]):
                yield part

    def _piece(self, group: list[_Part]) -> Piece:
        first, end = group[0].first, group[-1].end
        named = [part for part in group if part.kind != LINES] or group[:1]
        main = max(named, key=lambda part: part.end - part.first)
        name = ", ".join(dict.fromkeys(part.name for part in named))
        symbols = tuple(dict.fromkeys(symbol for part in group for symbol in part.symbols))
        text = "\n".join(self.lines[first:end])
        embedded = "\n".join(self._embedded(part) for part in group if part is group[0] or not part.closing)
        span = (self.first_line + first, self.first_line + end - 1)
        return Piece(self.path, self.language, main.kind, name, *span, text, embedded, symbols)

    def _embedded(self, part: _Part) -> str:
        """What the encoder reads of a part: a function as in training, else the text below the name around it."""
        if part.embedded is not None:
            return part.embedded
        text = "\n".join(self.lines[part.first : part.end])
        named = part.name and (part.kind in (FUNCTION, LINES) or not part.symbols)
        return f"{part.name}\n{text}" if named else text


_LETTER = re.compile(r"[^\W\d_]")


class _Layout:
    """Lays out the lines of a file as parts: definitions, headers of classes, and what is between them."""

    def __init__(self, source: _Source, grammar: Grammar, root: "Node") -> None:
        self.source, self.grammar, self.root = source, grammar, root
        self.insides = 0

    def parts(self) -> list[_Part]:
        """All parts, in order."""
        found = definitions(self.root, self.source.code, self.grammar)
        return list(self._within(found, 0, len(self.source.lines), self.root, None))

    def _within(
        self, found: list[Definition], first: int, end: int, node: "Node", around: Definition | None
    ) -> Iterator[_Part]:
        """Parts of the lines from `first` to before `end`, which is the inside of `around`."""
        self.insides += 1
        inside = self.insides
        for definition in found:
            yield from self._between(first, definition.first, node, around, inside)
            members = definition.members
            if (
                members
                and members[0].first > definition.first
                and self.source.size(definition.first, definition.end) > MERGED
            ):
                yield from self._within(members, definition.first, definition.end, definition.node, definition)
            else:
                yield from self._whole(definition, inside)
            first = definition.end
        for part in self._between(first, end, node, around, inside):
            part.closing = around is not None
            yield part

    def _between(
        self, first: int, end: int, node: "Node", around: Definition | None, inside: int
    ) -> Iterator[_Part]:
        """Parts of lines that are in no definition, or only in the one around them: its header, its end."""
        if first >= end:
            return
        kind, name, header = LINES, "", False
        symbols: tuple[str, ...] = ()
        if around is not None:
            name, header = around.name, first == around.first
        if around is not None and header:
            kind, symbols = around.kind, _symbols(around, members=False)
        if self.root.has_error:
            sections = list(_sections(self.source, first, end, around))
            if sections[-1].symbols:
                yield from self._outlined(sections, _Part(first, end, kind, name, symbols, inside, header=header))
                return
        spans = [(first, end)]
        if self.source.size(first, end) > PART:
            spans = cut_node(node, self.source.lines, self.source.sizes, first, end, PART)
        for index, (start, stop) in enumerate(spans):
            yield _Part(start, stop, kind, name, symbols if index == 0 else (), inside, header=header)

    def _outlined(self, sections: list[_Part], whole: _Part) -> Iterator[_Part]:
        """Sections as parts of at most `PART` characters; one before the first definition is as `whole`."""
        for section in sections:
            spans = cut_lines(self.source.lines, self.source.sizes, section.first, section.end, PART)
            if not section.symbols:
                section.kind, section.symbols, section.header = whole.kind, whole.symbols, whole.header
            for index, (start, stop) in enumerate(spans):
                known = section.symbols if index == 0 else ()
                yield _Part(start, stop, section.kind, section.name, known, whole.inside, header=section.header)

    def _whole(self, definition: Definition, inside: int) -> Iterator[_Part]:
        """A definition as one part or, if it is long, as several."""
        first, end = definition.first, definition.end
        symbols = _symbols(definition)
        if self.source.size(first, end) <= LONGEST:
            embedded = self._function(definition) if definition.kind == FUNCTION else None
            yield _Part(first, end, definition.kind, definition.name, symbols, inside, embedded)
            return
        spans = cut_node(definition.text, self.source.lines, self.source.sizes, first, end, PART)
        for index, (start, stop) in enumerate(spans):
            self.insides += 1
            known = symbols if index == 0 else ()
            yield _Part(start, stop, definition.kind, definition.name, known, self.insides)

    def _function(self, definition: Definition) -> str | None:
        """A function as the encoder was trained on it: signature, summary of its documentation, body."""
        if definition.others:
            return None
        grammar, code = self.grammar, self.source.code
        nodes = grammar.documentation(definition.node, definition.above, code)
        comments = (code[node.start_byte : node.end_byte].decode("utf-8", "replace") for node in nodes)
        docstring = grammar.clean("\n".join(comments)) if nodes else ""
        if definition.whole:
            implementation = code_without(definition.text, nodes if docstring else [], code)
        else:
            start = definition.node.start_point[0]
            implementation = textwrap.dedent("\n".join(self.source.lines[start : definition.end]))
        signature, _, body = implementation.partition("\n")
        return "\n".join(part for part in (signature, summary(docstring), body) if part)


def _symbols(definition: Definition, *, members: bool = True) -> tuple[str, ...]:
    """The unqualified names that a definition's lines define."""
    names = [name for name in _unqualified(definition.name).split(", ") if " " not in name]
    for other in [*definition.others, *(definition.members if members else [])]:
        names += _symbols(other)
    return tuple(dict.fromkeys(name for name in names if name))


def _unqualified(name: str) -> str:
    if name.endswith(":"):  # Objective-C: Box.send:to:
        return name.rpartition(".")[2]
    return _UNQUALIFIED.split(name)[-1]


_UNQUALIFIED = re.compile(r"[.:#]+(?=.)")
