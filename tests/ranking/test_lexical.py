import builtins
import math
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.errors import AdjoinError
from adjoin.ranking import BM25, lexical, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("parseHTTPResponse", ["pars", "http", "respons", "parsehttpresponse"]),
        ("parse_http_response", ["pars", "http", "respons", "parsehttpresponse"]),
        ("__ParseHttpResponse__", ["pars", "http", "respons", "parsehttpresponse"]),
        ("sha256", ["sha", "256", "sha256"]),
        ("MAX_SIZE", ["max", "size", "maxsize"]),
        ("Retries the failed uploads.", ["retri", "fail", "upload"]),
        ("for x in isInside(a):", ["x", "insid", "isinside"]),
        ("naïve Ärzte Über-größe", ["naïv", "ärzte", "über", "größe"]),
        ("поиск 検索", ["поиск", "検索"]),
        ("", []),
        ("!? -- \n", []),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_terms_keep_order_and_repetitions() -> None:
    assert terms("write, read; write") == ["write", "read", "write"]


def test_very_long_words_are_neither_run_together_nor_remembered() -> None:
    blob = "a1" * lexical.LONGEST_WORD
    assert blob not in terms(blob)
    assert terms(blob).count("1") == lexical.LONGEST_WORD
    assert blob not in lexical._terms_of


def test_a_full_memory_of_words_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexical, "CACHED_IDENTIFIERS", 3)
    words = [f"{letter}oo" for letter in "bcdghkmprz"]
    assert [terms(word) for word in words + words] == [[word] for word in words + words]
    assert len(lexical._terms_of) <= 3


def test_threads_agree() -> None:
    texts = [" ".join(f"running{chr(97 + i % 26)}{chr(97 + j)}Jumps" for j in range(26)) for i in range(100)]
    lexical._terms_of.clear()
    alone = [terms(text) for text in texts]
    lexical._terms_of.clear()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(terms, texts)) == alone


def plain_bm25(documents: list[str], query: str, k1: float, b: float) -> list[float]:
    """The formula of the docstring, one document and term at a time."""
    texts = [terms(document) for document in documents]
    mean_length = sum(map(len, texts)) / len(texts)
    scores = []
    for text in texts:
        score = 0.0
        for term in terms(query):
            frequency = text.count(term)
            having = sum(term in other for other in texts)
            idf = math.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
            if frequency:
                score += idf * frequency / (frequency + k1 * (1 - b + b * len(text) / mean_length))
        scores.append(score)
    return scores


words = st.lists(st.sampled_from(["upload", "retry", "file", "socket", "close"]), max_size=6).map(" ".join)


@given(
    st.lists(words, min_size=1, max_size=6).filter(any),
    words,
    st.sampled_from([(1.2, 0.75), (0.9, 0.4), (2.0, 0.0)]),
)
def test_bm25_equals_its_formula(documents: list[str], query: str, parameters: tuple[float, float]) -> None:
    k1, b = parameters
    scores = BM25(documents, k1=k1, b=b).scores(query)
    assert scores.dtype == np.float32
    assert scores == pytest.approx(plain_bm25(documents, query, k1, b), abs=1e-5)


def test_bm25_without_a_known_term_is_zero_everywhere() -> None:
    index = BM25(["open the file", "close the socket"])
    assert index.scores("elephant").tolist() == [0.0, 0.0]
    assert index.scores("").tolist() == [0.0, 0.0]
    assert index.scores("closing sockets")[1] > 0


@pytest.mark.parametrize("documents", [[], ["", "   "], ["the of and"]])
def test_bm25_over_documents_without_words(documents: list[str]) -> None:
    assert BM25(documents).scores("file").tolist() == [0.0] * len(documents)


def test_bm25_shows_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    BM25(["open the file"]).scores("file")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("parameters", [{"k1": 0.0}, {"b": 1.5}, {"b": -0.1}, {"k1": float("nan")}])
def test_bm25_parameters_out_of_range(parameters: dict[str, float]) -> None:
    with pytest.raises(AdjoinError, match="expected k1 above 0 and b from 0 to 1"):
        BM25(["a file"], **parameters)


@pytest.mark.parametrize(("package", "named"), [("bm25s", "bm25s"), ("Stemmer", "pystemmer")])
def test_a_missing_package_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, package: str, named: str
) -> None:
    real_import = builtins.__import__

    def without(name: str, *rest: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever import takes and gives
        if name == package:
            raise ImportError(name)
        return real_import(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(lexical, "_terms_of", lexical._Terms())
    if package == "bm25s":
        lexical._terms_of["file"] = ("file",)
    with pytest.raises(AdjoinError, match=rf"{named}.*pip install '?adjoin"):
        BM25(["file"])


def test_words_of_ascii_are_those_of_the_regular_expression() -> None:
    every = "".join(f"{chr(a)}x{chr(b)}9" for a in range(128) for b in range(128))
    for text in (every, f"{every} né_e größe 東京2"):
        assert lexical._identifiers(text) == re.findall(r"\w+", text)
