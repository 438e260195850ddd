"""Lists the files below a folder as git sees them: those it tracks, and those it would add.

- The ignore files of git hold: `.gitignore` in the folder, in those below it and in those above it up to the top
  of the repository; `.git/info/exclude`; the user's `core.excludesFile`. A file that git tracks is listed even if
  a pattern ignores it. A repository inside another one is walked, by its own rules.
- Outside a repository the same files hold, but none above the root.
- `.adjoinignore` has the same syntax and is stronger than the `.gitignore` of its folder, so that `!vendor/` in it
  brings a folder back and `docs/` leaves out a folder that git tracks.
- If git ignores the root itself, the user wants just that folder: the ignore files above it do not count.
- Hidden files are listed. The folders that `adjoin.corpus.tool_folders` names, symbolic links and special files
  are not.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from adjoin.corpus import ignore, tool_folders
from adjoin.corpus.git import repository as git_repository
from adjoin.corpus.git.index import TrackedFiles, UnreadableIndexError, read_index
from adjoin.corpus.git.repository import Repository
from adjoin.corpus.ignore import IgnoreFile, IgnoreRules, Patterns
from adjoin.errors import AdjoinError

OWN_NAME = ".adjoinignore"
USER_LIST = "core.excludesFile"
EXCLUDED = "excluded"
NOT_INCLUDED = "not included"
_IGNORED_BY = "ignored by "


@dataclass(frozen=True, slots=True)
class TreeFile:
    r"""One file below a root.

    Attributes:
        path: where it is.
        origin: its path below the root with forward slashes, or its name if it is itself the root. Bytes that are
            no UTF-8 are written as `\xff`.
        size: in bytes.
        mtime_ns: when it was last changed, in nanoseconds.
        inode: its number in the file system.
    """

    path: Path
    origin: str
    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """One file, or a folder with all in it, that is not listed.

    Attributes:
        origin: as in `TreeFile`; a folder's ends with a slash. For a malformed pattern, its file and line.
        reason: why, in a few words.
    """

    origin: str
    reason: str


@dataclass(frozen=True, slots=True)
class Tree:
    """The files below a root.

    Attributes:
        files: in each folder the files by name, then those of the folders in it by name.
        skipped: all that is not listed, in the same order.
    """

    files: list[TreeFile]
    skipped: list[Skipped]


def list_tree(root: Path, *, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> Tree:
    """List the files below `root` as git sees them; see the module for the rules.

    Symbolic links are not followed, except the root itself. A file costs one call of `stat` and is not opened, so
    one without read permission is listed.

    Args:
        root: a folder, or one file, which is listed whatever ignores it.
        include: patterns as in a .gitignore file of the root: `*.py`, `docs/`, `/src/**/*.ts`. If there are any,
            only files that match one, or lie in a folder that matches one, are listed, and these even if they are
            ignored or in a folder of a tool. Version control and the index itself stay out.
        exclude: patterns of the same form; what matches is left out. Stronger than `include`.

    Raises:
        AdjoinError: the root does not exist, may not be read, or is neither a folder nor a file; or a pattern is
            empty or malformed.
    """
    root = Path(root)
    included, excluded = ignore.user_patterns(include, "include"), ignore.user_patterns(exclude, "exclude")
    status, real = check_root(root)
    if stat.S_ISREG(status.st_mode):
        name = _printable(root.name or real.name)
        return Tree([TreeFile(root, name, status.st_size, status.st_mtime_ns, status.st_ino)], [])
    walk = _Walk(included, excluded, ignore.folders_above(include))
    walk.take_root(root, real)
    return Tree(walk.files, walk.skipped)


def check_root(root: Path) -> tuple[os.stat_result, Path]:
    """Return the status of a folder or file that the user named, and its path with links resolved.

    Raises:
        AdjoinError: it does not exist, may not be read, or is neither a folder nor a file.
    """
    try:
        status = root.stat()
        if stat.S_ISDIR(status.st_mode):
            os.scandir(root).close()
        elif stat.S_ISREG(status.st_mode):
            root.open("rb").close()
        else:
            raise AdjoinError(f"{root} is neither a folder nor a file; give a path that can be read again")
        return status, root.resolve()
    except FileNotFoundError:
        raise AdjoinError(f"no such file or folder: {root}; give a path that exists") from None
    except PermissionError:
        raise AdjoinError(f"no permission to read {root}; give a path you may read") from None
    except (OSError, RuntimeError, ValueError) as error:  # a link to itself, a name too long, a NUL in it
        raise AdjoinError(f"cannot read {root}: {error}; give a folder or a file") from None


def failure_reason(error: OSError | ValueError) -> str:
    """Return the reason under which a file that cannot be opened or read is counted."""
    return "no permission" if isinstance(error, PermissionError) else "unreadable"


def _walk_reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "vanished"
    return "path too long" if error.errno == errno.ENAMETOOLONG else failure_reason(error)


def _kind(entry: os.DirEntry[str]) -> tuple[bool, str]:
    """Whether an entry is a folder, and why it is neither that nor a file; "" if it is one of them."""
    try:
        if entry.is_symlink():
            return False, "symbolic link"
        is_folder = entry.is_dir(follow_symlinks=False)
        return is_folder, "" if is_folder or entry.is_file(follow_symlinks=False) else "special file"
    except OSError as error:  # on a file system whose folders do not tell
        return False, _walk_reason(error)


def _printable(name: str) -> str:
    """A name as valid Unicode, two different names staying different."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


