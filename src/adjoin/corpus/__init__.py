"""What people have, made readable: folders, files and archives in, `Document`s out.

`find_sources` walks what the user names and `read_source` reads one find. Whatever is passed over on the way
is counted in a `Tally` with its reason. The parsers of markup are imported where they are first needed, so
importing this room costs next to nothing.
"""

from adjoin.corpus.document import PROSE, Document
from adjoin.corpus.readers.records import Columns
from adjoin.corpus.reading import SourceRecord, read_source
from adjoin.corpus.sources import Source, find_sources

__all__ = ["PROSE", "Columns", "Document", "Source", "SourceRecord", "find_sources", "read_source"]
