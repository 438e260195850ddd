"""Pieces: the parts of a file that are embedded and found as units.

Parsers are imported when a file is split, not with this package.
"""

from typing import TYPE_CHECKING, Any

from adjoin.pieces.piece import Piece, encoded_text

if TYPE_CHECKING:
    from adjoin.pieces.splitting import pieces_of

__all__ = ["Piece", "encoded_text", "pieces_of"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    if name != "pieces_of":
        raise AttributeError(f"module 'adjoin.pieces' has no attribute {name!r}")
    from adjoin.pieces.splitting import pieces_of

    return pieces_of
