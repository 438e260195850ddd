"""Web archives: the texts of WET files and the pages of WARC files; other records are counted."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus import Document, Source, read_source
from adjoin.tally import Tally

PARAGRAPH = "The first sentence of a page that says something. And here is a second one, which says it again."


def record(kind: str, address: str, body: bytes, content_type: str = "text/plain") -> bytes:
    head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {address}\r\nContent-Type: {content_type}\r\n"
    return head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body + b"\r\n\r\n"


def response(address: str, body: bytes, content_type: str, status: str = "200 OK", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{more}\r\n".encode()
    return record("response", address, head + body, "application/http; msgtype=response")


def page(text: str = PARAGRAPH) -> str:
    return f"<html><head><title>T</title></head><body><h1>H</h1><p>{text}</p></body></html>"


def read(path: Path, data: bytes, tally: Tally) -> list[Document]:
    path.write_bytes(data)
    return list(read_source(Source(path, path.name), tally))


def test_texts(tmp_path: Path) -> None:
    data = record("warcinfo", "", b"x", "application/warc-fields")
    data += record("conversion", "http://e.org/a", "Título\nText\r\n\r\nMore ".encode())
    tally = Tally()
    (document,) = read(tmp_path / "a.wet", data, tally)
    assert (document.text, document.origin) == ("Título\nText\n\nMore", "a.wet#http://e.org/a")
    assert document.is_prose
    assert tally.counts == {"web record of another kind": 1}


def test_gzip_member_for_each_record(tmp_path: Path) -> None:
    data = b"".join(gzip.compress(record("conversion", f"http://e.org/{n}", b"Text.")) for n in range(50))
    tally = Tally()
    documents = read(tmp_path / "a.warc.wet.gz", data, tally)
    assert [document.origin.rsplit("/", 1)[1] for document in documents] == [str(n) for n in range(50)]
    assert not tally.counts


@pytest.mark.parametrize(
    ("body", "content_type", "more"),
    [
        (page(PARAGRAPH + " é").encode(), "text/html", ""),
        (page(PARAGRAPH + " é").encode("latin-1"), "text/html; charset=ISO-8859-1", ""),
        (page('<meta charset="latin-1">' + PARAGRAPH + " é").encode("latin-1"), "text/html", ""),
        (gzip.compress(page(PARAGRAPH + " é").encode(), mtime=0), "application/xhtml+xml", "Content-Encoding: gzip\r\n"),
        (
            b"%x\r\n%s\r\n0\r\n\r\n" % (len(page(PARAGRAPH + " é").encode()), page(PARAGRAPH + " é").encode()),
            "text/html",
            "Transfer-Encoding: chunked\r\n",
        ),
    ],
)
def test_pages(tmp_path: Path, body: bytes, content_type: str, more: str) -> None:
    tally = Tally()
    documents = read(tmp_path / "a.warc", response("http://e.org/", body, content_type, more=more), tally)
    assert [document.text for document in documents] == [PARAGRAPH + " é"]
    assert documents[0].origin == "a.warc#http://e.org/"
    assert not tally.counts


def test_what_is_no_page_is_counted(tmp_path: Path) -> None:
    data = record("request", "http://e.org/", b"GET / HTTP/1.1\r\n\r\n", "application/http; msgtype=request")
    data += response("http://e.org/b", b"\x89PNG", "image/png")
    data += response("http://e.org/c", page().encode(), "text/html", "404 Not Found")
    data += response("http://e.org/d", b"\xff" * 50, "text/plain")
    data += response("http://e.org/e", b"not gzip", "text/html", more="Content-Encoding: gzip\r\n")
    data += response("http://e.org/f", b"x" * 100_000, "text/plain")
    data += response("http://e.org/g", b"The end.", "text/plain")
    tally = Tally()
    path = tmp_path / "a.warc"
    path.write_bytes(data)
    documents = list(read_source(Source(path, "a"), tally, max_bytes=50_000))
    assert [document.text for document in documents] == ["The end."]
    assert tally.counts == {
        "web record of another kind": 1, "unknown format": 1, "web page with an error": 1, "not UTF-8": 1,
        "damaged": 1, "too large": 1,
    }  # fmt: skip


@pytest.mark.parametrize("data", [b"", b"nonsense", b"WARC/1.0\r\n", gzip.compress(b"x", mtime=0)])
def test_no_web_archive(tmp_path: Path, data: bytes) -> None:
    tally = Tally()
    assert read(tmp_path / "a.warc", data, tally) == []
    assert tally.counts.total() == 1


GOOD = b"".join(
    [
        record("conversion", "http://e.org/1", b"Text."),
        response("http://e.org/2", gzip.compress(page().encode()), "text/html", more="Content-Encoding: gzip\r\n"),
        response(
            "http://e.org/3", b"5\r\nhello\r\n0\r\n\r\n", "text/plain", more="Transfer-Encoding: chunked\r\n"
        ),
    ]
)


@settings(max_examples=300)
@given(place=st.floats(0, 1), bytes_there=st.binary(max_size=30), dropped=st.integers(0, 40))
def test_no_bytes_break_it(
    tmp_path_factory: pytest.TempPathFactory, place: float, bytes_there: bytes, dropped: int
) -> None:
    cut = int(place * len(GOOD))
    tally = Tally()
    path = tmp_path_factory.getbasetemp() / "a.warc"
    documents = read(path, GOOD[:cut] + bytes_there + GOOD[cut + dropped :], tally)
    assert documents or tally.counts
