"""What the space of vectors is like: how close, how spread, how many dimensions, and what smaller vectors keep.

Alignment and uniformity are those of Wang and Isola 2020 (arXiv 2005.10242, section 4.1) with alpha = 2 and t = 2.
Lower is better for both, and either alone is easy: with all texts in one point pairs align perfectly, and random
vectors are uniform. The effective dimension is the participation ratio of the covariance's eigenvalues. Smaller
vectors are measured by search: the first dimensions alone (Matryoshka, Kusupati et al. 2022, arXiv 2205.13147),
and one byte or one bit a dimension.
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
SAMPLE = 1_000  # documents of uniformity and effective dimension: all 499,500 pairs of them
SPECTRUM_SAMPLE = 5_000  # documents of the components, whose resamples are one product of 2,000 x 5,000 x D
SHARE = 0.9  # of the variance
SMALLEST = 16  # dimensions at the end of the Matryoshka curve
LEVELS = 127  # of int8 on each side of 0
POINT = 1e-12  # a variance below this is rounding: unit vectors in float32 are off by 1e-14, squared

Vectors = NDArray[np.float32]
Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def space(
    task: RetrievalTask, queries_QD: NDArray[Any], documents_ND: NDArray[Any], seed: int = 0
) -> list[Result]:
    """Everything this file measures, from the vectors of one retrieval task.

    Args:
        task: queries, documents and judgments; a query and its first relevant document are a positive pair.
        queries_QD: the queries' vectors; made unit vectors here.
        documents_ND: the documents' vectors, of as many dimensions.
        seed: of the samples of documents and of the bootstrap.

    Returns:
        "alignment", "uniformity", "effective dimension" and "components of 90% variance"; then the task's main
        metric ("ndcg@10", "mrr" for code) "at D", "at D/2", ... down to 16 dimensions, "int8" and "binary". The
        intervals are over pairs, over the documents sampled, and over queries.

    Raises:
        AdjoinError: vectors that are not finite or not one a text, unequal dimensions, or a single document.
    """
    queries_QD = _unit(_checked(queries_QD, len(task.queries), f"query vectors of {task.name}"))
    documents_ND = _unit(_checked(documents_ND, len(task.documents), f"document vectors of {task.name}"))
    if queries_QD.shape[1] != documents_ND.shape[1]:
        raise AdjoinError(
            f"the queries of {task.name} have {queries_QD.shape[1]:,} dimensions and its documents "
            f"{documents_ND.shape[1]:,}: expected as many; use one model for both"
        )
    if len(documents_ND) < 2:
        raise AdjoinError(f"{task.name} has one document: expected at least two, which can be near or far apart")
    first_Q = [next(iter(relevant)) for relevant in task.relevant]
    small_SD, large_SD = (_sampled(documents_ND, size, seed) for size in (SAMPLE, SPECTRUM_SAMPLE))
    small, large = (f"{len(sample):,} of {len(documents_ND):,} documents" for sample in (small_SD, large_SD))
    found = [
        ("alignment", alignment(queries_QD, documents_ND[first_Q], seed), ("lower is better",)),
        ("uniformity", uniformity(small_SD, seed), ("lower is better", small)),
        ("effective dimension", effective_dimension(small_SD, seed), (small,)),
        (f"components of {SHARE:.0%} variance", components(large_SD, seed), (large,)),
    ]
    results = [Result(SUITE, task.name, metric, estimate, notes) for metric, estimate, notes in found]
    metric = "mrr" if task.suite == CODE else "ndcg@10"
    for name, vectors in smaller_vectors(queries_QD, documents_ND):
        values_Q = evaluate_task(task, DenseScorer(name, _Prepared(*vectors)), seed=seed)[metric]
        results.append(Result(SUITE, task.name, f"{metric} {name}", mean_of(values_Q, seed=seed)))
    return results


def alignment(x_PD: NDArray[Any], y_PD: NDArray[Any], seed: int = 0) -> Estimate:
    """Mean squared distance of the unit vectors of P positive pairs: 0 if equal, 2 if orthogonal, at most 4."""
    difference_PD = x_PD - y_PD
    return mean_of(np.einsum("pd,pd->p", difference_PD, difference_PD, dtype=np.float64), seed=seed)


def uniformity(texts_SD: NDArray[Any], seed: int = 0) -> Estimate:
    """Log of the mean of exp(-2 squared distance) over all pairs of S unit vectors; about -4 if uniform.

    A text is no pair with itself, nor with its copies in a sample of the bootstrap: at distance 0, they would put
    the figure of 1,000 uniform vectors up by 0.05 and its samples by 0.1. One text alone, a point, has 0.
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
    """Participation ratio of the covariance's eigenvalues, (sum λ)² / sum λ²: 1 for a line, D for a ball.

    The sum of λ is the mean squared length of the centred vectors; that of λ² is the mean squared product of two
    different ones, and is measured as such. From the eigenvalues of S texts it would come out too large by
    (sum λ)² / S: 1,000 texts of an isotropic space of 768 dimensions would seem to have 434. 0 for a point.

    Centred at the mean m of a sample, a product is G_ij - g_i - g_j + h, with g_i = x_i·m and h = m·m. Multiplied
    out, its squares sum to quadratic forms of the counts, so no sample needs its own Gram matrix. Since all these
    products sum to 0, those of different texts average a little less; the square of that average is taken off.
    """
    texts_SD = np.asarray(texts_SD, np.float64)
    texts_SD = texts_SD - texts_SD.mean(axis=0)  # so that nothing large cancels below
    products_SS = texts_SD @ texts_SD.T
    squares_SS, lengths_S = products_SS**2, np.diagonal(products_SS)

    def statistic(counts_BS: Counts) -> Floats:
        weights_BS = counts_BS.astype(np.float64)
        n_B = weights_BS.sum(axis=1)
        g_BS = weights_BS @ products_SS / n_B[:, np.newaxis]
        h_B = np.einsum("bs,bs->b", weights_BS, g_BS) / n_B
        own_BS = weights_BS * (lengths_S - 2 * g_BS + h_B[:, np.newaxis])  # squared lengths, times counts
        variance_B = own_BS.sum(axis=1) / n_B
        all_B = np.einsum("bs,bs->b", weights_BS @ squares_SS, weights_BS)
        all_B += n_B**2 * h_B**2 - 2 * n_B * np.einsum("bs,bs,bs->b", weights_BS, g_BS, g_BS)
        pairs_B = np.maximum(_pairs(weights_BS), 1)  # a sample of one text has no pair, and no variance
        others_B = (all_B - np.einsum("bs,bs->b", own_BS, own_BS)) / pairs_B
        others_B -= (np.einsum("bs,bs->b", weights_BS, own_BS) / pairs_B) ** 2
        return _quotient(variance_B**2, others_B, (variance_B > POINT) & (others_B > 0), otherwise=0)

    return statistic_of(statistic, len(texts_SD), seed=seed)


