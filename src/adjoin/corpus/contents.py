"""The bytes of one file → its Documents, or the reason why there are none."""

import codecs
import io
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from adjoin.corpus.document import PROSE, Document
from adjoin.corpus.readers.sections import Reader, UnreadableError, check_line_lengths, with_unix_line_ends
from adjoin.tally import Tally

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# A coding cookie may name these, but no editor writes them. Decoding punycode takes quadratic time.
_REFUSED_CODECS = frozenset({"punycode", "idna", "utf_7", "unicode_escape", "raw_unicode_escape", "undefined"})

BinaryReader = Callable[[bytes, str, Tally], Iterator[Document]]


@dataclass(frozen=True, slots=True)
class Format:
    """How to read one kind of text file.

    Attributes:
        language: language of its Documents: a programming language, or `PROSE`.
        reader: function (text, origin) → Documents.
        long_lines: whether lines of any length are accepted. Elsewhere a long line means data or minified code.
    """

    language: str
    reader: Reader
    long_lines: bool = False


@dataclass(frozen=True, slots=True)
class BinaryFormat:
    """How to read one kind of binary file that holds prose.

    Attributes:
        reader: function (bytes, origin, tally) → Documents.
        language: language of its Documents.
    """

    reader: BinaryReader
    language: str = PROSE


def read_bytes(data: bytes, form: Format | BinaryFormat, origin: str, tally: Tally) -> Iterator[Document]:
    """Yield the Documents in the bytes of one file. If there are none, count the reason.

    Args:
        data: the whole file, not compressed.
        form: how to read it, see `adjoin.corpus.formats.format_of`.
        origin: origin of its Documents; also the example in the tally.
        tally: counts the reason.
    """
    counted = tally.counts.total()
    try:
        if isinstance(form, BinaryFormat):
            documents = list(form.reader(data, origin, tally))
        else:
            text = decode(data, cookie=form.language == "python")
            if not form.long_lines:
                check_line_lengths(text)
            documents = list(form.reader(text, origin))
    except UnreadableError as error:
        tally.add(error.reason, origin)
    except Exception:  # markup parsers raise anything on broken markup, RecursionError too
        tally.add("unreadable", origin)
    else:
        if not documents and tally.counts.total() == counted:
            tally.add("no text", origin)
        yield from documents


def decode(data: bytes, *, cookie: bool = False) -> str:
    r"""Decode the bytes of a text file and convert its line ends to \n.

    Args:
        data: the whole file: UTF-8 with or without a byte order mark, or UTF-16 with one.
        cookie: whether a Python coding cookie in the first two lines may name the encoding.

    Raises:
        UnreadableError: "empty" (white space at most), "binary" (contains a NUL) or "not UTF-8".
    """
    encoding = "utf-8-sig" if data.startswith(codecs.BOM_UTF8) else "utf-8"
    if data.startswith(_UTF16_MARKS):
        encoding = "utf-16"
    elif b"\0" in data:
        raise UnreadableError("binary")
    elif cookie and b"coding" in data[:1000]:
        encoding = _cookie_encoding(data)
    try:
        text = data.decode(encoding)
    except (ValueError, LookupError):
        raise UnreadableError("not UTF-8") from None
    if not text or text.isspace():
        raise UnreadableError("empty")
    if "\0" in text:  # UTF-32 begins with the mark of UTF-16
        raise UnreadableError("binary")
    return with_unix_line_ends(text)


def _cookie_encoding(data: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        if _codec_name(encoding) in _REFUSED_CODECS:
            raise UnreadableError("not UTF-8")
    except (SyntaxError, LookupError):
        raise UnreadableError("not UTF-8") from None
    return encoding


def to_utf8(data: bytes, charset: str) -> bytes:
    """Re-encode text as UTF-8 from the charset that HTTP or a mail names.

    The bytes are returned unchanged if the charset is unknown or does not fit them.
    """
    try:
        name = _codec_name(charset)
        if name == "utf_8" or name in _REFUSED_CODECS:
            return data
        return data.decode(name).encode()
    except (ValueError, LookupError):
        return data


def _codec_name(encoding: str) -> str:
    return codecs.lookup(encoding).name.replace("-", "_")
