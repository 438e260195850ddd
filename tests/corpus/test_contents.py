"""The bytes of a file → its Documents, or the reason why there are none."""

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus.contents import Format, read_bytes
from adjoin.corpus.formats import format_of
from adjoin.corpus.readers.sections import MAX_LINE
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
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n\t\r\n", "empty"),
        (b"a\0b", "binary"),
        (b"\xff\xfea", "not UTF-8"),
        (b"x" * (MAX_LINE + 1), "line too long"),
    ],
)
@pytest.mark.parametrize("name", ["a.py", "a.md", "a.txt", "a.rst"])
def test_counts_the_reason(data: bytes, reason: str, name: str) -> None:
    assert count(data, name) == {reason: 1}


@pytest.mark.parametrize("name", ["a.py", "a.md"])
def test_one_long_line_costs_that_line_only(name: str) -> None:
    tally = Tally()
    data = f"first = 1\nicon = '{'x' * MAX_LINE}'\nlast = 2\n".encode()
    text = "\n".join(document.text for document in read_bytes(data, form(name), name, tally))
    assert [line for line in text.split("\n") if line] == ["first = 1", "last = 2"]
    assert text.split("\n")[2] == "last = 2"
    assert tally.counts == {"line too long": 1}


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
