"""The search index of a folder of code and prose, updated file by file, searched by meaning and by words.

    Piece -> update.py (embeds and commits in batches) -> store.py (LanceDB on disk)
             -> search.py (dense, lexical, hybrid) -> display.py (terminal, JSON)

LanceDB takes 1.5 seconds to import. It is imported when an index is opened.
"""

from adjoin.index.embedder import Embedder
from adjoin.index.search import Hit, Index, Mode
from adjoin.index.store import IndexDescription
from adjoin.index.update import IndexReport, update_index

__all__ = [
    "Embedder",
    "Hit",
    "Index",
    "IndexDescription",
    "IndexReport",
    "Mode",
    "update_index",
]
