"""Bytes → text: encodings, line ends, and the reasons why a file gives no Document."""

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus.contents import Format, decode, read_bytes
from adjoin.corpus.formats import format_of
from adjoin.corpus.readers.sections import MAX_LINE, UnreadableError
from adjoin.tally import Tally
from growth import assert_linear

NAMES = ["a.py", "a.go", "a.md", "a.rst", "a.html", "a.txt", "PKG-INFO", "a.1", "a.tex", "a.epub"]
_PIECES = [
    "# h\n", "a\n==\n", "```\n", "::\n\n  ", ".. note:: x\n", "<p>", "</h1>", "<h1>", "<!--", "<pre", ">", "`",
    "*",
    "|",
    "[a](", "- ", "> ", "\n", "\n\n", " ", "word ", "&amp;", "\\", ":r:`", "`_", "\t", "\x0c", "\u2028", "---\n",
    "\x00",
    "Metadata-Version: 2\n\n", "\ud7ff", "<br", "\r", ".. _x:", "..", "__", "<b a='",
]  # fmt: skip


def form(name: str) -> Format:
    known_format = format_of(name)
    assert known_format is not None
    return known_format


def count(data: bytes, name: str) -> dict[str, int]:
    tally = Tally()
    assert list(read_bytes(data, form(name), name, tally)) == []
    return dict(tally.counts)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("é\n".encode(), "é\n"),
        (codecs.BOM_UTF8 + "é".encode(), "é"),
        ("é\r\nb\rc".encode("utf-16"), "é\nb\nc"),
        (codecs.BOM_UTF16_BE + "é".encode("utf-16-be"), "é"),
    ],
)
def test_decodes(data: bytes, text: str) -> None:
    assert decode(data) == text


def test_python_names_its_encoding() -> None:
    data = "# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1")
    assert "é" in decode(data, cookie=True)
    with pytest.raises(UnreadableError, match="not UTF-8"):
        decode(data)


@pytest.mark.parametrize("name", ["rot13", "nonsense", "punycode", "utf-7"])
def test_python_with_an_odd_encoding(name: str) -> None:
    assert count(f"# coding: {name}\nx = 1\n".encode(), "a.py") == {"not UTF-8": 1}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n\t\r\n", "empty"),
        (b"a\0b", "binary"),
        ("abc".encode("utf-32"), "binary"),
        (b"caf\xe9", "not UTF-8"),
        (b"\xff\xfea", "not UTF-8"),
        (b"x" * (MAX_LINE + 1), "line too long"),
    ],
)
@pytest.mark.parametrize("name", ["a.py", "a.md", "a.txt", "a.rst"])
def test_counts_the_reason(data: bytes, reason: str, name: str) -> None:
    assert count(data, name) == {reason: 1}


def test_html_may_have_long_lines() -> None:
    assert len(list(read_bytes(b"word " * MAX_LINE, form("a.html"), "a.html", Tally()))) == 1


def test_reader_that_fails_is_counted() -> None:
    def broken(text: str, origin: str) -> list[object]:
        raise RecursionError

    tally = Tally()
    assert list(read_bytes(b"x", Format("text", broken), "a", tally)) == []  # type: ignore[arg-type]
    assert tally.counts == {"unreadable": 1}


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60)
@given(
    data=st.binary(max_size=200)
    | st.lists(st.sampled_from(_PIECES), max_size=40).map(lambda p: "".join(p).encode())
)
def test_no_bytes_break_a_reader(name: str, data: bytes) -> None:
    tally = Tally()
    lines = 1 + data.count(b"\n") + data.count(b"\r")
    documents = list(read_bytes(data, form(name), name, tally))
    assert documents or sum(tally.counts.values()) == 1
    for document in documents:
        first, last = document.span
        assert 1 <= first <= last <= max(lines, 1) or data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        assert document.text.count("\n") == last - first
        assert document.text.strip()


@pytest.mark.parametrize("name", ["a.md", "a.rst", "a.txt", "a.html", "a.py"])
@pytest.mark.parametrize("unit", ["[", "*", "<", "<a ", "<!--", "`a <"])
def test_one_long_line_takes_linear_time(name: str, unit: str) -> None:
    data = (unit * (1 << 20))[: 1 << 20].encode()
    assert_linear(lambda size: list(read_bytes(data[:size], form(name), name, Tally())), len(data))


@pytest.mark.parametrize("name", ["a.md", "a.rst", "a.html"])
@pytest.mark.parametrize("unit", ["> ", "- ", "<div>", "1. ", "   "])
def test_deep_nesting(name: str, unit: str) -> None:
    stairs = "\n".join(unit * depth + "a" for depth in range(1, 150))
    tally = Tally()
    documents = list(read_bytes(stairs.encode(), form(name), name, tally))
    assert documents or tally.counts
