"""What counts as a list of texts, whatever library it comes from, and what each refusal says."""

import enum
import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from adjoin.errors import AdjoinError
from adjoin.texts import check_text, described, meant, number_of, text_list, text_parts, valid_unicode

UNICODE = ["a cat", "", "求和"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("naïve 検索 \N{GRINNING FACE}", "naïve 検索 \N{GRINNING FACE}"),
        ("a\ud800b\udfffc", "a?b?c"),
        ("\udcff", "?"),
    ],
)
def test_lone_surrogates_become_question_marks(text: str, expected: str) -> None:
    assert valid_unicode(text) == expected
    assert valid_unicode(text).encode()[:1] == expected.encode()[:1]


class OwnText(str):
    __slots__ = ()


class Animal(str, enum.Enum):  # noqa: UP042 - a subclass of str
    CAT = "a cat"


class OldSequence:
    """Iterable by its indices only."""

    def __getitem__(self, place: int) -> str:
        return UNICODE[place]


LISTS: dict[str, Callable[[], Any]] = {
    "list": lambda: list(UNICODE),
    "tuple": lambda: tuple(UNICODE),
    "deque": lambda: deque(UNICODE),
    "generator": lambda: (text for text in UNICODE),
    "map": lambda: map(str, UNICODE),
    "keys": lambda: dict.fromkeys(UNICODE).keys(),
    "values": lambda: dict(enumerate(UNICODE)).values(),
    "by index": OldSequence,
    "subclasses": lambda: [OwnText(text) for text in UNICODE],
    "an enumeration": lambda: [Animal.CAT, *UNICODE[1:]],
    "numpy.str_": lambda: [np.str_(text) for text in UNICODE],
    "objects": lambda: np.array(UNICODE, object),
    "unicode": lambda: np.array(UNICODE),
    "reversed": lambda: np.array(UNICODE[::-1])[::-1],
    "arrow": lambda: pa.array(UNICODE),
    "large": lambda: pa.array(UNICODE, pa.large_string()),
    "view": lambda: pa.array(UNICODE, pa.string_view()),
    "dictionary": lambda: pa.array(UNICODE).dictionary_encode(),
    "slice": lambda: pa.array(["first", *UNICODE])[1:],
    "chunks": lambda: pa.chunked_array([UNICODE[:1], [], UNICODE[1:]]),
    "column": lambda: pa.table({"text": UNICODE})["text"],
}


@pytest.mark.parametrize("name", LISTS)
def test_every_list_of_texts_gives_its_texts_in_order(name: str) -> None:
    assert text_list(LISTS[name]()) == UNICODE
    parts = list(text_parts(LISTS[name](), 2))
    assert [len(part) for part in parts] == [2, 1]
    assert number_of(LISTS[name]()) in (3, None)


def test_columns_of_pandas_are_lists_of_texts_whatever_their_index() -> None:
    pandas = pytest.importorskip("pandas")
    for column in (
        pandas.Series(UNICODE, index=[5, 5, 9]),
        pandas.Series(UNICODE, dtype=object),
        pandas.Series(UNICODE, dtype="category"),
        pandas.Index(UNICODE),
        pandas.array(UNICODE),
        pandas.DataFrame({"text": UNICODE})["text"],
    ):
        assert text_list(column) == UNICODE
        assert number_of(column) == 3
    for missing in (None, float("nan"), pandas.NA):
        for dtype in (object, "str"):
            with pytest.raises(AdjoinError, match=r"^texts\[1\] is .*, expected a text \(str\); leave missing"):
                text_list(pandas.Series(["a", missing, "b"], index=[7, 8, 9], dtype=dtype))
    frame = pandas.DataFrame({"text": UNICODE, 3: [1, 2, 3], "b\nc": UNICODE})
    with pytest.raises(AdjoinError, match=r"DataFrame with the columns 'text', 3, 'b\\nc', .* texts\['text'\]"):
        text_list(frame)
    with pytest.raises(AdjoinError, match=r"texts is a DataFrame with the columns \(none\)"):
        text_list(pandas.DataFrame())


