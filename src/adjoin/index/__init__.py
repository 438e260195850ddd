"""An index of a folder of code and prose: kept up to date file by file, searched by meaning and by words.

    Document → pieces.py → update.py (embedded, committed batch by batch) → store.py (LanceDB on the disk)
             → search.py (vectors, words, fused) → display.py (for a person, for a program)

LanceDB is imported when an index is opened, not before: it takes 1.5 seconds.
"""

from adjoin.index.embedder import Embedder
from adjoin.index.pieces import Piece, pieces_of
from adjoin.index.search import Hit, Index, Mode
from adjoin.index.store import Description
from adjoin.index.update import IndexReport, update_index

__all__ = [
    "Description",
    "Embedder",
    "Hit",
    "Index",
    "IndexReport",
    "Mode",
    "Piece",
    "pieces_of",
    "update_index",
]
