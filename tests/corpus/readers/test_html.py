"""HTML: what is kept, what is dropped, and that every word keeps its line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus.document import Document
from adjoin.corpus.readers.html import read_html
from adjoin.corpus.readers.sections import UnreadableError
from growth import assert_linear

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


SITE = """\
<!DOCTYPE html>
<html><head><title>Setting up - The Manual of Things</title></head>
<body>
<div class="cookie-banner"><p>We use cookies to give you the best of all experiences on this site.</p></div>
<div id="navbar" class="navigation"><ul><li><a href="/">Home</a><li><a href="/x">Downloads</a></ul></div>
<div class="sidebar"><p>Subscribe to the newsletter and read all that is new every month.</p></div>
<header><h1>Setting up<a class="headerlink" href="#x">¶</a></h1><p>dropped</p></header>
<main><p>The first paragraph tells what has to be installed, and says so in quite a number of words.</p>
<p>Another one goes on about the settings, with <a href="/y">a link</a> in the middle of it all.</p>
<ul><li>short item</ul>
<ul><li><a href="/1">Related page</a><li><a href="/2">Another page</a></ul>
<table><tr><td>cell<td>2</table>
<table><tr><td><p>This page was laid out by tables, as pages were when they were young, and few minded.</table>
<p>The last paragraph ends the page with a sentence that is long enough to be taken for prose.</p></main>
<p><a href="/edit">Edit this page</a></p>
<div class="footer"><p>Copyright 2020 by somebody. All rights reserved.</p></div>
</body></html>
"""


def test_what_surrounds_the_content_goes() -> None:
    (document,) = read(SITE)
    assert (document.title, document.section, document.span) == ("Setting up", "Setting up", (8, 14))
    assert [line.split()[:2] for line in document.text.split("\n")] == [
        ["The", "first"], ["Another", "one"], ["short", "item"], [], [], ["This", "page"], ["The", "last"]
    ]  # fmt: skip


def test_title_keeps_the_site_where_no_heading_shows_which_part_that_is() -> None:
    (document,) = read("<title>A &amp; B\n| Site</title><h1>Other</h1><p>Text.")
    assert document.title == "A & B | Site"
    (document,) = read("<h1>Heading</h1><p>Text.")
    assert document.title == "Heading"


def test_attributes_may_hold_brackets() -> None:
    (document,) = read("<p>one <a title='a > b' href=\"x>y\">two</a> three, and that is all of it.</p>")
    assert document.text == "one two three, and that is all of it."


@pytest.mark.parametrize(
    "piece",
    ["<", "<div>", "<ul><li>", "<table><tr><td>", "<p>word</p>", '<p a="', "<a href=x>y", "<h1>", "<!-- -"],
)
def test_takes_linear_time(piece: str) -> None:
    assert_linear(lambda size: read("<p>a</p>" + piece * size), 50_000)


_TAGS = (
    "<p> </p> <div> </div> <table> <td> </table> <a href=x> </a> <h1> </h1> <br> <pre> </pre> <nav> </nav> <head> "
    "<body> <header> </header> <title> &lt; &#10; <!-- --> <script> </script> < > \" ' = a word \n"
)


@settings(max_examples=200)
@given(pieces=st.lists(st.sampled_from(_TAGS.split(" ")), max_size=60))
def test_any_input_is_read(pieces: list[str]) -> None:
    for document in read(" ".join(pieces)):
        assert document.text.count("\n") == document.span[1] - document.span[0]


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


@settings(max_examples=100)
@given(blocks=st.lists(_BLOCKS, min_size=1, max_size=6))
def test_every_word_stays_on_its_line(blocks: list[str]) -> None:
    page = "\n\n".join(blocks)
    lines = page.split("\n")
    for document in read(page):
        for line, text in enumerate(document.text.split("\n"), start=document.span[0]):
            for word in text.split():
                assert word in lines[line - 1], (line, word)
