"""Dictionaries in dictd format: where entries begin, the licence, and files that are no dictionary."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus import Document, Source, read_source
from adjoin.corpus.dictd import dictionaries
from adjoin.corpus.formats import plain_name, unread_reason
from adjoin.tally import Tally
from growth import assert_linear

FRONT = "00-database-short\n   A small one\n\n"
SPACED = (
    FRONT + 'Gypsum \\Gyp"sum\\, n. (Min.)\n   A mineral of lime.\n   [1913 Webster]\n\n'
    'Gypsy \\Gyp"sy\\, n.\n   1. One of a\n      wandering people.\n[1913 Webster]\n\n   2. A language.\n\n'
    "gyre\n\n   A circular motion.\n\n   In two paragraphs.\n"
)
PACKED = (
    "'hood\n    n 1: (slang) a neighborhood\n" + FRONT + "bank\n    n 1: sloping land beside a river\n"
    "    2: a place for money [syn: {depository}]\nbanker\n    n 1: someone who owns a bank\n"
)  # fmt: skip
FLAT = FRONT + "tin\nSymbol: Sn\nA soft metal.\nUsed for\n cans.\n\nlead\nA heavy metal.\n\n"


def read(path: Path, data: str | bytes, tally: Tally | None = None) -> list[Document]:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return list(read_source(Source(path, path.name), tally or Tally()))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            SPACED,
            [
                ("Gypsum", (5, 5), "A mineral of lime."),
                ("Gypsy", (9, 13), "One of a\nwandering people.\n\n\nA language."),
                ("gyre", (17, 19), "A circular motion.\n\nIn two paragraphs."),
            ],
        ),
        (
            PACKED,
            [
                ("'hood", (2, 2), "(slang) a neighborhood."),
                ("bank", (7, 7), "sloping land beside a river."),
                ("bank, depository", (8, 8), "a place for money."),
                ("banker", (10, 10), "someone who owns a bank."),
            ],
        ),
        (FLAT, [("tin", (6, 8), "A soft metal.\nUsed for\ncans."), ("lead", (11, 11), "A heavy metal.")]),
    ],
)
def test_an_entry_is_a_document(
    tmp_path: Path, data: str, expected: list[tuple[str, tuple[int, int], str]]
) -> None:
    tally = Tally()
    documents = read(tmp_path / "a.dict", data, tally)
    assert [(one.term, one.span, one.text) for one in documents] == expected
    assert all(one.origin == "a.dict" and one.is_prose for one in documents)
    assert not tally.counts
    assert read(tmp_path / "a.dict", data.replace("\n", "\r\n")) == documents


def test_lines_stand_where_they_stood(tmp_path: Path) -> None:
    lines = SPACED.split("\n")
    for document in read(tmp_path / "a.dict", SPACED):
        for number, line in enumerate(document.text.split("\n"), start=document.span[0] - 1):
            assert line in lines[number]


def test_compressed_and_inside_an_archive(tmp_path: Path) -> None:
    plain = [document.text for document in read(tmp_path / "a.dict", SPACED)]
    for name in ("a.dict.dz", "a.dict.gz"):
        assert plain_name(name) == "a.dict"
        assert [document.text for document in read(tmp_path / name, gzip.compress(SPACED.encode()))] == plain
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as file:
        member = tarfile.TarInfo("usr/share/dictd/a.dict.dz")
        member.size = len(packed := gzip.compress(SPACED.encode()))
        file.addfile(member, io.BytesIO(packed))
    documents = read(tmp_path / "a.tar.gz", archive.getvalue())
    assert [document.text for document in documents] == plain
    assert documents[0].origin == "a.tar.gz!usr/share/dictd/a.dict.dz"


def test_a_dictionary_may_be_larger_than_a_file_of_prose(tmp_path: Path) -> None:
    entries = [f"term{number}\n   The {number}th word of it.\n\n" for number in range(300)]
    source = tmp_path / "a.dict"
    source.write_text(FRONT + "".join(entries))
    assert len(list(read_source(Source(source, "a.dict"), Tally(), max_bytes=100))) == 300


def test_one_definition_under_several_heads_comes_once(tmp_path: Path) -> None:
    tally = Tally()
    documents = read(tmp_path / "a.dict", FRONT + "a one\n   The same.\n\nb two\n    The  same.\n\n", tally)
    assert [document.term for document in documents] == ["a one"]
    assert tally.counts == {"definition repeated": 1}


@pytest.mark.parametrize(
    ("front", "licence"),
    [
        ("under the GNU Free Documentation License,\n Version 1.1 or any later\nversion", "GFDL-1.1-or-later"),
        (
            "under the terms of the GNU General Public License as published\nby the Free Software Foundation;"
            " either version 2, or (at your\noption) any later version.",
            "GPL-2.0-or-later",
        ),
        (
            "This software and database is being provided to you, the LICENSEE, by\nPrinceton University under the"
            " following license.",
            "LicenseRef-scancode-wordnet",
        ),
        (
            "Available under the terms of the GNU General Public License ver. 2.0 and\n  any later version.",
            "GPL-2.0-or-later",
        ),
        ("the GNU General Public License ver. 3.0\n or any later version.", "GPL-3.0-or-later"),
        (
            "under the terms of both the GNU General Public License, version 3\n(GPLv3) and the GNU Affero General"
            " Public License, version 3 (AGPLv3)",
            "GPL-3.0-only AND AGPL-3.0-only",
        ),
        ("Licensed under the Creative Commons Attribution-ShareAlike 3.0 Unported license", "CC-BY-SA-3.0"),
        ("of the Creative Commons Attribution-Share\nAlike Licence (V3.0).", "CC-BY-SA-3.0"),
        ("the the Creative Commons Attribution 3.0 Unported License.", "CC-BY-3.0"),
        ("the Creative Commons Attribution-NonCommercial 3.0 Unported License.", ""),
        ("This file is in the Public Domain.", "public domain"),
        ("All rights reserved.", ""),
    ],
)
def test_the_licence_is_what_the_dictionary_says(tmp_path: Path, front: str, licence: str) -> None:
    """What stands between the front matter's head and the first entry is a paragraph, not an entry."""
    text = (
        "00-database-info\n   About:\n\nThe original data was distributed with the following notice, of all:\n\n"
    )
    entries = "word\n   It means it.\n\n" + "\n" * 100 + "other\n   This is in the public domain.\n\n"
    documents = read(
        tmp_path / "a.dict", f"{text}It is so and it has always been so, we say: {front}\n\n{entries}"
    )
    assert [document.term for document in documents] == ["word", "other"]
    assert {document.licence for document in documents} == {licence}


