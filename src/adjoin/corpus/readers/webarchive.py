"""Reads web archives record by record: the texts of WET files and the pages of WARC files.

Responses with status 200 are read as HTML or plain text, after their HTTP coding (gzip, chunks) is decoded.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from adjoin.corpus.compression import DamagedError, Readable
from adjoin.corpus.contents import read_bytes, to_utf8
from adjoin.corpus.document import PROSE, Document
from adjoin.corpus.read_context import ReadContext
from adjoin.corpus.readers.html import HTML_FORMAT
from adjoin.corpus.readers.records import prose
from adjoin.corpus.readers.sections import UnreadableError, one_line

if TYPE_CHECKING:
    from fastwarc.warc import WarcRecord

_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_LONGEST_ADDRESS = 300  # characters of an address within an origin
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}charset=[\"']?([\w.:-]{1,40})", re.IGNORECASE)


def read_warc(file: Readable, origin: str, context: ReadContext) -> Iterator[Document]:
    """Yield the Documents of a WARC or WET file.

    Args:
        file: not compressed; read forward only.
        origin: origin of the file; a record's is "archive#address", or "archive#number" without an address.
        context: options, and the tally that counts every record without a Document.

    Raises:
        DamagedError: the file is damaged or no web archive; Documents before the damage have been yielded.
        OSError: the disk failed.
    """
    stream = _PositionedStream(file)
    if not stream.begins(b"WARC/"):
        raise DamagedError("no web archive")
    for number, record in enumerate(_records(stream), start=1):
        address = one_line(str(record.headers.get("WARC-Target-URI") or ""))[:_LONGEST_ADDRESS]
        record_origin = f"{origin}#{address or number}"
        try:
            kind, data = _content(record, context.max_bytes)
            if kind != "text/plain":
                yield from read_bytes(data, HTML_FORMAT, record_origin, context.tally)
                continue
            document = Document.of(prose(data.decode()), PROSE, record_origin)
        except UnicodeDecodeError:
            context.tally.add("not UTF-8", record_origin)
        except UnreadableError as error:
            context.tally.add(error.reason, record_origin)
        else:
            yield document


def _records(stream: "_PositionedStream") -> Iterator["WarcRecord"]:
    from fastwarc.warc import ArchiveIterator

    try:
        # fastwarc would decompress without bounds. HTTP is parsed per record, so that none reads into the next.
        yield from ArchiveIterator(stream, parse_http=False, stream_detect=False, fsspec_args=False)  # type: ignore[arg-type]
    except OSError as error:  # of the disk if it has a number, of the archive if not
        if error.errno is not None:
            raise
        raise DamagedError("damaged") from None


def _content(record: "WarcRecord", max_bytes: int) -> tuple[str, bytes]:
    """The media type of a record, such as "text/html", and its content in UTF-8.

    Raises:
        UnreadableError: the record holds no page or text, or is too large.
    """
    kind = str(record.headers.get("WARC-Type") or "").lower()
    if kind not in ("response", "resource", "conversion"):
        raise UnreadableError("web record of another kind")
    content_type, charset = str(record.headers.get("Content-Type") or ""), None
    data = _within(record.reader.read(max_bytes + 1), max_bytes)
    if kind == "response":
        response = _response(data)
        if response.http_headers is not None and response.http_headers.status_code not in (200, None):
            raise UnreadableError("web page with an error")
        content_type, charset = response.http_content_type or "", response.http_charset
        data = _within(_decoded(response, max_bytes + 1), max_bytes)
    content_type = content_type.split(";")[0].strip().lower()
    if content_type != "text/plain" and content_type not in _HTML_TYPES:
        raise UnreadableError("unknown format")
    if charset is None and content_type in _HTML_TYPES and (named := _META_CHARSET.search(data, 0, 2048)):
        charset = named[1].decode("ascii", "replace")
    return content_type, to_utf8(data, charset or "utf-8")


def _within(data: bytes, max_bytes: int) -> bytes:
    if len(data) > max_bytes:
        raise UnreadableError("too large")
    return data


def _response(data: bytes) -> "WarcRecord":
    """Parse an HTTP response apart from its archive, so that a truncated one cannot take the next record's bytes.

    Raises:
        UnreadableError: it is no HTTP response, or its coding is unknown.
    """
    from fastwarc.warc import WarcRecord

    response = WarcRecord()
    response.is_http = True
    response.set_bytes_content(data)
    try:
        response.parse_http(auto_decode="all")
    except OSError:
        raise UnreadableError("damaged") from None
    return response


def _decoded(response: "WarcRecord", size: int) -> bytes:
    try:
        return response.reader.read(size)
    except OSError:
        raise UnreadableError("damaged") from None


class _PositionedStream:
    """A stream that knows its position, as fastwarc requires."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._position = 0
        self._waiting = b""

    def begins(self, start: bytes) -> bool:
        """Return whether the stream begins with these bytes; call it before `read`."""
        self._waiting = self._file.read(len(start))
        return self._waiting == start

    def read(self, size: int = 1 << 16) -> bytes:
        """Read `size` bytes; fewer on the first call after `begins`, and at the end."""
        data, self._waiting = self._waiting or self._file.read(size), b""
        self._position += len(data)
        return data

    def tell(self) -> int:
        """Return the position in the decompressed stream."""
        return self._position
