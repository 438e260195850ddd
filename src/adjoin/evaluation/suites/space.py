"""Properties of the vector space: alignment, uniformity, effective dimension, and compressibility.

Alignment and uniformity are those of Wang and Isola 2020 (arXiv 2005.10242, section 4.1) with alpha = 2 and t = 2.
Lower is better for both. Either alone is trivial: pairs align perfectly if all texts share one point, and random
vectors are uniform. The effective dimension is the participation ratio of the covariance's eigenvalues.

Compressed vectors are measured by search quality: the first dimensions only (Matryoshka, Kusupati et al. 2022,
arXiv 2205.13147), and one byte or one bit per dimension.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import Estimate, mean_of, statistic_of
from adjoin.evaluation.data.retrieval_task import CODE, RetrievalTask
from adjoin.evaluation.result import Result
from adjoin.evaluation.suites.retrieval import evaluate_task
from adjoin.evaluation.systems.scorers import DenseScorer

SUITE = "space"
SAMPLE = 1_000  # documents for uniformity and effective dimension, over all their 499,500 pairs
SPECTRUM_SAMPLE = 5_000  # documents for the components, whose replicates are one 2,000 x 5,000 x D product
SHARE = 0.9  # of the variance
SMALLEST = 16  # dimensions where the Matryoshka curve ends
LEVELS = 127  # int8 levels on each side of 0
POINT = 1e-12  # smaller variances are rounding errors; those of float32 unit vectors are about 1e-14

Vectors = NDArray[np.float32]
Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def space(
    task: RetrievalTask, queries_QD: NDArray[Any], documents_ND: NDArray[Any], seed: int = 0
) -> list[Result]:
    """All measurements of this module, from the vectors of one search task.

    Args:
        task: queries, documents and judgments. A query and its first relevant document form a positive pair.
        queries_QD: query vectors; they are scaled to unit length.
        documents_ND: document vectors; they are scaled to unit length.
        seed: of the samples of documents and of the bootstrap.

    Returns:
        "alignment", "uniformity", "effective dimension" and "components of 90% variance". Then the task's main
        metric ("ndcg@10", or "mrr" for code) "at D", "at D/2" and so on down to 16 dimensions, "int8" and
        "binary". Intervals are over pairs, sampled documents, or queries.

    Raises:
        AdjoinError: vectors are not finite or not one per text, the dimensions differ, or there is one document
            only.
    """
    queries_QD = _unit(_checked(queries_QD, len(task.queries), f"query vectors of {task.name}"))
    documents_ND = _unit(_checked(documents_ND, len(task.documents), f"document vectors of {task.name}"))
    if queries_QD.shape[1] != documents_ND.shape[1]:
        raise AdjoinError(
            f"the queries of {task.name} have {queries_QD.shape[1]:,} dimensions and its documents "
            f"{documents_ND.shape[1]:,}: expected as many; use one model for both"
        )
    if len(documents_ND) < 2:
        raise AdjoinError(f"{task.name} has one document: expected at least two")
    first_Q = [next(iter(relevant)) for relevant in task.relevant]
    small_SD, large_SD = (_sampled(documents_ND, size, seed) for size in (SAMPLE, SPECTRUM_SAMPLE))
    small, large = (f"{len(sample):,} of {len(documents_ND):,} documents" for sample in (small_SD, large_SD))
    figures = [
        ("alignment", alignment(queries_QD, documents_ND[first_Q], seed), ("lower is better",)),
        ("uniformity", uniformity(small_SD, seed), ("lower is better", small)),
        ("effective dimension", effective_dimension(small_SD, seed), (small,)),
        (f"components of {SHARE:.0%} variance", components(large_SD, seed), (large,)),
    ]
    results = [Result(SUITE, task.name, metric, estimate, notes) for metric, estimate, notes in figures]
    metric = "mrr" if task.suite == CODE else "ndcg@10"
    for name, vectors in smaller_vectors(queries_QD, documents_ND):
        values_Q = evaluate_task(task, DenseScorer(name, _PrecomputedVectors(*vectors)), seed=seed)[metric]
        results.append(Result(SUITE, task.name, f"{metric} {name}", mean_of(values_Q, seed=seed)))
    return results


def alignment(x_PD: NDArray[Any], y_PD: NDArray[Any], seed: int = 0) -> Estimate:
    """Mean squared distance of P positive pairs: 0 if equal, 2 if orthogonal, at most 4.

    Args:
        x_PD: unit vectors of one side.
        y_PD: unit vectors of the other side.
        seed: of the bootstrap over pairs.
    """
    difference_PD = x_PD - y_PD
    return mean_of(np.einsum("pd,pd->p", difference_PD, difference_PD, dtype=np.float64), seed=seed)


def uniformity(texts_SD: NDArray[Any], seed: int = 0) -> Estimate:
    """Logarithm of the mean of exp(-2 squared distance) over all pairs of texts; about -4 for uniform vectors.

    A text does not pair with itself or with its copies in a bootstrap sample. At distance 0, these would raise
    the value for 1,000 uniform vectors by 0.05, and its replicates by 0.1. A single text has the value 0.

    Args:
        texts_SD: unit vectors of S texts.
        seed: of the bootstrap over texts.
    """
    texts_SD = np.asarray(texts_SD, np.float64)
    products_SS = texts_SD @ texts_SD.T
    lengths_S = np.diagonal(products_SS)
    distances_SS = lengths_S[:, np.newaxis] + lengths_S - 2 * products_SS
    near_SS = np.exp(-2 * np.maximum(distances_SS, 0))
    np.fill_diagonal(near_SS, 0)

    def statistic(counts_BS: Counts) -> Floats:
        weights_BS = counts_BS.astype(np.float64)
        sums_B = np.einsum("bs,bs->b", weights_BS @ near_SS, weights_BS)
        return np.log(_quotient(sums_B, _pairs(weights_BS), sums_B > 0, otherwise=1))

    return statistic_of(statistic, len(texts_SD), seed=seed)


def effective_dimension(texts_SD: NDArray[Any], seed: int = 0) -> Estimate:
    """Participation ratio of the covariance's eigenvalues, (Σλ)² / Σλ²: 1 for a line, D for a ball, 0 for a point.

    Σλ is the mean squared length of the centred vectors. Σλ² is the mean squared product of two different ones,
    and is computed as such. The eigenvalues of S texts would overestimate it by (Σλ)² / S: 1,000 texts of an
    isotropic space of 768 dimensions would seem to have 434.

    Centred at the mean m of a sample, a product is G_ij - g_i - g_j + h, with g_i = x_i·m and h = m·m. The sum of
    its squares expands to quadratic forms of the counts, so no sample needs its own Gram matrix. All these
    products sum to 0, so those of different texts average slightly less. The square of that average is subtracted.

    Args:
        texts_SD: unit vectors of S texts.
        seed: of the bootstrap over texts.
    """
    texts_SD = np.asarray(texts_SD, np.float64)
    texts_SD = texts_SD - texts_SD.mean(axis=0)  # against cancellation below
    products_SS = texts_SD @ texts_SD.T
    squares_SS, lengths_S = products_SS**2, np.diagonal(products_SS)

    def statistic(counts_BS: Counts) -> Floats:
        weights_BS = counts_BS.astype(np.float64)
        n_B = weights_BS.sum(axis=1)
        g_BS = weights_BS @ products_SS / n_B[:, np.newaxis]
        h_B = np.einsum("bs,bs->b", weights_BS, g_BS) / n_B
        own_BS = weights_BS * (lengths_S - 2 * g_BS + h_B[:, np.newaxis])  # squared lengths times counts
        variance_B = own_BS.sum(axis=1) / n_B
        all_B = np.einsum("bs,bs->b", weights_BS @ squares_SS, weights_BS)
        all_B += n_B**2 * h_B**2 - 2 * n_B * np.einsum("bs,bs,bs->b", weights_BS, g_BS, g_BS)
        pairs_B = np.maximum(_pairs(weights_BS), 1)  # a sample of one text has no pairs
        others_B = (all_B - np.einsum("bs,bs->b", own_BS, own_BS)) / pairs_B
        others_B -= (np.einsum("bs,bs->b", weights_BS, own_BS) / pairs_B) ** 2
        return _quotient(variance_B**2, others_B, (variance_B > POINT) & (others_B > 0), otherwise=0)

    return statistic_of(statistic, len(texts_SD), seed=seed)


def components(texts_SD: NDArray[Any], seed: int = 0, share: float = SHARE) -> Estimate:
    """Number of principal components that hold a share of the variance; 0 if there is no variance.

    Bootstrap samples keep the mean and the components of all texts, and recompute the variance along each
    component. To first order in the change of the covariance, that is the new eigenvalue. 2,000 decompositions of
    768 dimensions would take minutes.

    Args:
        texts_SD: unit vectors of S texts.
        seed: of the bootstrap over texts.
        share: of the variance.
    """
    texts_SD = np.asarray(texts_SD, np.float64)
    texts_SD = texts_SD - texts_SD.mean(axis=0)
    eigenvalues_D, vectors_DD = np.linalg.eigh(texts_SD.T @ texts_SD / len(texts_SD))
    if eigenvalues_D.sum() <= POINT:
        return statistic_of(lambda counts_BS: np.zeros(len(counts_BS)), len(texts_SD), seed=seed)
    squares_SD = (texts_SD @ vectors_DD[:, ::-1]) ** 2  # along the components, in order of falling variance

    def statistic(counts_BS: Counts) -> Floats:
        held_BD = np.cumsum(counts_BS.astype(np.float64) @ squares_SD, axis=1)
        fewer_B: Floats = (held_BD < share * held_BD[:, -1:]).sum(axis=1, dtype=np.float64)
        return 1 + fewer_B

    return statistic_of(statistic, len(texts_SD), seed=seed)


def smaller_vectors(queries_QD: Vectors, documents_ND: Vectors) -> Iterator[tuple[str, tuple[Vectors, Vectors]]]:
    """Compressed forms of the vectors, one after the other.

    Args:
        queries_QD: unit vectors.
        documents_ND: unit vectors.

    Yields:
        A name, and query and document vectors to rank by inner product: "at D", "at D/2" and so on down to 16
        dimensions (the first ones, scaled to unit length), "int8" and "binary".
    """
    dimension = queries_QD.shape[1]
    yield f"at {dimension}", (queries_QD, documents_ND)
    while dimension // 2 >= SMALLEST:
        dimension //= 2
        yield f"at {dimension}", (_unit(queries_QD[:, :dimension]), _unit(documents_ND[:, :dimension]))
    yield "int8", int8_vectors(queries_QD, documents_ND)
    yield "binary", (binary_vectors(queries_QD), binary_vectors(documents_ND))


def int8_vectors(queries_QD: Vectors, documents_ND: Vectors) -> tuple[Vectors, Vectors]:
    """Both sets of vectors quantized to one byte per dimension.

    Each dimension is quantized symmetrically, with a step of the documents' largest absolute value / 127. Queries
    beyond that are clipped. The vectors are returned in their original scale, since the product of the bytes
    themselves would weigh each dimension by 1 / step².

    Args:
        queries_QD: unit vectors.
        documents_ND: unit vectors.
    """
    largest_D = np.abs(documents_ND).max(axis=0)
    step_D = (np.where(largest_D > 0, largest_D, 1) / LEVELS).astype(np.float32)
    return _whole_steps(queries_QD, step_D), _whole_steps(documents_ND, step_D)


def binary_vectors(vectors_ND: Vectors) -> Vectors:
    """1 for values above 0, else -1. Inner products are exactly D - 2 x Hamming distance, so equal ones tie."""
    return np.where(vectors_ND > 0, np.float32(1), np.float32(-1))


class _PrecomputedVectors:
    """An embedder that returns precomputed vectors, in the order of the task."""

    def __init__(self, queries_QD: Vectors, documents_ND: Vectors) -> None:
        self._queries_QD, self._documents_ND = queries_QD, documents_ND

    def encode_query(self, texts: list[str], /) -> Vectors:
        return self._queries_QD

    def encode_document(self, texts: list[str], /) -> Vectors:
        return self._documents_ND


def _whole_steps(vectors_ND: Vectors, step_D: Vectors) -> Vectors:
    steps_ND: Vectors = np.clip(np.rint(vectors_ND / step_D), -LEVELS, LEVELS)
    return steps_ND * step_D


def _checked(vectors: NDArray[Any], texts: int, what: str) -> Vectors:
    vectors = np.asarray(vectors, np.float32)
    if vectors.ndim != 2 or len(vectors) != texts or not vectors.size:
        raise AdjoinError(
            f"the {what} have the shape {vectors.shape} for {texts:,} texts: expected (number of texts, dimension)"
        )
    broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(broken):
        raise AdjoinError(
            f"{len(broken):,} of the {what} are not finite, the first at {broken[0]:,}: expected unit vectors; "
            "the model is damaged or its training diverged"
        )
    return vectors


def _unit(vectors_ND: Vectors) -> Vectors:
    """The vectors scaled to unit length. Zero vectors stay zero."""
    lengths_N1: Vectors = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    lengths_N1[lengths_N1 == 0] = 1
    return vectors_ND / lengths_N1


def _sampled(texts_ND: Vectors, size: int, seed: int) -> Vectors:
    """A sample of the texts, the same for every model."""
    return texts_ND[np.sort(np.random.default_rng(seed).permutation(len(texts_ND))[:size])]


def _pairs(weights_BS: Floats) -> Floats:
    """Number of ordered pairs of different texts in each sample, shape (B,)."""
    pairs_B: Floats = weights_BS.sum(axis=1) ** 2 - np.einsum("bs,bs->b", weights_BS, weights_BS)
    return pairs_B


def _quotient(above_B: Floats, below_B: Floats, where_B: NDArray[np.bool_], otherwise: float) -> Floats:
    quotient_B: Floats = np.divide(above_B, below_B, out=np.full_like(above_B, otherwise), where=where_B)
    return quotient_B
