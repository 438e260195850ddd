"""One version of an index in SQLite, for reading."""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.blas import one_thread
from adjoin.corpus.globs import Globs, shell_glob
from adjoin.index.sqlite.approximate import Sketch, read_sketch
from adjoin.index.sqlite.database import REMEDY_READING, damage_as_error, database_errors, description_in
from adjoin.index.sqlite.path_vocabulary import PathVocabulary
from adjoin.index.sqlite.rows import symbol_key, texts_of
from adjoin.index.store import EVERYTHING, FileRecord, Filter, Ids, IndexDescription, Scores, StoredPiece
from adjoin.index.words import Row, Words
from adjoin.ranking.evidence import Candidate
from adjoin.ranking.order import best_first

KEPT_BYTES = 256 << 20  # vectors of an index up to this size stay in memory between searches
# Of int8 vectors that are made float32 at a time: their 2 MB fit the cache, 16 MB take 2.5 times as long.
CHUNK_BYTES = 512 << 10
ROWS_AT_ONCE = 500  # of a statement with a list of ids
PIECES_OF_A_PATH = 4  # candidates that a file gives for the words in its path

_NO_IDS = np.empty(0, np.int64)
_PIECES = "SELECT id, path, language, kind, name, symbols, first_line, last_line FROM pieces WHERE id IN "


