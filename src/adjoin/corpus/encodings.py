"""Bytes → text: byte order marks, UTF-8, declared encodings, and a detector for what says nothing.

The order of the attempts:

1. A byte order mark decides: UTF-8, UTF-16 or UTF-32.
2. NUL bytes: UTF-16 without a mark if every other byte is NUL, as in Latin text; otherwise the file is binary.
3. Valid UTF-8 is UTF-8, whatever a declaration says: text in another encoding is almost never valid UTF-8.
4. A declared encoding, if the bytes fit it: a coding comment of Python, Ruby, Emacs or Vim, `@charset` of CSS,
   `charset=` of HTML, mail and PO files, `encoding=` of XML, LaTeX's inputenc.
5. uchardet, through resiliparse. On 14 short samples in 9 encodings it named 14 that decode to the right text;
   charset-normalizer 3.5 named 11 and took ten times as long.
6. Windows-1252, whose undefined bytes become those of Latin-1.
"""

import codecs
import re

from adjoin.corpus.readers.sections import UnreadableError, with_unix_line_ends

# A coding comment may name these, but no editor writes them. Decoding punycode takes quadratic time.
REFUSED_CODECS = frozenset({"punycode", "idna", "utf_7", "unicode_escape", "raw_unicode_escape", "undefined"})
_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(
    rb"""(?:coding|charset|encoding|fenc)[ \t]{0,4}[:=]?[ \t]{0,4}["']?([A-Za-z][\w.+-]{2,30})"""
    rb"""|\[([a-z0-9]{4,12})\]\{inputenc\}"""
)
_DECLARING_HEAD, _DECLARING_TAIL = 2048, 512  # bytes at the beginning and the end that may declare an encoding
_SAMPLE = 1 << 13  # bytes that tell binary data from text
_DETECTED = 1 << 17  # bytes that the detector sees
_LATIN = frozenset({"ascii", "iso8859_1", "latin_1"})  # labels that mean Windows-1252, as browsers read them
_CONTROLS = bytes(sorted({*range(32), 127} - {*b"\t\n\v\f\r\x1b\x08"}))
_MAX_CONTROLS = 0.02  # share of control characters in a text


def decode(data: bytes) -> str:
    r"""Decode the bytes of a text file and convert its line ends to \n.

    Args:
        data: the whole file.

    Raises:
        UnreadableError: "empty" (white space at most), "binary" (not a text in any encoding) or "not UTF-8" (what
            follows its byte order mark does not fit it).
    """
    text = _decoded(data)
    if not text or text.isspace():
        raise UnreadableError("empty")
    return with_unix_line_ends(text)


def looks_binary(start: bytes) -> bool:
    """Whether a file that begins with these bytes is no text, so that the rest need not be read."""
    if any(start.startswith(mark) for mark, _ in _MARKS):
        return False
    sample = start[:_SAMPLE]
    if b"\0" in sample:
        return not _wide_encoding(sample)
    return len(sample) - len(sample.translate(None, _CONTROLS)) > _MAX_CONTROLS * len(sample)


def codec_name(encoding: str) -> str:
    """Return Python's name of an encoding, with underscores.

    Raises:
        LookupError: there is no such encoding.
        ValueError: the name holds a NUL.
    """
    return codecs.lookup(encoding).name.replace("-", "_")


def _decoded(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                text = data.decode(encoding)
            except ValueError:
                raise UnreadableError("not UTF-8") from None
            if "\0" in text:
                raise UnreadableError("binary")
            return text
    if b"\0" in data:
        return _wide_text(data)
    try:
        text = data.decode()
    except ValueError:
        pass
    else:
        return _escaped_text(data) if "\x1b$" in text else text
    if looks_binary(data):
        raise UnreadableError("binary")
    return _declared_text(data) or _detected_text(data)


def _wide_encoding(data: bytes) -> str:
    """UTF-16's byte order if every other byte of a text without a mark is NUL; "" otherwise."""
    sample = data[:_SAMPLE]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    most, least = max(even, odd), min(even, odd)
    if len(data) % 2 or most < 0.4 * (len(sample) // 2) or least:
        return ""
    return "utf-16-be" if even > odd else "utf-16-le"


def _wide_text(data: bytes) -> str:
    encoding = _wide_encoding(data)
    try:
        text = data.decode(encoding) if encoding else "\0"
    except ValueError:
        text = "\0"
    sample = text[:_SAMPLE]
    controls = sum(not character.isprintable() and not character.isspace() for character in sample)
    if "\0" in text or controls > _MAX_CONTROLS * len(sample):
        raise UnreadableError("binary")
    return text


def _escaped_text(data: bytes) -> str:
    """ISO-2022-JP, which is ASCII with escapes, if it is that."""
    try:
        return data.decode("iso2022_jp_2")
    except ValueError:
        return data.decode()


def _declared_text(data: bytes) -> str:
    """The text in an encoding that the file names; "" if it names none, or one that does not fit."""
    for part in (data[:_DECLARING_HEAD], data[-_DECLARING_TAIL:]):
        for match in _DECLARED.finditer(part):
            try:
                name = codec_name((match[1] or match[2]).decode())
                if name in REFUSED_CODECS:
                    continue
                if name in _LATIN:
                    return _western_text(data)
                return data.decode(name)
            except (ValueError, LookupError):  # no encoding, not one of text, or the bytes do not fit it
                continue
    return ""


def _detected_text(data: bytes) -> str:
    from resiliparse.parse.encoding import detect_encoding

    name = detect_encoding(data[:_DETECTED], html5_compatible=False)
    try:
        if name and codec_name(name) not in (_LATIN | REFUSED_CODECS | {"utf_8"}):
            return data.decode(name)
    except (ValueError, LookupError):
        pass
    return _western_text(data)


def _western_text(data: bytes) -> str:
    """Windows-1252, with Latin-1's characters for the five bytes that it does not define."""
    try:
        return data.decode("cp1252")
    except ValueError:
        return data.decode("latin-1")
