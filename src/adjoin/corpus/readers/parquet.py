"""Parquet: one record per row, read in small batches from a file of any size.

Everything is bounded by what it becomes in memory. A row group whose pages would take too much is left out before
Arrow opens it. A batch has so few rows that its values stay small, even if all repeat one entry of a dictionary. A
row above `MAX_RECORD` is left out before its strings are made. All rows together may become 100 times as much as
the file (`adjoin.corpus.compression.MAX_RATIO`).
"""

import io
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from adjoin.corpus.compression import FREE_BYTES, MAX_RATIO, DecompressedStream, DecompressionBombError
from adjoin.corpus.document import Document
from adjoin.corpus.read_context import ReadContext
from adjoin.corpus.readers.parquet_pages import RowGroup, column_sizes, row_groups
from adjoin.corpus.readers.records import MAX_RECORD, RecordReader

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_HELD = 64 << 20  # bytes of a file inside an archive, which must be held in memory to be read
MAX_FOOTER = 16 << 20  # bytes of the description at the file's end, which takes some 20 times as much once parsed
MAX_PAGES = 128 << 20  # bytes of the largest page and the dictionary, of all columns together
MAX_IN_LISTS = 1 << 22  # values in the lists of a row group
TOO_LARGE = "row group too large"

_BUFFER = 1 << 20  # bytes
_BATCH_BYTES = 1 << 20  # of values at a time, by the mean of the row group
_LARGEST_BATCH = 16 << 20  # bytes of values at a time, if each is the longest there is
_MAX_BATCH = 4096  # rows
_ROW_COST = 64  # bytes that a row counts, however short, since it takes as long as these to read


def read_parquet(file: IO[bytes], origin: str, context: ReadContext) -> Iterator[Document]:
    """Yield the Documents of a Parquet file.

    Args:
        file: open at its beginning. One that cannot seek, or is compressed, is held in memory: up to `MAX_HELD`.
        origin: origin of the file. A record's origin is "origin#id", or "origin#row" if it has no id.
        context: options, and the tally that counts every row without a Document.

    Raises:
        DamagedError: the compression around the file is damaged, or its rows become too much.
        OSError: the disk failed.
    """
    seekable = _seekable(file)
    if seekable is None:
        context.tally.add("too large", origin)
        return
    records = RecordReader(context.columns, origin, context.tally)
    try:
        for number, row in _Table(seekable, origin, context, records).rows():
            if isinstance(row, str):
                records.skip(row, number)
            elif document := records.read(row, number):
                yield document
    except OSError as error:
        if error.errno is not None:
            raise
        context.tally.add("damaged", origin)
    except DecompressionBombError:
        raise
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


