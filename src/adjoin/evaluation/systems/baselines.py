"""Baselines without a trained model: what chance gives, and what a task's own texts teach about their words."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.systems.fingerprints import fingerprint_of
from adjoin.evaluation.systems.system import Role, text_digest, unit_rows
from adjoin.evaluation.systems.words import Vocabulary, Words, WordTable, sparse_counts

DIMENSION = 256

WINDOW = 5  # words to each side
SMOOTHING = 0.75  # a context counts to this power, or the rarest would tell most
# A word of this frequency weighs half as much as the rarest. The paper has 1e-3 to 1e-4; 1e-4 is the better one
# here: nDCG@10 .545 → .590 on SciFact, .369 → .388 on the MS MARCO pool, Spearman .674 → .686 on STS-B.
HALF_WEIGHT = 1e-4
# Passes of the randomised decomposition over the matrix; 4 take twice as long and move nDCG@10 by less than .01.
PASSES = 2
EXACT = 500  # texts or words at most, for a decomposition that is exact; it takes seconds
NO_DIRECTION = 1e-5  # of the largest singular value; below it stands rounding


class RandomVectors:
    """A Gaussian direction for each text, drawn from a hash of it and of its role: chance, the same at each run.

    Equal texts of one role have equal vectors; a query and an equal document have nothing to do with each other.

    Attributes:
        name: what the report calls it.
        fingerprint: of dimension and seed.
    """

    def __init__(self, dimension: int = DIMENSION, seed: int = 0) -> None:
        """Choose the size.

        Args:
            dimension: D.
            seed: another one gives other directions.

        Raises:
            AdjoinError: a dimension below 1.
        """
        self.name = "random"
        self._dimension = _checked_dimension(dimension)
        self._seed = str(seed).encode()
        self.fingerprint = fingerprint_of(f"random, dimension {dimension}, seed {seed}")

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        """Unit vectors (n, D)."""
        return self._encode(texts, "query")

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        """Unit vectors (n, D)."""
        return self._encode(texts, "document")

    def _encode(self, texts: list[str], role: Role) -> NDArray[np.float32]:
        vectors_ND = np.empty((len(texts), self._dimension), np.float32)
        for row_D, text in zip(vectors_ND, texts, strict=True):
            digest = hashlib.blake2b(
                text_digest(text), digest_size=16, key=self._seed, person=role.encode()
            ).digest()
            generator = np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "big")))
            generator.standard_normal(dtype=np.float32, out=row_D)
        return unit_rows(vectors_ND)


class LSA:
    """Latent semantic analysis: tf-idf, cut down to the directions in which a task's texts differ most.

    A word that stands k times in a text weighs (1 + log k) · (log((1 + N) / (1 + df)) + 1), and each text is at
    length 1 when the directions are found.

    Source: Deerwester et al., "Indexing by Latent Semantic Analysis", JASIS 1990.

    Attributes:
        name: what the report calls it.
    """

    def __init__(self, dimension: int = DIMENSION, *, seed: int = 0) -> None:
        """Choose the size.

        Args:
            dimension: D; there are fewer if the texts don't have as many directions.
            seed: of the decomposition.

        Raises:
            AdjoinError: a dimension below 1.
        """
        self.name = "lsa"
        self._dimension, self._seed = _checked_dimension(dimension), seed

    def fit(self, texts: Sequence[str]) -> WordTable:
        """Learn from a task's texts; 30,000 passages take 5 s of one core.

        Raises:
            AdjoinError: the texts have no words, or scikit-learn or PyStemmer is missing.
        """
        vocabulary, words = Vocabulary.of(texts)
        weights_NV = words.counts(len(vocabulary))
        texts_with_V = np.bincount(weights_NV.indices, minlength=len(vocabulary))
        idf_V = (np.log((1 + len(texts)) / (1 + texts_with_V)) + 1).astype(np.float32)
        weights_NV.data = (1 + np.log(weights_NV.data)) * idf_V[weights_NV.indices]
        rows = _rows_of(weights_NV)
        weights_NV.data /= np.sqrt(np.bincount(rows, weights_NV.data**2, len(texts)))[rows].astype(np.float32)
        _, _, directions_DV = _decomposed(weights_NV, self._dimension, self._seed)
        return WordTable(self.name, vocabulary, idf_V[:, np.newaxis] * directions_DV.T, sublinear=True)


class AveragedWords:
    """Averaged word vectors, learned from a task's texts: which words stand near which.

    Vectors: positive pointwise mutual information of words at most five words apart, contexts smoothed, decomposed
    to U √S (Levy, Goldberg and Dagan, "Improving Distributional Similarity with Lessons Learned from Word
    Embeddings", TACL 2015). Averages: a word weighs a / (a + its frequency), and the direction that the texts have
    in common is taken out (Arora, Liang and Ma, "A Simple but Tough-to-Beat Baseline for Sentence Embeddings",
    ICLR 2017).

    Attributes:
        name: what the report calls it.
    """

    def __init__(self, dimension: int = DIMENSION, *, seed: int = 0) -> None:
        """Choose the size.

        Args:
            dimension: D; there are fewer if the words don't have as many directions.
            seed: of the decomposition.

        Raises:
            AdjoinError: a dimension below 1.
        """
        self.name = "averaged words"
        self._dimension, self._seed = _checked_dimension(dimension), seed

    def fit(self, texts: Sequence[str]) -> WordTable:
        """Learn from a task's texts; 30,000 passages take 7 s of one core.

        Raises:
            AdjoinError: no two words stand together, or scikit-learn or PyStemmer is missing.
        """
        vocabulary, words = Vocabulary.of(texts)
        information_VV = _mutual_information(words, len(vocabulary))
        left_VD, scale_D, _ = _decomposed(information_VV, self._dimension, self._seed)
        frequency_V = np.bincount(words.ids_N, minlength=len(vocabulary)) / len(words.ids_N)
        weight_V = HALF_WEIGHT / (HALF_WEIGHT + frequency_V)
        table_VD = (left_VD * np.sqrt(scale_D) * weight_V[:, np.newaxis]).astype(np.float32)
        averages_ND = words.counts(len(vocabulary)) @ table_VD / np.maximum(words.lengths_B, 1)[:, np.newaxis]
        _, directions_DD = np.linalg.eigh(averages_ND.T @ averages_ND)  # the largest comes last
        return WordTable(self.name, vocabulary, table_VD, common_D=directions_DD[:, -1].astype(np.float32))


def _mutual_information(words: Words, size: int) -> Any:  # noqa: ANN401 - scipy has no types
    """How much more often than by chance two words stand near each other: max(0, log), sparse (V, V), float32."""
    texts_N = words.texts_N
    pairs_VV: Any = 0
    for distance in range(1, WINDOW + 1):
        together = texts_N[distance:] == texts_N[:-distance]
        left, right = words.ids_N[:-distance][together], words.ids_N[distance:][together]
        pairs_VV = pairs_VV + sparse_counts(left, right, (size, size))
    pairs_VV = (pairs_VV + pairs_VV.T).tocsr()
    total_V = np.asarray(pairs_VV.sum(axis=1)).ravel()
    chance_V = total_V**SMOOTHING / max(np.sum(total_V**SMOOTHING), 1)  # 1 where there is no pair at all
    expected = total_V[_rows_of(pairs_VV)] * chance_V[pairs_VV.indices]
    pairs_VV.data = np.maximum(np.log(pairs_VV.data / expected), 0).astype(np.float32)
    pairs_VV.eliminate_zeros()
    if not pairs_VV.nnz:
        raise AdjoinError(
            f"cannot learn word vectors from {len(words.lengths_B):,} texts in which no two different words stand "
            "together: expected sentences"
        )
    return pairs_VV


def _decomposed(matrix_NV: Any, dimension: int, seed: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:  # noqa: ANN401
    """The largest singular values and their vectors: U (N, D), S (D,), V (D, V)."""
    try:
        from sklearn.utils.extmath import randomized_svd
    except ImportError as error:
        raise AdjoinError(
            f"this baseline needs scikit-learn, which is missing ({error}): install it with "
            "pip install 'adjoin[evaluate]'"
        ) from None
    if min(matrix_NV.shape) <= max(dimension, EXACT):
        left, scale, right = np.linalg.svd(matrix_NV.toarray(), full_matrices=False)
        left, scale, right = left[:, :dimension], scale[:dimension], right[:dimension]
    else:
        # Without normalising between passes, which would take as long again: these spectra are flat enough.
        left, scale, right = randomized_svd(
            matrix_NV, dimension, n_iter=PASSES, power_iteration_normalizer="none", random_state=seed
        )
    kept = scale > NO_DIRECTION * scale[0]
    return left[:, kept], scale[kept], right[kept]


def _rows_of(matrix: Any) -> NDArray[np.int64]:  # noqa: ANN401 - scipy has no types
    """The row of each value that a sparse matrix holds."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def _checked_dimension(dimension: int) -> int:
    if dimension < 1:
        raise AdjoinError(
            f"cannot make vectors of {dimension} dimensions: expected 1 or more, {DIMENSION} as a rule"
        )
    return dimension
