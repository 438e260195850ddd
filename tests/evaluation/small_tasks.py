"""Small tasks and stand-ins for encoders, made in memory."""

import numpy as np

from adjoin.evaluation import RetrievalTask


def task_of(relevant, documents=None, *, name="small", languages=None, query_ids=None):
    """A task with one query per judgment; texts are numbered unless given."""
    texts = documents or [f"document {i}" for i in range(max(max(r) for r in relevant) + 1)]
    return RetrievalTask(
        name=name,
        document_ids=[f"d{i}" for i in range(len(texts))],
        documents=texts,
        query_ids=query_ids or [f"q{i}" for i in range(len(relevant))],
        queries=[f"query {i}" for i in range(len(relevant))],
        relevant=relevant,
        languages=languages or [],
    )


class FixedRows:
    """A scorer whose rows are given."""

    def __init__(self, rows_QSN, name="fixed"):
        self.rows = rows_QSN
        self.name = name

    def scores(self, task):
        yield from self.rows


class RandomEmbedder:
    """Unit vectors that know nothing of the text, and how often they were asked for."""

    def __init__(self, dimension=16, seed=0):
        self.generator = np.random.default_rng(seed)
        self.dimension = dimension
        self.calls = []

    def _encode(self, texts):
        self.calls.append(len(texts))
        vectors = self.generator.standard_normal((len(texts), self.dimension)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    encode_query = _encode
    encode_document = _encode


class WordEmbedder:
    """A bag of hashed characters triples: texts that share spelling are near."""

    def __init__(self, dimension=512):
        self.dimension = dimension

    def _encode(self, texts):
        vectors = np.full((len(texts), self.dimension), 1e-6, dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for i in range(len(text) - 2):
                row[sum(ord(c) * 31**j for j, c in enumerate(text[i : i + 3])) % self.dimension] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    encode_query = _encode
    encode_document = _encode
