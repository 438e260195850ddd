"""Pieces: the parts of a file that are embedded and found as units."""

from adjoin.pieces.piece import Piece, encoded_text
from adjoin.pieces.splitting import pieces_of

__all__ = ["Piece", "encoded_text", "pieces_of"]