def components(texts_SD: NDArray[Any], seed: int = 0, share: float = SHARE) -> Estimate:
    """How many principal components hold a share of the variance of S texts; 0 if there is no variance.

    The samples keep the mean and the components of all S texts and take the variance along each anew: to first
    order in the change of the covariance, that is its new eigenvalue. 2,000 decompositions of 768 dimensions
    would take minutes.
    """
    texts_SD = np.asarray(texts_SD, np.float64)
    texts_SD = texts_SD - texts_SD.mean(axis=0)
    eigenvalues_D, vectors_DD = np.linalg.eigh(texts_SD.T @ texts_SD / len(texts_SD))
    if eigenvalues_D.sum() <= POINT:
        return statistic_of(lambda counts_BS: np.zeros(len(counts_BS)), len(texts_SD), seed=seed)
    squares_SD = (texts_SD @ vectors_DD[:, ::-1]) ** 2  # along the components, by falling variance

    def statistic(counts_BS: Counts) -> Floats:
        held_BD = np.cumsum(counts_BS.astype(np.float64) @ squares_SD, axis=1)
        fewer_B: Floats = (held_BD < share * held_BD[:, -1:]).sum(axis=1, dtype=np.float64)
        return 1 + fewer_B

    return statistic_of(statistic, len(texts_SD), seed=seed)


def smaller_vectors(queries_QD: Vectors, documents_ND: Vectors) -> Iterator[tuple[str, tuple[Vectors, Vectors]]]:
    """What a store could keep in place of D floats, one after the other.

    Args:
        queries_QD: unit vectors.
        documents_ND: unit vectors.

    Yields:
        a name, and vectors whose inner product gives the ranking: "at D", "at D/2", ... down to 16 dimensions (the
        first ones, made unit vectors again), "int8" and "binary".
    """
    dimension = queries_QD.shape[1]
    yield f"at {dimension}", (queries_QD, documents_ND)
    while dimension // 2 >= SMALLEST:
        dimension //= 2
        yield f"at {dimension}", (_unit(queries_QD[:, :dimension]), _unit(documents_ND[:, :dimension]))
    yield "int8", bytes_of(queries_QD, documents_ND)
    yield "binary", (signs(queries_QD), signs(documents_ND))


def bytes_of(queries_QD: Vectors, documents_ND: Vectors) -> tuple[Vectors, Vectors]:
    """Both as one byte a dimension holds them: whole steps, of the documents' largest absolute value / 127.

    The steps are symmetric about 0, one size a dimension; a query beyond them is cut off. The vectors come back in
    their own units, since the product of the bytes themselves would weigh each dimension by 1 / step².
    """
    largest_D = np.abs(documents_ND).max(axis=0)
    step_D = (np.where(largest_D > 0, largest_D, 1) / LEVELS).astype(np.float32)
    return _whole_steps(queries_QD, step_D), _whole_steps(documents_ND, step_D)


def signs(vectors_ND: Vectors) -> Vectors:
    """1 above 0, else -1: the inner product is D - 2 x Hamming distance, exactly, so equal distances tie."""
    return np.where(vectors_ND > 0, np.float32(1), np.float32(-1))


class _Prepared:
    """An embedder whose vectors are there already, in the order of the task."""

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
    """Of length 1; the zero vector stays."""
    lengths_N1: Vectors = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    lengths_N1[lengths_N1 == 0] = 1
    return vectors_ND / lengths_N1


def _sampled(texts_ND: Vectors, size: int, seed: int) -> Vectors:
    """Some texts, the same for every model."""
    return texts_ND[np.sort(np.random.default_rng(seed).permutation(len(texts_ND))[:size])]


def _pairs(weights_BS: Floats) -> Floats:
    """Ordered pairs of different texts in each sample [B]."""
    pairs_B: Floats = weights_BS.sum(axis=1) ** 2 - np.einsum("bs,bs->b", weights_BS, weights_BS)
    return pairs_B


def _quotient(above_B: Floats, below_B: Floats, where_B: NDArray[np.bool_], otherwise: float) -> Floats:
    quotient_B: Floats = np.divide(above_B, below_B, out=np.full_like(above_B, otherwise), where=where_B)
    return quotient_B
