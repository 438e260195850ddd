"""Search with FAISS (Johnson, Douze and Jégou, arXiv 1702.08734), as the paper has it for corpora of millions.

Vectors are cut into about four times the square root of their number of lists by k-means, and a query is compared
with those of the nearest eighth of the lists: an approximation, whose misses count as misses.
"""

from collections.abc import Iterator

import numpy as np

from adjoin.errors import AdjoinError
from adjoin.evaluation.data.retrieval_task import RetrievalTask
from adjoin.evaluation.systems.scorers import Embedder, Row, vectors_of

FOUND = 1_000  # documents a query; more than any cutoff of a metric
_QUERIES_AT_ONCE = 256
_LEAST_A_LIST = 39  # vectors that k-means wants for each of its means, or it warns


class FaissScorer:
    """The inner product of an embedder's vectors, of the documents that an inverted file of FAISS finds."""

    def __init__(self, name: str, encoder: Embedder) -> None:
        self.name = name
        self._encoder = encoder

    def scores(self, task: RetrievalTask) -> Iterator[Row]:
        """Rows of shape (N,): inner products of what is found, -inf for all else, which shares the last place.

        Raises:
            AdjoinError: FAISS is not installed, or as `DenseScorer`.
        """
        try:
            import faiss
        except ImportError:
            raise AdjoinError("--faiss needs the package faiss: pip install 'adjoin[faiss]'") from None
        documents_ND, queries_QD = vectors_of(self._encoder, task, self.name)
        number, dimension = documents_ND.shape
        lists = max(1, min(round(4 * number**0.5), number // _LEAST_A_LIST))
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dimension), dimension, lists, faiss.METRIC_INNER_PRODUCT)
        index.train(documents_ND)  # samples by itself, always the same
        index.add(documents_ND)
        index.nprobe = max(1, lists // 8)
        for start in range(0, len(queries_QD), _QUERIES_AT_ONCE):
            block = queries_QD[start : start + _QUERIES_AT_ONCE]
            for scores, places in zip(*index.search(block, min(FOUND, number)), strict=True):
                row = np.full(number, -np.inf, np.float32)
                row[places[places >= 0]] = scores[places >= 0]
                yield row
