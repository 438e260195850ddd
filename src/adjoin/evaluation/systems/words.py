"""Texts as sums of weighted word vectors: the common part of the baselines that are fitted to a task."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.systems.fingerprints import fingerprint_of
from adjoin.ranking.lexical import terms
from adjoin.vectors import unit_rows

TEXTS_AT_ONCE = 8_192  # texts per batch, to bound memory

UNKNOWN = -1
NOTHING_LEFT = 1e-5  # shorter remainders of a projected sum are rounding errors


@dataclass(frozen=True)
class Words:
    """The words of B texts as one array of ids.

    Attributes:
        ids_N: id of each word; `UNKNOWN` if it is not in the vocabulary.
        lengths_B: number of words of each text.
    """

    ids_N: NDArray[np.int64]
    lengths_B: NDArray[np.int64]

    @property
    def texts_N(self) -> NDArray[np.int64]:
        """Index of the text that each word belongs to."""
        return np.repeat(np.arange(len(self.lengths_B)), self.lengths_B)

    def counts(self, vocabulary_size: int) -> Any:  # noqa: ANN401 - scipy has no types
        """Count of each known word in each text: a sparse matrix of shape (B, V), float32."""
        known_N = self.ids_N != UNKNOWN
        shape = (len(self.lengths_B), vocabulary_size)
        return sparse_counts(self.texts_N[known_N], self.ids_N[known_N], shape)


class Vocabulary:
    """The distinct words of a set of texts with their ids. Words are split as for lexical search."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    @classmethod
    def of(cls, texts: Sequence[str]) -> tuple["Vocabulary", Words]:
        """Build a vocabulary from texts.

        Args:
            texts: the texts.

        Returns:
            The vocabulary, and the texts as ids.

        Raises:
            AdjoinError: the texts have no words, or PyStemmer is missing.
        """
        vocabulary = cls()
        numbers = vocabulary._numbers
        words = _end_to_end([[numbers.setdefault(word, len(numbers)) for word in terms(text)] for text in texts])
        if not numbers:
            raise AdjoinError(
                f"cannot learn word vectors from {len(texts):,} texts without a word: expected the texts of a task"
            )
        return vocabulary, words

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def read(self, texts: Sequence[str]) -> Words:
        """Convert texts to word ids."""
        return _end_to_end([[self._numbers.get(word, UNKNOWN) for word in terms(text)] for text in texts])


def sparse_counts(rows_N: NDArray[np.int64], columns_N: NDArray[np.int64], shape: tuple[int, int]) -> Any:  # noqa: ANN401
    """Count how often each (row, column) pair occurs.

    Args:
        rows_N: row of each occurrence.
        columns_N: column of each occurrence.
        shape: shape of the matrix.

    Returns:
        A scipy CSR matrix, float32.

    Raises:
        AdjoinError: scipy is missing.
    """
    try:
        from scipy.sparse import csr_matrix
    except ImportError as error:
        raise AdjoinError(
            f"this baseline needs scikit-learn and its scipy, which is missing ({error}): install them with "
            "pip install 'adjoin[evaluate]'"
        ) from None
    return csr_matrix((np.ones(len(rows_N), np.float32), (rows_N, columns_N)), shape=shape)


def _end_to_end(ids_of_texts: list[list[int]]) -> Words:
    lengths_B = np.array([len(ids) for ids in ids_of_texts], np.int64)
    ids_N = np.fromiter((number for ids in ids_of_texts for number in ids), np.int64, int(lengths_B.sum()))
    return Words(ids_N, lengths_B)


class WordTable:
    """A system that encodes texts as sums of weighted word vectors, scaled to unit length.

    Queries and documents are encoded in the same way.

    Attributes:
        name: name in the report.
        fingerprint: hash of the words and their vectors.
    """

    def __init__(
        self,
        name: str,
        vocabulary: Vocabulary,
        table_VD: NDArray[np.float32],
        *,
        sublinear: bool = False,
        common_D: NDArray[np.float32] | None = None,
    ) -> None:
        """Create a system from fitted word vectors.

        Args:
            name: name in the report.
            vocabulary: V words.
            table_VD: weighted vector of each word, shape (V, D).
            sublinear: whether a word that occurs k times counts 1 + log k times instead of k times.
            common_D: a unit vector that is projected out of every sum, or None.
        """
        self.name = name
        self._vocabulary, self._table_VD = vocabulary, table_VD
        self._sublinear, self._common_D = sublinear, common_D
        common = "none" if common_D is None else common_D
        self.fingerprint = fingerprint_of(f"words, sublinear {sublinear}", "\n".join(vocabulary), table_VD, common)

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        """Unit vectors of n queries, shape (n, D); zero for texts without a known word."""
        return self._encode(texts)

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        """Unit vectors of n documents, shape (n, D); zero for texts without a known word."""
        return self._encode(texts)

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        vectors_ND = np.empty((len(texts), self._table_VD.shape[1]), np.float32)
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            words = self._vocabulary.read(texts[start : start + TEXTS_AT_ONCE])
            vectors_ND[start : start + TEXTS_AT_ONCE] = unit_rows(self._sums(words))
        return vectors_ND

    def _sums(self, words: Words) -> NDArray[np.float32]:
        counts_BV = words.counts(len(self._vocabulary))
        if self._sublinear:
            counts_BV.data = 1 + np.log(counts_BV.data)
        sums_BD: NDArray[np.float32] = counts_BV @ self._table_VD
        if self._common_D is None:
            return sums_BD
        rest_BD = sums_BD - np.outer(sums_BD @ self._common_D, self._common_D)
        lengths_B, before_B = (np.linalg.norm(each, axis=1) for each in (rest_BD, sums_BD))
        rest_BD[lengths_B < NOTHING_LEFT * before_B] = 0
        return rest_BD
