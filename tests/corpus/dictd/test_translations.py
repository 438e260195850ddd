"""Bilingual dictionaries into English: headwords, meanings, expressions, and lines that are none of these."""

import tracemalloc
from pathlib import Path

import pytest

from adjoin.corpus import Document, Source, read_source
from adjoin.corpus.dictd.translations import MAX_LINES, NO_EXPRESSIONS, expressions_of, translates_into_english
from adjoin.tally import Tally

FRONT = (
    "\n00-database-dictfmt-1.13.0\nDanish-English FreeDict Dictionary\n\nAvailability:\n\n"
    "  Available under the terms of the GNU General Public License ver. 3.0\n  and any later version.\n\n"
)
ENTRIES = """højhus /hoj/ <n>
apartment building, block of flats <n>, house with several floors [Br.]
høne /hone/
1. chicken, hen
      "Hønen ruger"  - the hen broods
2. (zoology)
fowl; bird (of many kinds)
 see: {hane}, {kylling}

tom /tom/ <adj>
 see: {hul}

焜炉 /konro/, こんろ /konro/
(noun (common))

brazier, cooking stove
"""


def read(path: Path, text: str | bytes, tally: Tally | None = None) -> list[Document]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(read_source(Source(path, path.name), tally or Tally()))


def test_each_meaning_is_a_document_of_its_expressions(tmp_path: Path) -> None:
    tally = Tally()
    documents = read(tmp_path / "dan-eng.dict", FRONT + ENTRIES, tally)
    assert [(one.term, one.expressions) for one in documents] == [
        ("højhus", ("apartment building", "block of flats", "house with several floors")),
        ("høne", ("chicken", "hen")),
        ("høne", ("fowl", "bird")),
        ("焜炉", ("brazier", "cooking stove")),
    ]
    assert {one.licence for one in documents} == {"GPL-3.0-or-later"}
    assert tally.counts == {NO_EXPRESSIONS: 1}
    lines = (FRONT + ENTRIES).split("\n")
    for one in documents:
        assert one.text == ", ".join(one.expressions)
        assert one.span[0] == one.span[1]
        assert one.expressions[0] in lines[one.span[0] - 1]


@pytest.mark.parametrize(
    ("title", "is_one"),
    [
        ("German - English Ding/FreeDict dictionary", True),
        ("Eurfa Cymraeg, Welsh-English Eurfa/Freedict dictionary", True),
        ("język polski-English FreeDict+WikDict dictionary", True),
        ("English-Danish FreeDict Dictionary", False),
        ("The Collaborative International Dictionary of English", False),
        ("A glossary of technical terms: a dictionary that is in English, not into it", False),
    ],
)
def test_the_title_says_whether_it_is_one(title: str, is_one: bool) -> None:
    assert translates_into_english([b"", b"00-database-info", title.encode(), b"", None]) is is_one


@pytest.mark.parametrize(
    ("line", "expressions"),
    [
        ("muck <n>, dirt [Br.]; filth (of [all] kinds)", ("muck", "dirt", "filth")),
        ("cat, cat, Cat", ("cat", "Cat")),
        ("1,000 items, 12:30, -", ("1,000 items",)),
        (" [mil.] to stand  down.", ("to stand down",)),
        ("(verb)", ()),
        ("", ()),
    ],
)
def test_expressions(line: str, expressions: tuple[str, ...]) -> None:
    assert expressions_of(line) == expressions


def test_lines_that_are_no_text_or_without_end_cost_no_memory(tmp_path: Path) -> None:
    tally = Tally()
    broken = (
        FRONT.encode() + b"ko /ko/\n\xff\xfe\ncow, cattle\n" + b"kalv /kalv/\n" + b"see it\n" * (50 * MAX_LINES)
    )
    documents = read(tmp_path / "a.dict", broken, tally)
    assert [one.expressions for one in documents] == [("cow", "cattle"), ("see it",)]
    assert tally.counts["not UTF-8"] == 1
    (tmp_path / "b.dict").write_bytes(FRONT.encode() + b"ko /ko/\ncow\n" + b"a line of nothing\n" * 400_000)
    tracemalloc.start()
    list(read_source(Source(tmp_path / "b.dict", "b.dict"), tally))
    assert tracemalloc.get_traced_memory()[1] < 15_000_000  # all lines at once: 40 million
    tracemalloc.stop()


@pytest.mark.parametrize(("opening", "closing"), ["<>", "()", "[]", "{}"])
def test_remarks_within_remarks_take_linear_time(opening: str, closing: str) -> None:
    assert expressions_of(f"muck {opening * 3}a{closing * 3}, dirt") == ("muck", "dirt")
    assert expressions_of(f"muck {opening * 9000}a{closing * 9000}, dirt") == ()
