"""What a refresh takes from the rooms before it: the files below a root, and the pieces of one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adjoin.corpus import Source, find_sources, read_source
from adjoin.errors import AdjoinError
from adjoin.pieces import Piece, pieces_of
from adjoin.tally import Tally


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A file that was listed.

    Attributes:
        path: where it is.
        origin: its path below the root, with slashes.
        size: bytes.
        mtime_ns: modification time in nanoseconds since 1970.
        inode: the inode.
    """

    path: Path
    origin: str
    size: int
    mtime_ns: int
    inode: int


@dataclass
class Listing:
    """The files below a root, and what was left out.

    Attributes:
        files: the files, by origin.
        skipped: counts of what was left out, with reasons.
    """

    files: dict[str, TreeFile] = field(default_factory=dict)
    skipped: Tally = field(default_factory=Tally)


def list_files(root: Path, own: Path, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> Listing:
    """List the files to index below a root, without those of the index itself.

    Args:
        root: a folder or a file.
        own: the folder of the index.
        include: shell patterns: only files that match one.
        exclude: shell patterns: no file that matches one.

    Raises:
        AdjoinError: the root does not exist or may not be read.
    """
    if include:
        raise AdjoinError("--include is not there yet: leave it out")
    listing = Listing()
    inside = own.resolve()
    for source in find_sources([root], listing.skipped, streams=False, exclude=exclude):
        if source.origin in listing.files:  # names that differ only in bytes that are not UTF-8
            listing.skipped.add("name written like another's", source.origin)
        elif not source.path.resolve().is_relative_to(inside):
            try:
                status = source.path.stat()
            except OSError as error:  # it has vanished since
                listing.skipped.add("unreadable", f"{source.origin}: {error.strerror}")
                continue
            listing.files[source.origin] = TreeFile(
                source.path, source.origin, status.st_size, status.st_mtime_ns, status.st_ino
            )
    return listing


def pieces_in(file: TreeFile, skipped: Tally) -> Iterator[Piece]:
    """Read a file and split it into pieces. What is not read is counted."""
    for document in read_source(Source(file.path, file.origin, streams=False), skipped):
        yield from pieces_of(document)