@dataclass
class _Tracked:
    """What the index of one repository holds, read when it is first needed.

    Attributes:
        repository: whose index it is.
        start: length of its top's path, with the slash at its end, in the paths that are asked about.
        skipped: where an index that cannot be read is named.
        origin: the repository as it is named there.
    """

    repository: Repository
    start: int
    skipped: list[Skipped]
    origin: str
    _files: TrackedFiles | None = None

    def holds(self, path: bytes) -> bool:
        """Whether git tracks a file, or a file in a folder."""
        if self._files is None:
            self._files = TrackedFiles([])
            try:
                index = self.repository.git_dir / "index"
                self._files = read_index(index, self.repository.hash_bytes)
            except (OSError, UnreadableIndexError) as error:
                why = str(error) if isinstance(error, UnreadableIndexError) else failure_reason(error)
                self.skipped.append(Skipped(f"{self.origin}.git/index", f"git's index: {why}"))
        return self._files.holds(path[self.start :])


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder that is to be walked.

    Attributes:
        location: its path on disk.
        origin: its path below the root as it is shown, with a slash at the end; "" for the root.
        path: the same as bytes, below the top of the outermost repository.
        rules: the ignore files that hold in it.
        tracked: the index of the repository that it is in.
        reason: why only its tracked or included files are listed; "" if all are.
        included: whether a pattern of `include` matches it or a folder above it.
    """

    location: str
    origin: str
    path: bytes
    rules: IgnoreRules
    tracked: _Tracked | None
    reason: str = ""
    included: bool = False


@dataclass
class _Walk:
    """State of one `list_tree` call."""

    include: Patterns | None
    exclude: Patterns | None
    opened: Patterns | None
    files: list[TreeFile] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    start: int = 0  # length of the root's path in `_Folder.path`

    def take_root(self, root: Path, real: Path) -> None:
        """List all below a folder."""
        waiting = [self._root(str(root), real)]
        self.start = len(waiting[0].path)
        while waiting:  # a stack and not recursion: a path may hold more folders than Python's stack
            waiting.extend(reversed(list(self._walk(waiting.pop()))))

    def _root(self, location: str, real: Path) -> _Folder:
        """The root, with the rules from above it."""
        repository = git_repository.repository_around(real)
        if repository:
            tracked = _Tracked(repository, 0, self.skipped, "")
            rules, folder, path = self._rules_of(repository, 0), repository.top, b""
            parts = real.relative_to(repository.top).parts
            for depth, part in enumerate(parts):
                origin, name = "../" * (len(parts) - depth), os.fsencode(part)
                place = _Folder(str(folder), origin, path, rules, tracked)
                rules = self._rules_within(place, {ignore.NAME, OWN_NAME})
                decision = rules.decide(path + name, name, folder=True)
                if decision and decision[0] and not tracked.holds(path + name):
                    break
                folder, path = folder / part, path + name + b"/"
            else:
                tracked.origin = "../" * len(parts)
                return _Folder(location, "", path, rules, tracked)
            self.skipped.clear()  # these files do not count
        rules, user = IgnoreRules(), git_repository.user_excludes_file(real)
        if user:
            rules = self._with_list(rules, user, 0, USER_LIST)
        return _Folder(location, "", b"", rules, None)

    def _rules_of(self, repository: Repository, start: int) -> IgnoreRules:
        """The lists of a repository that are in no folder of its tree."""
        rules, ignore_case = IgnoreRules(), repository.ignore_case
        if repository.excludes_file:
            rules = self._with_list(rules, repository.excludes_file, start, USER_LIST, ignore_case=ignore_case)
        return self._with_list(rules, repository.info_exclude, start, ".git/info/exclude", ignore_case=ignore_case)

    def _rules_within(self, folder: _Folder, names: set[str]) -> IgnoreRules:
        """The rules of a folder, with its own ignore files."""
        rules = folder.rules
        ignore_case = folder.tracked is not None and folder.tracked.repository.ignore_case
        for name in (ignore.NAME, OWN_NAME):
            if name in names:
                place = (Path(folder.location, name), len(folder.path), name, folder.origin)
                rules = self._with_list(rules, *place, ignore_case=ignore_case, links=False)  # as git does
        return rules

    def _with_list(
        self,
        rules: IgnoreRules,
        path: Path,
        start: int,
        name: str,
        origin: str = "",
        *,
        ignore_case: bool = False,
        links: bool = True,
    ) -> IgnoreRules:
        """The rules with a list before them, if its file exists; `links`: whether a link to one counts."""
        origin += name
        try:
            if not path.is_file() or (not links and path.is_symlink()):
                return rules
            content, cut = ignore.read_list(path)
        except (OSError, ValueError) as error:  # a NUL in the path
            self.skipped.append(Skipped(origin, failure_reason(error)))
            return rules
        if cut:
            self.skipped.append(Skipped(origin, ignore.cut_reason(name)))
        patterns = Patterns(content, ignore_case=ignore_case)
        reason = f"malformed {name} pattern"
        self.skipped.extend(Skipped(f"{origin}:{number}", reason) for number in patterns.malformed)
        return rules.below(IgnoreFile(start, patterns, name))

    def _walk(self, folder: _Folder) -> Iterator[_Folder]:
        """List the files of one folder; yield the folders in it that are to be walked."""
        try:
            with os.scandir(folder.location) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            self.skipped.append(Skipped(folder.origin or "./", _walk_reason(error)))
            return
        names = {entry.name for entry in entries}
        if folder.origin:
            reason = tool_folders.reason_of_entries(folder.origin, names, folder.included)
            if reason:
                self.skipped.append(Skipped(folder.origin, reason))
                return
            if ".git" in names and (nested := git_repository.repository_at(Path(folder.location))):
                own = tuple(file for file in folder.rules.files if file.name == OWN_NAME)
                rules = IgnoreRules((*self._rules_of(nested, len(folder.path)).files, *own))
                tracked = _Tracked(nested, len(folder.path), self.skipped, folder.origin)
                submodule = self._is_rescued(folder.path[:-1], folder.reason, folder.tracked)
                reason = "" if submodule else folder.reason
                folder = replace(folder, rules=rules, tracked=tracked, reason=reason)
        if ignore.NAME in names or OWN_NAME in names:
            folder = replace(folder, rules=self._rules_within(folder, names))
        for entry in entries:
            inner = self._take(entry, folder, names)
            if inner:
                yield inner

    def _take(self, entry: os.DirEntry[str], folder: _Folder, names: set[str]) -> _Folder | None:
        """List an entry if it is a file to list; return it if it is a folder to walk; else say why not."""
        name = os.fsencode(entry.name)
        path = folder.path + name
        origin = entry.name if entry.name.isascii() else _printable(entry.name)
        is_folder, reason = _kind(entry)
        included = folder.included or self._matches(self.include, path, name, is_folder)
        if not reason and origin != entry.name and origin in names:
            reason = "name shown as another file's"
        reason = reason or self._reason(path, name, is_folder, included, folder)
        origin = folder.origin + origin
        if is_folder:
            if not reason or self._is_opened(path, reason, folder.tracked):
                inner = (entry.path, f"{origin}/", path + b"/", folder.rules, folder.tracked, reason, included)
                return _Folder(*inner)
            origin += "/"
        elif not reason:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError as error:
                reason = _walk_reason(error)
            else:
                file = TreeFile(Path(entry.path), origin, status.st_size, status.st_mtime_ns, status.st_ino)
                self.files.append(file)
                return None
        self.skipped.append(Skipped(origin, reason))
        return None

    def _reason(self, path: bytes, name: bytes, is_folder: bool, included: bool, folder: _Folder) -> str:
        """Why a file is not listed or a folder not walked as a whole; "" if it is."""
        if self._matches(self.exclude, path, name, is_folder):
            return EXCLUDED
        if reason := tool_folders.never_reason(name, is_folder):
            return reason
        if included:
            return ""
        if self.include and not is_folder:
            return NOT_INCLUDED
        decision = folder.rules.decide(path, name, folder=is_folder) if folder.rules.files else None
        if decision and decision[1] == OWN_NAME and (decision[0] or not folder.reason):
            return _IGNORED_BY + OWN_NAME if decision[0] else ""
        reason = folder.reason or (tool_folders.TOOL_FOLDERS.get(name, "") if is_folder else "")
        if not reason and decision and decision[0]:
            reason = _IGNORED_BY + decision[1]
        return "" if not is_folder and self._is_rescued(path, reason, folder.tracked) else reason

    def _is_opened(self, path: bytes, reason: str, tracked: _Tracked | None) -> bool:
        """Whether a folder is walked for some of its files, though there is a reason against it."""
        forbidden = reason == EXCLUDED or reason in tool_folders.NEVER.values()
        if not forbidden and self._matches(self.opened, path, path.rpartition(b"/")[2], is_folder=True):
            return True
        return self._is_rescued(path, reason, tracked)

    def _is_rescued(self, path: bytes, reason: str, tracked: _Tracked | None) -> bool:
        """Whether git ignores a path, but tracks it or a file in it."""
        ignored = reason.startswith(_IGNORED_BY) and not reason.endswith(OWN_NAME)
        return ignored and tracked is not None and tracked.holds(path)

    def _matches(self, patterns: Patterns | None, path: bytes, name: bytes, is_folder: bool) -> bool:
        return patterns is not None and bool(patterns.decide(path[self.start :], name, folder=is_folder))
