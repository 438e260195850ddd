"""Exact search among vectors: every query against every document, a block at a time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.ranking.order import best_first

NUMBERS_PER_BLOCK = 1 << 24  # 64 MiB of float32: large enough for full matrix speed, small on any laptop
QUERIES_PER_BLOCK = 1024


def top_k(
    queries_QD: NDArray[Any], documents_ND: NDArray[Any], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k documents with the highest inner product for every query, exactly.

    Memory stays bounded whatever Q and N: about three blocks of 64 MiB, besides the results. The documents
    may be a memory map; a type other than float32 is converted block by block.

    Args:
        queries_QD: shape (Q, D).
        documents_ND: shape (N, D).
        k: how many per query, at least 1; all N if there are fewer.

    Returns:
        scores and document indices, both of shape (Q, min(k, N)), best first; of equal scores the lower
        index comes first.

    Raises:
        AdjoinError: shapes that don't fit together, k below 1, or vectors that are not numbers (NaN).
    """
    if queries_QD.ndim != 2 or documents_ND.ndim != 2 or queries_QD.shape[1] != documents_ND.shape[1]:
        raise AdjoinError(
            f"cannot compare queries of shape {queries_QD.shape} with documents of shape {documents_ND.shape}: "
            "expected (Q, D) and (N, D); encode both with the same model and dimension"
        )
    if k < 1:
        raise AdjoinError(f"cannot return the best {k} documents: expected k of at least 1")
    number_of_queries = len(queries_QD)
    kept = min(k, len(documents_ND))
    scores_QK = np.empty((number_of_queries, kept), dtype=np.float32)
    indices_QK = np.empty((number_of_queries, kept), dtype=np.int64)
    for start in range(0, number_of_queries, QUERIES_PER_BLOCK):
        block = slice(start, start + QUERIES_PER_BLOCK)
        queries_BD = np.asarray(queries_QD[block], dtype=np.float32)
        scores_QK[block], indices_QK[block] = _top_k_of_block(queries_BD, documents_ND, kept)
    return scores_QK, indices_QK


def _top_k_of_block(
    queries_BD: NDArray[np.float32], documents_ND: NDArray[Any], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """`top_k` for one block of queries: run through the documents, keeping the best k so far."""
    number_of_queries, dimension = queries_BD.shape
    step = max(1, NUMBERS_PER_BLOCK // max(number_of_queries, dimension, 1))
    best_BK = np.empty((number_of_queries, 0), dtype=np.float32)
    where_BK = np.empty((number_of_queries, 0), dtype=np.int64)
    for start in range(0, len(documents_ND), step):
        documents_CD = np.asarray(documents_ND[start : start + step], dtype=np.float32)
        scores_BC = queries_BD @ documents_CD.T
        if np.isnan(scores_BC).any():
            raise AdjoinError(
                f"the vectors of documents {start:,} to {start + len(documents_CD) - 1:,}, or of the queries, "
                "are not all numbers (NaN or infinite): expected finite values; encode them again"
            )
        chosen_BK = np.stack([best_first(scores_C, k) for scores_C in scores_BC])
        # What was kept before has the lower indices and stands on the left, so a stable sort of the two
        # together still puts the lower index of equals first.
        both = np.concatenate([best_BK, np.take_along_axis(scores_BC, chosen_BK, axis=1)], axis=1)
        which = np.concatenate([where_BK, chosen_BK + start], axis=1)
        order = np.argsort(-both, axis=1, kind="stable")[:, :k]
        best_BK, where_BK = np.take_along_axis(both, order, axis=1), np.take_along_axis(which, order, axis=1)
    return best_BK, where_BK
