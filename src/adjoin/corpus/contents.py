"""The bytes of one file → its Documents, or the reason why there are none."""

import codecs
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from adjoin.corpus.document import Document
from adjoin.corpus.formats import BinaryFormat, Format, format_of, plain_name, stream_kind
from adjoin.corpus.readers.records import DEFAULT_COLUMNS, Columns
from adjoin.corpus.readers.sections import UnreadableError
from adjoin.tally import Tally

MAX_BYTES = 4 << 20  # of one file or one member of an archive: above it stand data and generated code, not writing
MAX_LINE = 20_000  # characters: above it stand minified code and data, and parsers take quadratic time

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# A coding cookie may name these, but no editor writes them; punycode takes quadratic time to decode.
_ODD_CODECS = frozenset({"punycode", "idna", "utf_7", "unicode_escape", "raw_unicode_escape", "undefined"})


@dataclass(frozen=True, slots=True)
class ReadContext:
    """How files are to be read.

    Attributes:
        tally: where every skip is counted.
        max_bytes: of one file, or one member of an archive, that is no stream; larger ones are passed over.
        columns: the names that the fields of records have.
        streams: whether files of records are read.
    """

    tally: Tally
    max_bytes: int = MAX_BYTES
    columns: Columns = DEFAULT_COLUMNS
    streams: bool = True


def read_file(file: IO[bytes], name: str, origin: str, context: ReadContext) -> Iterator[Document]:
    """Read one open file that is no archive: whole, or record by record; compressed or not.

    Args:
        file: open at its beginning; nothing before where it stands is asked for again, but by Parquet.
        name: its name, which says what it is.
        origin: the origin its Documents carry, also the example in the tally.
        context: how, and where every skip is counted.

    Raises:
        OSError: the disk failed.
    """
    if kind := stream_kind(name):
        from adjoin.corpus.readers.streams import read_stream

        yield from read_stream(file, kind, origin, context)
        return
    form = format_of(name)
    if form is None:
        context.tally.add("unknown format", origin)
        return
    if plain_name(name) == name:
        data = file.read(context.max_bytes + 1)
    else:
        from adjoin.corpus.compression import DamagedError, Unpacked

        try:
            unpacked = Unpacked(file)
            data = unpacked.read(context.max_bytes + 1)
            if len(data) <= context.max_bytes:
                unpacked.read(1)  # what came before damage is given before the damage is told
        except DamagedError as error:
            context.tally.add(error.reason, origin)
            return
    if len(data) > context.max_bytes:
        context.tally.add("too large", origin)
    else:
        yield from read_bytes(data, form, origin, context.tally)


def read_bytes(data: bytes, form: Format | BinaryFormat, origin: str, tally: Tally) -> Iterator[Document]:
    """Give the Documents in the bytes of one file; where there are none, count the reason.

    Args:
        data: the whole file.
        form: how it is read, see `adjoin.corpus.formats.format_of`.
        origin: the origin its Documents carry, also the example in the tally.
        tally: where the reason is counted.
    """
    counted = tally.counts.total()
    try:
        if isinstance(form, BinaryFormat):
            documents = list(form.reader(data, origin, tally))
        else:
            text = decode(data, cookie=form.language == "python")
            documents = read_text(text, form, origin)
    except UnreadableError as error:
        tally.add(error.reason, origin)
    except Exception:  # whatever a parser of markup raises on broken markup, RecursionError too
        tally.add("unreadable", origin)
    else:
        if not documents and tally.counts.total() == counted:
            tally.add("no text", origin)
        yield from documents


def read_text(text: str, form: Format, origin: str) -> list[Document]:
    """Give the Documents in a text.

    Raises:
        UnreadableError: "line too long", or the reader's own.
        Exception: whatever a parser of markup raises on broken markup, RecursionError too.
    """
    if not form.long_lines and _longest_line(text) > MAX_LINE:
        raise UnreadableError("line too long")
    return list(form.reader(text, origin))


def decode(data: bytes, *, cookie: bool = False) -> str:
    r"""Decode the bytes of a text file; line ends become \n.

    Args:
        data: the whole file: UTF-8, with or without a byte order mark, or UTF-16 with one.
        cookie: whether a Python coding cookie in the first two lines names the encoding.

    Raises:
        UnreadableError: "empty" (white space at most), "binary" (a NUL) or "not UTF-8".
    """
    encoding = "utf-8-sig" if data.startswith(codecs.BOM_UTF8) else "utf-8"
    if data.startswith(_UTF16_MARKS):
        encoding = "utf-16"
    elif b"\0" in data:
        raise UnreadableError("binary")
    elif cookie and b"coding" in data[:1000]:
        encoding = _named_encoding(data)
    try:
        text = data.decode(encoding)
    except (ValueError, LookupError):
        raise UnreadableError("not UTF-8") from None
    if not text or text.isspace():
        raise UnreadableError("empty")
    if "\0" in text:  # UTF-32 begins with the mark of UTF-16
        raise UnreadableError("binary")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _named_encoding(data: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        if codecs.lookup(encoding).name.replace("-", "_") in _ODD_CODECS:
            raise UnreadableError("not UTF-8")
    except (SyntaxError, LookupError):
        raise UnreadableError("not UTF-8") from None
    return encoding


def to_utf8(data: bytes, charset: str) -> bytes:
    """Text in the encoding that HTTP or a mail names as UTF-8; as it is where that does not hold."""
    try:
        if (name := codecs.lookup(charset).name.replace("-", "_")) == "utf_8" or name in _ODD_CODECS:
            return data
        return data.decode(name).encode()
    except (ValueError, LookupError):
        return data


def _longest_line(text: str) -> int:
    return max(map(len, text.split("\n"))) if len(text) > MAX_LINE else 0
