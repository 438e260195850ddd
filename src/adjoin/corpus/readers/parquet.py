"""Parquet: one record per row, read in small batches from a file of any size."""

import io
from collections.abc import Iterator
from typing import IO, Any

from adjoin.corpus.compression import DecompressedStream
from adjoin.corpus.document import Document
from adjoin.corpus.read_context import ReadContext
from adjoin.corpus.readers.records import RecordReader

MAX_HELD = 64 << 20  # bytes of a file inside an archive, which must be held in memory to be read

_BUFFER = 1 << 20  # bytes
_BATCH_BYTES = 1 << 20  # of uncompressed values at a time
_MAX_BATCH = 4096  # rows


def read_parquet(file: IO[bytes], origin: str, context: ReadContext) -> Iterator[Document]:
    """Yield the Documents of a Parquet file.

    Args:
        file: open at its beginning. One that cannot seek, or is compressed, is held in memory: up to `MAX_HELD`.
        origin: origin of the file. A record's origin is "origin#id", or "origin#row" if it has no id.
        context: options, and the tally that counts every row without a Document.

    Raises:
        DamagedError: the compression around the file is damaged.
        OSError: the disk failed.
    """
    import pyarrow.parquet as pq

    seekable = _seekable(file)
    if seekable is None:
        context.tally.add("too large", origin)
        return
    records = RecordReader(context.columns, origin, context.tally)
    number = 0
    try:
        # With a buffer, the column of a row group is read page by page; without one it is held whole.
        table = pq.ParquetFile(seekable, buffer_size=_BUFFER, pre_buffer=False)
        names = records.columns_read(table.schema_arrow.names)
        if not names:
            context.tally.add("no text column", origin, number=table.metadata.num_rows)
            return
        batch_rows = max(1, min(_MAX_BATCH, _BATCH_BYTES // _row_bytes(table.metadata)))
        for batch in table.iter_batches(batch_rows, columns=names, use_threads=False):
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
    """The file itself if it is on disk and not compressed, else its content in memory; None if too large."""
    if isinstance(file, io.BufferedReader) and isinstance(file.raw, io.FileIO):
        start = file.read(4)
        file.seek(0)
        if start == b"PAR1":
            return file
    data = DecompressedStream(file).read(MAX_HELD + 1)
    return io.BytesIO(data) if len(data) <= MAX_HELD else None


def _row_bytes(metadata: Any) -> int:  # noqa: ANN401 - pyarrow has no types
    """Mean uncompressed bytes of a row, in the row group where it is largest; at least 1."""
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
