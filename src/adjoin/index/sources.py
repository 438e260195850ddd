"""What a refresh takes from the rooms before it: the files below a root, and the pieces of one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adjoin.corpus.tree import TreeFile, list_tree
from adjoin.pieces import Piece
from adjoin.tally import Tally

__all__ = ["Listing", "TreeFile", "list_files", "pieces_in"]


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


def pieces_in(file: TreeFile, skipped: Tally) -> Iterator[Piece]:
    """Read a file and split it into pieces. What is not read is counted."""
    from adjoin.pieces.reading import read_pieces  # a refresh that finds nothing changed needs no parser

    return read_pieces(file.path, file.origin, skipped)
