"""Parquet is read in small batches of rows, and no file makes the reader fail."""

import gzip
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus import Columns, Document, Source, read_source
from adjoin.tally import Tally

ROWS = [{"id": f"r{number}", "text": f"Text {number}.", "title": "T"} for number in range(500)]


def parquet_of(rows: list[dict[str, str]]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer, row_group_size=100)
    return buffer.getvalue()


def read(path: Path, data: bytes, tally: Tally | None = None, columns: Columns | None = None) -> list[Document]:
    path.write_bytes(data)
    source = Source(path, path.name)
    return list(read_source(source, tally or Tally(), columns=columns or Columns()))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.parquet", parquet_of(ROWS)),
        ("a.parquet.gz", gzip.compress(parquet_of(ROWS), mtime=0)),
    ],
)
def test_reads_every_record(tmp_path: Path, name: str, data: bytes) -> None:
    tally = Tally()
    documents = read(tmp_path / name, data, tally)
    assert [document.origin for document in documents] == [f"{name}#r{number}" for number in range(500)]
    assert documents[3].text == "Text 3."
    assert documents[3].title == "T"
    assert not tally.counts


def test_parquet_without_the_columns(tmp_path: Path) -> None:
    tally = Tally()
    assert read(tmp_path / "a.parquet", parquet_of([{"x": "1"}, {"x": "2"}]), tally) == []
    assert tally.counts == {"no text column": 2}
    tally = Tally()
    assert read(tmp_path / "a.parquet", parquet_of(ROWS), tally, Columns(text="article")) == []
    assert tally.counts == {"no column article": 500}


def test_parquet_with_a_row_that_is_not_utf8(tmp_path: Path) -> None:
    good = pa.array([b"a", b"\xff", b"c"], pa.binary())
    table = pa.table({"text": pa.Array.from_buffers(pa.string(), 3, good.buffers())})
    pq.write_table(table, tmp_path / "a.parquet")
    tally = Tally()
    documents = list(read_source(Source(tmp_path / "a.parquet", "a"), tally))
    assert [document.text for document in documents] == ["a", "c"]
    assert tally.counts == {"not UTF-8": 1}


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" * 100, b"nonsense", parquet_of(ROWS)[:-300]])
def test_no_parquet(tmp_path: Path, data: bytes) -> None:
    tally = Tally()
    assert read(tmp_path / "a.parquet", data, tally) == []
    assert tally.counts == {"damaged": 1}


@settings(max_examples=150)
@given(place=st.floats(0, 1), bytes_there=st.binary(max_size=30), dropped=st.integers(0, 40))
def test_no_bytes_break_the_reader(
    tmp_path_factory: pytest.TempPathFactory, place: float, bytes_there: bytes, dropped: int
) -> None:
    data = parquet_of(ROWS[:20])
    cut = int(place * len(data))
    tally = Tally()
    documents = read(
        tmp_path_factory.getbasetemp() / "a.parquet", data[:cut] + bytes_there + data[cut + dropped :], tally
    )
    assert documents or tally.counts
    assert all(document.text.strip() for document in documents)
