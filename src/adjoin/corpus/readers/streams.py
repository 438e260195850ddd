"""Files of any size with one record after the other, read with flat memory: JSON lines and Parquet.

Mail, web archives and dictionaries have files of their own. What came before damage is kept.
"""

import io
import json
from collections.abc import Iterator
from typing import IO, Any

from adjoin.corpus.compression import DamagedError, Readable, Unpacked
from adjoin.corpus.contents import ReadContext
from adjoin.corpus.document import Document
from adjoin.corpus.readers.records import MAX_RECORD, RecordReader

MAX_HELD = 64 << 20  # bytes of a Parquet file inside an archive, which must be held to be read

_CHUNK = 1 << 20
_BATCH_BYTES = 1 << 20  # of unpacked values at a time
_MAX_BATCH = 4096  # rows


def read_stream(file: IO[bytes], kind: str, origin: str, context: ReadContext) -> Iterator[Document]:
    """Read a stream's records, one by one.

    Args:
        file: open at its beginning; Parquet needs one that can seek, or holds it.
        kind: see `adjoin.corpus.formats.stream_kind`.
        origin: of the file; its records' are "origin#name", or "origin#number" for those without a name.
        context: how, and where every skip is counted.

    Raises:
        OSError: the disk failed.
    """
    try:
        if kind == "parquet":
            yield from _read_parquet(file, origin, context)
        elif kind == "jsonl":
            yield from _read_jsonl(Unpacked(file), origin, context)
        elif kind == "warc":
            from adjoin.corpus.readers.webarchive import read_warc

            yield from read_warc(Unpacked(file), origin, context)
        elif kind == "dict":
            from adjoin.corpus.dictd.dictionaries import read_dictionary

            yield from read_dictionary(Unpacked(file), origin, context)
        else:
            from adjoin.corpus.readers.mail import read_mbox, read_one_mail

            read = read_mbox if kind == "mbox" else read_one_mail
            yield from read(Unpacked(file), origin, context)
    except DamagedError as error:
        context.tally.add(error.reason, origin)


def lines(file: Readable, longest: int) -> Iterator[bytes | None]:
    r"""The lines of a stream, without their \n; None for one longer than `longest` bytes, which is never held.

    Raises:
        DamagedError, OSError: as the file's own.
    """
    waiting: list[bytes] = []  # the pieces of a line that has not ended yet
    size = 0
    while chunk := file.read(_CHUNK):
        first, *rest = chunk.split(b"\n")
        if size <= longest:
            waiting.append(first)
        size += len(first)
        if not rest:
            if size > longest:
                waiting.clear()
            continue
        yield b"".join(waiting) if size <= longest else None
        for line in rest[:-1]:
            yield line if len(line) <= longest else None
        waiting, size = [rest[-1]], len(rest[-1])
    if size:
        yield b"".join(waiting) if size <= longest else None


def _read_jsonl(file: Readable, origin: str, context: ReadContext) -> Iterator[Document]:
    records = RecordReader(context.columns, origin, context.tally)
    for number, line in enumerate(lines(file, MAX_RECORD), start=1):
        reason, record = _record(line)
        if reason:
            records.skip(reason, number)
        elif document := records.read(record, number):
            yield document


def _record(line: bytes | None) -> tuple[str, dict[str, Any]]:
    """Why a line is no record, and the record."""
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


def _read_parquet(file: IO[bytes], origin: str, context: ReadContext) -> Iterator[Document]:
    import pyarrow.parquet as pq

    held = _seekable(file)
    if held is None:
        context.tally.add("too large", origin)
        return
    records = RecordReader(context.columns, origin, context.tally)
    number = 0
    try:
        # A buffer, so that the column of a row group is read page by page; without one it is held whole.
        table = pq.ParquetFile(held, buffer_size=_CHUNK, pre_buffer=False)
        names = records.wanted(table.schema_arrow.names)
        if not names:
            context.tally.add("no text column", origin, number=table.metadata.num_rows)
            return
        rows = max(1, min(_MAX_BATCH, _BATCH_BYTES // _row_bytes(table.metadata)))
        for batch in table.iter_batches(rows, columns=names, use_threads=False):
            for row in _rows(batch):
                number += 1
                if row is None:
                    records.skip("not UTF-8", number)
                elif document := records.read(row, number):
                    yield document
    except OSError as error:
        if error.errno is not None:
            raise
        context.tally.add("damaged", origin)
    except Exception:  # Arrow has its own for each kind of damage
        context.tally.add("damaged", origin)


def _seekable(file: IO[bytes]) -> IO[bytes] | None:
    """The file, if it lies on the disk and is not compressed; else its content; None if that is too large."""
    if isinstance(file, io.BufferedReader) and isinstance(file.raw, io.FileIO):
        start = file.read(4)
        file.seek(0)
        if start == b"PAR1":
            return file
    data = Unpacked(file).read(MAX_HELD + 1)
    return io.BytesIO(data) if len(data) <= MAX_HELD else None


def _row_bytes(metadata: Any) -> int:  # noqa: ANN401 - pyarrow has no types
    """How many bytes a row has unpacked, on the average of the row group where they are largest; at least 1."""
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    return max((group.total_byte_size // group.num_rows for group in groups if group.num_rows > 0), default=1) or 1


def _rows(batch: Any) -> Iterator[dict[str, Any] | None]:  # noqa: ANN401 - pyarrow has no types
    """The rows of a batch as records; None for one that is not UTF-8."""
    names = batch.schema.names
    try:
        columns = [column.to_pylist() for column in batch.columns]
    except UnicodeDecodeError:
        for index in range(batch.num_rows):
            try:
                yield {name: column[index].as_py() for name, column in zip(names, batch.columns, strict=True)}
            except UnicodeDecodeError:
                yield None
        return
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))
