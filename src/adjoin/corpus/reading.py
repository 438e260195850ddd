"""One source on disk → its Documents, and what is known of it when all of it has been read."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adjoin.corpus.dispatch import read_file
from adjoin.corpus.document import Document
from adjoin.corpus.formats import archive_kind, stream_kind
from adjoin.corpus.package_metadata import Facts
from adjoin.corpus.provenance import Package
from adjoin.corpus.read_context import MAX_BYTES, ReadContext
from adjoin.corpus.readers.records import DEFAULT_COLUMNS, Columns
from adjoin.corpus.sources import Source, failure_reason
from adjoin.tally import Tally

if TYPE_CHECKING:
    from typing_extensions import Buffer

_BUFFER = 1 << 18


@dataclass(slots=True)
class SourceRecord:
    """What is known of a source when all of it has been read; `read_source` fills it.

    Attributes:
        sha256: of the file's bytes as they lie on the disk, in hexadecimal; empty if it could not be read.
        bytes: how many those are.
        licence: of the package, as the archive says or as `Source.licence`; empty if unknown.
        repository: of the package, likewise.
        package: the name of the package that an archive holds, as it says itself.
        version: of that package.
    """

    sha256: str = ""
    bytes: int = 0
    licence: str = ""
    repository: str = ""
    package: str = ""
    version: str = ""


def read_source(
    source: Source,
    tally: Tally,
    *,
    max_bytes: int = MAX_BYTES,
    columns: Columns = DEFAULT_COLUMNS,
    record: SourceRecord | None = None,
) -> Iterator[Document]:
    """Read all Documents of one source, an archive member by member; nothing is unpacked to the disk.

    The file is opened once and read from beginning to end, but for a zip or Parquet file, whose list of contents
    stands at its end: where a record is asked for, that is hashed first and then read.
    Nothing is raised: a file that cannot be read is counted in the tally with its reason.

    Args:
        source: what `find_sources` found.
        tally: where every skip is counted.
        max_bytes: of a file, or of one member of an archive; larger ones are not held in memory. A file of
            records has no bound: its Documents come as it is read.
        columns: the names of the fields of records.
        record: filled when the last Document has been given.
    """
    context = ReadContext(tally, max_bytes, columns, source.streams)
    counted, given = tally.counts.total(), False
    package = Package(Facts(source.licence, source.repository))
    try:
        with _opened(source, record) as file:
            if kind := archive_kind(source.path.name):
                from adjoin.corpus.archives import read_archive  # its imports take as long as all others here

                documents = read_archive(file, kind, source.origin, context, package)
            else:
                documents = read_file(file, source.path.name, source.origin, context)
            for document in documents:
                given = True
                yield document
            if not given and tally.counts.total() == counted:  # a stream or an archive with nothing in it
                tally.add("no text", source.origin)
            if record is not None:
                _fill(record, file, package)
    except OSError as error:
        tally.add(failure_reason(error), source.origin)


class _HashingFile(io.FileIO):
    """A file whose bytes are hashed as they are read, from the beginning to the end.

    Attributes:
        sha256: of what has been read.
        size: bytes that have been read.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.sha256 = hashlib.sha256()
        self.size = 0

    def readinto(self, buffer: "Buffer", /) -> int:
        """Read into `buffer`; how many bytes."""
        number = super().readinto(buffer) or 0
        self.sha256.update(memoryview(buffer)[:number])
        self.size += number
        return number


def _opened(source: Source, record: SourceRecord | None) -> "io.BufferedReader[io.FileIO]":
    """The file, hashed as it is read or before."""
    if record is None:
        return io.BufferedReader(io.FileIO(source.path), _BUFFER)
    seeks = archive_kind(source.path.name) == "zip" or stream_kind(source.path.name) == "parquet"
    if not seeks:
        return io.BufferedReader(_HashingFile(source.path), _BUFFER)
    file = io.BufferedReader(io.FileIO(source.path), _BUFFER)
    record.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    record.bytes = file.tell()
    file.seek(0)
    return file


def _fill(record: SourceRecord, file: "io.BufferedReader[io.FileIO]", package: Package) -> None:
    """Note what is known at the end; what no reader asked for of the file is hashed now."""
    if isinstance(file.raw, _HashingFile):
        while file.read(_BUFFER):
            pass
        record.sha256, record.bytes = file.raw.sha256.hexdigest(), file.raw.size
    facts = package.facts
    record.licence, record.repository, record.package, record.version = (
        *(facts.licence, facts.repository),
        *(facts.name, facts.version),
    )
