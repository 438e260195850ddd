"""Parsing of source code within bounds, since some inputs crash tree-sitter's C code or take it hours.

230 kinds of nesting were tried in the nine grammars of tree-sitter 0.26, with 20,000 to 100,000 levels. Brackets,
blocks, classes, interpolations and operators take linear time and memory in all of them. The exceptions are
rejected below, before the source is parsed. Each bound is far above what real files have, and far below what does
harm.
"""

import ctypes
import mmap
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from adjoin.pairs.languages import Language, parser_for
from adjoin.pairs.quality import TOO_DEEP, UNPARSABLE

if TYPE_CHECKING:
    from tree_sitter import Node, Parser


def parsed(source: bytes, language: Language) -> "Node | str":
    """Parse source code, unless that would crash the parser or take much more than linear time.

    Two things are limited. Reads: an unterminated comment or string is read to the end of the file from each
    position where it may start, and 0.3 MB of them take two minutes. Steps: the parser tries ever more readings of
    text that is no code, and 16 kB of `] ++` take 16 s. Memory is limited as well, far above what code takes. Time
    is not: a slow machine gives the same trees.

    Args:
        source: source code in UTF-8.
        language: the row of the programming language.

    Returns:
        The root of the syntax tree, or the name of the file rule that rejects this source.
    """
    return parsed_by(parser_for(language.name), language.name, source)


def parsed_by(parser: "Parser", grammar: str, source: bytes, *, strict: bool = False) -> "Node | str":
    """Parse source code with a given parser, within the bounds of `parsed`.

    Args:
        parser: a parser of the grammar.
        grammar: the grammar's name, which decides what is rejected before it is parsed.
        source: source code in UTF-8.
        strict: whether the parser gives up early. Some text that is no code takes quadratic memory in the grammars
            that are not mined: in C, 20 kB of `x => ` take 5 GB at their end, in steps that code does not need.

    Returns:
        The root of the syntax tree, or the name of the file rule that rejects this source.
    """
    if _too_deep(source, grammar):
        return TOO_DEEP
    limits = _strict_limits(grammar, source) if strict else _limits(source)
    root = _parsed(parser, source, limits)
    if grammar in _JSX and not isinstance(root, str) and root.has_error:
        # In JSX, the grammars accept `&` only in a character reference; React and TypeScript accept it anywhere.
        # `|` stands in its place: the tree's nodes have the same places, in expressions too.
        readable = _BARE_AMPERSAND.sub(b"|", source)
        return root if readable == source else _parsed(parser, readable, limits)
    return root


_JSX = frozenset({"javascript", "tsx"})
_BARE_AMPERSAND = re.compile(rb"(?<!&)&(?![&=]|#?\w{1,32};)")


class _Limits(NamedTuple):
    """How far a parse may go: reads of the source, steps of the parser, megabytes, CPU seconds."""

    reads: int
    steps: int
    megabytes: float
    seconds: float = float("inf")


def _limits(source: bytes) -> _Limits:
    chunks = len(source) // _CHUNK
    return _Limits(_READS + _READS_PER_CHUNK * chunks, _STEPS + _STEPS_PER_CHUNK * chunks, _megabytes_for(source))


def _strict_limits(grammar: str, source: bytes) -> _Limits:
    chunks, megabytes = len(source) // _CHUNK + 1, len(source) / 1e6
    return _Limits(
        _READS_IN.get(grammar, 1) * (_READS + _READS_PER_CHUNK * chunks),
        _STEPS_IN.get(grammar, 1) * (_STRICT_STEPS + _STRICT_STEPS_PER_CHUNK * chunks),
        _megabytes_for(source),
        _SECONDS + _SECONDS_PER_MEGABYTE * megabytes,
    )


def _megabytes_for(source: bytes) -> float:
    return _MEGABYTES + _MEGABYTES_PER_MEGABYTE * len(source) / 1e6


