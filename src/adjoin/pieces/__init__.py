"""Pieces: the parts of a file that are embedded and found as units.

Parsers are imported when a file is split, not with this package.
"""

from adjoin.pieces.piece import Piece, encoded_text

__all__ = ["Piece", "encoded_text"]
