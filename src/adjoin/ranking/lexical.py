"""Search by words: which words a text has, and BM25 over them.

One reading of words serves prose and code in every language. What it does was measured, MRR over the whole
corpus with k1 = 1.2 and b = 0.75 (nDCG@10 for SciFact):

    words                                   csn-python  csn-java  csn-go  scifact
    parts of identifiers, lower case            .507       .521     .672     .684
    + stemmed                                   .522       .556     .677     .704
    + without stop words                        .572       .636     .746     .700
    + the whole identifier as one more word     .584       .641     .802     .700

Leaving out single letters as well gains on some collections (CACM .472 → .496) and loses on others (CoNaLa
.581 → .539): they stay.
"""

import logging
import re
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError

# The English stop words of Lucene's StandardAnalyzer. They lead by what they do to code: "if", "for", "in"
# and "not" are keywords there and words of the docstring here, with nothing to do with each other.
_STOP_WORDS = """
a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to
was will with
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())

_SMALL = r"[^\W\d_A-Z]"  # a letter that is not an ASCII capital; other scripts have no case changes to split at
_identifiers = re.compile(r"\w+").findall
_case_change = re.compile(r"([a-z0-9])([A-Z])")
_letters_and_digits = re.compile(r"[a-z0-9]+").findall
_long_words = re.compile(r"\b\w\w+\b").findall
_parts = re.compile(rf"[A-Z]+(?!{_SMALL})|[A-Z]?{_SMALL}+|\d+").findall

LONGEST_WORD = 64  # characters; beyond it stand encoded data and minified code, which no one searches as one word
CACHED_IDENTIFIERS = 1 << 18  # about 70 MB when full; 8 MB of code have 55,000


class _Terms(dict[str, tuple[str, ...]]):
    """Identifier → its terms, filled on demand: text repeats its words, so stemming is done once for each."""

    def __init__(self) -> None:
        super().__init__()
        self._stem: Any = None
        self.lock = Lock()  # a Stemmer has state of its own and may serve one thread at a time

    def stem(self) -> Any:  # noqa: ANN401 - a function of a C extension without types
        """From a word to its stem; to be called under the lock."""
        if self._stem is None:
            self._stem = _new_stemmer()
        return self._stem

    def __missing__(self, identifier: str) -> tuple[str, ...]:
        parts = [part.lower() for part in _parts(identifier)]
        with self.lock:
            stem = self.stem()
            found = [stem(part) for part in parts if part not in STOP_WORDS]
        if len(identifier) > LONGEST_WORD:
            return tuple(found)
        if len(parts) > 1:
            found.append("".join(parts))
        if len(self) >= CACHED_IDENTIFIERS:
            self.clear()
        self[identifier] = result = tuple(found)
        return result


_terms_of = _Terms()


def _new_stemmer() -> Any:  # noqa: ANN401 - a function of a C extension without types
    """The English Snowball stemmer as a function from word to stem."""
    try:
        import Stemmer
    except ImportError:
        raise AdjoinError(
            "search by words needs the package pystemmer, which is missing: "
            "install it with pip install 'adjoin[evaluate]' or 'adjoin[index]'"
        ) from None
    return Stemmer.Stemmer("english").stemWord


def terms(text: str) -> list[str]:
    """The words of a text as lexical search sees them, in their order.

    An identifier is split where its case changes, at underscores and between letters and digits; the parts
    are lower-cased, stop words left out, the others stemmed (English Snowball). An identifier of more than
    one part gives one more term, its parts run together and not stemmed, so `parseHTTPResponse`,
    `parse_http_response` and `ParseHttpResponse` all give `pars http respons parsehttpresponse`, and `sha256`
    gives `sha 256 sha256`. Scripts written without spaces are not segmented.

    About 8 MB of code and 6 MB of prose a second on one core. Safe to call from several threads.

    Raises:
        AdjoinError: PyStemmer is not installed.
    """
    found: list[str] = []
    for identifier in _identifiers(text):
        found += _terms_of[identifier]
    return found


def identifier_parts(text: str) -> list[str]:
    """Parts of identifiers in lower case, unstemmed, stop words among them: a baseline often quoted for code."""
    return _letters_and_digits(_case_change.sub(r"\1 \2", text).lower())


def stemmed_words(text: str) -> list[str]:
    """Words of two letters and more in lower case, without English stop words, stemmed: as bm25s reads prose.

    Raises:
        AdjoinError: PyStemmer is not installed.
    """
    with _terms_of.lock:
        stem = _terms_of.stem()
        return [stem(word) for word in _long_words(text.lower()) if word not in STOP_WORDS]


class BM25:
    """BM25 over a fixed set of documents, read with `terms`, scored by bm25s in Lucene's variant.

    score(q, d) = Σ over the terms t of q, as often as they stand there, of
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
            k1: how slowly repeated words stop counting, above 0.
            b: how far long documents are discounted, 0 (not) to 1 (fully).
            read: from a text to its words.
            repeats: whether a query's word counts as often as it stands there, or once.

        Raises:
            AdjoinError: k1 or b out of range, or bm25s or PyStemmer is not installed.
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
        if self._ids:  # bm25s cannot index a collection without any word
            self._index = _new_bm25s(k1, b)
            self._index.index((ids_of_documents, self._ids), create_empty_token=False, show_progress=False)

    def scores(self, query: str) -> NDArray[np.float32]:
        """The score of every document, shape (N,); 0 for one that shares no term with the query."""
        known = [self._ids[term] for term in self._read(query) if term in self._ids]
        known = known if self._repeats else list(dict.fromkeys(known))
        if not known:
            return np.zeros(self._number, dtype=np.float32)
        scores_N: NDArray[np.float32] = self._index.get_scores_from_ids(known)
        return scores_N


def _new_bm25s(k1: float, b: float) -> Any:  # noqa: ANN401 - a package without types
    """An empty bm25s index on numpy, whether or not its faster optional parts happen to be installed."""
    try:
        import bm25s
    except ImportError:
        raise AdjoinError(
            "BM25 needs the package bm25s, which is missing: install it with pip install 'adjoin[evaluate]'"
        ) from None
    # It sets its own logger to DEBUG, which would fill the log of a program that asked for INFO.
    logging.getLogger("bm25s").setLevel(logging.WARNING)
    return bm25s.BM25(k1=k1, b=b, method="lucene", backend="numpy", csc_backend="numpy")
