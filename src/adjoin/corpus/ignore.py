"""Rules of .gitignore files: each file applies to its own folder and to everything below it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adjoin.corpus.globs import Glob, Globs, git_glob, literal_length
from adjoin.tally import Tally

NAME = ".gitignore"
MALFORMED = "malformed .gitignore pattern"
_MAX_BYTES = 4 << 20  # of a .gitignore file; a longer file is no list of patterns
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The .gitignore files from a root down to one folder.

    Attributes:
        files: the innermost first, since its last matching line decides: its folder as a prefix of paths below
            the root ("" or "a/b/"), and its patterns.
    """

    files: tuple[tuple[str, "Patterns"], ...] = ()

    def within(self, folder: str, path: Path, tally: Tally) -> "IgnoreRules":
        """Return the rules that hold inside a folder with a .gitignore file of its own.

        Args:
            folder: the folder as a prefix of paths below the root: "" for the root itself, or "a/b/".
            path: its .gitignore file.
            tally: where malformed patterns are counted; they match nothing, as in git.

        Raises:
            OSError: it cannot be read.
        """
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        origin = os.fsencode(folder + NAME).decode("utf-8", "replace")
        if len(content) > _MAX_BYTES:
            content = content[: content.rfind(b"\n", 0, _MAX_BYTES) + 1]
            tally.add(f"{NAME} cut at {_MAX_BYTES >> 20} MB", origin)
        patterns = Patterns(content)
        for number in patterns.malformed:
            tally.add(MALFORMED, f"{origin}:{number}")
        return IgnoreRules(((folder, patterns), *self.files))

    def ignore(self, path: str) -> bool:
        """Whether a path below the root is ignored; a folder's path ends with a slash."""
        for folder, patterns in self.files:
            verdict = patterns.verdict(path.removeprefix(folder))
            if verdict is not None:
                return verdict
        return False


class Patterns:
    """The patterns of one .gitignore file, read and matched as git does (gitignore(5), dir.c, wildmatch.c).

    Literal names and paths and `*.suffix`, nearly all that real files have, are looked up in tables; only the
    others are matched one by one, in linear time. Names and patterns are bytes, in whatever encoding.

    Attributes:
        malformed: numbers of the lines, from 1, whose patterns git lets match nothing.
    """

    def __init__(self, content: bytes) -> None:
        self.malformed: list[int] = []
        self._keeps: list[bool] = []  # of each pattern, in order: whether it begins with "!"
        self._names, self._suffixes, self._paths = _Table(), _Table(), _Table()
        name_globs, path_globs = _GlobList(), _GlobList()
        for number, pattern in _lines(content.removeprefix(_BYTE_ORDER_MARK)):
            index = len(self._keeps)
            self._keeps.append(pattern.startswith(b"!"))
            pattern = pattern.removeprefix(b"!")
            folders_only = pattern.endswith(b"/")
            pattern = pattern.removesuffix(b"/")
            anywhere = b"/" not in pattern
            pattern = pattern.removeprefix(b"/")
            if not pattern:
                self.malformed.append(number)
            elif literal_length(pattern) == len(pattern):
                (self._names if anywhere else self._paths).add(pattern, index, folders_only)
            elif anywhere and pattern.startswith(b"*") and literal_length(pattern[1:]) == len(pattern) - 1:
                self._suffixes.add(pattern[1:], index, folders_only)
            elif (glob := git_glob(pattern)) is None:
                self.malformed.append(number)
            else:
                (name_globs if anywhere else path_globs).add(glob, index, folders_only)
        self._name_globs, self._path_globs = name_globs.compiled(), path_globs.compiled()
        self._suffix_lengths = sorted({len(suffix) for suffix in self._suffixes.last[True]})

    def verdict(self, path: str) -> bool | None:
        """Whether these patterns ignore a path below their folder; None if they say nothing on it.

        Args:
            path: with slashes; a folder's ends with one.
        """
        folder = path.endswith("/")
        whole = os.fsencode(path).removesuffix(b"/")
        name = whole.rpartition(b"/")[2]
        last = max(
            self._names.last[folder].get(name, -1),
            self._paths.last[folder].get(whole, -1),
            self._last_suffix(name, folder),
            self._name_globs.last_match(name, folder),
            self._path_globs.last_match(whole, folder),
        )
        return None if last < 0 else not self._keeps[last]

    def _last_suffix(self, name: bytes, folder: bool) -> int:
        last = -1
        for length in self._suffix_lengths:
            if length > len(name):
                break
            last = max(last, self._suffixes.last[folder].get(name[len(name) - length :], -1))
        return last


class _Table:
    """Literal patterns → the index of the last one, for files and for folders (False and True)."""

    def __init__(self) -> None:
        self.last: dict[bool, dict[bytes, int]] = {False: {}, True: {}}

    def add(self, literal: bytes, index: int, folders_only: bool) -> None:
        self.last[True][literal] = index
        if not folders_only:
            self.last[False][literal] = index


class _GlobList:
    """Some of a file's patterns, with their indices in it."""

    def __init__(self) -> None:
        self.globs: list[Glob] = []
        self.indices: list[int] = []
        self.folders_only: set[int] = set()

    def add(self, glob: Glob, index: int, folders_only: bool) -> None:
        if folders_only:
            self.folders_only.add(len(self.globs))
        self.globs.append(glob)
        self.indices.append(index)

    def compiled(self) -> "_Indexed":
        return _Indexed(Globs(self.globs, self.folders_only) if self.globs else None, self.indices)


@dataclass(frozen=True, slots=True)
class _Indexed:
    globs: Globs | None
    indices: list[int]

    def last_match(self, text: bytes, folder: bool) -> int:
        match = self.globs.last_match(text, folder=folder) if self.globs else -1
        return self.indices[match] if match >= 0 else -1


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines that have a pattern, and their numbers from 1; a pattern ends at a byte of zero, as in C."""
    for number, line in enumerate(content.split(b"\n"), 1):
        pattern = line.removesuffix(b"\r").partition(b"\0")[0]
        if not pattern.startswith(b"#") and (pattern := _without_spaces(pattern)):
            yield number, pattern


def _without_spaces(pattern: bytes) -> bytes:
    """Without the spaces at the end; one behind a backslash stays."""
    stripped = pattern.rstrip(b" ")
    backslashes = len(stripped) - len(stripped.rstrip(b"\\"))
    return pattern[: len(stripped) + 1] if backslashes % 2 else stripped