def _parsed(parser: "Parser", source: bytes, limits: _Limits) -> "Node | str":
    reads, steps = limits.reads, limits.steps
    until, below = time.thread_time() + limits.seconds, _megabytes_held() + limits.megabytes
    view = memoryview(source)  # bytes[:] would be `source` itself, which `_release` must not touch
    given: list[bytes] = []

    def read(offset: int, _: object) -> bytes:
        nonlocal reads
        reads -= 1
        if reads <= 0:
            return b""
        given.append(bytes(view[offset : offset + _CHUNK]))
        return given[-1]

    def out_of_steps(*_: object) -> bool:
        nonlocal steps
        steps -= 1
        return steps <= 0 or (
            steps % _STEPS_PER_LOOK == 0 and (time.thread_time() > until or _megabytes_held() > below)
        )

    try:
        tree = parser.parse(read, progress_callback=out_of_steps)
    except ValueError:  # stopped by the callback
        parser.reset()
        return UNPARSABLE
    finally:
        _release(given)
    return tree.root_node if reads > 0 else UNPARSABLE


# -- nesting ----------------------------------------------------------------------------------------------------


def _too_deep(source: bytes, grammar: str) -> bool:
    check = _CHECKS.get(grammar)
    return check is not None and check(source)


# tree-sitter-python's scanner overruns its 1,024 bytes of state: 2 bytes for each open level of indentation, and
# up to 255 for open strings. It crashes (SIGSEGV) from 511 levels on, or from 505 with open strings; 383 might do.
# There are never more levels than different indentations. CPython rejects 100 levels. Of 53,821 source files of
# installed packages, none has more than 55 indentations.
_INDENTATIONS = 250
_BLANK = re.compile(rb"(?:^|\n)(?:[ \t\r\n\f]|\\\r?\n)*")
_CONTINUED, _LINE_END = re.compile(rb"\\\r?\n"), re.compile(rb"[\n\r\f]")


def _many_indentations(source: bytes) -> bool:
    blanks = set(_BLANK.findall(source))
    if len(blanks) <= _INDENTATIONS:
        return False
    ends = {_LINE_END.split(_CONTINUED.sub(b"", blank))[-1] for blank in blanks}
    return len({len(end) + 7 * end.count(b"\t") for end in ends}) > _INDENTATIONS


# tree-sitter-ruby's scanner overruns the same state at 1,025 bytes. It holds the names of open heredocs with 4
# more bytes for each, and 5 bytes for each string around them. It crashes (SIGSEGV) at `<<A...A` with 1,019
# letters, or with 19 letters inside 200 interpolations.
_HEREDOC_BYTES = 500  # state for the heredocs that start on one line
_HEREDOC = re.compile(rb"""<<[-~]?(?:(["'`])(.*?)(?:\1|$)|(\w+))""", re.MULTILINE)
_BRACE = re.compile(rb"#\{|[{}]")
_INTERPOLATIONS = 100


def _many_heredocs(source: bytes) -> bool:
    heredocs = list(_HEREDOC.finditer(source))
    state_bytes, line = 0, -2
    for heredoc in heredocs:
        start = source.rfind(b"\n", max(line, 0), heredoc.start())
        if start > line:
            state_bytes, line = 0, start
        state_bytes += 4 + len(heredoc[2] or heredoc[3] or b"")
        if state_bytes > _HEREDOC_BYTES:
            return True
    return bool(heredocs) and _open_braces(source) > _INTERPOLATIONS


def _open_braces(source: bytes) -> int:
    """The largest number of braces that are open at once."""
    depth = most = 0
    for brace in _BRACE.finditer(source):
        depth = max(0, depth - 1) if brace[0] == b"}" else depth + 1
        most = max(most, depth)
    return most


