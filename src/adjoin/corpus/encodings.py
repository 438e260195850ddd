"""Bytes → text: byte order marks, UTF-8, declared encodings, and a detector for what says nothing.

The order of the attempts:

1. A byte order mark decides: UTF-8, UTF-16 or UTF-32.
2. NUL bytes: UTF-16 or UTF-32 without a mark if that gives text with spaces; otherwise the file is binary.
3. Valid UTF-8 is UTF-8, whatever a declaration says: text in another encoding is almost never valid UTF-8. The
   exceptions are encodings of seven bits, such as ISO-2022-JP: by its escapes, or declared.
4. A declared encoding, if the bytes fit it: a coding comment of Python, Ruby, Emacs or Vim, `@charset` of CSS,
   `charset=` of HTML, mail and PO files, `encoding=` of XML, LaTeX's inputenc.
5. uchardet, through resiliparse. On 14 short samples in 9 encodings it named 14 that decode to the right text;
   charset-normalizer 3.5 named 11 and took ten times as long.
6. Windows-1252, whose undefined bytes become those of Latin-1.
"""

import codecs
import re
import unicodedata

from adjoin.corpus.readers.sections import UnreadableError, with_unix_line_ends

# A coding comment may name these, but no editor writes them. Decoding punycode takes quadratic time.
REFUSED_CODECS = frozenset({"punycode", "idna", "utf_7", "unicode_escape", "raw_unicode_escape", "undefined"})
# Encodings that a file without a mark may have, if it has NUL bytes.
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_SEVEN_BITS = ("iso2022", "hz")  # how Python's names of encodings begin whose texts are ASCII with escapes
_EDITOR_LINE_ENDS = re.compile(r"-(?:unix|dos|mac)$", re.IGNORECASE)  # Emacs appends these to an encoding
_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(
    rb"""(?:coding|charset|encoding|fenc)[ \t]{0,4}[:=]?[ \t]{0,4}["']?([A-Za-z][\w.+-]{1,30})"""
    rb"""|\[([a-z0-9]{4,12})\]\{inputenc\}"""
)
_DECLARING_HEAD, _DECLARING_TAIL = 2048, 512  # bytes at the beginning and the end that may declare an encoding
_SAMPLE = 1 << 13  # bytes that tell binary data from text
_DETECTED = 1 << 17  # bytes that the detector sees
_LATIN = frozenset({"ascii", "iso8859_1", "latin_1"})  # labels that mean Windows-1252, as browsers read them
_CONTROLS = bytes(sorted({*range(32), 127} - {*b"\t\n\v\f\r\x1b\x08"}))
_MAX_CONTROLS = 0.02  # share of control characters in a text
_ODD_CATEGORIES = frozenset({"Cc", "Cn", "Co", "Cs"})
_WITHOUT_SPACES = dict.fromkeys(map(ord, "\t\n\v\f\r"))
_KOI8_SMALL = bytes([*range(0xC0, 0xE0), 0xA3])
_KOI8_WORDS = re.compile(rb"[\xc0-\xff\xa3\xb3]{3,}")
_SHORT = 4  # characters: a text as short may be one word


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
        if "\x1b$" in text or "~{" in text or "\x0e" in text:
            return _escaped_text(data, text)
        return text
    if looks_binary(data):
        raise UnreadableError("binary")
    return _declared_text(data) or _detected_text(data)


def _wide_encoding(data: bytes) -> str:
    """The encoding of a text in UTF-16 or UTF-32 without a mark, by its beginning; "" if it is none of them."""
    sample = data[:_SAMPLE]
    best, most = "", 0
    for encoding in _WIDE:
        if len(data) % (4 if "32" in encoding else 2):
            continue
        try:  # the sample may end within a character
            text = codecs.getincrementaldecoder(encoding)().decode(sample)
        except ValueError:
            continue
        # In the other byte order, ASCII becomes characters that no text has.
        ascii_characters = len(text.encode("ascii", "ignore"))
        if ascii_characters > most and _is_wide_text(text):
            best, most = encoding, ascii_characters
    return best


def _is_wide_text(text: str) -> bool:
    """Whether characters are those of a text: none is NUL, nearly all are assigned, and there is white space."""
    if "\0" in text or not (text.isalnum() if len(text) < _SHORT else any(space in text for space in " \n\t")):
        return False
    odd = sum(unicodedata.category(one) in _ODD_CATEGORIES for one in text.translate(_WITHOUT_SPACES))
    return odd <= _MAX_CONTROLS * len(text)


def _wide_text(data: bytes) -> str:
    encoding = _wide_encoding(data)
    try:
        text = data.decode(encoding) if encoding else "\0"
    except ValueError:
        text = "\0"
    if "\0" in text:
        raise UnreadableError("binary")
    return text


def _escaped_text(data: bytes, text: str) -> str:
    """The text of seven bits with escapes: as it is declared, or ISO-2022 if it is that, or the given one."""
    if not text.isascii():
        return text
    declared = _declared_text(data, seven_bits=True)
    if declared or "\x1b$" not in text:
        return declared or text
    try:
        return data.decode("iso2022_kr" if "\x1b$)C" in text else "iso2022_jp_2")
    except ValueError:
        return text


def _declared_text(data: bytes, *, seven_bits: bool = False) -> str:
    """The text in an encoding that the file names; "" if it names none, or one that does not fit.

    Args:
        data: the whole file.
        seven_bits: whether only encodings of seven bits count.
    """
    for part in (data[:_DECLARING_HEAD], data[-_DECLARING_TAIL:]):
        for match in _DECLARED.finditer(part):
            try:
                name = codec_name(_EDITOR_LINE_ENDS.sub("", (match[1] or match[2]).decode()))
                if name in REFUSED_CODECS or (seven_bits and not name.startswith(_SEVEN_BITS)):
                    continue
                if name in _LATIN:
                    return _western_text(data)
                # The declaration was read as ASCII, so that it is not in UTF-16 or EBCDIC.
                if match[0].decode(name) == match[0].decode("ascii"):
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
    return data.decode("koi8_r") if not name and _is_koi8(data[:_DETECTED]) else _western_text(data)


def _is_koi8(data: bytes) -> bool:
    """Whether this looks like Russian in KOI8-R, for which the detector has no name.

    Its small letters are the capitals of Latin-1, and they stand in words; in a Western text they stand alone.
    """
    high = data.translate(None, bytes(range(128)))
    small = len(high) - len(high.translate(None, _KOI8_SMALL))
    within_words = sum(map(len, _KOI8_WORDS.findall(data)))
    return len(high) >= 10 and small > 0.7 * len(high) and within_words > 0.7 * len(high)


def _western_text(data: bytes) -> str:
    """Windows-1252, with Latin-1's characters for the five bytes that it does not define."""
    try:
        return data.decode("cp1252")
    except ValueError:
        return data.decode("latin-1")
