"""JSON lines are read record by record, and at most one line of a file is in memory."""

import gzip
import json
import tracemalloc
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus import Document, Source, read_source
from adjoin.tally import Tally

ROWS = [{"id": f"r{number}", "text": f"Text {number}.", "title": "T"} for number in range(500)]


def lines_of(rows: list[dict[str, str]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def read(path: Path, data: bytes, tally: Tally | None = None) -> list[Document]:
    path.write_bytes(data)
    source = Source(path, path.name)
    return list(read_source(source, tally or Tally()))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jsonl", lines_of(ROWS)),
        ("a.ndjson", lines_of(ROWS).replace(b"\n", b"\r\n")),
        ("a.jsonl.gz", gzip.compress(lines_of(ROWS), mtime=0)),
        ("a.jsonl.zst", zstandard.ZstdCompressor().compress(lines_of(ROWS))),
        ("a.jsonl", b"\xef\xbb\xbf" + lines_of(ROWS).rstrip()),
    ],
)
def test_reads_every_record(tmp_path: Path, name: str, data: bytes) -> None:
    tally = Tally()
    documents = read(tmp_path / name, data, tally)
    assert [document.origin for document in documents] == [f"{name}#r{number}" for number in range(500)]
    assert documents[3].text == "Text 3."
    assert documents[3].title == "T"
    assert not tally.counts


def test_what_is_no_record_is_counted_with_its_line(tmp_path: Path) -> None:
    data = b'{"text": "a"}\n\n[1]\n{"text": \n"x"\n{"text": "\xff"}\n{"title": "x"}\n' + b"[" * 100_000 + b"\n"
    tally = Tally()
    assert [document.text for document in read(tmp_path / "a.jsonl", data, tally)] == ["a"]
    assert tally.counts == {"empty": 1, "no JSON object": 2, "no JSON": 2, "not UTF-8": 1, "no text column": 1}
    assert tally.examples["not UTF-8"] == ["a.jsonl:6"]


def test_long_line_is_passed_over_without_being_held(tmp_path: Path) -> None:
    data = b'{"text": "a"}\n{"text": "' + b"x" * (30 << 20) + b'"}\n{"text": "b"}'
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(data, 1))
    del data
    tally = Tally()
    tracemalloc.start()
    try:
        documents = list(read_source(Source(path, "a"), tally))
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()
    assert [(document.text, document.origin) for document in documents] == [("a", "a#1"), ("b", "a#3")]
    assert tally.counts == {"record too large": 1}
    assert tally.examples == {"record too large": ["a:2"]}


def test_truncated_stream_keeps_what_came_before(tmp_path: Path) -> None:
    tally = Tally()
    packed = gzip.compress(lines_of(ROWS * 20))
    documents = read(tmp_path / "a.jsonl.gz", packed[: len(packed) // 2], tally)
    assert 1000 < len(documents) < 10_000
    assert tally.counts == {"truncated": 1}


@settings(max_examples=150)
@given(place=st.floats(0, 1), bytes_there=st.binary(max_size=30), dropped=st.integers(0, 40))
def test_no_bytes_break_the_reader(
    tmp_path_factory: pytest.TempPathFactory, place: float, bytes_there: bytes, dropped: int
) -> None:
    data = lines_of(ROWS[:20])
    cut = int(place * len(data))
    tally = Tally()
    documents = read(
        tmp_path_factory.getbasetemp() / "a.jsonl", data[:cut] + bytes_there + data[cut + dropped :], tally
    )
    assert documents or tally.counts
    assert all(document.text.strip() for document in documents)


@pytest.mark.parametrize("line", [b"{}\n", b"\n", b"[" * 5 + b"\n"])
def test_short_lines_count_as_much_as_they_take(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(line * 3_000_000, 1))
    tally = Tally()
    assert list(read_source(Source(path, "a"), tally)) == []
    assert tally.counts["unpacks to too much"] == 1
    assert tally.counts.total() < 3_000_000
