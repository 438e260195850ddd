"""What a refresh takes from the rooms before it: the files below a root, and the pieces of one."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adjoin.corpus.read_context import MAX_BYTES
from adjoin.corpus.tree import TreeFile, list_tree
from adjoin.pieces import Piece
from adjoin.tally import Tally

__all__ = ["Listing", "TreeFile", "content_of", "list_files", "pieces_in"]
NOT_HASHED = "too large to be read"  # the content of files that are not read, whatever they hold


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
        include: patterns as in a .gitignore file: only files that match one.
        exclude: patterns of the same form: no file that matches one.

    Raises:
        AdjoinError: the root does not exist or may not be read, or a pattern is malformed.
    """
    listing = Listing()
    tree = list_tree(root, include=include, exclude=exclude)
    for skipped in tree.skipped:
        listing.skipped.add(skipped.reason, skipped.origin)
    try:
        inside = own.resolve().relative_to(root.resolve()).as_posix() + "/"
    except ValueError:  # the index lies elsewhere
        inside = ""
    for file in tree.files:
        if inside and file.origin.startswith(inside):
            continue
        if file.origin in listing.files:  # names that differ only in bytes that are not UTF-8
            listing.skipped.add("name written like another's", file.origin)
        else:
            listing.files[file.origin] = file
    return listing


def content_of(file: TreeFile) -> str:
    """A hash of a file's bytes, or `NOT_HASHED`.

    A file above `MAX_BYTES` has no pieces, unless it is an archive or compressed. It is not read for its hash
    either: folders with models or data sets have many gigabytes of them.

    Raises:
        OSError: the file cannot be read.
    """
    if file.size > MAX_BYTES:
        from adjoin.corpus.formats import archive_kind, plain_name

        if not archive_kind(file.path.name) and plain_name(file.path.name) == file.path.name:
            return NOT_HASHED
    with file.path.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def pieces_in(file: TreeFile, skipped: Tally) -> Iterator[Piece]:
    """Read a file and split it into pieces. What is not read is counted."""
    from adjoin.pieces.reading import read_pieces  # a refresh that finds nothing changed needs no parser

    return read_pieces(file.path, file.origin, skipped)
