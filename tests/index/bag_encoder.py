"""A deterministic encoder without weights, and what the tests of the index share."""

import hashlib
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adjoin.index.sqlite import SQLiteStore
from adjoin.index.store import EVERYTHING
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
    """All pieces that an index answers from, with their vectors and files, in one order. Ids are left out."""
    with SQLiteStore(folder).reading() as snapshot:
        files = snapshot.files()
        zero_D = np.zeros(snapshot.description.dimension, np.float32)
        ids, _ = snapshot.nearest(zero_D, len(snapshot), EVERYTHING)
        candidates = snapshot.candidates(ids, None, [])
        vectors = snapshot.vectors(ids).tolist()
        rows = []
        for candidate, vector in zip(candidates, vectors, strict=True):
            row = asdict(candidate) | {"vector": vector, "content": files[candidate.path].content}
            rows.append({key: value for key, value in row.items() if key not in ("id", "cosine", "bm25")})
    return sorted(rows, key=lambda row: (row["path"], row["first_line"], row["text"]))


def words(folder: Path) -> dict[str, list[tuple[tuple[str, int], float]]]:
    """The BM25 scores of every term that an index holds, by the place of the piece."""
    with SQLiteStore(folder).reading() as snapshot:
        terms = [row[0] for row in snapshot._rows("SELECT DISTINCT term FROM postings")]
        scores = {}
        for term in sorted(terms):
            ids, scores_K = snapshot.matching([term], len(snapshot), EVERYTHING)
            places = [(piece.path, piece.first_line) for piece in snapshot.pieces(ids)]
            if places:
                scores[term] = sorted(zip(places, np.round(scores_K, 5).tolist(), strict=True))
    return scores
