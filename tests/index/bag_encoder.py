"""A deterministic encoder without weights, and what the tests of the index share."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adjoin.index.store import open_published, read_description
from adjoin.ranking.lexical import terms


class BagEncoder:
    """Hashed bag of words: texts that share words have vectors that point the same way."""

    dense_weight = 0.5

    def __init__(self, dimension: int = 64, fingerprint: str = "bag-1") -> None:
        self.dimension = dimension
        self.fingerprint = fingerprint
        self.documents: list[str] = []
        self.calls = 0

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        return self._encode(texts)

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        self.calls += 1
        self.documents.extend(texts)
        return self._encode(texts)

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        vectors = np.full((len(texts), self.dimension), 1e-3, dtype=np.float32)
        for row, text in enumerate(texts):
            for term in terms(text):
                digest = hashlib.blake2b(f"{self.fingerprint} {term}".encode(), digest_size=4).digest()
                vectors[row, int.from_bytes(digest, "big") % self.dimension] += 1
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def write(root: Path, files: dict[str, str]) -> Path:
    """Write files below a folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def content(folder: Path) -> list[dict[str, object]]:
    """All rows that an index answers from, in one order."""
    description = read_description(folder)
    rows = open_published(folder, description).search().to_arrow().to_pylist()
    return sorted(rows, key=lambda row: row["id"])