def test_columns_of_polars_are_lists_of_texts() -> None:
    polars = pytest.importorskip("polars")
    assert text_list(polars.Series(UNICODE)) == UNICODE
    with pytest.raises(AdjoinError, match=r"texts\[1\] is None"):
        text_list(polars.Series(["a", None]))
    with pytest.raises(AdjoinError, match=r"texts is a DataFrame with the columns 'text', .* texts\['text'\]"):
        text_list(polars.DataFrame({"text": UNICODE}))
    with pytest.raises(AdjoinError, match=r"texts is a LazyFrame, .* collect\(\)"):
        text_list(polars.LazyFrame({"text": UNICODE}))


def test_columns_of_datasets_are_lists_of_texts() -> None:
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_dict({"text": UNICODE})
    assert text_list(data["text"]) == UNICODE
    with pytest.raises(AdjoinError, match=r"texts is a Dataset with the columns 'text', .* texts\['text'\]"):
        text_list(data)
    with pytest.raises(AdjoinError, match="texts is a DatasetDict of 1 with the keys 'train'"):
        text_list(datasets.DatasetDict({"train": data}))


class Frame:
    """A table of a library that is not installed here."""

    columns = ("text", "label")

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)


REFUSED: list[tuple[Any, str]] = [
    ("abc", r"texts: expected a list of texts, got one string: write \[text\]"),
    (np.str_("abc"), "got one string"),
    (b"abc", "texts is b'abc', expected a list of texts: decode it"),
    (bytearray(b"abc"), "texts is a bytearray, .* decode it"),
    (memoryview(b"abc"), "texts is a memoryview, .* decode it"),
    (None, "texts is None, expected a list"),
    (float("nan"), "texts is nan, expected a list"),
    (3, "texts is 3, expected a list"),
    (True, "texts is True, expected a list"),
    (..., "texts is an ellipsis, expected a list"),
    (len, "texts is a builtin_function_or_method, expected"),
    (str, "texts is a type, expected"),
    (Path("notes.txt"), r"texts is a PosixPath, expected .* read the file: Path\(...\).read_text\(\)"),
    ({"a", "b"}, r"texts is a set, which has no order: pass a list, such as sorted\("),
    (frozenset("ab"), "texts is a frozenset, which has no order"),
    ({"text": UNICODE, "id": [1]}, "texts is a dict of 2 with the keys 'text', 'id'"),
    (OrderedDict(a=1), "texts is an OrderedDict of 1 with the keys 'a'"),
    (dict.fromkeys(range(9)), r"with the keys 0, 1, 2, 3, 4, \.\.\."),
    (Frame(), r"texts is a Frame with the columns 'text', 'label', .* pass one column, such as texts\['text'\]"),
    (pa.table({"text": UNICODE}), r"texts is a Table with the columns 'text', .* texts\['text'\]"),
    (pa.record_batch({"text": UNICODE}), "texts is a RecordBatch with the columns 'text'"),
    (pa.scalar("abc"), "texts is a StringScalar, expected"),
    (np.array("abc"), r"texts is an ndarray of shape \(\), expected one dimension"),
    (np.array([UNICODE]), r"texts is an ndarray of shape \(1, 3\), expected one dimension"),
    (["a", "b", "c", None], r"^texts\[3\] is None, expected a text \(str\); leave missing values out"),
    (["a", float("nan")], r"texts\[1\] is nan, expected a text \(str\); leave missing values out"),
    (["a", 3], r"texts\[1\] is 3, expected a text"),
    (["a", 10**5000], r"texts\[1\] is a very large int"),
    ([True], r"texts\[0\] is True"),
    (["a", b"abc"], r"texts\[1\] is b'abc', .* decode it: bytes\(...\).decode\(\)"),
    ([b"a" * 99], r"texts\[0\] is b'a{38}\.\.\., expected"),
    ([["a", "b"], "c"], r"texts\[0\] is a list of 2, expected a text"),
    ([("a", "b")], r"texts\[0\] is a tuple of 2"),
    ([{"text": "a"}], r"texts\[0\] is a dict of 1"),
    ([{"a"}], r"texts\[0\] is a set"),
    ((x for x in ["a", None]), r"texts\[1\] is None"),
    (["a", (x for x in "ab")], r"texts\[1\] is a generator"),
    ([Path("a")], r"texts\[0\] is a PosixPath, .* read the file"),
    (range(3), r"texts\[0\] is 0"),
    (np.arange(3.0), r"texts\[0\] is a float64"),
    (np.array([b"a"]), r"texts\[0\] is a bytes_, .* decode it"),
    (np.array(["a", None]), r"texts\[1\] is None"),
    (np.ma.array(["a", "b"], mask=[0, 1]), r"texts\[1\] is a MaskedConstant, .* leave missing"),
    (pa.array(["a", None]), r"texts\[1\] is None"),
    (pa.chunked_array([["a"], ["b", None]]), r"texts\[2\] is None"),
    (pa.array(["a", None]).dictionary_encode(), r"texts\[1\] is None"),
    (pa.array([1, 2]), r"texts\[0\] is 1"),
    (pa.array([b"a"]), r"texts\[0\] is b'a', .* decode it"),
    (pa.array([["a"]]), r"texts\[0\] is a list of 1"),
    (pa.nulls(2), r"texts\[0\] is None"),
]


