"""Lexical search: a tokenizer for code and prose, and BM25 over its terms.

The same tokenizer reads code and prose in every language. Each step was chosen by measurement: MRR over the whole
corpus with k1 = 1.2 and b = 0.75 (nDCG@10 for SciFact):

    terms                                        csn-python  csn-java  csn-go  scifact
    parts of identifiers, lower-cased                 0.507     0.521   0.672    0.684
    + stemming                                        0.522     0.556   0.677    0.704
    + stop words removed                              0.572     0.636   0.746    0.700
    + the whole identifier as one more term           0.584     0.641   0.802    0.700

Single letters are kept: removing them helps on some collections (CACM: 0.472 to 0.496) and hurts on others
(CoNaLa: 0.581 to 0.539).
"""

import logging
import re
from collections.abc import Callable, Sequence
from itertools import chain
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError

# The English stop words of Lucene's StandardAnalyzer. They matter most for code, where "if", "for", "in" and
# "not" are keywords, unrelated to the same words in a docstring.
_STOP_WORDS = """
a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to
was will with
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())

_SMALL = r"[^\W\d_A-Z]"  # a letter other than an ASCII capital: only ASCII is split at case changes
_words = re.compile(r"\w+").findall
_ASCII_WORDS = "".join(chr(code) if re.match(r"\w", chr(code)) else " " for code in range(128))
_case_change = re.compile(r"([a-z0-9])([A-Z])")
_letters_and_digits = re.compile(r"[a-z0-9]+").findall
_long_words = re.compile(r"\b\w\w+\b").findall
_parts = re.compile(rf"[A-Z]+(?!{_SMALL})|[A-Z]?{_SMALL}+|\d+").findall

LONGEST_WORD = 64  # characters; longer words are encoded data or minified code
CACHED_IDENTIFIERS = 1 << 18  # about 70 MB when full; 8 MB of code have 55,000


class _Terms(dict[str, tuple[str, ...]]):
    """A cache from identifier to terms: texts repeat their words, so each is stemmed once."""

    def __init__(self) -> None:
        super().__init__()
        self._stem: Any = None
        self.lock = Lock()  # a Stemmer is not thread-safe

    def stem(self) -> Any:  # noqa: ANN401 - a function of a C extension without types
        """The stemmer, from word to stem. Hold the lock while calling it."""
        if self._stem is None:
            self._stem = _new_stemmer()
        return self._stem

    def __missing__(self, identifier: str) -> tuple[str, ...]:
        parts = [part.lower() for part in _parts(identifier)]
        with self.lock:
            stem = self.stem()
            stems = [stem(part) for part in parts if part not in STOP_WORDS]
        if len(identifier) > LONGEST_WORD:
            return tuple(stems)
        if len(parts) > 1:
            stems.append("".join(parts))
        if len(self) >= CACHED_IDENTIFIERS:
            self.clear()
        self[identifier] = result = tuple(stems)
        return result


_terms_of = _Terms()


def _new_stemmer() -> Any:  # noqa: ANN401 - a function of a C extension without types
    """The English Snowball stemmer as a function from word to stem."""
    try:
        import Stemmer
    except ImportError:
        raise AdjoinError(
            "lexical search needs the package pystemmer, which is not installed: "
            "install it with pip install adjoin"
        ) from None
    return Stemmer.Stemmer("english").stemWord


def terms(text: str) -> list[str]:
    """Tokenize a text for lexical search, keeping order and repetitions.

    An identifier is split at case changes, at underscores and between letters and digits. The parts are
    lower-cased, stop words removed, and the rest stemmed (English Snowball). An identifier of several parts gives
    one more term: its parts concatenated, unstemmed. So `parseHTTPResponse`, `parse_http_response` and
    `ParseHttpResponse` all give `pars http respons parsehttpresponse`, and `sha256` gives `sha 256 sha256`.
    Scripts written without spaces are not segmented.

    Speed: about 8 MB of code or 6 MB of prose per second on one core. Thread-safe.

    Raises:
        AdjoinError: PyStemmer is not installed.
    """
    return list(chain.from_iterable(map(_terms_of.__getitem__, _identifiers(text))))


def _identifiers(text: str) -> list[str]:
    r"""What `\w+` finds. In ASCII, which most code is, this takes a third of the regular expression's time."""
    return text.translate(_ASCII_WORDS).split() if text.isascii() else _words(text)


