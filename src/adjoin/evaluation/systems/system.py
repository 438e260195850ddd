"""Protocols of evaluated systems: embedders with a name and a fingerprint, and baselines fitted to each task."""

import hashlib
from collections.abc import Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from adjoin.evaluation.systems.scorers import Embedder, encode_symmetric
from adjoin.ranking.fusion import dense_weight_of

Role = Literal["query", "document", "symmetric"]


class System(Embedder, Protocol):
    """Protocol of an embedder with a name for the report and a fingerprint for the cache.

    Vectors have unit length. A text without any known word has the zero vector, whose cosine with all others is 0.
    """

    @property
    def name(self) -> str:
        """Name in the report."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hexadecimal hash of weights, tokenizer and settings, under which vectors are cached."""
        ...


@runtime_checkable
class Fitted(Protocol):
    """Protocol of a baseline that is fitted to the texts of each task, without their labels."""

    @property
    def name(self) -> str:
        """Name in the report, also of the systems that `fit` returns."""
        ...

    def fit(self, texts: Sequence[str]) -> System:
        """Fit to the documents of a task, or to all its texts if the task has no documents.

        Raises:
            AdjoinError: the texts have no words.
        """
        ...


class Named:
    """An embedder with a name and a fingerprint.

    Args:
        embedder: the embedding model.
        name: name in the report.
        fingerprint: hexadecimal hash under which its vectors are cached.

    Attributes:
        dense_weight: weight of the embedder in a hybrid search.
    """

    def __init__(self, embedder: Embedder, name: str, fingerprint: str) -> None:
        self._embedder = embedder
        self.name = name
        self.fingerprint = fingerprint
        self.dense_weight = dense_weight_of(embedder)

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        """The embedder's vectors of n queries, shape (n, D)."""
        return self._embedder.encode_query(texts)

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        """The embedder's vectors of n documents, shape (n, D)."""
        return self._embedder.encode_document(texts)

    def encode_text(self, texts: list[str]) -> NDArray[np.float32]:
        """The embedder's vectors of n texts in the symmetric role, shape (n, D)."""
        return encode_symmetric(self._embedder, texts)


def unit_rows(vectors_ND: NDArray[Any]) -> NDArray[np.float32]:
    """The rows scaled to unit length, float32. Zero rows stay zero."""
    unit_ND: NDArray[np.float32] = np.array(vectors_ND, dtype=np.float32)
    lengths_N1 = np.linalg.norm(unit_ND, axis=1, keepdims=True)
    np.divide(unit_ND, lengths_N1, out=unit_ND, where=lengths_N1 > 0)
    return unit_ND


def text_digest(text: str) -> bytes:
    """A 128-bit hash of a text, which may contain lone surrogates."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def valid_unicode(text: str) -> str:
    """The text as valid Unicode, with "?" for lone surrogates, which tokenizers and servers reject."""
    return text.encode("utf-8", "replace").decode()
