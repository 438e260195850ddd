"""What an index holds, what of its folder it does not hold and why, and what has changed since."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjoin.corpus.tool_folders import NEVER
from adjoin.corpus.tree import Tree, list_tree
from adjoin.index.folders.choice import Choice
from adjoin.index.folders.targets import Target
from adjoin.index.locating import Location, index_folder, open_store
from adjoin.index.omissions import Omission, omissions, written
from adjoin.index.searcher import IndexStatus, Searcher
from adjoin.index.sources import TreeFile, content_of, pieces_in
from adjoin.index.store import FileRecord
from adjoin.tally import Tally


@dataclass(frozen=True)
class FolderStatus:
    """The state of a folder and its index. `status_of` makes one.

    Attributes:
        root: the indexed folder.
        folder: the folder of the index, or its address in PostgreSQL.
        index: what the index holds.
        index_bytes: size of the index on disk.
        added: files that are not in the index yet, sorted, relative to the root.
        changed: files whose content is not that of the index.
        removed: files of the index that are no longer there.
        skipped: files and folders that are not indexed, or only in part, with the reason; sorted.
    """

    root: Path
    folder: Location
    index: IndexStatus
    index_bytes: int
    added: list[str]
    changed: list[str]
    removed: list[str]
    skipped: list[Omission]

    def indexed(self) -> list[FileRecord]:
        """The files that hold pieces, sorted by path."""
        return [self.index.files[path] for path in sorted(self.index.files) if self.index.files[path].pieces]

    def lines(self) -> list[str]:
        """The state as text, one fact a line."""
        made = self.index.description
        indexed = self.indexed()
        changes = {"added": self.added, "changed": self.changed, "removed": self.removed}
        since = ", ".join(f"{len(files):,} {what}" for what, files in changes.items() if files)
        return [
            f"folder: {self.root}",
            f"index: {self.folder}, {self.index_bytes / 1e6:,.1f} MB",
            f"model: {made.model or 'unknown'}, dimension {made.dimension}",
            f"version: {made.version}, written by Adjoin {made.adjoin}",
            f"files: {len(indexed):,}, {sum(record.size for record in indexed) / 1e6:,.1f} MB",
            f"pieces: {self.index.pieces:,}",
            f"languages: {', '.join(self.index.languages)}",
            f"changed since: {since or 'nothing'}",
            f"left out: {reasons(self._omitted(in_part=False)) or 'nothing'}",
            f"read in part: {reasons(self._omitted(in_part=True)) or 'nothing'}",
        ]

    def _omitted(self, *, in_part: bool) -> list[Omission]:
        return [one for one in self.skipped if one.in_part == in_part and one.reason not in _OF_COURSE]

    def as_json(self, *, files: bool = False, skipped: bool = False) -> dict[str, Any]:
        """The state as JSON values. docs/search.md describes the keys.

        Args:
            files: also list the indexed files.
            skipped: also list what is left out or read in part, and why.
        """
        made = self.index.description
        indexed = self.indexed()
        value: dict[str, Any] = {
            "root": str(self.root),
            "index": str(self.folder),
            "index_bytes": self.index_bytes,
            "model": made.model,
            "fingerprint": made.fingerprint,
            "dimension": made.dimension,
            "version": made.version,
            "adjoin": made.adjoin,
            "files": len(indexed),
            "bytes": sum(record.size for record in indexed),
            "pieces": self.index.pieces,
            "languages": self.index.languages,
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
            "left_out": dict(Counter(one.reason for one in self.skipped if not one.in_part)),
            "in_part": dict(Counter(one.reason for one in self.skipped if one.in_part)),
        }
        if files:
            value["indexed_files"] = [
                {"path": record.path, "bytes": record.size, "pieces": record.pieces} for record in indexed
            ]
        if skipped:
            value["skipped_files"] = [
                {
                    "path": one.origin,
                    "reason": one.reason,
                    "in_part": one.in_part,
                    "number": one.number,
                    "examples": list(one.examples),
                }
                for one in self.skipped
            ]
        return value


_OF_COURSE = frozenset(NEVER.values())  # .git and the index itself: listed, but no news


def reasons(skipped: Sequence[Omission]) -> str:
    """Counts by reason in one line, most first, such as "12 ignored by .gitignore, 3 binary"; "" for nothing."""
    counts = Counter(one.reason for one in skipped)
    return ", ".join(
        f"{number:,} {reason}" for reason, number in sorted(counts.items(), key=lambda one: (-one[1], one))
    )


def status_of(target: Target) -> FolderStatus:
    """Read the state of an index, and compare it with its folder. Nothing is refreshed.

    Raises:
        AdjoinError: there is no index, it is damaged, or its folder may not be read.
    """
    with Searcher(target.folder, None) as searcher:
        index = searcher.status()
    tree = listed(target.root, target.folder, Choice.of(target.folder))
    there = {file.origin: file for file in tree.files}
    known = index.files
    omitted = [Omission(one.origin, one.reason) for one in tree.skipped]
    for record in known.values():
        omitted += omissions(record.path, record.reason, record.pieces)
    added = there.keys() - known.keys()
    unread = {
        path for path in added if not os.access(there[path].path, os.R_OK)
    }  # a refresh keeps no record of them
    omitted += [Omission(path, "no permission") for path in unread]
    return FolderStatus(
        root=target.root,
        folder=target.folder,
        index=index,
        index_bytes=open_store(target.folder).size(),
        added=sorted(added - unread),
        changed=sorted(path for path in there.keys() & known.keys() if _is_changed(there[path], known[path])),
        removed=sorted(known.keys() - there.keys()),
        skipped=sorted(omitted, key=lambda one: (one.origin, one.reason)),
    )


def listed(root: Path, folder: Location, choice: Choice) -> Tree:
    """List the files below a root that an index holds by its choice, without those of the index itself."""
    tree = list_tree(root, include=choice.include, exclude=choice.exclude)
    own = (folder if isinstance(folder, Path) else index_folder(root)).resolve()
    if not own.is_relative_to(root.resolve()):
        return tree
    below = own.relative_to(root.resolve()).as_posix() + "/"
    return Tree([file for file in tree.files if not file.origin.startswith(below)], tree.skipped)


def dry_run(root: Path, folder: Location, choice: Choice) -> Iterator[tuple[str, int, str]]:
    """Say of each file below a root whether it would be indexed. Files are read, nothing is written.

    Yields:
        The file or folder relative to the root, its number of pieces, and why it has none, or what of it has none.

    Raises:
        AdjoinError: the root may not be read, or a pattern is malformed.
    """
    tree = listed(root, folder, choice)
    for file in tree.files:
        tally = Tally()
        same = TreeFile(file.path, file.origin, file.size, file.mtime_ns, file.inode)
        pieces = sum(1 for _ in pieces_in(same, tally))
        omitted = omissions(file.origin, written(tally, file.origin), pieces)
        told = ", ".join(one.described() for one in omitted)
        yield file.origin, pieces, told or ("" if pieces else "nothing to find in it")
    for skipped in tree.skipped:
        yield skipped.origin, 0, skipped.reason


def _is_changed(file: Any, record: FileRecord) -> bool:  # noqa: ANN401 - a file of `list_tree`
    if (file.size, file.mtime_ns, file.inode) == (record.size, record.mtime_ns, record.inode):
        return False
    if file.size != record.size:
        return True
    try:
        return content_of(file) != record.content
    except OSError:
        return True