@pytest.mark.parametrize(("value", "message"), REFUSED, ids=lambda value: None)
def test_what_is_no_list_of_texts_is_refused_with_its_place(value: object, message: str) -> None:
    with pytest.raises(AdjoinError, match=message) as error:
        text_list(value)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


def test_the_place_in_a_generator_is_counted_over_all_parts() -> None:
    texts = (None if number == 7 else "a" for number in range(9))
    parts = text_parts(texts, 3, "documents")  # type: ignore[arg-type]
    assert next(parts) == ["a"] * 3
    assert next(parts) == ["a"] * 3
    with pytest.raises(AdjoinError, match=r"documents\[7\] is None"):
        next(parts)


def test_a_list_is_checked_whole_before_its_first_part() -> None:
    for texts in (["a"] * 9 + [None], np.array(["a"] * 9 + [None], object)):
        with pytest.raises(AdjoinError, match=r"texts\[9\] is None"):
            text_parts(texts, 2)  # type: ignore[arg-type]


def test_a_generator_is_read_a_part_at_a_time() -> None:
    texts = iter(["a"] * 1_000)
    next(text_parts(texts, 10))
    assert len(list(texts)) == 990


def test_no_library_of_tables_is_imported_to_tell_its_tables() -> None:
    import subprocess

    code = (
        "import sys; import adjoin.texts as t; t.text_list(['a']); t.number_of([])\n"
        "assert not {'pandas', 'polars', 'pyarrow', 'datasets', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_one_text_is_told_from_all_else() -> None:
    assert check_text("", "query") == ""
    for value, message in (
        (None, "query is None, expected a text"),
        (b"a", "decode"),
        (["a"], "query is a list of 1"),
        (3, "query is 3"),
    ):
        with pytest.raises(AdjoinError, match=message):
            check_text(value, "query")


def test_a_value_is_described_in_one_line() -> None:
    odd = type("two\nlines", (), {})()
    assert described(odd) == "a two lines"
    assert described(np.float64(1)) == "a float64"
    assert described({}) == "a dict of 0"
    assert "\n" not in described(type("", (), {})())


def test_what_was_meant_is_guessed() -> None:
    assert meant("querry", ("query", "document")) == "; did you mean 'query'?"
    assert meant("Document", ("query", "document")) == "; did you mean 'document'?"
    assert meant("passage", ("query", "document")) == ""
    assert meant(None, ("query", "document")) == ""
