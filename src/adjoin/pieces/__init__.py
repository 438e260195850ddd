"""Pieces: the parts of a file that are embedded and found as units.

Only the light `Piece` is imported here: a search needs no parser. `pieces.reading` cuts files, `pieces.code` code.
"""

from adjoin.pieces.piece import Piece

__all__ = ["Piece"]