@pytest.mark.parametrize(
    ("data", "counts"),
    [
        (b"", {"no dictionary": 1}),
        (b"\n\n", {"no dictionary": 1}),
        (b"word\n   A definition, but of no dictionary.\n\n", {"no dictionary": 1}),
        (b"\0\1\2" * 1000, {"binary": 1}),
        (FRONT.encode("utf-16"), {"binary": 1}),
        (FRONT.encode() + b"a\n   \xff\xfe.\n\nb\n   It is b.\n", {"not UTF-8": 1}),
        (FRONT.encode() + b"a\n   " + b"x" * 20_001 + b"\n\nb\n   It is b.\n", {"line too long": 1}),
        (FRONT.encode() + b"a\n" + b"   long\n" * 40_000 + b"\nb\n   It is b.\n", {"record too large": 1}),
        (FRONT.encode() + b"a\n   {b}\n\nb\n   It is b.\n", {}),
        (FRONT.encode() + b"a\n   See {b}.\n\nb\n   It is b.\n", {"no definition": 1}),
        (FRONT.encode() + b"a\n\nb\n   It is b.\n", {"no definition": 1}),
    ],
)
def test_what_gives_nothing_is_counted(tmp_path: Path, data: bytes, counts: dict[str, int]) -> None:
    tally = Tally()
    documents = read(tmp_path / "a.dict", data, tally)
    assert tally.counts == counts
    assert [document.term for document in documents if document.term != "a"] == (["b"] if b"\nb\n" in data else [])


def test_what_came_before_damage_is_kept(tmp_path: Path) -> None:
    entries = "".join(f"term{number}\n   Number {number * 7919} of all.\n\n" for number in range(5000))
    data = gzip.compress((FRONT + entries).encode())
    tally = Tally()
    documents = read(tmp_path / "a.dict.dz", data[: len(data) // 2], tally)
    assert 100 < len(documents) < 5000
    assert tally.counts["truncated"] == 1
    assert tally.counts.total() - tally.counts["no definition"] == 1  # the entry that was cut may have none


def test_the_beginning_decides_the_kind_of_dictionary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a dictionary with empty lines a line that has slipped to the margin begins no entry."""
    slipped = "gyre\n   A circular motion\nof something.\n\nwabe\n   A plot.\n\n"
    for looked_at in (3, 20_000):
        monkeypatch.setattr(dictionaries, "_LOOKED_AT", looked_at)
        documents = read(tmp_path / "a.dict", FRONT + slipped)
        assert [document.text for document in documents] == ["A circular motion\nof something.", "A plot."]


def test_names_of_files() -> None:
    assert not unread_reason("gcide.dict.dz")
    assert unread_reason("gcide.index") == "unknown format"
    assert unread_reason("gcide.dict.dz", streams=False) == "unknown format"


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from([*SPACED.split("\n"), *PACKED.split("\n"), *FLAT.split("\n"), "%%%", "[", "{a", "\\"])
    )
)
def test_any_order_of_lines_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[str]) -> None:
    tally = Tally()
    text = FRONT + "\n".join(rows)
    lines = text.split("\n")
    for document in read(tmp_path_factory.getbasetemp() / "any.dict", text, tally):
        assert document.term
        assert document.span[1] <= len(lines)
        assert document.text == document.text.strip("\n")
        assert any(map(str.isalpha, document.text))
    assert "unreadable" not in tally.counts


@pytest.mark.parametrize(
    "unit", ["\n", " \n", "   a\n", '"', "[syn: ", "{a}, ", "; ", "- \n", "See {a}, ", "--A. ", "[[", "(A."]
)
def test_an_entry_of_repeated_parts_takes_linear_time(tmp_path: Path, unit: str) -> None:
    start = "00-database-info\n   A dictionary.\n\nword\n   n 1: the meaning of it\n"

    def read_part(size: int) -> None:
        path = tmp_path / "a.dict"
        path.write_text(f"{start}{unit * (size // len(unit))}\n")
        list(read_source(Source(path, "a.dict"), Tally()))

    assert_linear(read_part, 1 << 17)
