"""Walks folders on disk and lists the files in them that can be read."""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adjoin.corpus import ignore, provenance
from adjoin.corpus.document import printable_path
from adjoin.corpus.formats import archive_kind, file_skip_reason, folder_skip_reason, stream_kind, unread_reason
from adjoin.corpus.globs import Globs, shell_glob
from adjoin.corpus.package_metadata import Facts
from adjoin.corpus.read_context import MAX_BYTES
from adjoin.corpus.repositories import repository_of_path
from adjoin.corpus.tree import check_root, failure_reason
from adjoin.tally import Tally

MAX_ARCHIVE_BYTES = 64 << 30  # size limit of an archive on disk


@dataclass(frozen=True, slots=True)
class Source:
    """One file on disk that can be read: a plain file or an archive.

    Attributes:
        path: path of the file.
        origin: path below the given root, with forward slashes; the file name if the file is itself the root.
        licence: licence of the package around it, see `adjoin.corpus.licences.normal_licence`; empty if unknown.
        repository: repository of that package, see `adjoin.corpus.repositories.normal_repository`; empty if
            unknown.
        streams: for an archive, whether files of records inside it are read.
    """

    path: Path
    origin: str
    licence: str = ""
    repository: str = ""
    streams: bool = True


def find_sources(
    roots: Sequence[Path],
    tally: Tally,
    *,
    exclude: Sequence[str] = (),
    max_bytes: int = MAX_BYTES,
    streams: bool = True,
    own: Sequence[Path] = (),
) -> list[Source]:
    """List the files that can be read in the given folders, and the given files themselves.

    Sources follow the order of the roots. Within a folder, files come first by name, then folders by name.

    Everything skipped is counted in the tally with a reason:
    - hidden entries, caches and vendored folders;
    - entries that .gitignore files at or below the root ignore;
    - symbolic links below a root, so that no cycle is walked, and special files;
    - unknown formats and licence texts;
    - files above `max_bytes` (64 GiB for archives, no limit for files of records);
    - files without read permission, and files that an earlier root has listed.

    A file given as a root may be hidden, ignored or a link.

    Args:
        roots: folders or files; relative paths are kept as given.
        tally: counts every skip.
        exclude: shell patterns. A source is left out if a pattern matches its origin or a folder above it.
        max_bytes: size limit of a file, in bytes.
        streams: whether to list files of records, mail and web archives; if not, their format counts as unknown.
        own: folders that this run writes. They, and what is hidden beside them under their names, are neither
            listed nor counted, so that a second run reads what the first one read.

    Raises:
        AdjoinError: a root does not exist, may not be read, or is neither a folder nor a file.
    """
    walk = _Walk(tally, max_bytes, streams, frozenset(os.path.realpath(folder) for folder in own))
    for root in map(Path, roots):
        walk.take_root(root)
    if not exclude:
        return walk.sources
    excluded = Globs([shell_glob(pattern) for pattern in exclude])
    return [source for source in walk.sources if not _is_excluded(source, excluded, tally)]


def _is_excluded(source: Source, excluded: Globs, tally: Tally) -> bool:
    parts = source.origin.split("/")
    above = ("/".join(parts[: depth + 1]) for depth in range(len(parts)))
    hit = any(excluded.last_match(map(ord, path)) >= 0 for path in above)
    if hit:
        tally.add("excluded")
    return hit


