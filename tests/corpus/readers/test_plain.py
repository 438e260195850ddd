"""Plain text and the description in a package's metadata."""

from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus.readers.plain import read_metadata, read_plain
from adjoin.corpus.readers.sections import lines_of


@settings(max_examples=200)
@given(text=st.text(alphabet=st.sampled_from("ab é\n\t\x0c\u2028"), max_size=60))
def test_every_line_stays(text: str) -> None:
    for document in read_plain(text, "a.txt"):
        first, last = document.span
        expected = [line.rstrip() for line in lines_of(text)]
        assert document.text.split("\n") == expected[first - 1 : last]
        assert all(not line for line in expected[: first - 1] + expected[last:])
        assert len(document.text.splitlines()) == last - first + 1


def test_underlined_and_numbered_headings() -> None:
    text = (
        "The Title\n=========\n\nIntro.\n\n----------\nPart One\n----------\nText of it,\n42. no heading\n\n"
        "3.2.  Second Part\n\n   Body.\n\n1. a list\n2. of two\n\n4.  This is a sentence.\n"
    )
    intro, one, second = read_plain(text, "a.txt")
    assert {document.title for document in (intro, one, second)} == {"The Title"}
    assert (intro.section, intro.text, intro.span) == ("The Title", "Intro.", (4, 4))
    assert (one.section, one.text, one.span) == ("Part One", "Text of it,\n42. no heading", (9, 10))
    assert (second.section, second.span) == ("3.2.  Second Part".replace("  ", " "), (14, 19))
    assert second.text.split("\n")[0] == "   Body."


def test_pages_boxes_and_rules_go() -> None:
    text = (
        "Text one\n\nFielding       Standards Track      [Page 7]\n\x0c\nRFC 2616          HTTP/1.1  June 1999\n\n"
        "goes on\n\n"
        "  +------+-----+\n  | a    |  b  |\n  +------+-----+\n\n -->>--<<--\\\\ x\n\n***\n\n- item\n"
    )
    (document,) = read_plain(text, "a.txt")
    assert document.text.split() == ["Text", "one", "goes", "on", "-", "item"]
    assert document.span == (1, 17)


def test_what_surrounds_a_book_goes() -> None:
    text = (
        "The Project Gutenberg eBook\n\nTitle: A Tale\n\n*** START OF THE PROJECT GUTENBERG EBOOK A TALE ***\n\n"
        "Once.\n\n*** END OF THE PROJECT GUTENBERG EBOOK A TALE ***\n\nLicence.\n"
    )
    (document,) = read_plain(text, "a.txt")
    assert (document.title, document.text, document.span) == ("A Tale", "Once.", (7, 7))


@settings(max_examples=300)
@given(text=st.text(alphabet=st.sampled_from("=-~*|+_#.1 2Ab\n\t"), max_size=80))
def test_lines_that_stay_stand_on_their_line(text: str) -> None:
    lines = text.split("\n")
    for document in read_plain(text, "a.txt"):
        for line, part in enumerate(document.text.split("\n"), start=document.span[0]):
            assert part in ("", lines[line - 1].rstrip())


def metadata(kind: str, body: str) -> str:
    return f"Metadata-Version: 2.1\nName: x\n{kind}\n\n{body}"


def test_markdown_description() -> None:
    text = metadata("Description-Content-Type: text/markdown; charset=UTF-8", "# T\n\n**b** `.. x`\n")
    (document,) = read_metadata(text, "METADATA")
    assert (document.text, document.section, document.span) == ("b .. x", "T", (7, 7))


def test_rest_is_the_default() -> None:
    (document,) = read_metadata(metadata("License: MIT", "T\n=\n\n``b``\n"), "METADATA")
    assert (document.text, document.section, document.span) == ("b", "T", (8, 8))


def test_plain_description() -> None:
    (document,) = read_metadata(metadata("Description-Content-Type: text/plain", "**b**"), "METADATA")
    assert (document.text, document.span) == ("**b**", (5, 5))


def test_no_description() -> None:
    assert list(read_metadata("Metadata-Version: 2.1\nName: x\n", "METADATA")) == []
    assert list(read_metadata("other: 1\n\nbody", "METADATA")) == []