# tree-sitter-java reads each `A<` after another both as the start of a type and as a comparison. 4,000 of them
# take 0.5 s and 0.3 GB; 16,000 (32 kB) take 9 s and 2 GB, in few steps. Anything between them except a semicolon
# ends this.
_OPEN_TYPES = 100
_STRING_OR_COMMENT = re.compile(
    rb'""".*?(?:"""|\Z)|"[^"\\\n]*(?:\\.[^"\\\n]*)*"?|'
    rb"'[^'\\\n]*(?:\\.[^'\\\n]*)*'?|/\*.*?(?:\*/|\Z)|//[^\n]*",
    re.DOTALL,
)
_NAMES = re.compile(rb"[\w$.;\s<]+")


def _many_open_types(source: bytes) -> bool:
    if source.count(b"<") <= _OPEN_TYPES:
        return False
    code = _STRING_OR_COMMENT.sub(lambda match: b"" if match[0][:1] == b"/" else b'"', source)
    return any(names.count(b"<") > _OPEN_TYPES for names in _NAMES.findall(code))


# tree-sitter-perl's scanner overruns its state at a word of some 2,000 letters after `<<`, or in a heredoc's text,
# where it looks for the end (SIGSEGV).
_WORD_BYTES = 250


def _long_words_with_heredocs(source: bytes) -> bool:
    return b"<<" in source and max(map(len, _WORD.findall(source)), default=0) > _WORD_BYTES


_WORD = re.compile(rb"[\w\x80-\xff]+")


_CHECKS: dict[str, Callable[[bytes], bool]] = {
    "python": _many_indentations,
    "ruby": _many_heredocs,
    "perl": _long_words_with_heredocs,
    "java": _many_open_types,
    "csharp": _many_open_types,  # 16,000 times `template <` take more than 2 GB
}

# -- bounds -----------------------------------------------------------------------------------------------------

_forget = ctypes.pythonapi.Py_DecRef
_forget.argtypes, _forget.restype = (ctypes.py_object,), None
_CHUNK = 4096  # bytes per read
_READS, _READS_PER_CHUNK = 1000, 20  # well-formed source is read 1 to 2 times
# 3,000 files in 25 languages (C, SQL, Haskell, OCaml, Groovy ...) take at most 0.7 of the strict limits. Without
# the factors, files in Scala, Perl and Dart take up to 1.8 times the steps, and Scala 6 times the reads.
_STRICT_STEPS, _STRICT_STEPS_PER_CHUNK = 60, 110
_STEPS_IN = {"scala": 3, "perl": 3, "dart": 3}
_READS_IN = {"scala": 12}
# The last resort: code takes 0.05 to 0.5 s and at most 60 MB per megabyte. 44 kB of `s{>fn` take Ruby's 2.3 GB.
# Time is limited only for grammars that are not mined: it decides what a search finds, not what a model learns.
_SECONDS, _SECONDS_PER_MEGABYTE = 1.5, 2.0
_MEGABYTES, _MEGABYTES_PER_MEGABYTE = 300.0, 100.0
_STEPS_PER_LOOK = 16  # at the clock and the memory, of which a step takes at most 1 MB
_STEPS, _STEPS_PER_CHUNK = 1000, 800  # in hundreds; 3,264 files of installed packages take at most 96 per chunk


def _release(given: list[bytes]) -> None:
    """Free the chunks that the parser was given.

    tree-sitter's Python binding (0.26) never releases its references to what a callback returns. It leaked 1.4
    bytes per byte of source: 2.4 GB in a worker after half of our code corpus. The references are dropped here.
    """
    while given:
        chunk = given.pop()
        if len(chunk) > 1:  # shorter ones are shared by the interpreter
            for _ in range(sys.getrefcount(chunk) - 2):  # all but ours and the argument's
                _forget(chunk)


def _megabytes_held() -> float:
    """The megabytes of this process: what it holds (Linux), or the most that it has held (macOS); else 0."""
    with suppress(OSError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE / 1e6
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


_PAGE = mmap.PAGESIZE
