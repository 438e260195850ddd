"""Reads folders, files and archives of many formats into `Document`s.

`find_sources` lists the readable files below the given folders; `read_source` reads one of them. Everything
skipped is counted in a `Tally` with its reason. `adjoin.corpus.tree` lists the files below a folder as git does.

Importing this package is cheap: a name's modules are imported when the name is first used, and parsers when they
are first needed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adjoin.corpus.document import PROSE, Document
    from adjoin.corpus.readers.records import Columns
    from adjoin.corpus.reading import SourceRecord, read_source
    from adjoin.corpus.sources import Source, find_sources

__all__ = ["PROSE", "Columns", "Document", "Source", "SourceRecord", "find_sources", "read_source"]

_MODULES = {
    "PROSE": "document",
    "Columns": "readers.records",
    "Document": "document",
    "Source": "sources",
    "SourceRecord": "reading",
    "find_sources": "sources",
    "read_source": "reading",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    if name not in _MODULES:
        raise AttributeError(f"module 'adjoin.corpus' has no attribute {name!r}")
    return getattr(import_module(f"adjoin.corpus.{_MODULES[name]}"), name)
