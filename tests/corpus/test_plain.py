"""Plain text and the description in a package's metadata."""

from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus.plain import read_metadata, read_plain
from adjoin.corpus.sections import lines_of


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet=st.sampled_from("ab é\n\t\x0c\u2028"), max_size=60))
def test_every_line_stays(text: str) -> None:
    for document in read_plain(text, "a.txt"):
        first, last = document.span
        expected = [line.rstrip() for line in lines_of(text)]
        assert document.text.split("\n") == expected[first - 1 : last]
        assert all(not line for line in expected[: first - 1] + expected[last:])
        assert len(document.text.splitlines()) == last - first + 1


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
