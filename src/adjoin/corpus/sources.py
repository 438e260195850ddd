"""Folders and files on disk → the sources in them → their Documents."""

import fnmatch
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adjoin.corpus import ignore
from adjoin.corpus.contents import MAX_BYTES, read_bytes
from adjoin.corpus.document import Document
from adjoin.corpus.formats import archive_kind, file_skip_reason, folder_skip_reason, format_of, unread_reason
from adjoin.errors import AdjoinError
from adjoin.tally import Tally

MAX_ARCHIVE_BYTES = 1 << 30  # of an archive as it lies on the disk


@dataclass(frozen=True, slots=True)
class Source:
    """One file on disk that can be read: a plain file or an archive.

    Attributes:
        path: where it is.
        origin: its path below the root that was given, with forward slashes; its name if it is itself the root.
    """

    path: Path
    origin: str


def find_sources(
    roots: Sequence[Path], tally: Tally, *, exclude: Sequence[str] = (), max_bytes: int = MAX_BYTES
) -> list[Source]:
    """Find what can be read below the given folders, and among the given files.

    The order is that of the roots, and within a folder its files by name before its folders by name. Passed over,
    each with its reason in the tally: hidden entries, caches and vendored folders, what .gitignore files at or
    below the root ignore, symbolic links below a root (so that no cycle is walked), special files, unknown
    formats, licence texts, files above `max_bytes` (archives: 1 GiB), what may not be read, and what an earlier
    root has given already. A file given by itself may be hidden, ignored or a link.

    Args:
        roots: folders, or files; relative paths stand as they are.
        tally: where every skip is counted.
        exclude: shell patterns; a source is left out if one matches its origin or a folder above it.
        max_bytes: the size from which on a file is not read.

    Raises:
        AdjoinError: a root does not exist, may not be read, or is neither a folder nor a file.
    """
    walk = _Walk(tally, max_bytes)
    for root in map(Path, roots):
        walk.take_root(root)
    return [source for source in walk.found if not _is_excluded(source, exclude, tally)]


def _is_excluded(source: Source, patterns: Sequence[str], tally: Tally) -> bool:
    parts = source.origin.split("/")
    above = ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
    hit = any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns for path in above)
    if hit:
        tally.add("excluded")
    return hit


def read_source(source: Source, tally: Tally, *, max_bytes: int = MAX_BYTES) -> Iterator[Document]:
    """Read all Documents of one source, an archive member by member; nothing is unpacked to the disk.

    Nothing is raised: a file that cannot be read is counted in the tally with its reason.

    Args:
        source: what `find_sources` found.
        tally: where every skip is counted.
        max_bytes: of a file, or of one member of an archive; larger ones are not held in memory.
    """
    try:
        with source.path.open("rb") as file:
            if kind := archive_kind(source.path.name):
                from adjoin.corpus.archives import read_archive  # its imports take as long as all others here

                yield from read_archive(file, kind, source.origin, tally, max_bytes)
                return
            data = file.read(max_bytes + 1)
    except OSError as error:
        tally.add(_reason(error), source.origin)
        return
    form = format_of(source.path.name)
    if form is None:
        tally.add("unknown format", source.origin)
    elif len(data) > max_bytes:
        tally.add("too large", source.origin)
    else:
        yield from read_bytes(data, form, source.origin, tally)


def _reason(error: OSError) -> str:
    return "no permission" if isinstance(error, PermissionError) else "unreadable"


@dataclass
class _Walk:
    """What `find_sources` has found so far.

    Attributes:
        tally: where every skip is counted.
        max_bytes: of a file that is no archive.
        found: the sources, in order.
        seen: their paths without links, to notice overlapping roots.
    """

    tally: Tally
    max_bytes: int
    found: list[Source] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def take_root(self, root: Path) -> None:
        """Take one path that the user named."""
        try:
            mode = root.stat().st_mode
            if stat.S_ISDIR(mode):
                os.scandir(root).close()
            elif stat.S_ISREG(mode):
                root.open("rb").close()
            else:
                raise AdjoinError(f"{root} is neither a folder nor a file; give a path that can be read again")
            real = root.resolve()
        except FileNotFoundError:
            raise AdjoinError(f"no such file or folder: {root}; give a path that exists") from None
        except PermissionError:
            raise AdjoinError(f"no permission to read {root}; give a path you may read") from None
        except (OSError, RuntimeError, ValueError) as error:  # a link to itself, a name too long, a NUL in it
            raise AdjoinError(f"cannot read {root}: {error}; give a folder or a file") from None
        if stat.S_ISREG(mode):
            reason = "" if archive_kind(root.name) else unread_reason(root.name)
            self._take(root, _printable(root.name or real.name), real, reason)
        else:
            self._walk(root, real)

    def _walk(self, root: Path, real: Path) -> None:
        # A stack and not recursion: a path may hold more folders than Python's stack.
        waiting = [("", ignore.IgnoreRules())]
        while waiting:
            folder, rules = waiting.pop()
            try:
                with os.scandir(root / folder) as scan:
                    entries = sorted(scan, key=lambda entry: entry.name)
            except OSError as error:
                self.tally.add(_reason(error), _printable(folder))
                continue
            names = {entry.name for entry in entries}
            if folder and "pyvenv.cfg" in names:
                self.tally.add("virtual environment", _printable(folder))
                continue
            if ignore.NAME in names:
                rules = self._rules_within(rules, folder, root / folder / ignore.NAME)
            inner = [
                (f"{folder}{entry.name}/", rules)
                for entry in entries
                if self._take_entry(entry, folder + entry.name, rules, root, real)
            ]
            waiting.extend(reversed(inner))

    def _rules_within(self, rules: ignore.IgnoreRules, folder: str, path: Path) -> ignore.IgnoreRules:
        try:
            return rules.within(folder, path) if path.is_file() and not path.is_symlink() else rules
        except OSError as error:
            self.tally.add(_reason(error), _printable(folder + ignore.NAME))
            return rules

    def _take_entry(
        self, entry: os.DirEntry[str], below: str, rules: ignore.IgnoreRules, root: Path, real: Path
    ) -> bool:
        """Take or count one entry of a folder; whether it is a folder to walk."""
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.is_symlink():
            reason = "symbolic link"
        elif is_folder:
            reason = folder_skip_reason(entry.name)
        elif entry.is_file(follow_symlinks=False):
            reason = file_skip_reason(entry.name)
        else:
            reason = "special file"
        if not reason and rules.files and rules.ignore(f"{below}/" if is_folder else below):
            reason = "ignored by .gitignore"
        if not is_folder:
            self._take(root / below, _printable(below), real / below, reason)
        elif reason:
            self.tally.add(reason, _printable(below))
        return is_folder and not reason

    def _take(self, path: Path, origin: str, real: Path, reason: str) -> None:
        """Take a file, unless there is a reason against it or one shows now."""
        limit = MAX_ARCHIVE_BYTES if archive_kind(path.name) else self.max_bytes
        try:
            if not reason and path.stat().st_size > limit:
                reason = "too large"
        except OSError as error:
            reason = _reason(error)
        if not reason and str(real) in self.seen:
            reason = "given twice"
        if reason:
            self.tally.add(reason, origin)
        else:
            self.seen.add(str(real))
            self.found.append(Source(path, origin))


def _printable(path: str) -> str:
    """A path as valid Unicode: the bytes of a name that is no UTF-8 could not be written to any table."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
