"""Data by its keys: YAML, JSON, TOML, INI and properties.

The keys of YAML and of JSON that is written over several lines are told by their indentation, so no file is too
deep or too broken. A piece is named by the keys around it: "services.queue.image".
"""

import re
from collections.abc import Sequence

from adjoin.pieces.parts import MAX_LEVEL, Mark

_PLAIN_KEY = r"""[^\s#"'{}\[\],&*!|>%@`-][^:#]{0,100}?|-[^\s:#][^:#]{0,99}"""
_YAML_KEY = re.compile(rf"""( *)((?:- +)*)(?:"([^"]{{1,100}})"|'([^']{{1,100}})'|({_PLAIN_KEY})) *:(?: |$)""")
_LITERAL = re.compile(r"[ :][|>][-+0-9]{0,2}\s*$")
_LITERAL_ENDS = 12  # characters at the end of a line that begin a literal
_JSON_KEY = re.compile(r"""(\s*)"((?:[^"\\]|\\.){1,100})"\s*:""")
_TABLE = re.compile(r"\s{0,8}\[{1,2} *([^\]]{1,100}?) *\]{1,2} *(?:[#;].*)?$")
_SETTING = re.compile(r"""([A-Za-z0-9_."'-][^=:#]{0,100}?) *[=:]""")


def yaml(lines: Sequence[str]) -> list[Mark]:
    """Marks of the keys of YAML; those of an item of a list are below the list's key."""
    keys = _Keys()
    literal = -1  # indentation of the key whose lines of text follow
    for number, line in enumerate(lines):
        if literal >= 0 and (line[: literal + 1].isspace() or not line):
            continue
        literal = -1
        if ":" not in line:
            if line.startswith("---"):
                keys.restart()
        elif match := _YAML_KEY.match(line):
            keys.add(number, len(match[1]) + len(match[2]), match[3] or match[4] or match[5], item=bool(match[2]))
            if _LITERAL.search(line, max(0, len(line) - _LITERAL_ENDS)):
                literal = len(match[1]) + len(match[2])
    return with_comments(keys.marks, lines, "#")


def json(lines: Sequence[str]) -> list[Mark]:
    """Marks of the keys of JSON that begins its keys on lines of their own; none in JSON on one line."""
    keys = _Keys()
    for number, line in enumerate(lines):
        if '"' in line and (match := _JSON_KEY.match(line)):
            keys.add(number, len(match[1].expandtabs()), match[2])
    return keys.marks


def settings(lines: Sequence[str]) -> list[Mark]:
    """Marks of the tables and settings of TOML, INI, properties and environment files."""
    marks, table = [], ""
    for number, line in enumerate(lines):
        if line.lstrip()[:1] == "[" and (match := _TABLE.match(line)):
            table = match[1]
            marks.append(Mark(number, 1, table))
        elif match := _SETTING.match(line):
            key = match[1].strip()
            marks.append(Mark(number, 2, f"{table}.{key}" if table else key))
    return with_comments(marks, lines, "#;!")


def with_comments(marks: Sequence[Mark], lines: Sequence[str], signs: str) -> list[Mark]:
    """Move each mark up to the first of the comment lines directly above it.

    Args:
        marks: in the order of their lines.
        lines: the lines of the file.
        signs: characters, one of which begins each line of a comment.
    """
    moved = []
    floor = 0  # lines from here on belong to no earlier mark
    for mark in marks:
        line = mark.line
        while line > floor and lines[line - 1].lstrip()[:1] in signs and lines[line - 1].strip():
            line -= 1
        moved.append(mark if line == mark.line else Mark(line, mark.level, mark.name, mark.symbols))
        floor = mark.line + 1
    return moved


class _Keys:
    """Keys by their indentation.

    Attributes:
        marks: one for each key that is not too deep, named by the keys around it.
    """

    def __init__(self) -> None:
        self.marks: list[Mark] = []
        self._above: list[tuple[int, str]] = []  # indentation and name of the keys around the next one

    def add(self, line: int, indent: int, key: str, *, item: bool = False) -> None:
        """Add a key; `item` if it begins an item of a list, which is a part of its own."""
        while self._above and self._above[-1][0] >= indent:
            self._above.pop()
        self._above.append((indent, key.strip()))
        level = len(self._above)
        if level <= MAX_LEVEL or item:
            name = ".".join(name for _, name in self._above[:MAX_LEVEL])
            self.marks.append(Mark(line, min(level, MAX_LEVEL), name))

    def restart(self) -> None:
        """Begin another document of the same file."""
        self._above.clear()
