"""What can be evaluated: anything that scores the documents of a task, query by query.

A scorer gives rows of shape (N,): a score for each of N documents. Several rows are fused only once the
candidates are known (`rank_scores`), because a standard score among 1,000 candidates is not that in the whole
corpus. Rows come one query at a time, so memory does not grow with the number of queries.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.data.retrieval_task import CODE, RetrievalTask
from adjoin.ranking.fusion import standard_score_fusion
from adjoin.ranking.lexical import BM25, identifier_parts, stemmed_words, terms

Row = NDArray[np.float32]  # (N,)
Real = TypeVar("Real", np.float32, np.float64)

SCORES_PER_BLOCK = 1 << 24  # 64 MiB of float32 between a matrix product and the queries that use it


class Embedder(Protocol):
    """A model as evaluation needs it: texts in, one unit vector each out.

    It may have `encode_text` for texts that are compared with each other or classified; see `encode_symmetric`.
    """

    def encode_query(self, texts: list[str], /) -> NDArray[np.float32]:
        """Vectors of n queries, shape (n, D), of length 1."""
        ...

    def encode_document(self, texts: list[str], /) -> NDArray[np.float32]:
        """Vectors of n documents, shape (n, D), of length 1."""
        ...


def encode_symmetric(embedder: Embedder, texts: list[str]) -> NDArray[np.float32]:
    """Vectors (n, D) of texts that neither ask nor answer: by `encode_text`, or as queries where there is none."""
    encode: Callable[[list[str]], NDArray[np.float32]] = getattr(embedder, "encode_text", embedder.encode_query)
    return encode(texts)


def checked(
    vectors: NDArray[Real], texts: Sequence[str], *, who: str = "the model", role: str = "", task: str = ""
) -> NDArray[Real]:
    """An embedder's vectors, if they are finite and one a text.

    Args:
        vectors: (n, D).
        texts: the n texts that they are of.
        who: gave them, for the message.
        role: of the texts, likewise: "query" or "document".
        task: that the texts are of, likewise.

    Raises:
        AdjoinError: they are not.
    """
    what = f"{role} vectors".lstrip()
    number = f"the {len(texts):,} texts of {task}" if task else f"{len(texts):,} texts"
    if vectors.ndim != 2 or len(vectors) != len(texts):
        raise AdjoinError(
            f"{who} gave {what} of shape {vectors.shape} for {number}: expected (number of texts, dimension); "
            "look at the model"
        )
    broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(broken):
        raise AdjoinError(
            f"{who} gave {len(broken):,} {what} with values that are not finite, the first for "
            f"{texts[broken[0]][:60]!r}: expected unit vectors; the model is damaged or its training diverged"
        )
    return vectors


class Scorer(Protocol):
    """A way to score documents for queries."""

    @property
    def name(self) -> str:
        """What the report calls it."""
        ...

    def scores(self, task: RetrievalTask) -> Iterator[Row]:
        """For every query in order: a score for each document, shape (N,), higher is better."""
        ...


def rank_scores(rows: Sequence[NDArray[Any]], weights: Sequence[float]) -> NDArray[Any]:
    """One score per candidate, shape (C,): the only row as it is, or the standard scores of several, added.

    Args:
        rows: S rows of shape (C,), of the candidates alone.
        weights: of the S rows.
    """
    return rows[0] if len(rows) == 1 else standard_score_fusion(rows, weights)


def vectors_of(
    encoder: Embedder, task: RetrievalTask, who: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Vectors (N, D) of a task's documents and (Q, D) of its queries.

    Raises:
        AdjoinError: they are not finite, or not one per text, or their dimensions differ; `who` gave them.
    """
    documents = np.asarray(encoder.encode_document(task.documents), np.float32)
    documents_ND = checked(documents, task.documents, who=who, role="document")
    queries = np.asarray(encoder.encode_query(task.queries), np.float32)
    queries_QD = checked(queries, task.queries, who=who, role="query")
    if documents_ND.shape[1] != queries_QD.shape[1]:
        raise AdjoinError(
            f"{who} gives documents {documents_ND.shape[1]} dimensions and queries "
            f"{queries_QD.shape[1]}: expected as many; use one model for both"
        )
    return documents_ND, queries_QD


class DenseScorer:
    """The inner product of an embedder's vectors."""

    def __init__(self, name: str, encoder: Embedder) -> None:
        self.name = name
        self._encoder = encoder

    def scores(self, task: RetrievalTask) -> Iterator[Row]:
        """Rows of shape (N,). Documents and queries are encoded once, when the first row is asked for.

        Raises:
            AdjoinError: the embedder's vectors are not finite, or not one per text, or their dimensions differ.
        """
        documents_ND, queries_QD = vectors_of(self._encoder, task, self.name)
        step = max(1, SCORES_PER_BLOCK // len(documents_ND))
        for start in range(0, len(queries_QD), step):
            block_BN = queries_QD[start : start + step] @ documents_ND.T
            yield from block_BN


@dataclass(frozen=True)
class BM25Settings:
    """How BM25 reads and weighs words.

    Attributes:
        words: from a text to its words.
        k1: how slowly repeated words stop counting.
        b: how far long documents are discounted.
        repeats: whether a word counts as often as it stands in a query, or once.
    """

    words: Callable[[str], list[str]] = terms
    k1: float = 1.2
    b: float = 0.75
    repeats: bool = True


@dataclass(frozen=True)
class LexicalVariant:
    """A BM25 for prose and for tasks most of whose documents are source code.

    Attributes:
        name: of the variant.
        prose: how texts are read.
        code: how code is.
    """

    name: str
    prose: BM25Settings = field(default_factory=BM25Settings)
    code: BM25Settings = field(default_factory=BM25Settings)


OURS = LexicalVariant("ours")
# What is mostly quoted: Lucene's words with Anserini's k1 and b for prose, parts of identifiers for code.
REFERENCE = LexicalVariant(
    "reference", BM25Settings(stemmed_words, 0.9, 0.4), BM25Settings(identifier_parts, 1.2, 0.75, repeats=False)
)


class BM25Scorer:
    """BM25 over the task's own documents: the baseline that knows nothing but words."""

    def __init__(self, name: str = "bm25", variant: LexicalVariant = OURS) -> None:
        self.name = name
        self.variant = variant

    @property
    def fingerprint(self) -> str:
        """What stands for it among known figures."""
        return f"bm25 {self.variant.name}"

    def scores(self, task: RetrievalTask) -> Iterator[Row]:
        """Rows of shape (N,). The documents are indexed when the first row is asked for."""
        how = self.variant.code if task.suite == CODE else self.variant.prose
        index = BM25(task.documents, k1=how.k1, b=how.b, read=how.words, repeats=how.repeats)
        for query in task.queries:
            yield index.scores(query)
