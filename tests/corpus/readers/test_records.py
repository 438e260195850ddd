"""Records → Documents: which fields are used, and the reasons why a record gives no Document."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus.document import Document
from adjoin.corpus.readers.records import Columns, RecordReader
from adjoin.tally import Tally


def read(record: dict[str, Any], columns: Columns | None = None) -> Document | str:
    """The Document of a record, or why there is none."""
    tally = Tally()
    document = RecordReader(columns or Columns(), "a.jsonl", tally).read(record, 7)
    if document is None:
        ((reason, number),) = tally.counts.items()
        assert number == 1
        assert tally.examples[reason] == ["a.jsonl:7"]
        return reason
    assert not tally.counts
    return document


def document_of(record: dict[str, Any], columns: Columns | None = None) -> Document:
    document = read(record, columns)
    assert isinstance(document, Document)
    return document


@pytest.mark.parametrize("name", ["text", "content", "body"])
def test_common_names(name: str) -> None:
    document = document_of(
        {name: "One.\r\n \nTwo. ", "headline": " T\n x", "license": "mit", "repo": "a/b", "_id": "x/1"}
    )
    assert (document.text, document.title, document.origin) == ("One.\n\nTwo.", "T x", "a.jsonl#x/1")
    assert (document.licence, document.repository, document.span) == ("MIT", "a/b", (1, 3))
    assert document.is_prose


def test_record_without_a_name_has_its_number() -> None:
    assert document_of({"text": "x"}).origin == "a.jsonl#7"
    assert document_of({"text": "x", "id": 12}).origin == "a.jsonl#12"
    assert document_of({"text": "x", "id": "", "url": "http://e.org/"}).origin == "a.jsonl#http://e.org/"


def test_question_and_answer() -> None:
    document = document_of({"question": "Why?", "answer": "So.", "text": "Q: Why? A: So."})
    assert (document.text, document.question) == ("So.", "Why?")


def test_question_alone_counts_only_where_it_is_asked_for() -> None:
    record = {"query": "Why?", "text": "So."}
    assert document_of(record).question == ""
    assert document_of(record, Columns(question="query")).question == "Why?"


def test_named_columns() -> None:
    record = {"text": "no", "passage": "yes", "name": "T"}
    document = document_of(record, Columns(text="passage", title="name"))
    assert (document.text, document.title) == ("yes", "T")
    assert read(record, Columns(text="article")) == "no column article"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"title": "x"}, "no text column"),
        ({}, "no text column"),
        ({"text": ""}, "empty"),
        ({"text": " \n"}, "empty"),
        ({"text": None}, "empty"),
        ({"text": {"a": 1}}, "empty"),
        ({"text": "a\0b"}, "binary"),
        ({"text": "x" * 20_001, "lang": "go"}, "line too long"),
    ],
)
def test_counts_the_reason(record: dict[str, Any], reason: str) -> None:
    assert read(record) == reason


@pytest.mark.parametrize(
    ("name", "language"), [("Python", "python"), ("C++", "cpp"), ("en", "text"), ("", "text")]
)
def test_language(name: str, language: str) -> None:
    document = document_of({"content": "\nx = 1  \n", "language": name})
    assert document.language == language
    assert document.text == ("x = 1" if language == "text" else "\nx = 1  \n")


def test_several_licences_are_one_expression() -> None:
    assert document_of({"text": "x", "license": ["MIT", "Apache-2.0"]}).licence == "MIT AND Apache-2.0"


def test_half_a_surrogate_pair() -> None:
    document = document_of(
        {"text": "a\ud800b", "title": "\udfff", "id": "\ud800", "question": "\ud800", "answer": "x"}
    )
    for value in (document.text, document.title, document.origin, document.question):
        value.encode()


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
_NAMES = st.sampled_from(["text", "title", "question", "answer", "license", "source", "id", "lang", "x", ""])


@settings(max_examples=300)
@given(record=st.dictionaries(_NAMES, _VALUES, max_size=8), named=st.sampled_from(["", "x", "text"]))
def test_no_record_breaks_it(record: dict[str, Any], named: str) -> None:
    document = read(record, Columns(text=named))
    if isinstance(document, Document):
        assert document.text.strip()
        for value in (document.text, document.title, document.origin, document.question, document.licence):
            value.encode()
