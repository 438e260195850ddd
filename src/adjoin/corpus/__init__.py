"""Reads folders, files and archives of many formats into `Document`s.

`find_sources` lists the readable files below the given folders; `read_source` reads one of them. Everything
skipped is counted in a `Tally` with its reason. Parsers are imported when first needed, so importing this package
is cheap.
"""

from adjoin.corpus.document import PROSE, Document
from adjoin.corpus.readers.records import Columns
from adjoin.corpus.reading import SourceRecord, read_source
from adjoin.corpus.sources import Source, find_sources

__all__ = ["PROSE", "Columns", "Document", "Source", "SourceRecord", "find_sources", "read_source"]