def identifier_parts(text: str) -> list[str]:
    """Tokenize code into lower-cased parts of identifiers, unstemmed, stop words kept: a common BM25 baseline."""
    return _letters_and_digits(_case_change.sub(r"\1 \2", text).lower())


def stemmed_words(text: str) -> list[str]:
    """Tokenize prose as bm25s does: lower-cased words of two letters or more, without stop words, stemmed.

    Raises:
        AdjoinError: PyStemmer is not installed.
    """
    with _terms_of.lock:
        stem = _terms_of.stem()
        return [stem(word) for word in _long_words(text.lower()) if word not in STOP_WORDS]


class BM25:
    """BM25 over a fixed set of documents, computed by bm25s in Lucene's variant.

    score(q, d) = Σ over the terms t of q, repetitions included, of
    log(1 + (N - df_t + 0.5) / (df_t + 0.5)) · tf / (tf + k1 · (1 - b + b · |d| / mean length)).

    Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009; the
    variant is "Lucene (accurate)" of Kamphuis et al., ECIR 2020.
    """

    def __init__(
        self,
        documents: Sequence[str],
        *,
        k1: float = 1.2,
        b: float = 0.75,
        read: Callable[[str], list[str]] = terms,
        repeats: bool = True,
    ) -> None:
        """Index the documents.

        Args:
            documents: N texts; empty ones are allowed and score 0.
            k1: saturation of term frequency, above 0; higher values saturate later.
            b: length normalization, 0 (none) to 1 (full).
            read: the tokenizer, from a text to its terms.
            repeats: whether repeated query terms count repeatedly.

        Raises:
            AdjoinError: k1 or b is out of range, or bm25s or PyStemmer is not installed.
        """
        if not (k1 > 0 and 0 <= b <= 1):
            raise AdjoinError(f"BM25 got k1 = {k1} and b = {b}: expected k1 above 0 and b from 0 to 1")
        self._number = len(documents)
        self._read, self._repeats = read, repeats
        self._ids: dict[str, int] = {}
        ids_of_documents = [
            [self._ids.setdefault(term, len(self._ids)) for term in read(text)] for text in documents
        ]
        self._index: Any = None
        if self._ids:  # bm25s cannot index a collection without terms
            self._index = _new_bm25s(k1, b)
            self._index.index((ids_of_documents, self._ids), create_empty_token=False, show_progress=False)

    def scores(self, query: str) -> NDArray[np.float32]:
        """Score every document against a query, shape (N,). Documents that share no term with it score 0."""
        term_ids = [self._ids[term] for term in self._read(query) if term in self._ids]
        term_ids = term_ids if self._repeats else list(dict.fromkeys(term_ids))
        if not term_ids:
            return np.zeros(self._number, dtype=np.float32)
        scores_N: NDArray[np.float32] = self._index.get_scores_from_ids(term_ids)
        return scores_N


def _new_bm25s(k1: float, b: float) -> Any:  # noqa: ANN401 - a package without types
    """An empty bm25s index on NumPy: results do not depend on its optional packages being installed."""
    try:
        import bm25s
    except ImportError:
        raise AdjoinError(
            "BM25 needs the package bm25s, which is not installed: install it with pip install 'adjoin[evaluate]'"
        ) from None
    # bm25s sets its own logger to DEBUG, which would fill the log of a program that asked for INFO.
    logging.getLogger("bm25s").setLevel(logging.WARNING)
    return bm25s.BM25(k1=k1, b=b, method="lucene", backend="numpy", csc_backend="numpy")
