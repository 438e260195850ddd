"""The interface of an index: what a search reads of it, and how a refresh changes it.

Two stores keep it: one SQLite file below the indexed folder (sqlite.py), which is the default, and PostgreSQL.

An index is a sequence of versions. A `Snapshot` reads one version, whatever is written meanwhile. A `Writer` puts
files aside as they are embedded (`stage`), where no search sees them and no kill loses them, and makes all of them
the next version at once (`publish`).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from adjoin.pieces import Piece
from adjoin.ranking.evidence import Candidate

FORMAT = 2  # of the tables, the definition of a piece and the terms of `ranking.terms`; 1 was LanceDB
UNTRUSTED = -1  # a modification time that says nothing: the file may have changed again within the same tick

Ids = NDArray[np.int64]
Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class IndexDescription:
    """What an index holds.

    Attributes:
        format: the `FORMAT` that it is written in.
        root: absolute path of the indexed folder.
        model: name or folder of the model as the user gave it, for a search to load; empty if unknown.
        fingerprint: fingerprint of the model's weights.
        dimension: D, the length of a vector.
        adjoin: the version of Adjoin that wrote it.
        version: number of the version; each refresh that changes something adds 1. 0 until the first is complete.
        stamp: what the file system says of the model, see `Encoder.stamp`; empty if unknown. While it is the same,
            the fingerprint is, and the weights need not be hashed.
    """

    format: int
    root: str
    model: str
    fingerprint: str
    dimension: int
    adjoin: str
    version: int
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file that was read: it holds pieces, or it is known to hold none.

    Attributes:
        path: the file, relative to the indexed root.
        size: bytes.
        mtime_ns: modification time in nanoseconds since 1970, or `UNTRUSTED`.
        inode: the inode.
        content: a hash of the bytes.
        pieces: number of pieces.
        reason: why it holds no piece, or what of it is in none, as `index.omissions` writes it; empty if all of it
            is in pieces.
    """

    path: str
    size: int
    mtime_ns: int
    inode: int
    content: str
    pieces: int
    reason: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Which pieces a search looks at. Without any condition, all.

    Attributes:
        languages: only pieces in one of these languages.
        paths: only files whose path matches one of these shell patterns, or lies in a folder that does.
        excluded: no file whose path matches one of these, or lies in a folder that does.
        within: only these files, and what lies in these folders, named by their whole paths below the root.
    """

    languages: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    within: tuple[str, ...] = ()


EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class StoredPiece:
    """A piece as an index holds it.

    Attributes:
        id: its number in the index.
        path, language, kind, name, first_line, last_line, text: as in `Piece`.
    """

    id: int
    path: str
    language: str
    kind: str
    name: str
    first_line: int
    last_line: int
    text: str


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """A file with its pieces and their vectors, ready to be stored.

    Attributes:
        record: the file.
        pieces: N pieces, in the file's order; none if the record gives a reason.
        codes_ND: int8, shape (N, D): a vector is `codes · scale`.
        scales_N: float32, shape (N,).
    """

    record: FileRecord
    pieces: Sequence[Piece]
    codes_ND: NDArray[np.int8]
    scales_N: NDArray[np.float32]


class Snapshot(Protocol):
    """One version of an index, for reading. What is written meanwhile does not change it."""

    @property
    def description(self) -> IndexDescription:
        """What the index holds."""

    def __len__(self) -> int:
        """The number of pieces."""

    def languages(self) -> list[str]:
        """The languages of the pieces, sorted."""

    def files(self) -> dict[str, FileRecord]:
        """All files that were read, by path."""

    def nearest(self, vector_D: NDArray[np.float32], number: int, where: Filter) -> tuple[Ids, Scores]:
        """The ids of the `number` pieces nearest to a unit vector with their cosines, best first."""

    def matching(self, terms: Sequence[str], number: int, where: Filter) -> tuple[Ids, Scores]:
        """The ids of the `number` best pieces that hold one of the terms with their BM25 scores, best first.

        A term that is given twice counts twice.
        """

    def defining(self, symbols: Sequence[str], where: Filter, number: int) -> Ids:
        """The ids of at most `number` pieces that define one of the names, in any case."""

    def at_paths(
        self, words: Sequence[str], where: Filter, number: int, vector_D: NDArray[np.float32] | None = None
    ) -> Ids:
        """The ids of at most `number` pieces of files with these words in their name or folders.

        Words match as in `ranking.paths.matches`. Files with more of the words come first, in the name before in a
        folder. A file gives at most four pieces: the nearest to the vector, or the first ones.
        """

    def candidates(
        self,
        ids: Sequence[int] | Ids,
        vector_D: NDArray[np.float32] | None,
        terms: Sequence[str],
        *,
        with_texts: bool = True,
    ) -> list[Candidate]:
        """These pieces with cosines (0 without a vector) and shares of the best BM25, in order.

        Without their texts they take less than half the time; `texts` reads those that are needed.
        """

    def texts(self, ids: Sequence[int] | Ids) -> list[str]:
        """The texts of these pieces, in the given order."""

    def pieces(self, ids: Sequence[int] | Ids) -> list[StoredPiece]:
        """These pieces with their texts, in the given order."""

    def at_line(self, path: str, line: int) -> int | None:
        """The id of the smallest piece of a file that holds a line; None if there is none."""

    def vectors(self, ids: Sequence[int] | Ids) -> NDArray[np.float32]:
        """The vectors of these pieces, float32, shape (K, D)."""


class Writer(Protocol):
    """The one process that changes an index."""

    @property
    def description(self) -> IndexDescription | None:
        """The version that searches read now; None before the first."""

    def begin(self, fingerprint: str, dimension: int) -> dict[str, FileRecord]:
        """Start a refresh with a model.

        Returns:
            The files that need not be read again while they are unchanged, by path: those of the version that
            searches read, if this model made it, and those that an interrupted run has staged with this model.
        """

    def stage(self, files: Sequence[IndexedFile]) -> None:
        """Put files aside for the next version. A kill does not lose them, except those of the last call."""

    def publish(
        self, root: str, model: str, *, stamp: str = "", removed: Sequence[str], restated: Sequence[FileRecord]
    ) -> IndexDescription:
        """Make the next version: take what was staged, remove files, update records of unchanged files."""

    def restate(self, records: Sequence[FileRecord]) -> None:
        """Update the records of files whose content is as before. It makes no new version."""

    @property
    def has_staged(self) -> bool:
        """Whether files were put aside, by this run or an interrupted one, that no version holds."""


class Reader(Protocol):
    """An index that is kept open. It follows refreshes, and keeps in memory what it has read of a version."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Open the newest version. Use one snapshot at a time.

        Raises:
            AdjoinError: there is no index, its first run did not finish, or it is damaged.
        """

    def close(self) -> None:
        """Close the index. The next snapshot opens it again."""


class Store(Protocol):
    """Where an index is kept."""

    def exists(self) -> bool:
        """Whether there is an index, which may be unfinished."""

    def size(self) -> int:
        """Its size in bytes, as it is stored."""

    def open(self) -> Reader:
        """Keep the index open for several searches. Nothing is read yet."""

    def reading(self) -> AbstractContextManager[Snapshot]:
        """Open the newest version.

        Raises:
            AdjoinError: there is no index, its first run did not finish, or it is damaged.
        """

    def writing(self) -> AbstractContextManager[Writer]:
        """Open the index for a refresh.

        Raises:
            AdjoinError: another process is writing, the place cannot be written to, or it holds something else.
        """


def quantized(vectors_ND: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Quantize vectors to int8 with one scale each. The error of a component is at most half its scale.

    Returns:
        Codes, int8, shape (N, D), and scales, float32, shape (N,): a vector is about `codes · scale`.
    """
    vectors_ND = np.asarray(vectors_ND, np.float32)
    scales_N = np.abs(vectors_ND).max(axis=1, initial=0).astype(np.float32) / np.float32(127)
    safe_N1 = np.maximum(scales_N, np.float32(1e-30))[:, None]
    return np.rint(vectors_ND / safe_N1).astype(np.int8), scales_N
