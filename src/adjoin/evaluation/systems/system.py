"""What can be measured: a system embeds texts under a name; some are fitted to the texts of each task first."""

import hashlib
from collections.abc import Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from adjoin.evaluation.systems.scorers import Embedder, encode_symmetric
from adjoin.ranking.fusion import dense_weight_of

Role = Literal["query", "document", "symmetric"]


class System(Embedder, Protocol):
    """An embedder with a name for the report and a fingerprint for the cache.

    Its vectors have length 1, but a text without any word that it knows has the zero vector: a cosine of 0 with
    everything, and never a number that is none.
    """

    @property
    def name(self) -> str:
        """What the report calls it."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digits that stand for weights, tokenizer and settings: vectors of two don't mix."""
        ...


@runtime_checkable
class Fitted(Protocol):
    """A baseline without weights of its own: it learns from the texts of each task, without their labels."""

    @property
    def name(self) -> str:
        """What the report calls it, and the systems that come out of it."""
        ...

    def fit(self, texts: Sequence[str]) -> System:
        """Learn from a task's documents, or from all texts of a task whose sides are alike.

        Raises:
            AdjoinError: the texts have no words.
        """
        ...


class Named:
    """An embedder that someone else made, under a name and a fingerprint.

    Attributes:
        dense_weight: the embedder's share in a hybrid search.
    """

    def __init__(self, embedder: Embedder, name: str, fingerprint: str) -> None:
        self._embedder = embedder
        self.name = name
        self.fingerprint = fingerprint
        self.dense_weight = dense_weight_of(embedder)

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        """The embedder's vectors of n queries (n, D)."""
        return self._embedder.encode_query(texts)

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        """The embedder's vectors of n documents (n, D)."""
        return self._embedder.encode_document(texts)

    def encode_text(self, texts: list[str]) -> NDArray[np.float32]:
        """The embedder's vectors of n texts that neither ask nor answer (n, D)."""
        return encode_symmetric(self._embedder, texts)


def unit_rows(vectors_ND: NDArray[Any]) -> NDArray[np.float32]:
    """The rows at length 1, float32; zero rows stay zero."""
    unit_ND: NDArray[np.float32] = np.array(vectors_ND, dtype=np.float32)
    lengths_N1 = np.linalg.norm(unit_ND, axis=1, keepdims=True)
    np.divide(unit_ND, lengths_N1, out=unit_ND, where=lengths_N1 > 0)
    return unit_ND


def text_digest(text: str) -> bytes:
    """128 bits that stand for a text; half a surrogate pair, as broken files have it, counts as it is."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def valid(text: str) -> str:
    """The text as Unicode, which tokenizers and servers ask for: half a surrogate pair becomes a "?"."""
    return text.encode("utf-8", "replace").decode()
