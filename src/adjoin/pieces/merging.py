"""Merges neighbouring pieces that are too small to be found on their own."""

from collections.abc import Iterable, Iterator

from adjoin.pieces.parts import MERGED
from adjoin.pieces.piece import Piece


def merged(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Merge each piece with the one before it while both fit into `MERGED` characters.

    Pieces with a symbol stay apart from each other: each is the answer to a question of its own.
    """
    last: Piece | None = None
    for piece in pieces:
        if last is not None and len(last.text) + len(piece.text) < MERGED and not (last.symbols and piece.symbols):
            last = _joined(last, piece)
        else:
            if last is not None:
                yield last
            last = piece
    if last is not None:
        yield last


def _joined(first: Piece, second: Piece) -> Piece:
    name = first.name if second.name in ("", first.name) else second.name
    return Piece(
        first.path,
        first.language,
        first.kind if first.kind == second.kind else (first if first.symbols else second).kind,
        name,
        first.first_line,
        second.last_line,
        f"{first.text}\n{second.text}",
        f"{first.embedded}\n{second.embedded}",
        (*first.symbols, *second.symbols),
    )
