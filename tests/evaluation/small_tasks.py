"""Small tasks and stand-ins for encoders and scorers, made in memory."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from adjoin.evaluation import RetrievalTask

Floats = NDArray[np.float32]


def task_of(
    relevant: list[dict[int, float]],
    documents: list[str] | None = None,
    *,
    name: str = "small",
    queries: list[str] | None = None,
    languages: list[str] | None = None,
    query_ids: list[str] | None = None,
) -> RetrievalTask:
    """A task with one query per judgment; texts are numbered unless given, document ids are d0, d1, ..."""
    texts = documents or [f"document {i}" for i in range(max(max(judged) for judged in relevant) + 1)]
    return RetrievalTask(
        name=name,
        document_ids=[f"d{i}" for i in range(len(texts))],
        documents=texts,
        query_ids=query_ids or [f"q{i}" for i in range(len(relevant))],
        queries=queries or [f"query {i}" for i in range(len(relevant))],
        relevant=relevant,
        languages=languages or [],
    )


class FixedRows:
    """A scorer whose rows are given."""

    def __init__(self, rows_QN: Iterable[Floats], name: str = "fixed") -> None:
        self.rows = rows_QN
        self.name = name

    def scores(self, task: RetrievalTask) -> Iterator[Floats]:
        yield from self.rows


def unit(vectors: Floats) -> Floats:
    lengths: Floats = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / lengths


class RandomEmbedder:
    """Unit vectors that know nothing of the text; remembers how many texts each call had."""

    def __init__(self, dimension: int = 16, seed: int = 0) -> None:
        self.generator = np.random.default_rng(seed)
        self.dimension = dimension
        self.calls: list[int] = []

    def encode_query(self, texts: list[str]) -> Floats:
        self.calls.append(len(texts))
        return unit(self.generator.standard_normal((len(texts), self.dimension), dtype=np.float32))

    encode_document = encode_query


class SpellingEmbedder:
    """A bag of hashed character triples: texts with a similar spelling are near."""

    def encode_query(self, texts: list[str]) -> Floats:
        vectors = np.full((len(texts), 512), 1e-6, dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for start in range(len(text) - 2):
                row[sum(ord(c) * 31**j for j, c in enumerate(text[start : start + 3])) % 512] += 1
        return unit(vectors)

    encode_document = encode_query
