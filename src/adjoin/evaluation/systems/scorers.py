"""Scorers: they score all documents of a task for one query at a time.

A row of scores has shape (N,), one per document. Rows are fused only among the candidates of a query
(`rank_scores`), because a z-score among 1,000 candidates differs from one in the whole corpus. Rows are generated
one query at a time, so memory does not grow with the number of queries.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.data.retrieval_task import CODE, RetrievalTask
from adjoin.evaluation.progress import step
from adjoin.ranking.fusion import z_score_fusion
from adjoin.ranking.lexical import BM25, identifier_parts, stemmed_words, terms

Row = NDArray[np.float32]  # (N,)
Real = TypeVar("Real", np.float32, np.float64)

SCORES_PER_BLOCK = 1 << 24  # scores per matrix product: 64 MiB of float32


class Embedder(Protocol):
    """Protocol of an embedding model: texts in, one unit vector per text out.

    A model may also have `encode_text` for texts that are compared with each other or classified. See
    `encode_symmetric`.
    """

    def encode_query(self, texts: list[str], /) -> NDArray[np.float32]:
        """Unit vectors of n queries, shape (n, D)."""
        ...

    def encode_document(self, texts: list[str], /) -> NDArray[np.float32]:
        """Unit vectors of n documents, shape (n, D)."""
        ...


def encode_symmetric(embedder: Embedder, texts: list[str]) -> NDArray[np.float32]:
    """Encode texts in the symmetric role: with `encode_text`, or `encode_query` if the model has no such method.

    Args:
        embedder: the embedding model.
        texts: n texts.

    Returns:
        Vectors of shape (n, D).
    """
    encode: Callable[[list[str]], NDArray[np.float32]] = getattr(embedder, "encode_text", embedder.encode_query)
    return encode(texts)


def checked(
    vectors: NDArray[Real], texts: Sequence[str], *, who: str = "the model", role: str = "", task: str = ""
) -> NDArray[Real]:
    """Return an embedder's vectors after checking that they are finite and one per text.

    Args:
        vectors: shape (n, D).
        texts: the n texts.
        who: name of the model, for the message.
        role: role of the texts, "query" or "document", for the message.
        task: name of the task, for the message.

    Raises:
        AdjoinError: the shape does not match, or a value is not finite.
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
    """Protocol of a system that scores documents for queries."""

    @property
    def name(self) -> str:
        """Name in the report."""
        ...

    def scores(self, task: RetrievalTask) -> Iterator[Row]:
        """One row of scores per query, in order, shape (N,). Higher is better."""
        ...


def rank_scores(rows: Sequence[NDArray[Any]], weights: Sequence[float]) -> NDArray[Any]:
    """The scores to rank candidates by: a single row unchanged, or the weighted sum of the z-scores of several.

    Args:
        rows: S rows of scores, shape (C,), of the candidates only.
        weights: weight of each row.

    Returns:
        One score per candidate, shape (C,).
    """
    return rows[0] if len(rows) == 1 else z_score_fusion(rows, weights)


def vectors_of(
    encoder: Embedder, task: RetrievalTask, who: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Encode the documents and queries of a task.

    Args:
        encoder: the embedding model.
        task: documents and queries.
        who: name of the model, for messages.

    Returns:
        Document vectors (N, D) and query vectors (Q, D).

    Raises:
        AdjoinError: vectors are not finite or not one per text, or the two dimensions differ.
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
    """Scores documents by the inner product of vectors.

    Args:
        name: name in the report.
        encoder: the embedding model.
    """

    def __init__(self, name: str, encoder: Embedder) -> None:
        self.name = name
        self._encoder = encoder

    def scores(self, task: RetrievalTask) -> Iterator[Row]:
        """One row per query, shape (N,). Documents and queries are encoded when the first row is requested.

        Args:
            task: queries and documents.

        Raises:
            AdjoinError: vectors are not finite or not one per text, or the two dimensions differ.
        """
        documents_ND, queries_QD = vectors_of(self._encoder, task, self.name)
        step = max(1, SCORES_PER_BLOCK // len(documents_ND))
        for start in range(0, len(queries_QD), step):
            block_BN = queries_QD[start : start + step] @ documents_ND.T
            yield from block_BN


@dataclass(frozen=True)
class BM25Settings:
    """Tokenization and parameters of BM25.

    Attributes:
        words: splits a text into words.
        k1: saturation of term frequency.
        b: strength of document length normalization.
        repeats: whether a word that repeats in a query counts each time.
    """

    words: Callable[[str], list[str]] = terms
    k1: float = 1.2
    b: float = 0.75
    repeats: bool = True


@dataclass(frozen=True)
class LexicalVariant:
    """BM25 settings for prose, and for tasks whose documents are mostly source code.

    Attributes:
        name: name of the variant.
        prose: settings for prose.
        code: settings for source code.
    """

    name: str
    prose: BM25Settings = field(default_factory=BM25Settings)
    code: BM25Settings = field(default_factory=BM25Settings)


OURS = LexicalVariant("ours")
# The usual settings in publications: Lucene's words with Anserini's k1 and b, parts of identifiers for code.
REFERENCE = LexicalVariant(
    "reference", BM25Settings(stemmed_words, 0.9, 0.4), BM25Settings(identifier_parts, 1.2, 0.75, repeats=False)
)


class BM25Scorer:
    """The BM25 baseline over the task's own documents.

    Args:
        name: name in the report.
        variant: tokenization and parameters.
    """

    def __init__(self, name: str = "bm25", variant: LexicalVariant = OURS) -> None:
        self.name = name
        self.variant = variant

    @property
    def fingerprint(self) -> str:
        """The key of this system in the result cache."""
        settings = [
            (how.words.__name__, how.k1, how.b, how.repeats) for how in (self.variant.prose, self.variant.code)
        ]
        return f"bm25 {settings}"

    def scores(self, task: RetrievalTask) -> Iterator[Row]:
        """One row per query, shape (N,). The documents are indexed when the first row is requested."""
        how = self.variant.code if task.suite == CODE else self.variant.prose
        step("documents into BM25", 0, len(task.documents))
        index = BM25(task.documents, k1=how.k1, b=how.b, read=how.words, repeats=how.repeats)
        for query in task.queries:
            yield index.scores(query)
