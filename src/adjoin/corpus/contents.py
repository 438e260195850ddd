"""The bytes of one file → its Documents, or the reason why there are none."""

import codecs
import io
import tokenize
from collections.abc import Iterator

from adjoin.corpus.document import Document
from adjoin.corpus.formats import Format
from adjoin.corpus.sections import UnreadableError
from adjoin.tally import Tally

MAX_BYTES = 4 << 20  # of one file or one member of an archive: above it stand data and generated code, not writing
MAX_LINE = 20_000  # characters: above it stand minified code and data, and parsers take quadratic time

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# A coding cookie may name these, but no editor writes them; punycode takes quadratic time to decode.
_ODD_CODECS = frozenset({"punycode", "idna", "utf_7", "unicode_escape", "raw_unicode_escape", "undefined"})


def read_bytes(data: bytes, form: Format, origin: str, tally: Tally) -> Iterator[Document]:
    """Give the Documents in the bytes of one file; where there are none, count the reason.

    Args:
        data: the whole file.
        form: how it is read, see `adjoin.corpus.formats.format_of`.
        origin: the origin its Documents carry, also the example in the tally.
        tally: where the reason is counted.
    """
    try:
        text = decode(data, cookie=form.language == "python")
        if not form.long_lines and _longest_line(text) > MAX_LINE:
            raise UnreadableError("line too long")
        documents = list(form.reader(text, origin))
    except UnreadableError as error:
        tally.add(error.reason, origin)
    except Exception:  # whatever a parser of markup raises on broken markup, RecursionError too
        tally.add("unreadable", origin)
    else:
        if not documents:
            tally.add("no text", origin)
        yield from documents


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


def _longest_line(text: str) -> int:
    return max(map(len, text.split("\n"))) if len(text) > MAX_LINE else 0
