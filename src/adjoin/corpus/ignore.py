"""Rules of .gitignore files and their like: each applies to its own folder and to everything below it."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from adjoin.corpus.globs import Glob, Globs, Repeat, git_glob, last_bytes, literal_length, longest_literal
from adjoin.errors import AdjoinError
from adjoin.tally import Tally

NAME = ".gitignore"
MALFORMED = "malformed .gitignore pattern"
_MAX_BYTES = 4 << 20  # of a .gitignore file; a longer file is no list of patterns
_MOST_NEEDLES = 100  # more patterns than these are faster to match all at once
_LONGEST_PATH = 1 << 15  # bytes that a path may have on any system; Linux allows 4,096
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class IgnoreFile:
    """The patterns of one list of ignored files, and where they hold.

    Attributes:
        start: length of its folder's path, with the slash at its end, in the paths that are asked about.
        patterns: what it says on paths below that folder.
        name: what the list is called where a skipped file is reported, such as ".gitignore".
    """

    start: int
    patterns: "Patterns"
    name: str = NAME


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The lists of ignored files that hold in one folder.

    Attributes:
        files: the strongest first, since its last matching line decides: the innermost folder's.
    """

    files: tuple[IgnoreFile, ...] = ()

    def within(self, folder: str, path: Path, tally: Tally) -> "IgnoreRules":
        """Return the rules that hold inside a folder with a .gitignore file of its own.

        Args:
            folder: the folder as a prefix of paths below the root: "" for the root itself, or "a/b/".
            path: its .gitignore file.
            tally: where malformed patterns are counted; they match nothing, as in git.

        Raises:
            OSError: it cannot be read.
        """
        content, cut = read_list(path)
        origin = os.fsencode(folder + NAME).decode("utf-8", "replace")
        if cut:
            tally.add(cut_reason(NAME), origin)
        patterns = Patterns(content)
        for number in patterns.malformed:
            tally.add(MALFORMED, f"{origin}:{number}")
        return self.below(IgnoreFile(len(os.fsencode(folder)), patterns))

    def below(self, file: IgnoreFile) -> "IgnoreRules":
        """Return these rules with a stronger list before them."""
        return IgnoreRules((file, *self.files))

    def decide(self, path: bytes, name: bytes, *, folder: bool) -> tuple[bool, str] | None:
        """Return whether a path is ignored, and the name of the list that says so; None if none says anything.

        Args:
            path: without a slash at the end.
            name: its last part.
            folder: whether it is a folder.
        """
        for file in self.files:
            verdict = file.patterns.decide(path[file.start :] if file.start else path, name, folder=folder)
            if verdict is not None:
                return verdict, file.name
        return None

    def ignore(self, path: str) -> bool:
        """Whether a path below the root is ignored; a folder's path ends with a slash."""
        whole = os.fsencode(path).removesuffix(b"/")
        decision = self.decide(whole, whole.rpartition(b"/")[2], folder=path.endswith("/"))
        return decision is not None and decision[0]


