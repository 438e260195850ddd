"""JSON lines: one record per line, read in flat memory from a file of any size."""

import json
from collections.abc import Iterator
from typing import Any

from adjoin.corpus.compression import Readable
from adjoin.corpus.document import Document
from adjoin.corpus.read_context import ReadContext
from adjoin.corpus.readers.lines import lines
from adjoin.corpus.readers.records import MAX_RECORD, RecordReader


def read_json_lines(file: Readable, origin: str, context: ReadContext) -> Iterator[Document]:
    """Yield the Documents of a JSON lines file.

    Args:
        file: not compressed; read forward only.
        origin: origin of the file. A record's origin is "origin#id", or "origin#line" if it has no id.
        context: options, and the tally that counts every line without a Document.

    Raises:
        DamagedError: the file is damaged; Documents before the damage have been yielded.
        OSError: the disk failed.
    """
    records = RecordReader(context.columns, origin, context.tally)
    for number, line in enumerate(lines(file, MAX_RECORD), start=1):
        reason, record = _parse_line(line)
        if reason:
            records.skip(reason, number)
        elif document := records.read(record, number):
            yield document


def _parse_line(line: bytes | None) -> tuple[str, dict[str, Any]]:
    """The reason why a line is no record, and the record."""
    if line is None:
        return "record too large", {}
    try:
        text = line.decode("utf-8-sig" if line.startswith(b"\xef\xbb\xbf") else "utf-8")
        if not text or text.isspace():
            return "empty", {}
        value = json.loads(text)
    except UnicodeDecodeError:
        return "not UTF-8", {}
    except (ValueError, RecursionError):
        return "no JSON", {}
    return ("", value) if isinstance(value, dict) else ("no JSON object", {})
