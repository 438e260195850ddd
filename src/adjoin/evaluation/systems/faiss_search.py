"""Approximate search with FAISS (Johnson, Douze and Jégou, arXiv 1702.08734), as in the paper for large corpora.

Documents are clustered by k-means into about 4 √N lists. Each query is compared with the documents of the nearest
eighth of the lists. Relevant documents that this misses count as not found.
"""

from collections.abc import Iterator

import numpy as np

from adjoin.errors import AdjoinError
from adjoin.evaluation.data.retrieval_task import RetrievalTask
from adjoin.evaluation.systems.scorers import Embedder, Row, vectors_of

FOUND = 1_000  # documents per query, more than any cutoff of a metric
_QUERIES_AT_ONCE = 256
_LEAST_PER_LIST = 39  # training vectors per centroid below which FAISS warns


class FaissScorer:
    """Scores documents by the inner product of vectors, for the documents that a FAISS IVF index returns.

    Args:
        name: name in the report.
        encoder: the embedding model.
    """

    def __init__(self, name: str, encoder: Embedder) -> None:
        self.name = name
        self._encoder = encoder

    def scores(self, task: RetrievalTask) -> Iterator[Row]:
        """One row per query, shape (N,): inner products of the documents found, and -inf for all others.

        Args:
            task: queries and documents.

        Raises:
            AdjoinError: FAISS is not installed, or the vectors are unusable (see `DenseScorer.scores`).
        """
        try:
            import faiss
        except ImportError:
            raise AdjoinError("--faiss needs the package faiss: pip install 'adjoin[faiss]'") from None
        documents_ND, queries_QD = vectors_of(self._encoder, task, self.name)
        number, dimension = documents_ND.shape
        lists = max(1, min(round(4 * number**0.5), number // _LEAST_PER_LIST))
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dimension), dimension, lists, faiss.METRIC_INNER_PRODUCT)
        index.train(documents_ND)  # draws its own sample with a fixed seed
        index.add(documents_ND)
        index.nprobe = max(1, lists // 8)
        for start in range(0, len(queries_QD), _QUERIES_AT_ONCE):
            block = queries_QD[start : start + _QUERIES_AT_ONCE]
            for scores, indices in zip(*index.search(block, min(FOUND, number)), strict=True):
                row = np.full(number, -np.inf, np.float32)
                row[indices[indices >= 0]] = scores[indices >= 0]
                yield row
