"""Whatever is given to an Encoder: vectors of the texts, or one line that names the place."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin import Encoder
from adjoin.embed import embed_texts, load_vectors, read_texts
from adjoin.errors import AdjoinError
from adjoin.evaluation import RetrievalTask
from adjoin.index.refresh import refresh
from adjoin.tokens.tokenizer import Tokenizer, encode_all
from fuzzing import fuzz

TEXTS = ["a cat", "", "sort a list " * 300]
METHODS = ("encode_query", "encode_document", "encode_text")


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load("text")


def test_a_table_of_pandas_is_refused_and_its_column_is_encoded(encoder: Encoder) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": TEXTS})
    for method in METHODS:
        encode = getattr(encoder, method)
        with pytest.raises(AdjoinError, match=r"DataFrame with the columns 'text', .* such as texts\['text'\]"):
            encode(frame)
        np.testing.assert_array_equal(encode(frame["text"]), encode(TEXTS))


@pytest.mark.parametrize("method", METHODS)
def test_tuples_arrays_columns_and_generators_give_the_vectors_of_a_list(encoder: Encoder, method: str) -> None:
    encode = getattr(encoder, method)
    expected = encode(TEXTS)
    lists: list[Any] = [tuple(TEXTS), np.array(TEXTS), np.array(TEXTS, object), pa.array(TEXTS)]
    lists += [
        pa.chunked_array([TEXTS[:2], TEXTS[2:]]),
        iter(TEXTS),
        (text for text in TEXTS),
        dict.fromkeys(TEXTS),
    ]
    for texts in [*lists[:-1], lists[-1].keys()]:
        np.testing.assert_array_equal(encode(texts), expected)
    assert encode(iter(())).shape == encode([]).shape == (0, encoder.dimension)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_no_text_is_refused_with_its_place(encoder: Encoder, method: str) -> None:
    encode = getattr(encoder, method)
    before = encoder.tokenizer.encoded
    for texts, message in (
        ([*TEXTS, None], r"texts\[3\] is None, expected a text \(str\)"),
        ([float("nan"), *TEXTS], r"texts\[0\] is nan"),
        (["a", 7], r"texts\[1\] is 7"),
        ([b"a"], r"texts\[0\] is b'a', .* decode it"),
        ([["a", "b"]], r"texts\[0\] is a list of 2"),
        ({"a", "b"}, "texts is a set, which has no order"),
        ({"a": "b"}, "texts is a dict of 1"),
        (None, "texts is None"),
        ("a", "got one string"),
        (pa.table({"text": TEXTS}), r"Table with the columns 'text'"),
    ):
        with pytest.raises(AdjoinError, match=message) as error:
            encode(texts)
        assert "\n" not in str(error.value)
    assert encoder.tokenizer.encoded == before, "nothing is encoded before the mistake is found"


def test_a_long_generator_is_encoded_as_the_list_is(encoder: Encoder) -> None:
    texts = [f"text {number}" for number in range(6_000)]
    vectors = encoder.encode_text(iter(texts), truncate_dim=8)
    np.testing.assert_array_equal(vectors, encoder.encode_text(texts, truncate_dim=8))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_late_mistake_in_a_generator_is_named(encoder: Encoder) -> None:
    def texts() -> Iterator[str]:
        yield from ["a"] * 2_500
        yield 5  # type: ignore[misc]

    with pytest.raises(AdjoinError, match=r"texts\[2500\] is 5, expected a text"):
        encoder.encode_text(texts())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_tokens": 0}, "batch_tokens is 0, expected an integer of 1 or more"),
        ({"batch_tokens": -1}, "batch_tokens is -1"),
        ({"batch_tokens": "8"}, "batch_tokens is '8'"),
        ({"batch_tokens": True}, "batch_tokens is True"),
        ({"batch_tokens": 2.0}, "batch_tokens is 2.0"),
        ({"truncate_dim": 0}, "truncate_dim is 0, expected an integer from 1 to 576"),
        ({"truncate_dim": 577}, "truncate_dim is 577, expected an integer from 1 to 576"),
        ({"truncate_dim": 4.0}, "truncate_dim is 4.0"),
        ({"truncate_dim": True}, "truncate_dim is True"),
        ({"truncate_dim": [4]}, "truncate_dim is a list of 1"),
        ({"show_progress": "no"}, "show_progress is 'no', expected True or False"),
        ({"batch_size": 8}, "unknown option 'batch_size': .*; did you mean 'batch_tokens'?"),
        ({"show_progress_bar": True}, "did you mean 'show_progress'?"),
        ({"truncate_dims": 8}, "did you mean 'truncate_dim'?"),
        (
            {"normalize": True},
            "unknown option 'normalize': expected some of truncate_dim, batch_tokens, show_progress",
        ),
    ],
)
def test_wrong_options_are_one_line(encoder: Encoder, options: dict[str, Any], message: str) -> None:
    for call in (encoder.encode_query, encoder.encode_document, encoder.encode_text):
        with pytest.raises(AdjoinError, match=message):
            call(TEXTS, **options)
    with pytest.raises(AdjoinError, match=message):
        encoder.encode(TEXTS, role="query", **options)


def test_integers_of_numpy_are_integers(encoder: Encoder) -> None:
    shape = encoder.encode_text(TEXTS, truncate_dim=np.int64(4), batch_tokens=np.int32(100)).shape  # type: ignore[typeddict-item]
    assert shape == (3, 4)


@pytest.mark.parametrize("role", ["querry", "Document", "documents", None, 3, [], b"query", np.array(["query"])])
def test_a_misspelt_role_is_one_line(encoder: Encoder, role: Any) -> None:  # noqa: ANN401
    with pytest.raises(AdjoinError, match=r"unknown role .*: expected one of 'query', 'document', 'symmetric'"):
        encoder.encode(TEXTS, role=role)
    with pytest.raises(AdjoinError, match="unknown option 'role'"):
        encoder.encode_query(TEXTS, role="query")  # type: ignore[call-arg]


def test_similarity_takes_vectors_of_one_model(encoder: Encoder) -> None:
    vectors = encoder.encode_text(TEXTS)
    assert encoder.similarity(vectors, vectors[:2]).shape == (3, 2)
    assert encoder.similarity(vectors.tolist(), vectors).shape == (3, 3)  # type: ignore[arg-type]
    assert encoder.similarity(vectors[0], vectors).shape == (3,)
    odd: list[Any] = ["a cat", TEXTS, None, [[1.0], [2.0, 3.0]], np.zeros((1, 2, 3)), vectors.astype(complex)]
    for value in odd:
        with pytest.raises(AdjoinError, match=r"y_ND is .*, expected an array of numbers"):
            encoder.similarity(vectors, value)
    with pytest.raises(AdjoinError, match="x_MD has vectors of 576 dimensions, y_ND of 8"):
        encoder.similarity(vectors, vectors[:, :8])


@pytest.mark.parametrize("model", [None, 3, b"text", ["text"], float("nan")])
def test_a_model_is_a_path_or_a_name(model: Any) -> None:  # noqa: ANN401
    with pytest.raises(AdjoinError, match=r"model is .*, expected a path, or one of code, text"):
        Encoder.load(model)


def test_a_tokenizer_takes_the_same_lists(encoder: Encoder) -> None:
    tokenizer = encoder.tokenizer
    expected = tokenizer.encode(TEXTS, "query", 16)
    for texts in (iter(TEXTS), np.array(TEXTS), pa.array(TEXTS)):
        np.testing.assert_array_equal(tokenizer.encode(texts, "query", 16).ids_N, expected.ids_N)
    for wrong in (["a", None], "abc", b"abc", {"a"}, [["a"]]):
        with pytest.raises(AdjoinError, match="texts"):
            tokenizer.encode(wrong, "query", 16)  # type: ignore[arg-type]
        with pytest.raises(AdjoinError, match="texts"):
            encode_all(tokenizer, wrong, "query", 16)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a", "b"], r"texts\[0\] is a str, expected a pair \(id, text\)"),
        ([("1", "a"), ("2", None)], r"the text of texts\[1\] is None"),
        ([("1", "a"), (2, "b")], r"the id of texts\[1\] is 2"),
        ([("1", "a", "b")], r"texts\[0\] is a tuple of 3"),
        (None, "texts is None, expected a list of pairs"),
        ([("1", b"a")], "decode it"),
    ],
)
def test_texts_to_embed_are_pairs(encoder: Encoder, tmp_path: Path, texts: Any, message: str) -> None:  # noqa: ANN401
    with pytest.raises(AdjoinError, match=message):
        embed_texts(texts, encoder, tmp_path / "out")
    with pytest.raises(AdjoinError, match=r"unknown role 'documents': .*did you mean 'document'\?"):
        embed_texts([("1", "a")], encoder, tmp_path / "out", role="documents")  # type: ignore[arg-type]


def test_vectors_are_written_to_and_read_from_a_path_or_its_text(encoder: Encoder, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("a cat\na dog\n")
    embed_texts(read_texts(str(tmp_path / "texts.txt")), encoder, str(tmp_path / "out"))
    ids, vectors = load_vectors(str(tmp_path / "out"))
    assert ids == ["1", "2"]
    np.testing.assert_array_equal(vectors, encoder.encode_document(["a cat", "a dog"]))
    for model in ("text", None, tmp_path):
        with pytest.raises(AdjoinError, match=r"encoder is .*, expected a model, such as Encoder\.load"):
            embed_texts([("1", "a")], model, tmp_path / "other")  # type: ignore[arg-type]
        with pytest.raises(AdjoinError, match=r"encoder is .*, expected a model, such as Encoder\.load"):
            refresh(tmp_path, tmp_path / "index", model)  # type: ignore[arg-type]


def test_a_tokenizer_is_learned_from_texts_only() -> None:
    for wrong, message in (
        ("abc", "got one string"),
        (["a", None], r"texts\[1\] is None"),
        (iter(["a", b"b"]), r"texts\[1\] is b'b'"),
        ({"a"}, "texts is a set"),
    ):
        with pytest.raises(AdjoinError, match=message):
            Tokenizer.train(wrong, 600)  # type: ignore[arg-type]


def test_a_task_of_what_is_no_text_is_refused_with_its_place() -> None:
    judged: list[dict[int, float]] = [{0: 1.0}]
    with pytest.raises(AdjoinError, match=r"documents of task t\[1\] is None"):
        RetrievalTask("t", ["1", "2"], ["a", None], ["q"], ["b"], judged)  # type: ignore[list-item]
    with pytest.raises(AdjoinError, match="queries of task t: expected a list of texts, got one string"):
        RetrievalTask("t", ["1"], ["a"], ["q"], "b", judged)  # type: ignore[arg-type]
    assert RetrievalTask("t", ["1"], np.array(["a"]), ["q"], ("b",), judged).documents == ["a"]  # type: ignore[arg-type]


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.binary(max_size=20),
    st.binary(max_size=5).map(bytearray),
    st.datetimes(),
    st.just(Path("a")),
    st.just(str),
    st.just(len),
    st.floats().map(np.float32),
    st.integers(-5, 5).map(np.int8),
    st.text(max_size=5).map(np.str_),
    st.lists(st.floats(), max_size=3).map(np.array),
    st.text(max_size=3).map(np.array),
)
TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)
SEQUENCES = st.one_of(
    st.sampled_from([list, tuple, iter, np.array, pa.array, lambda values: (value for value in values)]),
    st.sampled_from([set, frozenset, dict.fromkeys, enumerate, lambda values: {"text": values}]),
    st.sampled_from([lambda values: pa.table({"text": values}), lambda values: np.array(values, object)]),
    st.sampled_from([lambda values: np.array([values]), pa.scalar, lambda values: pa.chunked_array([values])]),
)


def built(kind: Any, values: list[Any]) -> Any:  # noqa: ANN401
    """The values in a sequence of some kind, or as they are where it cannot hold them."""
    try:
        return kind(values)
    except (TypeError, ValueError, OverflowError, pa.ArrowException):
        return values


NESTED = st.recursive(
    TEXT | ODD,
    lambda inner: st.builds(built, SEQUENCES, st.lists(inner, max_size=6)),
    max_leaves=12,
)
MOSTLY_TEXTS = st.builds(
    lambda kind, before, odd, after: (kind, [*before, *odd, *after]),
    SEQUENCES,
    st.lists(TEXT, max_size=8),
    st.lists(NESTED, max_size=1),
    st.lists(TEXT, max_size=8),
)
ENCODERS: list[Encoder] = []


@given(MOSTLY_TEXTS | NESTED, st.sampled_from(METHODS))
def texts_of_any_kind(texts: Any, method: str) -> None:  # noqa: ANN401
    if not ENCODERS:
        ENCODERS.append(Encoder.load("text"))
    encoder = ENCODERS[0]
    plain = None
    if isinstance(texts, tuple) and len(texts) == 2 and isinstance(texts[1], list):
        plain, texts = texts[1], built(*texts)
        plain = texts.tolist() if isinstance(texts, np.ndarray) else plain  # NumPy drops a NUL at the end
    vectors = getattr(encoder, method)(texts)
    assert vectors.dtype == np.float32
    assert vectors.ndim == 2
    assert np.isfinite(vectors).all()
    assert (np.abs(np.linalg.norm(vectors, axis=1) - 1) < 1e-5).all()
    if plain is not None and all(isinstance(text, str) for text in plain):
        np.testing.assert_array_equal(vectors, getattr(encoder, method)(plain))


def test_no_input_of_five_hundred_breaks_the_encoder() -> None:
    fuzz(texts_of_any_kind, 500)


@pytest.mark.slow
def test_no_input_of_five_thousand_breaks_the_encoder() -> None:
    fuzz(texts_of_any_kind, 5_000)