class _Table:
    """An open Parquet file."""

    def __init__(self, file: IO[bytes], origin: str, context: ReadContext, records: RecordReader) -> None:
        self._file = file
        self._origin = origin
        self._tally = context.tally
        self._records = records
        self._bytes_left = max(FREE_BYTES, MAX_RATIO * file.seek(0, io.SEEK_END))

    def rows(self) -> Iterator[tuple[int, dict[str, Any] | str]]:
        """The number of each row, from 1, and the row, or the reason why it is left out.

        Raises:
            DecompressionBombError: the rows become too much.
            OSError: the disk failed.
            Exception: the file is damaged; Arrow has its own for each kind of damage.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        groups = row_groups(self._file, MAX_FOOTER)
        if groups is None:
            self._tally.add("too large", self._origin)
            return
        # With a buffer, the column of a row group is read page by page; without one it is held whole.
        table = pq.ParquetFile(self._file, buffer_size=_BUFFER, pre_buffer=False)
        names = self._records.columns_read(table.schema_arrow.names)
        if not names:
            self._tally.add("no text column", self._origin, number=table.metadata.num_rows)
            return
        # A column that stands twice, or of a type without text, has no values; but it is there.
        read = [name for name in names if names.count(name) == 1 and _is_read(table.schema_arrow.field(name).type)]
        leaves: dict[str, list[int]] = {name: [] for name in read}
        for index in range(len(table.schema)):
            path = table.schema.column(index).path
            name = path if path in leaves else path.partition(".")[0]
            if name in leaves:
                leaves[name].append(index)
        lists = {name for name in read if _is_list(table.schema_arrow.field(name).type)}
        if lists:
            # They are read as numbers of entries, since one row may repeat an entry any number of times.
            paths = [table.schema.column(index).path for name in lists for index in leaves[name]]
            table = pq.ParquetFile(self._file, buffer_size=_BUFFER, pre_buffer=False, read_dictionary=paths)
        kept = lists | {name for name in read if pa.types.is_dictionary(table.schema_arrow.field(name).type)}
        number = 0
        for index, group in enumerate(groups):
            batch_rows = self._batch_rows(group, leaves, lists, kept)
            if not batch_rows:
                self._tally.add(TOO_LARGE, f"{self._origin}:{number + 1}", number=max(group.rows, 1))
                number += max(group.rows, 0)
                continue
            for batch in table.iter_batches(batch_rows, [index], columns=read, use_threads=False):
                for row in self._rows_of(batch, names):
                    number += 1
                    yield number, row

    def _batch_rows(self, group: RowGroup, leaves: dict[str, list[int]], lists: set[str], kept: set[str]) -> int:
        """How many rows of a row group to read at a time; none if it would take too much memory.

        Args:
            group: what the file says of it.
            leaves: the numbers of the columns that hold a field's values.
            lists: the fields that are lists.
            kept: the fields of which Arrow keeps all distinct values to the end of the row group.
        """
        pages = longest = 0
        for name, indices in leaves.items():
            for index in indices:
                sizes = column_sizes(self._file, group.columns[index])
                pages += sizes.page + sizes.dictionary
                if name in kept:
                    pages += sizes.unencoded
                    if sizes.grows or (name in lists and sizes.values > MAX_IN_LISTS):
                        return 0
                else:
                    longest += sizes.value
        mean = group.bytes // max(group.rows, 1)
        rows = min(_MAX_BATCH, _BATCH_BYTES // max(mean, 1), _LARGEST_BATCH // max(longest, 1))
        return max(rows, 1) if pages <= MAX_PAGES else 0

    def _rows_of(self, batch: Any, names: list[str]) -> Iterator[dict[str, Any] | str]:  # noqa: ANN401
        """The rows of a batch as records, or the reason why one is left out.

        Raises:
            DecompressionBombError: the rows so far become too much.
        """
        columns = dict(zip(batch.schema.names, map(_storage, batch.columns), strict=True))
        size_R = sum(map(_sizes, columns.values())) + _row_costs(batch.num_rows)
        start = 0
        while start < batch.num_rows:
            stop, taken = start, 0
            while stop < batch.num_rows and (stop == start or taken + size_R[stop] <= _LARGEST_BATCH):
                taken += int(size_R[stop])
                stop += 1
            if stop == start + 1 and taken > MAX_RECORD:
                self._bytes_left -= _ROW_COST
                yield "record too large"
            else:
                self._bytes_left -= taken
                piece = {name: column.slice(start, stop - start) for name, column in columns.items()}
                for row, size in zip(_records(piece, names, stop - start), size_R[start:stop], strict=True):
                    yield "record too large" if size > MAX_RECORD else row
            if self._bytes_left < 0:
                raise DecompressionBombError
            start = stop


def _is_text(kind: Any) -> bool:  # noqa: ANN401 - pyarrow has no types
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_read(kind: Any) -> bool:  # noqa: ANN401
    """Whether values of a type may be text, a number, or a list of texts."""
    import pyarrow as pa

    return _is_text(kind.value_type if _is_list(kind) else kind) or bool(pa.types.is_integer(kind))


def _is_list(kind: Any) -> bool:  # noqa: ANN401
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _storage(column: Any) -> Any:  # noqa: ANN401
    """A column without its extension type, and with a type that all of Arrow's functions take."""
    import pyarrow as pa

    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    return column.cast(pa.large_string()) if pa.types.is_string_view(column.type) else column


def _row_costs(number: int) -> "npt.NDArray[np.int64]":
    import numpy as np

    return np.full(number, _ROW_COST, np.int64)


def _sizes(column: Any) -> "npt.NDArray[np.int64]":  # noqa: ANN401
    """The bytes of each row's value, shape (rows,)."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if _is_list(kind):
        inner = np.concatenate([[0], np.cumsum(_sizes(column.values) + 8)])
        offsets = column.offsets.to_numpy()
        return np.asarray(inner[offsets[1:]] - inner[offsets[:-1]], np.int64)
    if pa.types.is_dictionary(kind):
        entries = np.concatenate([_sizes(column.dictionary), [0]])
        return np.asarray(entries[column.indices.fill_null(len(entries) - 1).to_numpy(zero_copy_only=False)])
    if pa.types.is_integer(kind):
        return np.full(len(column), 8, np.int64)
    lengths = pc.binary_length(column).fill_null(0)
    return np.asarray(lengths.to_numpy(zero_copy_only=False), np.int64)


def _records(columns: dict[str, Any], names: list[str], number: int) -> Iterator[dict[str, Any] | str]:
    """The rows of some columns as records; "not UTF-8" for one that is not."""
    missing = dict.fromkeys(names)
    try:
        values = {name: column.to_pylist() for name, column in columns.items()}
    except UnicodeDecodeError:
        for index in range(number):
            try:
                yield missing | {name: column[index].as_py() for name, column in columns.items()}
            except UnicodeDecodeError:
                yield "not UTF-8"
        return
    for index in range(number):
        yield missing | {name: column[index] for name, column in values.items()}
