"""Markdown: what is kept, what is dropped, and that every word keeps its line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus.document import Document
from adjoin.corpus.readers.markdown import read_markdown
from growth import assert_linear

PAGE = """\
---
title: Page
---
Intro with [a link](http://x.y "t"), `code` and ![image](i.png)
over **two
lines** &amp; more.

# First *heading*

| a | b |
|---|---|
| 1 | 2 |

- item one
  goes on
- item two

```python
code()
```
<div>
raw
</div>

> quoted [words
> linked](http://x
> "title") after `two
> lines` end<br>break

Second
------

[ref]: http://x.y

### Empty

### Third
Last [ref] and <b>bold</b>.
"""


def read(text: str) -> list[Document]:
    return list(read_markdown(text, "a.md"))


def test_sections_and_lines() -> None:
    intro, first, third = read(PAGE)
    assert (intro.section, intro.span) == ("", (4, 6))
    assert intro.text.split("\n") == ["Intro with a link, code and", "over two", "lines & more."]
    assert (first.section, first.span) == ("First heading", (14, 28))
    assert first.text.split("\n")[:3] == ["item one", "goes on", "item two"]
    assert first.text.split("\n")[3:11] == [""] * 8
    assert first.text.split("\n")[11:] == ["quoted words", "linked", "after two", "lines end break"]
    assert (third.section, third.span, third.text) == ("Third", (38, 38), "Last ref and bold.")


def test_rule_across_the_page_is_no_front_matter() -> None:
    assert [document.text for document in read("---\n\ntext\n\n---\n")] == ["text"]


def test_unclosed_front_matter_stays() -> None:
    assert read("---\na: b\n")


def test_only_markup_gives_nothing() -> None:
    assert read("# Title\n\n```\ncode\n```\n") == []


def test_title_of_the_page() -> None:
    assert {document.title for document in read("Intro\n\n# One *two*\n\na\n\n# Three\n\nb\n")} == {"One two"}
    assert [document.title for document in read("## Part\n\na\n\n# One\n\nb\n")] == ["", ""]
    assert [document.title for document in read('---\ntitle: "Front"\n---\n# One\n\na\n')] == ["Front"]


def test_marks_of_github() -> None:
    (document,) = read("- [ ] task[^1]\n- [x] done ~~not~~\n\n> [!NOTE]\n> Mind.\n\n[^1]: Foot.\n")
    assert document.text.split("\n") == ["task", "done not", "", "", "Mind.", "", "Foot."]


def test_line_end_as_a_character_reference() -> None:
    assert [document.text for document in read("a&#10;b&#x2028;c\n")] == ["a b c"]


@pytest.mark.parametrize(
    "piece", ["[", "<", "*", "_", "`a", "> ", "- ", "![a](", "\\", "[a][b]", "*a **b ", "|a\n"]
)
def test_takes_linear_time(piece: str) -> None:
    assert_linear(lambda size: read(piece * size), 100_000)


@settings(max_examples=300)
@given(text=st.text(alphabet=st.sampled_from("[]()!`*_#-+>|~<&;:\\/ \n\ta1x=é\u2028"), max_size=120))
def test_any_input_is_read(text: str) -> None:
    for document in read(text):
        assert document.text.count("\n") == document.span[1] - document.span[0]


_WORDS = st.from_regex(r"[a-z]{1,6}", fullmatch=True)
_INLINE = st.one_of(
    _WORDS,
    _WORDS.map(lambda word: f"*{word}*"),
    st.tuples(_WORDS, _WORDS).map(lambda pair: f"[{pair[0]}\n{pair[1]}](http://x.y)"),
    st.tuples(_WORDS, _WORDS).map(lambda pair: f"`{pair[0]}\n{pair[1]}`"),
    st.tuples(_WORDS, _WORDS).map(lambda pair: f'[{pair[0]}](http://x.y\n"{pair[1]}")'),
    st.tuples(_WORDS, _WORDS).map(lambda pair: f"![{pair[0]}\n{pair[1]}](i.png)"),
    st.tuples(_WORDS, _WORDS).map(lambda pair: f"<b\nid='{pair[0]}'>{pair[1]}</b>"),
    _WORDS.map(lambda word: f"{word}  \n{word}\\\n{word}"),
)
_PARAGRAPHS = st.lists(_INLINE, min_size=1, max_size=5).flatmap(
    lambda pieces: st.sampled_from([" ", "\n"]).map(lambda gap: gap.join(pieces))
)
_BLOCKS = st.one_of(
    _PARAGRAPHS,
    _PARAGRAPHS.map(lambda text: "- " + text.replace("\n", "\n  ")),
    _PARAGRAPHS.map(lambda text: "> " + text.replace("\n", "\n> ")),
    _WORDS.map(lambda word: f"## {word}"),
    _WORDS.map(lambda word: f"```\n{word}\n```"),
)


@settings(max_examples=150)
@given(blocks=st.lists(_BLOCKS, min_size=1, max_size=6))
def test_every_word_stays_on_its_line(blocks: list[str]) -> None:
    page = "\n\n".join(blocks)
    lines = page.split("\n")
    for document in read(page):
        for line, text in enumerate(document.text.split("\n"), start=document.span[0]):
            position = 0
            for word in text.split():
                position = lines[line - 1].find(word, position)
                assert position >= 0, (line, word)
                position += len(word)