@dataclass
class _Walk:
    """State of one `find_sources` call.

    Attributes:
        tally: counts every skip.
        max_bytes: size limit of a file that is neither an archive nor a stream.
        streams: whether streams are listed.
        own: folders that this run writes, with links resolved.
        sources: the sources so far, in order.
        seen: their paths with links resolved, to notice overlapping roots.
        above: parent folder → facts that hold for the roots in it.
    """

    tally: Tally
    max_bytes: int
    streams: bool
    own: frozenset[str] = frozenset()
    sources: list[Source] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    above: dict[Path, Facts] = field(default_factory=dict)

    def take_root(self, root: Path) -> None:
        """List one path that the user named: a file, or a folder and all below it."""
        status, real = check_root(root)
        if stat.S_ISREG(status.st_mode):
            reason = "" if archive_kind(root.name) else unread_reason(root.name, streams=self.streams)
            origin = printable_path(root.name or real.name)
            self._take(str(root), root.name, origin, str(real), reason, self._facts_above(real))
        else:
            self._walk(root, real)

    def _walk(self, root: Path, real: Path) -> None:
        # A stack and not recursion: a path may hold more folders than Python's stack.
        waiting = [("", ignore.IgnoreRules(), self._facts_above(real))]
        while waiting:
            folder, rules, facts = waiting.pop()
            try:
                with os.scandir(root / folder) as scan:
                    entries = sorted(scan, key=lambda entry: entry.name)
            except OSError as error:
                self.tally.add(failure_reason(error), printable_path(folder))
                continue
            names = {entry.name for entry in entries}
            if folder and "pyvenv.cfg" in names:
                self.tally.add("virtual environment", printable_path(folder))
                continue
            if ignore.NAME in names:
                rules = self._rules_within(rules, folder, root / folder / ignore.NAME)
            facts = provenance.facts_of_folder(root / folder, names, facts)
            installed = provenance.facts_of_installed(root / folder, names)
            inner = []
            for entry in entries:
                known = installed.get(entry.name, facts)
                if self._take_entry(entry, folder + entry.name, rules, root, real, known):
                    inner.append((f"{folder}{entry.name}/", rules, known))
            waiting.extend(reversed(inner))

    def _rules_within(self, rules: ignore.IgnoreRules, folder: str, path: Path) -> ignore.IgnoreRules:
        try:
            return rules.within(folder, path, self.tally) if path.is_file() and not path.is_symlink() else rules
        except OSError as error:
            self.tally.add(failure_reason(error), printable_path(folder + ignore.NAME))
            return rules

    def _take_entry(
        self, entry: os.DirEntry[str], below: str, rules: ignore.IgnoreRules, root: Path, real: Path, facts: Facts
    ) -> bool:
        """List one entry of a folder, or count why not; return whether it is a folder to walk."""
        is_folder = entry.is_dir(follow_symlinks=False)
        if self.own and self._is_own(f"{real}/{below}"):
            return False
        if entry.is_symlink():
            reason = "symbolic link"
        elif is_folder:
            reason = folder_skip_reason(entry.name)
        elif entry.is_file(follow_symlinks=False):
            reason = file_skip_reason(entry.name, streams=self.streams)
        else:
            reason = "special file"
        if not reason and rules.files and rules.ignore(f"{below}/" if is_folder else below):
            reason = "ignored by .gitignore"
        if not is_folder:
            self._take(entry.path, entry.name, printable_path(below), f"{real}/{below}", reason, facts)
        elif reason:
            self.tally.add(reason, printable_path(below))
        return is_folder and not reason

    def _is_own(self, path: str) -> bool:
        above, _, name = path.rpartition("/")
        return any(
            path == folder or (above == (owned := folder.rpartition("/"))[0] and name.startswith(f".{owned[2]}."))
            for folder in self.own
        )

    def _facts_above(self, real: Path) -> Facts:
        """The facts that folders above a root state. Cached, since all files of a folder may be roots."""
        if (real / ".git").exists():
            return Facts()
        if real.parent.name in provenance.SITE_FOLDERS:  # each of its entries is of another package
            return provenance.facts_above(real)
        if real.parent not in self.above:
            self.above[real.parent] = provenance.facts_above(real)
        return self.above[real.parent]

    def _take(self, path: str, name: str, origin: str, real: str, reason: str, facts: Facts) -> None:
        """List a file, or count the reason against it."""
        if not reason and not stream_kind(name):
            try:
                if Path(path).stat().st_size > (MAX_ARCHIVE_BYTES if archive_kind(name) else self.max_bytes):
                    reason = "too large"
            except OSError as error:
                reason = failure_reason(error)
        if not reason and real in self.seen:
            reason = "given twice"
        if reason:
            self.tally.add(reason, origin)
        else:
            self.seen.add(real)
            repository = repository_of_path(printable_path(real)) or facts.repository
            self.sources.append(Source(Path(path), origin, facts.licence, repository, self.streams))
