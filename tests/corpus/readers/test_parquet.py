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


def repeated(text: str, number: int) -> pa.Array:
    return pa.array([text]).dictionary_encode().take(pa.array([0] * number))


# Small files that become much: one value in each row, one cell, prefixes of the row before, no values at all.
BOMBS = {
    "dictionary": (pa.table({"text": repeated("y" * (1 << 20), 4000)}), {}, "unpacks to too much"),
    "dictionary of strings": (
        pa.table({"text": repeated("y" * (1 << 20), 200).cast(pa.string())}),
        {"store_schema": False},
        "unpacks to too much",
    ),
    "prefixes": (
        pa.table({"text": ["door " * 100_000] * 200}),
        {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}},
        "unpacks to too much",
    ),
    "one cell": (pa.table({"text": ["word " * (30 << 20)]}), {"use_dictionary": False}, "row group too large"),
    "a long row": (pa.table({"text": ["word " * (2 << 20)]}), {"use_dictionary": False}, "record too large"),
    "a list": (pa.table({"text": ["a"], "license": [["z" * 100_000] * 2000]}), {}, "record too large"),
    "rows of nothing": (pa.table({"text": pa.nulls(2_000_000, pa.string())}), {}, "unpacks to too much"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_rows_are_bounded_by_what_they_become(tmp_path: Path, name: str) -> None:
    table, options, reason = BOMBS[name]
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, compression="zstd", **options)
    tally = Tally()
    before = pa.total_allocated_bytes()
    size = sum(len(document.text) for document in read_source(Source(path, "a"), tally))
    assert tally.counts[reason] >= 1
    assert size < 64 << 20
    assert pa.total_allocated_bytes() <= before + (1 << 20)


def test_a_page_that_states_two_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a"] * 9}), path, compression="zstd", use_dictionary=False)
    data = bytearray(path.read_bytes())
    # Type 0 and the size of the first page's content: both are zigzag numbers behind their heads.
    assert data[4:7] == b"\x15\x00\x15"
    end = next(place for place in range(7, 12) if data[place] < 128) + 1
    data[7:end] = b"\xfe\xff\xff\xff\x0f"
    tally = Tally()
    assert read(path, bytes(data), tally) == []
    assert tally.counts == {"row group too large": 9}


def test_columns_of_any_text_type_are_read(tmp_path: Path) -> None:
    texts = ["The first.", "The second."]
    for kind in (pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())):
        pq.write_table(pa.table({"text": pa.array(texts).cast(kind), "license": [["MIT"], None]}), tmp_path / "a")
        documents = read(tmp_path / "a.parquet", (tmp_path / "a").read_bytes())
        assert [(document.text, document.licence) for document in documents] == [(texts[0], "MIT"), (texts[1], "")]
