"""One version of an index in SQLite, for reading."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.index.sqlite.approximate import Sketch, read_sketch
from adjoin.index.sqlite.database import REMEDY_READING, damage_as_error, database_errors, description_in
from adjoin.index.sqlite.rows import BLOCK_PIECES, cosines_of, symbol_key
from adjoin.index.sqlite.stored_rows import NO_IDS, StoredRows
from adjoin.index.store import EVERYTHING, FileRecord, Filter, Ids, IndexDescription, Scores, StoredPiece
from adjoin.ranking.evidence import Candidate
from adjoin.ranking.order import best_first

KEPT_BYTES = 256 << 20  # vectors of an index up to this size stay in memory between searches
# Of int8 vectors that are made float32 at a time: their 2 MB fit the cache, 16 MB take 2.5 times as long.
CHUNK_BYTES = 512 << 10
CUT_FROM = 64  # pieces of a block: vectors are cut out of smaller ones; of larger ones, all are read
PIECES_OF_A_PATH = 4  # candidates that a file gives for the words in its path

_KEPT = ("_blocks", "_by_file", "_words", "_codes", "_file_paths", "_texts", "_named_files", "_sketch", "_masks")


class SQLiteSnapshot(StoredRows):
    """One version of an index in SQLite: the read transaction of a connection."""

    def __init__(self, connection: sqlite3.Connection, folder: Path, description: IndexDescription) -> None:
        """Wrap a connection in a read transaction. Use `open_snapshot`."""
        super().__init__(connection, folder, description)
        self._last_vector: NDArray[np.float32] | None = None
        self._last_cosines_N = np.empty(0, np.float32)
        self._nearest: tuple[Any, Ids, Scores] = (None, NO_IDS, self._last_cosines_N)

    def continued(self, earlier: "SQLiteSnapshot | None") -> "SQLiteSnapshot":
        """Take over what an earlier snapshot of the same version has in memory."""
        if earlier is not None and earlier.description == self.description:
            for name in _KEPT:
                if name in earlier.__dict__:
                    self.__dict__[name] = earlier.__dict__[name]
            for name, rows_of in self._read_by.items():
                if name in self.__dict__:
                    self.__dict__[name].rows_of = rows_of
        return self

    def __len__(self) -> int:
        """The number of pieces."""
        return len(self._ids_N)

    def languages(self) -> list[str]:
        """The languages of the pieces, sorted."""
        return [name for (name,) in self._rows("SELECT DISTINCT language FROM pieces ORDER BY language")]

    def files(self) -> dict[str, FileRecord]:
        """All files that were read, by path."""
        query = "SELECT path, size, mtime_ns, inode, content, pieces, reason FROM files ORDER BY path"
        return {row[0]: FileRecord(*row) for row in self._rows(query)}

    def nearest(self, vector_D: NDArray[np.float32], number: int, where: Filter) -> tuple[Ids, Scores]:
        """The ids of the nearest pieces with their cosines, best first, as `Snapshot.nearest`.

        A large index is searched through its sketch (approximate.py): a few of the nearest may be missing, the
        cosines are exact. Without a sketch, or with few pieces to choose from, the search is exact.
        """
        wanted_N = self._wanted(where)
        if self._sketch is None:
            near_N, cosines_N = np.arange(len(self._ids_N)), self._all_cosines(vector_D)
            if wanted_N is not None:
                near_N, cosines_N = near_N[wanted_N], cosines_N[wanted_N]
        else:
            near_N = self._sketch.nearest(vector_D, number, wanted_N)
            cosines_N = self.vectors(self._ids_N[near_N]) @ vector_D
            self._nearest = vector_D, self._ids_N[near_N], cosines_N
        best_K = best_first(cosines_N, number)
        return self._ids_N[near_N[best_K]], cosines_N[best_K]

    def matching(self, terms: Sequence[str], number: int, where: Filter) -> tuple[Ids, Scores]:
        """The ids of the best pieces that hold one of the terms with their BM25 scores, as `Snapshot.matching`."""
        scores = self._words.scores(terms)  # by id
        if (wanted_N := self._wanted(where)) is None:
            ids_K = best_first(scores, number)
        else:
            ids_N = self._ids_N[wanted_N]
            ids_K = ids_N[best_first(scores[ids_N], number)]
        ids_K = ids_K[scores[ids_K] > 0]
        return ids_K, scores[ids_K]

    def defining(self, symbols: Sequence[str], where: Filter, number: int) -> Ids:
        """The ids of pieces that define one of the names, as `Snapshot.defining`."""
        found: set[int] = set()
        query = "SELECT piece FROM symbols WHERE name = ? ORDER BY piece"
        limit: tuple[int, ...] = ()
        if where == EVERYTHING:  # a large index defines some names ten thousand times
            query, limit = f"{query} LIMIT ?", (number,)
        for name in {symbol_key(symbol) for symbol in symbols}:
            found.update(piece for (piece,) in self._rows(query, (name, *limit)))
        return self._filtered(np.array(sorted(found), np.int64), where)[:number]

    def at_paths(
        self, words: Sequence[str], where: Filter, number: int, vector_D: NDArray[np.float32] | None = None
    ) -> Ids:
        """The ids of pieces of files with these words in name or folders, as `Snapshot.at_paths`.

        In a large index, the nearest pieces of a file are those whose sketches are nearest.
        """
        allowed = None if where == EVERYTHING else self._files_at(where)
        most = len(self._blocks[0]) if where.languages else number  # any other file gives a piece at least
        groups: list[Ids] = []
        left = number
        for file in self._named_files.best(list(dict.fromkeys(words)), most, allowed).tolist():
            ids_k = self._ids_of(file)
            groups.append(self._filtered(ids_k, where) if where.languages else ids_k)
            left -= min(PIECES_OF_A_PATH, len(groups[-1]))
            if left <= 0:
                break
        if any(len(ids_k) > PIECES_OF_A_PATH for ids_k in groups):
            closeness_K = self._closeness(np.concatenate(groups), vector_D)
            if closeness_K is not None:
                parts = np.split(closeness_K, np.cumsum([len(ids_k) for ids_k in groups])[:-1])
                groups = [
                    ids_k[np.argsort(-part, kind="stable")] if len(ids_k) > PIECES_OF_A_PATH else ids_k
                    for ids_k, part in zip(groups, parts, strict=True)
                ]
        return np.concatenate([ids_k[:PIECES_OF_A_PATH] for ids_k in groups] or [NO_IDS])[:number]

    def _closeness(self, ids_K: Ids, vector_D: NDArray[np.float32] | None) -> Any:  # noqa: ANN401 - an array
        """What orders pieces by their nearness to a vector; None if that would mean to read their vectors."""
        if vector_D is None:
            return None
        if self._last_vector is vector_D:
            return self._cosines(ids_K, vector_D)
        if self._nearest[0] is vector_D and self._sketch is not None:
            return self._sketch.scores(np.searchsorted(self._ids_N, ids_K), vector_D)
        return None

    def candidates(
        self,
        ids: Sequence[int] | Ids,
        vector_D: NDArray[np.float32] | None,
        terms: Sequence[str],
        *,
        with_texts: bool = True,
    ) -> list[Candidate]:
        """These pieces with cosines and BM25 scores, as `Snapshot.candidates`."""
        ids_K = np.asarray(ids, np.int64)
        cosines_K = np.zeros(len(ids_K)) if vector_D is None else self._cosines(ids_K, vector_D)
        scores_K = self._words.scores(terms)[ids_K] / self._words.best_score(terms)
        texts = self.texts(ids_K) if with_texts else [""] * len(ids_K)
        return [
            Candidate(number, path, language, kind, name, tuple(symbols.split()), first, last, cosine, bm25, text)
            for (number, path, language, kind, name, symbols, first, last), cosine, bm25, text in zip(
                self._rows_of_pieces(ids_K), cosines_K.tolist(), scores_K.tolist(), texts, strict=True
            )
        ]

    def pieces(self, ids: Sequence[int] | Ids) -> list[StoredPiece]:
        """These pieces with their texts, in the given order."""
        ids_K = np.asarray(ids, np.int64)
        return [
            StoredPiece(number, path, language, kind, name, first, last, text)
            for (number, path, language, kind, name, _, first, last), text in zip(
                self._rows_of_pieces(ids_K), self.texts(ids_K), strict=True
            )
        ]

    def texts(self, ids: Sequence[int] | Ids) -> list[str]:
        """The texts of these pieces, in the given order."""
        ids_K = np.asarray(ids, np.int64)
        return self._texts.of(ids_K.tolist(), self._blocks[0][self._block_of(ids_K)].tolist())

    def at_line(self, path: str, line: int) -> int | None:
        """The id of the smallest piece of a file that holds a line, as `Snapshot.at_line`."""
        query = (
            "SELECT p.id FROM files AS f JOIN blocks AS b ON b.file = f.id"
            " JOIN pieces AS p ON p.id BETWEEN b.first AND b.first + b.number - 1"
            " WHERE f.path = ? AND ? BETWEEN p.first_line AND p.last_line"
            " ORDER BY p.last_line - p.first_line, p.id"
        )
        rows = self._rows(query, (path, line))
        return int(rows[0][0]) if rows else None

    def vectors(self, ids: Sequence[int] | Ids) -> NDArray[np.float32]:
        """The vectors of these pieces, float32, shape (K, D)."""
        positions_K = np.searchsorted(self._ids_N, np.asarray(ids, np.int64))
        if "_codes" in self.__dict__:
            scales_N, codes_ND = self._codes
            return codes_ND[positions_K].astype(np.float32) * scales_N[positions_K, None]
        ids_K = np.asarray(ids, np.int64)
        block_K = self._block_of(ids_K)
        firsts_K, is_small_K = self._blocks[0][block_K], self._blocks[2][block_K] <= CUT_FROM
        found: list[tuple[bytes, bytes]] = [(b"", b"")] * len(ids_K)
        for read, chosen_K in ((self._cut_vectors, is_small_K), (self._vectors_of_blocks, ~is_small_K)):
            places = np.flatnonzero(chosen_K)
            rows = read(firsts_K[places].tolist(), (ids_K - firsts_K)[places].tolist()) if len(places) else []
            for place, row in zip(places.tolist(), rows, strict=True):
                found[place] = row
        codes = np.frombuffer(b"".join(codes for _, codes in found), np.int8)
        vectors_KD = codes.reshape(len(ids_K), self.description.dimension).astype(np.float32)
        vectors_KD *= np.frombuffer(b"".join(scale for scale, _ in found), np.float32)[:, None]
        return vectors_KD

    def _cut_vectors(self, firsts: Sequence[int], inside: Sequence[int]) -> list[tuple[bytes, bytes]]:
        """Scales and codes, given the block of each and its place there, in this order. SQLite cuts them out."""
        size = self.description.dimension
        wanted = [first * BLOCK_PIECES + place for first, place in zip(firsts, inside, strict=True)]
        query = (
            "SELECT substr(scales, 4 * (value % ?) + 1, 4), substr(codes, ? * (value % ?) + 1, ?)"
            " FROM json_each(?) CROSS JOIN vectors ON first = value / ?"
        )
        return self._rows(query, (BLOCK_PIECES, size, BLOCK_PIECES, size, json.dumps(wanted), BLOCK_PIECES))

    def _vectors_of_blocks(self, firsts: Sequence[int], inside: Sequence[int]) -> list[tuple[bytes, bytes]]:
        """The same, but each block is read once: a large one would be read whole for every piece."""
        size = self.description.dimension
        places: dict[int, list[int]] = {}
        for place, first in enumerate(firsts):
            places.setdefault(first, []).append(place)
        found = [(b"", b"")] * len(firsts)
        for first, own in places.items():
            for scales, codes in self._rows("SELECT scales, codes FROM vectors WHERE first = ?", (first,)):
                for place in own:
                    at = inside[place]
                    found[place] = scales[4 * at : 4 * at + 4], codes[size * at : size * (at + 1)]
        return found

    def _all_cosines(self, vector_D: NDArray[np.float32]) -> NDArray[np.float32]:
        """The cosines of all N pieces; those of the last vector are kept."""
        if self._last_vector is vector_D:
            return self._last_cosines_N
        cosines_N = cosines_of(self._vector_chunks(), len(self._ids_N), vector_D)
        self._last_vector, self._last_cosines_N = vector_D, cosines_N
        return cosines_N

    def _cosines(self, ids: Ids, vector_D: NDArray[np.float32]) -> NDArray[np.float32]:
        """The cosines of some pieces."""
        if self._last_vector is vector_D:
            cosines_K: NDArray[np.float32] = self._last_cosines_N[np.searchsorted(self._ids_N, ids)]
            return cosines_K
        of, near_M, cosines_M = self._nearest
        if of is not vector_D or not len(near_M):
            return self.vectors(ids) @ vector_D
        place_K = np.minimum(np.searchsorted(near_M, ids), len(near_M) - 1)
        cosines_K, unknown_K = cosines_M[place_K], np.flatnonzero(near_M[place_K] != ids)
        cosines_K[unknown_K] = self.vectors(ids[unknown_K]) @ vector_D
        return cosines_K

    @property
    def ids_N(self) -> Ids:
        """The ids of the N pieces, ascending."""
        return self._ids_N

    @property
    def lengths_N(self) -> NDArray[np.uint32]:
        """The number of terms of each piece."""
        return self._blocks[3]

    @cached_property
    def _sketch(self) -> Sketch | None:
        """The sketch of a large index; None if all vectors have to be read."""
        return read_sketch(self._folder, self)

    @property
    def _is_small(self) -> bool:
        return len(self._ids_N) * self.description.dimension <= KEPT_BYTES

    @cached_property
    def _codes(self) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """All scales (N,) and codes (N, D)."""
        codes_ND = np.empty((len(self._ids_N), self.description.dimension), np.int8)
        scales_N = np.empty(len(self._ids_N), np.float32)
        start = 0
        for scales_n, codes_nD in self._read_vectors():
            end = start + len(scales_n)
            scales_N[start:end], codes_ND[start:end] = scales_n, codes_nD
            start = end
        if start != len(scales_N):
            raise ValueError("vectors are missing")  # see damage_as_error
        return scales_N, codes_ND

    def _read_vectors(self) -> Any:  # noqa: ANN401 - an iterator of pairs of arrays
        with database_errors(self._folder, "read", REMEDY_READING):
            for scales, codes in self._connection.execute("SELECT scales, codes FROM vectors ORDER BY first"):
                codes_nD = np.frombuffer(codes, np.int8).reshape(-1, self.description.dimension)
                yield np.frombuffer(scales, np.float32), codes_nD

    def _vector_chunks(self) -> Any:  # noqa: ANN401 - an iterator of pairs of arrays
        """All vectors in parts of about `CHUNK_BYTES`: scales (n,) and codes (n, D)."""
        rows = max(1, CHUNK_BYTES // max(1, self.description.dimension))
        if self._is_small:
            scales_N, codes_ND = self._codes
            for start in range(0, len(scales_N), rows):
                yield scales_N[start : start + rows], codes_ND[start : start + rows]
            return
        waiting: list[Any] = []
        for pair in self._read_vectors():
            waiting.append(pair)
            if sum(len(scales) for scales, _ in waiting) >= rows:
                yield tuple(map(np.concatenate, zip(*waiting, strict=True)))
                waiting = []
        if waiting:
            yield tuple(map(np.concatenate, zip(*waiting, strict=True)))


@contextmanager
def open_snapshot(connection: sqlite3.Connection, folder: Path) -> Iterator[SQLiteSnapshot]:
    """Open a read transaction: whatever is written meanwhile, it sees one version."""
    with database_errors(folder, "read", REMEDY_READING):
        connection.execute("BEGIN")
    try:
        with damage_as_error(connection, folder):
            yield SQLiteSnapshot(connection, folder, description_in(connection, folder))
    finally:
        if connection.in_transaction:
            connection.rollback()