class SQLiteSnapshot:
    """One version of an index in SQLite: the read transaction of a connection."""

    def __init__(self, connection: sqlite3.Connection, folder: Path, description: IndexDescription) -> None:
        """Wrap a connection in a read transaction. Use `open_snapshot`."""
        self.description = description
        self._connection = connection
        self._folder = folder
        self._last_vector: NDArray[np.float32] | None = None
        self._last_cosines_N = np.empty(0, np.float32)

    def continued(self, earlier: "SQLiteSnapshot | None") -> "SQLiteSnapshot":
        """Take over what an earlier snapshot of the same version has in memory."""
        if earlier is not None and earlier.description == self.description:
            for name in ("_blocks", "_words", "_codes", "_file_paths", "_texts", "_path_words", "_sketch"):
                if name in earlier.__dict__:
                    self.__dict__[name] = earlier.__dict__[name]
            if "_words" in self.__dict__:
                self._words.rows_of = self._rows_of
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
        best_K = best_first(cosines_N, number)
        return self._ids_N[near_N[best_K]], cosines_N[best_K]

    def matching(self, terms: Sequence[str], number: int, where: Filter) -> tuple[Ids, Scores]:
        """The ids of the best pieces that hold one of the terms with their BM25 scores, as `Snapshot.matching`."""
        scores_N = self._words.scores(terms)[self._ids_N]
        ids_N = self._ids_N
        if (wanted_N := self._wanted(where)) is not None:
            ids_N, scores_N = ids_N[wanted_N], scores_N[wanted_N]
        best_K = best_first(scores_N, min(number, int(np.count_nonzero(scores_N))))
        return ids_N[best_K], scores_N[best_K]

    def defining(self, symbols: Sequence[str], where: Filter, number: int) -> Ids:
        """The ids of pieces that define one of the names, as `Snapshot.defining`."""
        names = sorted({symbol_key(symbol) for symbol in symbols})
        query = f"SELECT DISTINCT piece FROM symbols WHERE name IN ({_marks(names)}) ORDER BY piece"
        ids_K = np.array([piece for (piece,) in self._rows(query, names)], np.int64)
        return self._filtered(ids_K, where)[:number]

    def at_paths(
        self, words: Sequence[str], where: Filter, number: int, vector_D: NDArray[np.float32] | None = None
    ) -> Ids:
        """The ids of pieces of files with these words in name or folders, as `Snapshot.at_paths`."""
        points: Counter[int] = Counter()
        for word in dict.fromkeys(words):
            best: dict[int, int] = {}
            named = self._path_words.matching(word)
            query = f"SELECT file, weight FROM paths WHERE word IN ({_marks(named)})"
            for file, weight in self._rows(query, named):
                best[file] = max(best.get(file, 0), weight)
            points.update(best)
        wanted = None if where == EVERYTHING else set(self._files_at(where).tolist())
        files = [file for file in points if wanted is None or file in wanted]
        files.sort(key=lambda file: (-points[file], file))
        chosen: list[Ids] = []
        left = number
        for file in files:
            ids_k = self._ids_of(file)
            ids_k = self._filtered(ids_k, where) if where.languages else ids_k
            if len(ids_k) > PIECES_OF_A_PATH and vector_D is not None and self._last_vector is vector_D:
                ids_k = ids_k[np.argsort(-self._cosines(ids_k, vector_D), kind="stable")]
            chosen.append(ids_k[: min(PIECES_OF_A_PATH, left)])
            left -= len(chosen[-1])
            if left <= 0:
                break
        return np.concatenate(chosen) if chosen else _NO_IDS

    def candidates(
        self, ids: Sequence[int] | Ids, vector_D: NDArray[np.float32] | None, terms: Sequence[str]
    ) -> list[Candidate]:
        """These pieces with texts, cosines and BM25 scores, as `Snapshot.candidates`."""
        ids_K = np.asarray(ids, np.int64)
        cosines_K = np.zeros(len(ids_K)) if vector_D is None else self._cosines(ids_K, vector_D)
        scores_K = self._words.scores(terms)[ids_K] / self._words.best_score(terms)
        return [
            Candidate(number, path, language, kind, name, tuple(symbols.split()), first, last, cosine, bm25, text)
            for (number, path, language, kind, name, symbols, first, last, text), cosine, bm25 in zip(
                self._full_rows(ids_K), cosines_K.tolist(), scores_K.tolist(), strict=True
            )
        ]

    def pieces(self, ids: Sequence[int] | Ids) -> list[StoredPiece]:
        """These pieces with their texts, in the given order."""
        return [
            StoredPiece(number, path, language, kind, name, first, last, text)
            for number, path, language, kind, name, _, first, last, text in self._full_rows(
                np.asarray(ids, np.int64)
            )
        ]

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
        firsts = self._blocks[0][self._block_of(ids_K)].tolist()
        held: dict[int, tuple[bytes, bytes]] = {}
        distinct = sorted(set(firsts))
        for start in range(0, len(distinct), ROWS_AT_ONCE):
            some = distinct[start : start + ROWS_AT_ONCE]
            query = f"SELECT first, scales, codes FROM vectors WHERE first IN ({_marks(some)})"
            held |= {first: (scales, codes) for first, scales, codes in self._rows(query, some)}
        size = self.description.dimension
        scales, codes = [], []
        for number, first in zip(ids_K.tolist(), firsts, strict=True):
            place = number - first
            scales.append(held[first][0][4 * place : 4 * place + 4])
            codes.append(held[first][1][size * place : size * (place + 1)])
        vectors_KD = np.frombuffer(b"".join(codes), np.int8).reshape(-1, size).astype(np.float32)
        vectors_KD *= np.frombuffer(b"".join(scales), np.float32)[:, None]
        return vectors_KD

    def _all_cosines(self, vector_D: NDArray[np.float32]) -> NDArray[np.float32]:
        """The cosines of all N pieces; those of the last vector are kept."""
        if self._last_vector is vector_D:
            return self._last_cosines_N
        cosines_N = np.empty(len(self._ids_N), np.float32)
        start = 0
        with one_thread():
            for scales_n, codes_nD in self._vector_chunks():
                end = start + len(scales_n)
                np.dot(codes_nD.astype(np.float32), vector_D, out=cosines_N[start:end])
                cosines_N[start:end] *= scales_n
                start = end
        self._last_vector, self._last_cosines_N = vector_D, cosines_N
        return cosines_N

    def _cosines(self, ids: Ids, vector_D: NDArray[np.float32]) -> NDArray[np.float32]:
        """The cosines of some pieces."""
        if self._last_vector is vector_D:
            cosines_K: NDArray[np.float32] = self._last_cosines_N[np.searchsorted(self._ids_N, ids)]
            return cosines_K
        return self.vectors(ids) @ vector_D

    @property
    def ids_N(self) -> Ids:
        """The ids of the N pieces, ascending."""
        return self._ids_N

    @property
    def lengths_N(self) -> NDArray[np.uint32]:
        """The number of terms of each piece."""
        return self._blocks[3]

    # -- what is read once --------------------------------------------------------------------------------------

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with database_errors(self._folder, "read", REMEDY_READING):
            return self._connection.execute(query, values).fetchall()

    @cached_property
    def _blocks(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.uint32]]:
        """First ids, files and sizes of the B blocks, and the lengths of the N pieces, all ordered by id."""
        rows = self._rows("SELECT first, file, number, lengths FROM blocks ORDER BY first")
        lengths_N = np.frombuffer(b"".join(row[3] for row in rows), np.uint32)
        first_B, file_B, number_B = (np.array([row[column] for row in rows], np.int64) for column in range(3))
        return first_B, file_B, number_B, lengths_N

    @cached_property
    def _ids_N(self) -> NDArray[np.int64]:
        first_B, _, number_B, _ = self._blocks
        starts_B = np.cumsum(number_B) - number_B
        return np.repeat(first_B - starts_B, number_B) + np.arange(int(number_B.sum()), dtype=np.int64)

    @cached_property
    def _words(self) -> Words:
        return Words(self._ids_N, self._blocks[3], self._rows_of)

    @cached_property
    def _file_paths(self) -> dict[int, str]:
        return dict(self._rows("SELECT id, path FROM files"))

    @cached_property
    def _path_words(self) -> PathVocabulary:
        return PathVocabulary(word for (word,) in self._rows("SELECT DISTINCT word FROM paths"))

    @cached_property
    def _texts(self) -> dict[int, list[str]]:
        """The texts of blocks that were read, by the block's first id."""
        return {}

    def _rows_of(self, term: str) -> list[Row]:
        return self._rows("SELECT term, first, number, data FROM postings WHERE term = ?", (term,))

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

    def _wanted(self, where: Filter) -> NDArray[np.bool_] | None:
        """Which of the N pieces a filter lets through; None for all."""
        wanted_N: NDArray[np.bool_] | None = None
        if where.paths or where.excluded or where.within:
            files = self._files_at(where)
            _, file_B, number_B, _ = self._blocks
            wanted_N = np.repeat(np.isin(file_B, files), number_B)
        if where.languages:
            query = f"SELECT id FROM pieces WHERE language IN ({_marks(where.languages)}) ORDER BY id"
            ids = np.array([number for (number,) in self._rows(query, where.languages)], np.int64)
            spoken_N = np.isin(self._ids_N, ids, assume_unique=True)
            wanted_N = spoken_N if wanted_N is None else wanted_N & spoken_N
        return wanted_N

    def _filtered(self, ids_K: Ids, where: Filter) -> Ids:
        wanted_N = self._wanted(where)
        return ids_K if wanted_N is None else ids_K[np.isin(ids_K, self._ids_N[wanted_N])]

    def _files_at(self, where: Filter) -> NDArray[np.int64]:
        """The ids of the files whose path a filter lets through."""
        wanted, excluded = (Globs([shell_glob(one) for one in globs]) for globs in (where.paths, where.excluded))
        return np.array(
            [
                number
                for number, path in self._file_paths.items()
                if (not where.within or _is_within(path, where.within))
                and (not where.paths or _matches(path, wanted))
                and not (where.excluded and _matches(path, excluded))
            ],
            np.int64,
        )

    # -- pieces -------------------------------------------------------------------------------------------------

    def _block_of(self, ids: Sequence[int] | Ids) -> NDArray[np.int64]:
        return np.searchsorted(self._blocks[0], np.asarray(ids, np.int64), side="right").astype(np.int64) - 1

    def _ids_of(self, file: int) -> Ids:
        """The ids of a file's pieces, ascending."""
        first_B, file_B, number_B, _ = self._blocks
        spans = [(int(first_B[block]), int(number_B[block])) for block in np.flatnonzero(file_B == file)]
        return np.concatenate([np.arange(first, first + size) for first, size in spans] or [_NO_IDS])

    def _full_rows(self, ids_K: Ids) -> list[tuple[Any, ...]]:
        """id, path, language, kind, name, symbols, lines and text of pieces, in the given order."""
        ids = ids_K.tolist()
        rows = {row[0]: row for row in self._rows(_PIECES + f"({_marks(ids)})", ids)}
        first_B, file_B, _, _ = self._blocks
        blocks = self._block_of(ids_K).tolist()
        firsts = first_B[blocks].tolist() if blocks else []
        missing = sorted(set(firsts) - self._texts.keys())
        for first, data in self._rows(
            f"SELECT first, data FROM texts WHERE first IN ({_marks(missing)})", missing
        ):
            self._texts[first] = texts_of(data)
        paths = [path for _, path in self._rows_of_files(file_B[blocks].tolist() if blocks else [])]
        return [
            (number, rows[number][1] or path, *rows[number][2:], self._texts[first][number - first])
            for number, path, first in zip(ids, paths, firsts, strict=True)
        ]

    def _rows_of_files(self, files: Sequence[int]) -> list[tuple[int, str]]:
        known = self.__dict__.get("_file_paths")
        if known is None:
            distinct = sorted(set(files))
            known = dict(self._rows(f"SELECT id, path FROM files WHERE id IN ({_marks(distinct)})", distinct))
        return [(file, known[file]) for file in files]


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


def _marks(values: Sequence[Any]) -> str:
    return ",".join("?" * len(values))


def _matches(path: str, globs: Globs) -> bool:
    """Whether a pattern matches a path or a folder above it."""
    parts = path.split("/")
    return any(globs.last_match(map(ord, "/".join(parts[: depth + 1]))) >= 0 for depth in range(len(parts)))


def _is_within(path: str, parts: Sequence[str]) -> bool:
    """Whether a path is one of these files, or lies in one of these folders or archives."""
    return any(path == part or path.startswith((f"{part}/", f"{part}!")) for part in parts)
