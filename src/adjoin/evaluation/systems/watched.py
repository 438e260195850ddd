"""A system whose progress is told: texts are encoded block by block."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from adjoin.evaluation.progress import step
from adjoin.evaluation.systems.scorers import Embedder, encode_symmetric

TEXTS_AT_ONCE = 2_048


class Watched:
    """An embedder that encodes at most 2,048 texts at once, as the vector cache does, and tells each block.

    Args:
        embedder: encodes the texts.
        name: its name, for the listener.
    """

    def __init__(self, embedder: Embedder, name: str) -> None:
        self._embedder, self._name = embedder, name

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        """The embedder's vectors of n queries, shape (n, D)."""
        return self._encode(texts, self._embedder.encode_query)

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        """The embedder's vectors of n documents, shape (n, D)."""
        return self._encode(texts, self._embedder.encode_document)

    def encode_text(self, texts: list[str]) -> NDArray[np.float32]:
        """The embedder's vectors of n texts in the symmetric role, shape (n, D)."""
        return self._encode(texts, lambda block: encode_symmetric(self._embedder, block))

    def _encode(self, texts: list[str], encode: Callable[[list[str]], NDArray[np.float32]]) -> NDArray[np.float32]:
        if len(texts) <= TEXTS_AT_ONCE:
            return encode(texts)
        blocks = []
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            step(f"texts by {self._name}", start, len(texts))
            blocks.append(encode(texts[start : start + TEXTS_AT_ONCE]))
        return np.concatenate(blocks)
