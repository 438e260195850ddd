"""reStructuredText: what is kept, what is dropped, and that every word keeps its line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus.document import Document
from adjoin.corpus.readers.rest import MAX_CHARACTERS, read_rest
from adjoin.corpus.readers.sections import UnreadableError
from growth import assert_linear

PAGE = """\
=====
Title
=====

Hello :func:`~os.walk`, :py:meth:`the one <a.b>` and `link
<http://x.y>`_ more *emphasis
here* \\*. ``code
over``

.. note:: This is
   a note.

.. nobody-knows:: foo
   :option: x

   dropped

.. py:function:: f(x, y)
   :noindex:

   Does it.

   :param x: the value
     goes on

Example::

    code

.. include:: /etc/passwd
.. raw:: html

   <b>dropped</b>

A *Sub*
-------

* item one
  more
* item two

term : classifier
   definition

| line one
| line two

===  ===
dropped
===  ===
1    2
===  ===

.. a comment
.. _target: http://x.y
"""


def read(text: str) -> list[Document]:
    return list(read_rest(text, "a.rst"))


def rows(document: Document) -> dict[int, str]:
    return {line: text for line, text in enumerate(document.text.split("\n"), start=document.span[0]) if text}


def test_sections_and_lines() -> None:
    title, sub = read(PAGE)
    assert (title.section, sub.section) == ("Title", "A Sub")
    assert rows(title) == {
        5: "Hello walk, the one and link", 6: "more emphasis", 7: "here *. code", 8: "over",
        10: "This is", 11: "a note.", 21: "Does it.", 23: "the value", 24: "goes on", 26: "Example:",
    }  # fmt: skip
    assert rows(sub) == {
        38: "item one", 39: "more", 40: "item two", 42: "term", 43: "definition", 45: "line one", 46: "line two",
    }  # fmt: skip


def test_title_of_the_page() -> None:
    assert {document.title for document in read(PAGE)} == {"Title"}
    assert {document.title for document in read("Intro\n\nA\n=\n\na\n")} == {""}


def test_inline_markup() -> None:
    (document,) = read(
        'A ``*b``, x\\ :sup:`2`, **s** *e*. [#]_ [1]_ |z| word_ __init__ a*b*c "`~c`" :raw:`n` `d <e>`__.\n'
    )
    assert document.text == 'A *b, x2, s e.  1 z word __init__ a*b*c "~c"  d.'


def test_blocks() -> None:
    page = (
        ".. [#note] Foot\n   goes on\n\n1. one\n2. two\n\nA. Einstein\nwrote\n\n-a, --all  all of it\n\n"
        "+--+\n|no|\n+--+\n\n>>> no\nno\n\n::\n\n no\n\nText::\n\n> no\n> no\n\n:Field: value\n  more\n\n"
        ".. code-block:: c\n\n   no\n\n   no\nend\n"
    )
    (document,) = read(page)
    assert rows(document) == {
        1: "Foot", 2: "goes on", 4: "one", 5: "two", 7: "A. Einstein", 8: "wrote", 10: "all of it", 23: "Text:",
        28: "value", 29: "more", 36: "end",
    }  # fmt: skip


def test_too_large() -> None:
    with pytest.raises(UnreadableError, match="too large"):
        read("a\n" * MAX_CHARACTERS)


def test_lists_in_lists_on_one_line() -> None:
    with pytest.raises(UnreadableError, match="unreadable"):
        read("- " * 10 + "a")


@pytest.mark.parametrize(
    "piece", ["`", "*a ", "|", ":a:", ".. x::\n", "== ==\n", "a\n=\n", "::\n\n", "  a\n   b\n"]
)
def test_takes_linear_time(piece: str) -> None:
    assert_linear(lambda size: read(piece * size), 50_000)


@settings(max_examples=300)
@given(text=st.text(alphabet=st.sampled_from("`*|_:.=-+<>[]#()\\ \n\tab1"), max_size=120))
def test_any_input_is_read(text: str) -> None:
    for document in read(text.replace("- - ", "")):
        assert document.text.count("\n") == document.span[1] - document.span[0]


_WORDS = st.from_regex(r"[a-z]{1,6}", fullmatch=True)
_INLINE = st.one_of(
    _WORDS,
    _WORDS.map(lambda word: f"*{word}*"),
    st.tuples(_WORDS, _WORDS).map(lambda pair: f":role:`{pair[0]}\n{pair[1]}`"),
    st.tuples(_WORDS, _WORDS).map(lambda pair: f"``{pair[0]}\n{pair[1]}``"),
    st.tuples(_WORDS, _WORDS).map(lambda pair: f"`{pair[0]}\n{pair[1]} <http://x.y>`_"),
)
_PARAGRAPHS = st.lists(_INLINE, min_size=1, max_size=5).map(" ".join)
_BLOCKS = st.one_of(
    _PARAGRAPHS,
    _PARAGRAPHS.map(lambda text: "* " + text.replace("\n", "\n  ")),
    _PARAGRAPHS.map(lambda text: ".. note:: " + text.replace("\n", "\n   ")),
    _PARAGRAPHS.map(lambda text: ".. unknown::\n\n   " + text.replace("\n", "\n   ")),
    _WORDS.map(lambda word: f"{word}\n========"),
    _PARAGRAPHS.map(lambda text: text + " ::\n\n   code"),
)


@settings(max_examples=60)
@given(blocks=st.lists(_BLOCKS, min_size=1, max_size=5))
def test_every_word_stays_on_its_line(blocks: list[str]) -> None:
    page = "\n\n".join(blocks)
    lines = page.split("\n")
    for document in read(page):
        for line, text in rows(document).items():
            position = 0
            for word in text.split():
                position = lines[line - 1].find(word, position)
                assert position >= 0, (line, word)
                position += len(word)
