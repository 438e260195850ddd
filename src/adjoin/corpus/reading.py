"""Reads one source on disk into its Documents, and records its hash, licence and package."""

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
from adjoin.corpus.sources import Source
from adjoin.corpus.tree import failure_reason
from adjoin.tally import Tally

if TYPE_CHECKING:
    from typing_extensions import Buffer

_BUFFER = 1 << 18


@dataclass(slots=True)
class SourceRecord:
    """Provenance of a source. `read_source` fills it after the last Document.

    Attributes:
        sha256: SHA-256 of the file on disk, in hexadecimal; empty if it could not be read.
        bytes: size of the file on disk.
        licence: licence of the package, stated by the archive or else `Source.licence`; empty if unknown.
        repository: repository of the package, stated by the archive or else `Source.repository`.
        package: name of the package in an archive, as its metadata state it.
        version: version of that package.
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
    """Yield all Documents of one source. Archives are read member by member; nothing is written to disk.

    The file is read once from beginning to end. Zip and Parquet files have their list of contents at the end, so
    they are hashed first if `record` is given. Nothing is raised: a file that cannot be read is counted in the
    tally with its reason.

    Args:
        source: a source from `find_sources`.
        tally: counts every skip.
        max_bytes: size limit of a file or archive member, in bytes; larger ones are skipped. Files of records
            have no limit, since their Documents are yielded as the file is read.
        columns: field names of records.
        record: filled after the last Document has been yielded.
    """
    context = ReadContext(tally, max_bytes, columns, source.streams)
    counted, given = tally.counts.total(), False
    package = Package(Facts(source.licence, source.repository))
    try:
        with _opened(source, record) as file:
            if kind := archive_kind(source.path.name):
                from adjoin.corpus.archives import read_archive  # its imports take as long as all else here

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
    """A file that hashes its bytes as they are read, in order.

    Attributes:
        sha256: hash of the bytes read so far.
        size: number of bytes read so far.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.sha256 = hashlib.sha256()
        self.size = 0

    def readinto(self, buffer: "Buffer", /) -> int:
        """Read into `buffer` and return the number of bytes."""
        number = super().readinto(buffer) or 0
        self.sha256.update(memoryview(buffer)[:number])
        self.size += number
        return number


def _opened(source: Source, record: SourceRecord | None) -> "io.BufferedReader[io.FileIO]":
    """Open the file; with a record, it is hashed while it is read, or now if the reader will seek."""
    if record is None:
        return io.BufferedReader(io.FileIO(source.path), _BUFFER)
    will_seek = archive_kind(source.path.name) == "zip" or stream_kind(source.path.name) == "parquet"
    if not will_seek:
        return io.BufferedReader(_HashingFile(source.path), _BUFFER)
    file = io.BufferedReader(io.FileIO(source.path), _BUFFER)
    record.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    record.bytes = file.tell()
    file.seek(0)
    return file


def _fill(record: SourceRecord, file: "io.BufferedReader[io.FileIO]", package: Package) -> None:
    """Fill the record at the end. Bytes that no reader asked for are hashed now."""
    if isinstance(file.raw, _HashingFile):
        while file.read(_BUFFER):
            pass
        record.sha256, record.bytes = file.raw.sha256.hexdigest(), file.raw.size
    facts = package.facts
    record.licence, record.repository = facts.licence, facts.repository
    record.package, record.version = facts.name, facts.version
