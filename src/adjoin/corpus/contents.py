"""The bytes of one file → its Documents, or the reason why there are none."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from adjoin.corpus.document import PROSE, Document
from adjoin.corpus.encodings import REFUSED_CODECS, codec_name, decode
from adjoin.corpus.readers.sections import Reader, UnreadableError, without_long_lines
from adjoin.tally import Tally

BinaryReader = Callable[[bytes, str, Tally], Iterator[Document]]


@dataclass(frozen=True, slots=True)
class Format:
    """How to read one kind of text file.

    Attributes:
        language: language of its Documents: a programming language, or `PROSE`.
        reader: function (text, origin) → Documents.
        long_lines: whether lines of any length are accepted. Elsewhere a long line means data or minified code; it
            is counted and read as an empty line.
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
            text = decode(data)
            if not form.long_lines:
                text, has_long = without_long_lines(text)
                if has_long:
                    tally.add("line too long", origin)
            documents = list(form.reader(text, origin)) if text.strip() else []
    except UnreadableError as error:
        tally.add(error.reason, origin)
    except Exception:  # markup parsers raise anything on broken markup, RecursionError too
        tally.add("unreadable", origin)
    else:
        if not documents and tally.counts.total() == counted:
            tally.add("no text", origin)
        yield from documents


def to_utf8(data: bytes, charset: str) -> bytes:
    """Re-encode text as UTF-8 from the charset that HTTP or a mail names.

    The bytes are returned unchanged if the charset is unknown or does not fit them.
    """
    try:
        name = codec_name(charset)
        if name == "utf_8" or name in REFUSED_CODECS:
            return data
        return data.decode(name).encode()
    except (ValueError, LookupError):
        return data
