"""HTML: what stays, what goes, and that every word stays on its line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus.document import Document
from adjoin.corpus.html import read_html
from adjoin.corpus.sections import UnreadableError

PAGE = """\
<!DOCTYPE html>
<html><head><title>dropped</title>
<body><nav>dropped</nav>
<!-- dropped
-->
<p>Hello <b>bo</b>ld &amp;
world&#10;here</p>
<p>Next</p><div>same line</div>

<h2>A <i>heading</i>
&lt;x&gt;</h2>
text<br>break
<pre>
dropped
</pre>
<table><tr><td>dropped</table>
<script>if (a < b) "<p>dropped"</script>
<ul><li>one</li>

<li>two</ul>
<h1>empty</h1><h1>last</h1>end
"""


def read(text: str) -> list[Document]:
    return list(read_html(text, "a.html"))


def test_sections_and_lines() -> None:
    first, second, last = read(PAGE)
    # The paragraph on lines 6 and 7 moves up, so that an empty line parts it from the one on line 8.
    assert (first.text, first.span) == ("Hello bold & world here\n\nNext same line", (6, 8))
    assert (second.section, second.span) == ("A heading <x>", (12, 20))
    assert {n: t for n, t in enumerate(second.text.split("\n"), 12) if t} == {
        12: "text break",
        18: "one",
        20: "two",
    }
    assert (last.section, last.text, last.span) == ("last", "end", (21, 21))


def test_script_that_is_never_closed() -> None:
    assert [document.text for document in read("<p>a</p><script>" + "<p>b</p>" * 10)] == ["a"]


def test_tag_that_is_never_closed() -> None:
    with pytest.raises(UnreadableError, match="unreadable"):
        read("<p>a</p><a href=" + "x y " * (1 << 19))
    assert [document.text for document in read("<p>a</p> tail <a href='x")] == ["a tail"]


def test_long_page_is_read_across_the_chunks() -> None:
    page = "".join(f"<p>word{number} &amp; more</p>\n\n" for number in range(20_000))
    (document,) = read(page)
    assert document.text.split() == [w for n in range(20_000) for w in (f"word{n}", "&", "more")]
    assert document.text.split("\n")[2 * 19_999] == "word19999 & more"


_WORDS = st.from_regex(r"[a-z]{1,6}", fullmatch=True)
_PARAGRAPHS = st.lists(
    st.one_of(
        _WORDS, _WORDS.map(lambda word: f"<b\nid='x'>{word}</b>"), _WORDS.map(lambda word: f"<!--\n{word}-->")
    ),
    min_size=1,
    max_size=5,
).map(" ".join)
_BLOCKS = st.one_of(
    _PARAGRAPHS.map(lambda text: f"<p>{text}</p>"),
    _PARAGRAPHS.map(lambda text: f"<ul><li>{text}</ul>"),
    _WORDS.map(lambda word: f"<h2>{word}</h2>"),
    _WORDS.map(lambda word: f"<pre>\n{word}\n</pre>"),
    _WORDS.map(lambda word: f"<script>\n{word}\n</script >"),
)


@settings(max_examples=100, deadline=None)
@given(blocks=st.lists(_BLOCKS, min_size=1, max_size=6))
def test_every_word_stays_on_its_line(blocks: list[str]) -> None:
    page = "\n\n".join(blocks)
    lines = page.split("\n")
    for document in read(page):
        for line, text in enumerate(document.text.split("\n"), start=document.span[0]):
            for word in text.split():
                assert word in lines[line - 1], (line, word)