def read_list(path: Path) -> tuple[bytes, bool]:
    """Read a list of ignored files, and say whether it was cut at a line because it is too long.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    cut = len(content) > _MAX_BYTES
    return (content[: content.rfind(b"\n", 0, _MAX_BYTES) + 1] if cut else content), cut


def cut_reason(name: str) -> str:
    """Return the reason under which a list of ignored files is counted that was cut."""
    return f"{name} cut at {_MAX_BYTES >> 20} MB"


class Patterns:
    """The patterns of one .gitignore file, read and matched as git does (gitignore(5), dir.c, wildmatch.c).

    Literal names and paths and `*.suffix`, nearly all that real files have, are looked up in tables; only the
    others are matched one by one, in linear time. Names and patterns are bytes, in whatever encoding.

    Attributes:
        malformed: numbers of the lines, from 1, whose patterns git lets match nothing.
    """

    def __init__(self, content: bytes, *, ignore_case: bool = False) -> None:
        """Read the lines of a file.

        Args:
            content: the file's bytes.
            ignore_case: whether ASCII letters match in either case, as git's core.ignoreCase has it.
        """
        self._fill(_lines(content.removeprefix(_BYTE_ORDER_MARK)), ignore_case)

    @classmethod
    def of_globs(cls, globs: Iterable[bytes]) -> "Patterns":
        """Read patterns that are no lines: "#", spaces and line ends are themselves. Numbers count them from 1."""
        patterns = cls.__new__(cls)
        patterns._fill(enumerate(globs, 1), ignore_case=False)
        return patterns

    def _fill(self, lines: Iterable[tuple[int, bytes]], ignore_case: bool) -> None:
        self.malformed: list[int] = []
        self._ignore_case = ignore_case
        self._keeps: list[bool] = []  # of each pattern, in order: whether it begins with "!"
        self._names, self._suffixes, self._paths = _Table(), _Table(), _Table()
        name_globs, path_globs = _GlobList(), _GlobList()
        for number, pattern in lines:
            index = len(self._keeps)
            self._keeps.append(pattern.startswith(b"!"))
            pattern = pattern.removeprefix(b"!")
            folders_only = pattern.endswith(b"/")
            pattern = pattern.removesuffix(b"/")
            anywhere = b"/" not in pattern
            pattern = pattern.removeprefix(b"/")
            folded = pattern.lower() if ignore_case else pattern
            if not pattern:
                self.malformed.append(number)
            elif literal_length(pattern) == len(pattern):
                (self._names if anywhere else self._paths).add(folded, index, folders_only)
            elif anywhere and pattern.startswith(b"*") and literal_length(pattern[1:]) == len(pattern) - 1:
                self._suffixes.add(folded[1:], index, folders_only)
            elif (glob := git_glob(pattern, ignore_case=ignore_case)) is None:
                self.malformed.append(number)
            elif (
                sum(not isinstance(unit, Repeat) for unit in glob) <= _LONGEST_PATH
            ):  # a longer one matches nothing
                (name_globs if anywhere else path_globs).add(glob, index, folders_only)
        self._name_globs, self._path_globs = name_globs.compiled(), path_globs.compiled()
        self._suffix_lengths = sorted({len(suffix) for suffix in self._suffixes.last[True]})

    def decide(self, path: bytes, name: bytes, *, folder: bool) -> bool | None:
        """Whether these patterns ignore a path below their folder; None if they say nothing on it.

        Args:
            path: without a slash at the end.
            name: its last part.
            folder: whether it is a folder.
        """
        if self._ignore_case:
            path, name = path.lower(), name.lower()
        last = max(self._names.last[folder].get(name, -1), self._paths.last[folder].get(path, -1))
        if self._suffix_lengths:
            last = max(last, self._last_suffix(name, folder))
        if self._name_globs.globs:
            last = max(last, self._name_globs.last_match(name, folder))
        if self._path_globs.globs:
            last = max(last, self._path_globs.last_match(path, folder))
        return None if last < 0 else not self._keeps[last]

    def _last_suffix(self, name: bytes, folder: bool) -> int:
        last = -1
        for length in self._suffix_lengths:
            if length > len(name):
                break
            last = max(last, self._suffixes.last[folder].get(name[len(name) - length :], -1))
        return last


def user_patterns(globs: Sequence[str], option: str) -> Patterns | None:
    """Read the patterns that a user gives, each as in a .gitignore file of the root; None if there are none.

    Args:
        globs: `./docs/` means `docs/`; "#" and spaces are themselves.
        option: what they were given as, for the error.

    Raises:
        AdjoinError: one is empty, malformed, or begins with an exclamation mark.
    """
    for glob in globs:
        written = _written(glob)
        if written.startswith(b"!") or b"\0" in written or Patterns.of_globs([written]).malformed:
            raise AdjoinError(
                f"--{option} {glob!r} is no pattern; write one as in a .gitignore file, such as *.py, docs/ "
                "or /src/**/*.ts, without an exclamation mark"
            )
    return Patterns.of_globs(map(_written, globs)) if globs else None


def folders_above(globs: Sequence[str]) -> Patterns | None:
    """Patterns of the folders above what those match that begin with a literal name: `/a`, `/a/*` of `a/*/b`."""
    above: list[bytes] = []
    for glob in globs:
        parts = _written(glob).strip(b"/").split(b"/")
        if literal_length(parts[0]) == len(parts[0]):
            depth = parts.index(b"**") if b"**" in parts else len(parts) - 1
            above += [b"/" + b"/".join(parts[:length]) for length in range(1, depth + 1)]
    return Patterns.of_globs(above) if above else None


def _written(glob: str) -> bytes:
    try:
        return os.fsencode(glob.removeprefix("./"))
    except UnicodeEncodeError:  # half of a surrogate pair, which no file name holds
        return b"\0"


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
        globs = Globs(self.globs, self.folders_only) if self.globs else None
        return _Indexed(globs, self.indices, {False: self._needles(False), True: self._needles(True)})

    def _needles(self, folder: bool) -> dict[bytes, frozenset[int]] | None:
        """What a text that a pattern matches must hold, and the bytes it may end with then; None for anything."""
        if len(self.globs) > _MOST_NEEDLES:
            return None
        needles: dict[bytes, frozenset[int]] = {}
        for number, glob in enumerate(self.globs):
            if folder or number not in self.folders_only:
                needle = longest_literal(glob)
                needles[needle] = needles.get(needle, frozenset()) | last_bytes(glob)
        return None if b"" in needles else needles


@dataclass(frozen=True, slots=True)
class _Indexed:
    globs: Globs | None
    indices: list[int]
    needles: dict[bool, dict[bytes, frozenset[int]] | None]

    def last_match(self, text: bytes, folder: bool) -> int:
        needles = self.needles[folder]
        if needles is not None:  # the usual case is that none matches, seen here at a twentieth of the time
            if not any(map(text.__contains__, needles)):
                return -1
            if not any(text[-1] in ends and needle in text for needle, ends in needles.items()):
                return -1
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
