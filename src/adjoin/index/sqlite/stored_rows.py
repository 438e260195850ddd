"""The rows of one version of an index: what is read of them, and what stays in memory."""

import sqlite3
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.corpus.globs import Globs, shell_glob
from adjoin.index.sqlite.database import REMEDY_READING, database_errors
from adjoin.index.sqlite.path_vocabulary import NamedFiles
from adjoin.index.sqlite.texts import Texts
from adjoin.index.store import EVERYTHING, Filter, Ids, IndexDescription
from adjoin.index.words import Row, Words

NO_IDS = np.empty(0, np.int64)
_PIECES = "SELECT id, path, language, kind, name, symbols, first_line, last_line FROM pieces WHERE id IN "


class StoredRows:
    """What a snapshot reads of the tables. Large parts are read once; `continued` hands them on."""

    def __init__(self, connection: sqlite3.Connection, folder: Path, description: IndexDescription) -> None:
        """Wrap a connection in a read transaction."""
        self.description = description
        self._connection = connection
        self._folder = folder

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
    def _named_files(self) -> NamedFiles:
        words = (word for (word,) in self._rows("SELECT DISTINCT word FROM paths"))
        return NamedFiles(words, self._rows_named)

    @cached_property
    def _texts(self) -> Texts:
        return Texts(self._rows_of_texts)

    @property
    def _read_by(self) -> dict[str, Any]:
        """How what stays in memory reads more of its rows."""
        return {"_words": self._rows_of, "_named_files": self._rows_named, "_texts": self._rows_of_texts}

    def _rows_of(self, term: str) -> list[Row]:
        return self._rows("SELECT term, first, number, data FROM postings WHERE term = ?", (term,))

    def _rows_named(self, words: Sequence[str]) -> list[tuple[int, int]]:
        return self._rows(f"SELECT file, weight FROM paths WHERE word IN ({marks(words)})", words)

    def _rows_of_texts(self, firsts: Sequence[int]) -> list[tuple[int, bytes]]:
        return self._rows(f"SELECT first, data FROM texts WHERE first IN ({marks(firsts)})", firsts)

    # -- conditions ---------------------------------------------------------------------------------------------

    def _wanted(self, where: Filter) -> NDArray[np.bool_] | None:
        """Which of the N pieces a filter lets through; None for all."""
        if where == EVERYTHING:
            return None
        if where not in self._masks:  # one search asks several times
            self._masks.clear()
            self._masks[where] = self._mask(where)
        return self._masks[where]

    @cached_property
    def _masks(self) -> dict[Filter, NDArray[np.bool_] | None]:
        return {}

    def _mask(self, where: Filter) -> NDArray[np.bool_] | None:
        wanted_N: NDArray[np.bool_] | None = None
        if where.paths or where.excluded or where.within:
            files = self._files_at(where)
            _, file_B, number_B, _ = self._blocks
            wanted_N = np.repeat(np.isin(file_B, files), number_B)
        if where.languages:
            query = f"SELECT id FROM pieces WHERE language IN ({marks(where.languages)}) ORDER BY id"
            ids = np.array([number for (number,) in self._rows(query, where.languages)], np.int64)
            spoken_N = np.isin(self._ids_N, ids, assume_unique=True)
            wanted_N = spoken_N if wanted_N is None else wanted_N & spoken_N
        return wanted_N

    def _filtered(self, ids_K: Ids, where: Filter) -> Ids:
        wanted_N = self._wanted(where)
        return ids_K if wanted_N is None else ids_K[wanted_N[np.searchsorted(self._ids_N, ids_K)]]

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
        first_B, _, number_B, _ = self._blocks
        files_B, block_B = self._by_file
        start, end = np.searchsorted(files_B, (file, file + 1))
        spans = [(int(first_B[block]), int(number_B[block])) for block in block_B[start:end]]
        return np.concatenate([np.arange(first, first + size) for first, size in spans] or [NO_IDS])

    @cached_property
    def _by_file(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The files of the B blocks, ascending, and the blocks in this order."""
        file_B = self._blocks[1]
        order_B = np.argsort(file_B, kind="stable")
        return file_B[order_B], order_B

    def _rows_of_pieces(self, ids_K: Ids) -> list[tuple[Any, ...]]:
        """id, path, language, kind, name, symbols and lines of pieces, in the given order."""
        ids = ids_K.tolist()
        rows = {row[0]: row for row in self._rows(_PIECES + f"({marks(ids)})", ids)}
        paths = [path for _, path in self._rows_of_files(self._blocks[1][self._block_of(ids_K)].tolist())]
        return [
            (number, rows[number][1] or path, *rows[number][2:]) for number, path in zip(ids, paths, strict=True)
        ]

    def _rows_of_files(self, files: Sequence[int]) -> list[tuple[int, str]]:
        known = self.__dict__.get("_file_paths")
        if known is None:
            distinct = sorted(set(files))
            known = dict(self._rows(f"SELECT id, path FROM files WHERE id IN ({marks(distinct)})", distinct))
        return [(file, known[file]) for file in files]


def marks(values: Sequence[Any]) -> str:
    """The place holders of a list of values in a statement."""
    return ",".join("?" * len(values))


def _matches(path: str, globs: Globs) -> bool:
    """Whether a pattern matches a path or a folder above it."""
    parts = path.split("/")
    return any(globs.last_match(map(ord, "/".join(parts[: depth + 1]))) >= 0 for depth in range(len(parts)))


def _is_within(path: str, parts: Sequence[str]) -> bool:
    """Whether a path is one of these files, or lies in one of these folders or archives."""
    return any(path == part or path.startswith((f"{part}/", f"{part}!")) for part in parts)
