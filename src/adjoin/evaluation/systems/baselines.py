"""Baselines without a trained model: random vectors, LSA, and averaged word vectors fitted to each task."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.progress import step
from adjoin.evaluation.systems.fingerprints import fingerprint_of
from adjoin.evaluation.systems.system import Role, text_digest
from adjoin.evaluation.systems.words import Vocabulary, Words, WordTable, sparse_counts
from adjoin.evaluation.threads import one_thread_of_all
from adjoin.vectors import unit_rows

DIMENSION = 256

WINDOW = 5  # words on each side
SMOOTHING = 0.75  # exponent of context counts, so that rare contexts do not dominate
# A word of this frequency has half the weight of the rarest. The paper uses 1e-3 to 1e-4. 1e-4 is better here:
# nDCG@10 0.545 → 0.590 on SciFact, 0.369 → 0.388 on the MS MARCO pool, Spearman 0.674 → 0.686 on STS-B.
HALF_WEIGHT = 1e-4
# Power iterations of the randomised decomposition. 4 take twice as long and change nDCG@10 by less than 0.01.
PASSES = 2
EXACT = 500  # up to this many texts or words the decomposition is exact, which takes seconds
NO_DIRECTION = 1e-5  # singular values below this share of the largest are rounding errors


class RandomVectors:
    """A baseline at chance level: a random unit vector per text, drawn from a hash of the text and its role.

    Equal texts with the same role have equal vectors. A query and an identical document are unrelated. Every run
    gives the same vectors.

    Attributes:
        name: name in the report.
        fingerprint: hash of dimension and seed.
    """

    def __init__(self, dimension: int = DIMENSION, seed: int = 0) -> None:
        """Set the dimension and the seed.

        Args:
            dimension: D.
            seed: of the hash.

        Raises:
            AdjoinError: the dimension is below 1.
        """
        self.name = "random"
        self._dimension = _checked_dimension(dimension)
        self._seed = str(seed).encode()
        self.fingerprint = fingerprint_of(f"random, dimension {dimension}, seed {seed}")

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        """Unit vectors of n queries, shape (n, D)."""
        return self._encode(texts, "query")

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        """Unit vectors of n documents, shape (n, D)."""
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
    """Latent semantic analysis: a truncated singular value decomposition of the tf-idf matrix of a task's texts.

    A word that occurs k times has the weight (1 + log k) · (log((1 + N) / (1 + df)) + 1). The rows of the matrix
    are scaled to unit length before the decomposition.

    Source: Deerwester et al., "Indexing by Latent Semantic Analysis", JASIS 1990.

    Attributes:
        name: name in the report.
        fingerprint: hash of dimension and seed, under which the results of a task are cached.
    """

    def __init__(self, dimension: int = DIMENSION, *, seed: int = 0) -> None:
        """Set the dimension and the seed.

        Args:
            dimension: D, or fewer if the texts have a lower rank.
            seed: of the randomised decomposition.

        Raises:
            AdjoinError: the dimension is below 1.
        """
        self.name = "lsa"
        self._dimension, self._seed = _checked_dimension(dimension), seed
        self.fingerprint = fingerprint_of(f"lsa, dimension {dimension}, seed {seed}")

    def fit(self, texts: Sequence[str]) -> WordTable:
        """Fit to the texts of a task. 30,000 passages take 5 s of one core.

        Args:
            texts: the documents of the task, or all its texts.

        Returns:
            A system that encodes texts with the fitted word vectors.

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
    """Averaged word vectors, trained on the co-occurrence of words in a task's texts.

    The vectors are U √S of the decomposed positive pointwise mutual information (PPMI) matrix. Words co-occur if
    they are at most five words apart. Context counts are smoothed (Levy, Goldberg and Dagan, "Improving
    Distributional Similarity with Lessons Learned from Word Embeddings", TACL 2015).

    Words are weighted by a / (a + frequency), and the first principal direction of the averages is removed.
    Source: Arora, Liang and Ma, "A Simple but Tough-to-Beat Baseline for Sentence Embeddings", ICLR 2017.

    Attributes:
        name: name in the report.
        fingerprint: hash of dimension and seed, under which the results of a task are cached.
    """

    def __init__(self, dimension: int = DIMENSION, *, seed: int = 0) -> None:
        """Set the dimension and the seed.

        Args:
            dimension: D, or fewer if the matrix has a lower rank.
            seed: of the randomised decomposition.

        Raises:
            AdjoinError: the dimension is below 1.
        """
        self.name = "averaged words"
        self._dimension, self._seed = _checked_dimension(dimension), seed
        self.fingerprint = fingerprint_of(f"averaged words, dimension {dimension}, seed {seed}")

    def fit(self, texts: Sequence[str]) -> WordTable:
        """Fit to the texts of a task. 30,000 passages take 7 s of one core.

        Args:
            texts: the documents of the task, or all its texts.

        Returns:
            A system that encodes texts with the fitted word vectors.

        Raises:
            AdjoinError: no two words occur together, or scikit-learn or PyStemmer is missing.
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
    """Positive pointwise mutual information of co-occurring words, sparse (V, V), float32."""
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
            f"cannot learn word vectors from {len(words.lengths_B):,} texts in which no two different words occur "
            "together: expected sentences"
        )
    return pairs_VV


def _decomposed(matrix_NV: Any, dimension: int, seed: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:  # noqa: ANN401
    """Truncated singular value decomposition: U (N, D), S (D,), V (D, V)."""
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
        # Without normalization between iterations, which would double the time. These spectra are flat enough.
        step("texts decomposed", 0, matrix_NV.shape[0])
        with one_thread_of_all():
            left, scale, right = randomized_svd(
                matrix_NV, dimension, n_iter=PASSES, power_iteration_normalizer="none", random_state=seed
            )
    kept = scale > NO_DIRECTION * scale[0]
    return left[:, kept], scale[kept], right[kept]


def _rows_of(matrix: Any) -> NDArray[np.int64]:  # noqa: ANN401 - scipy has no types
    """The row index of each stored value of a sparse matrix."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def _checked_dimension(dimension: int) -> int:
    if dimension < 1:
        raise AdjoinError(
            f"cannot make vectors of {dimension} dimensions: expected 1 or more, usually {DIMENSION}"
        )
    return dimension
