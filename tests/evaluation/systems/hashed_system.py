"""A system whose vectors are drawn from hashes of role and text, exact to the bit everywhere."""

import hashlib

import numpy as np
from numpy.typing import NDArray


class HashedSystem:
    """Remembers which texts it was given."""

    name = "hashed"
    fingerprint = "0123456789abcdef"

    def __init__(self, dimension: int = 8) -> None:
        self.dimension = dimension
        self.encoded: list[str] = []

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        self.encoded += texts
        return self.encode(texts, "query")

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        self.encoded += texts
        return self.encode(texts, "document")

    def encode(self, texts: list[str], role: str) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            digest = hashlib.blake2b(f"{role} {text}".encode("utf-8", "replace"), digest_size=self.dimension)
            row[:] = np.frombuffer(digest.digest(), np.int8)
        return vectors
