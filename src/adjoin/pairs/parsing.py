"""Source code → a syntax tree, within bounds: some inputs crash the parsers' C code, or take them hours.

Tried with 230 kinds of nesting in the nine grammars, 20,000 to 100,000 levels deep (tree-sitter 0.26): brackets,
blocks, classes, interpolations, operators and the like take linear time and memory in all of them. The exceptions
are refused below, before the parser sees the source. Each bound is far above what real files have, and far below
what does harm.
"""

import ctypes
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from adjoin.pairs.languages import Language, parser_for
from adjoin.pairs.quality import TOO_DEEP, UNPARSABLE

if TYPE_CHECKING:
    from tree_sitter import Node


def parsed(source: bytes, language: Language) -> "Node | str":
    """Parse source code, unless that would crash the parser or take it much more than linear time.

    Two things are counted. Readings, because a comment or string that never ends is read to the end of the file
    from each place where it may begin: 0.3 MB of them take two minutes. And the parser's steps, because it may try
    ever more ways to read what is no code: 16 kB of `] ++` take 16 s. Seconds are not counted, so a slow machine
    gives the same trees.

    Args:
        source: in UTF-8.
        language: the row of the grammar.

    Returns:
        The root of the syntax tree, or the rule of files that speaks against parsing this one.
    """
    if _too_deep(source, language):
        return TOO_DEEP
    readings = _READINGS + _READINGS_OF_A_CHUNK * (len(source) // _CHUNK)
    steps = _STEPS + _STEPS_OF_A_CHUNK * (len(source) // _CHUNK)
    view = memoryview(
        source
    )  # a slice of bytes that takes all is the same object, which `_release` must not touch
    given: list[bytes] = []

    def read(offset: int, _: object) -> bytes:
        nonlocal readings
        readings -= 1
        if readings <= 0:
            return b""
        given.append(bytes(view[offset : offset + _CHUNK]))
        return given[-1]

    def is_enough(*_: object) -> bool:
        nonlocal steps
        steps -= 1
        return steps <= 0

    parser = parser_for(language.name)
    try:
        tree = parser.parse(read, progress_callback=is_enough)
    except ValueError:  # stopped
        parser.reset()
        return UNPARSABLE
    finally:
        _release(given)
    return tree.root_node if readings > 0 else UNPARSABLE


# -- nesting ----------------------------------------------------------------------------------------------------


def _too_deep(source: bytes, language: Language) -> bool:
    check = _CHECKS.get(language.name)
    return check is not None and check(source)


# tree-sitter-python's scanner overruns its 1,024 bytes of state, where 2 are for each open level of indentation
# and up to 255 for open strings: SIGSEGV from 511 levels on, with open strings from 505 on; by the arithmetic 383
# could do. Levels grow strictly, so there are never more of them than different indentations. CPython refuses 100
# levels; among 53,821 source files of installed packages, the most indentations are 55.
_INDENTATIONS = 250
_BLANK = re.compile(rb"(?:^|\n)(?:[ \t\r\n\f]|\\\r?\n)*")
_CONTINUED, _LINE_END = re.compile(rb"\\\r?\n"), re.compile(rb"[\n\r\f]")


def _many_indentations(source: bytes) -> bool:
    blanks = set(_BLANK.findall(source))
    if len(blanks) <= _INDENTATIONS:
        return False
    ends = {_LINE_END.split(_CONTINUED.sub(b"", blank))[-1] for blank in blanks}
    return len({len(end) + 7 * end.count(b"\t") for end in ends}) > _INDENTATIONS


# tree-sitter-ruby's scanner overruns the same state by a byte where that comes to 1,025: it holds the names of the
# heredocs that are open at once, 4 bytes for each, and 5 for each string around them. SIGSEGV at `<<A...A` with
# 1,019 letters, or with 19 inside 200 interpolations.
_HEREDOC_BYTES = 500  # of the heredocs that begin on one line
_HEREDOC = re.compile(rb"""<<[-~]?(?:(["'`])(.*?)(?:\1|$)|(\w+))""", re.MULTILINE)
_BRACE = re.compile(rb"#\{|[{}]")
_INTERPOLATIONS = 100


def _many_heredocs(source: bytes) -> bool:
    heredocs = list(_HEREDOC.finditer(source))
    of_line, line = 0, -2
    for heredoc in heredocs:
        start = source.rfind(b"\n", max(line, 0), heredoc.start())
        if start > line:
            of_line, line = 0, start
        of_line += 4 + len(heredoc[2] or heredoc[3] or b"")
        if of_line > _HEREDOC_BYTES:
            return True
    return bool(heredocs) and _open_braces(source) > _INTERPOLATIONS


def _open_braces(source: bytes) -> int:
    """The most braces that are open at once."""
    depth = most = 0
    for brace in _BRACE.finditer(source):
        depth = max(0, depth - 1) if brace[0] == b"}" else depth + 1
        most = max(most, depth)
    return most


# tree-sitter-java takes each `A<` behind another both for the begin of a type and for a comparison: 4,000 of them
# take 0.5 s and 0.3 GB, 16,000 (32 kB) 9 s and 2 GB, in few steps. What else stands between them ends it, but for
# a semicolon.
_OPEN_TYPES = 100
_ASIDE = re.compile(
    rb'""".*?(?:"""|\Z)|"[^"\\\n]*(?:\\.[^"\\\n]*)*"?|'
    rb"'[^'\\\n]*(?:\\.[^'\\\n]*)*'?|/\*.*?(?:\*/|\Z)|//[^\n]*",
    re.DOTALL,
)
_NAMES = re.compile(rb"[\w$.;\s<]+")


def _many_open_types(source: bytes) -> bool:
    if source.count(b"<") <= _OPEN_TYPES:
        return False
    code = _ASIDE.sub(lambda aside: b"" if aside[0][:1] == b"/" else b'"', source)
    return any(names.count(b"<") > _OPEN_TYPES for names in _NAMES.findall(code))


_CHECKS: dict[str, Callable[[bytes], bool]] = {
    "python": _many_indentations,
    "ruby": _many_heredocs,
    "java": _many_open_types,
}

# -- bounds -----------------------------------------------------------------------------------------------------

_forget = ctypes.pythonapi.Py_DecRef
_forget.argtypes, _forget.restype = (ctypes.py_object,), None
_CHUNK = 4096  # bytes that the parser is given at once
_READINGS, _READINGS_OF_A_CHUNK = 1000, 20  # whole files of well-formed source are read 1 to 2 times
_STEPS, _STEPS_OF_A_CHUNK = (
    1000,
    800,
)  # hundreds of steps: 3,264 files of installed packages take 96 a chunk at most


def _release(given: list[bytes]) -> None:
    """Free what the parser was given.

    tree-sitter's binding (0.26) never gives up its reference to what a callback returns: 1.4 bytes stayed for each
    byte of source, 2.4 GB in a worker after half of our code corpus. What it holds after its end is taken back.
    """
    while given:
        chunk = given.pop()
        if len(chunk) > 1:  # shorter ones are Python's own, one for all
            for _ in range(sys.getrefcount(chunk) - 2):  # but for ours and the argument's
                _forget(chunk)
