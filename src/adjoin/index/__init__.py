"""The search index of a folder of code and prose, refreshed file by file, searched by meaning and by words.

files -> readahead.py (pieces) -> refresh.py (embeds what changed) -> store.py (the interface), sqlite/, postgres/
      -> search.py (query to evidence, ranked in the room `ranking`) -> searcher.py
"""

from adjoin.index.embedder import Embedder
from adjoin.index.refresh import RefreshReport
from adjoin.index.search import Hit, Mode
from adjoin.index.store import Filter, IndexDescription

__all__ = [
    "Embedder",
    "Filter",
    "Hit",
    "IndexDescription",
    "Mode",
    "RefreshReport",
]
