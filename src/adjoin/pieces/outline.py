"""Finds definitions by their first line, in source code that no grammar reads: without one, refused, or in error.

It knows less than a syntax tree: where a definition begins and what it is called. What stands between two of them
belongs to the first.
"""

import re

_LONGEST_LINE = 300  # characters; a longer line begins no definition
_KINDS = {
    "function": "function fn func fun def defp sub subroutine procedure proc",
    "class": "class struct object record contract library",
    "interface": "interface protocol trait",
    "enum": "enum",
    "module": "module namespace defmodule",
    "macro": "macro defmacro defmacrop",
}
_KIND_OF = {word: kind for kind, words in _KINDS.items() for word in words.split()}
_MODIFIERS = (
    "public private protected internal fileprivate open override abstract sealed final static async export",
    "default inline suspend operator infix tailrec external extern unsafe pub const data inner companion implicit",
    "lazy case mutable pure elemental impure recursive module partial virtual local value mutating integer real",
)
_KEYWORD = re.compile(
    rf"\s*(?:(?:{'|'.join(' '.join(_MODIFIERS).split())})\s+)*(?P<word>{'|'.join(_KIND_OF)})\s+"
    r"(?:<[^<>]*>\s*)?(?:[\w<>*?]+\.)*"  # Kotlin: fun <T> Column<T>.name(
    r"(?P<name>[\w$][\w$:'-]*[?!]?)\s*(?:$|[({<\[:=;]|do\b|extends\b|implements\b|where\b|is\b|with\b|inherits\b)",
    re.IGNORECASE,
)
_SQL = re.compile(
    r"\s*create\s+(?:or\s+replace\s+)?(?:\w+\s+){0,2}?(?P<word>function|procedure|trigger|table|view|type|index|schema"
    r'|sequence)\s+(?:if\s+not\s+exists\s+)?(?P<name>["\w.]+)',
    re.IGNORECASE,
)
_SQL_KINDS = {
    "table": "class",
    "view": "class",
    "function": "function",
    "procedure": "function",
    "trigger": "function",
}
_METHOD = re.compile(r"[-+]\s*\((?:[^()]|\([^()]*\))*\)\s*(?P<name>\w+.*)")
_METHOD_WORD = re.compile(r"(\w+)\s*:\s*\(")
_OBJECTIVE_C = re.compile(r"@(?P<word>interface|implementation|protocol)\s+(?P<name>\w+)")
_NS_ENUM = re.compile(r"typedef\s+NS_\w*(?:ENUM|OPTIONS)\s*\(\s*\w+\s*,\s*(?P<name>\w+)\s*\)")
_C_FUNCTION = re.compile(
    r"(?!(?:return|else|typedef|if|while|for|switch|case|using|namespace|define)\b)"
    r"[A-Za-z_][\w*&:<>, \t]*[ \t*&](?P<name>~?[A-Za-z_][\w:<>~]*)[ \t]*\([^;=]*$"
)
_C_FAMILY = frozenset({"c", "cpp", "objectivec"})
_COMMENT = re.compile(r"\s*(?:#|//|--|/?\*|;|%|@\w|\[[A-Z])")  # or an annotation


def outlined(lines: list[str], language: str, first: int, end: int) -> list[tuple[int, str, str]]:
    """Return the definitions that begin between two lines, in order.

    Args:
        lines: all lines of the file.
        language: as in `Piece.language`.
        first: the first line, from 0.
        end: the line after the last.

    Returns:
        For each its first line, with the comments directly above it, its kind, and its unqualified name.
    """
    found: list[tuple[int, str, str]] = []
    lowest = first
    for row in range(first, end):
        read = _read(lines[row], language)
        if read is None:
            continue
        start = row
        while start > lowest and _COMMENT.match(lines[start - 1]):
            start -= 1
        found.append((start, *read))
        lowest = row + 1
    return found


def _read(line: str, language: str) -> tuple[str, str] | None:
    """The kind and name of the definition that begins on this line, if any."""
    if len(line) > _LONGEST_LINE:
        return None
    if language == "sql":
        match = _SQL.match(line)
        return (_SQL_KINDS.get(match["word"].lower(), "type"), match["name"].strip('"')) if match else None
    if language == "objectivec":
        if match := _METHOD.match(line):
            words = _METHOD_WORD.findall(match["name"])
            return "function", "".join(f"{word}:" for word in words) or re.split(r"\W", match["name"])[0]
        if match := _OBJECTIVE_C.match(line):
            return "interface" if match["word"] == "protocol" else "class", match["name"]
        if match := _NS_ENUM.match(line):
            return "enum", match["name"]
    if language in _C_FAMILY and (match := _C_FUNCTION.match(line)):
        return "function", match["name"].rpartition("::")[2]
    match = _KEYWORD.match(line)
    return (_KIND_OF[match["word"].lower()], match["name"].strip(":").replace("::", ".")) if match else None
