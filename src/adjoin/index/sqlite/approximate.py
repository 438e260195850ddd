"""Approximate search for large indexes: the sign bits of the vectors, scanned in place of the vectors.

A piece's sketch is one bit per dimension, an eighth of its int8 vector. A search takes three steps, each on the
best of the step before (figures: 300,000 pieces of real code, 1,024 dimensions, one core):

1. Hamming distance between the bits of the query and of every piece: 5 ms. Exact int8 takes 50 ms.
2. Dot product of the query, in float32, with the bits of the nearest: 3 ms.
3. Cosines of the best, which the caller computes from the index's own vectors.

The sketch only proposes pieces. Scores always come from the index, so a damaged sketch can cost recall but cannot
give a wrong score. Nothing is trained and no graph is built: a refresh copies the bits of the pieces that stayed
and adds those that are new. A graph (HNSW of usearch, int8) took 42 CPU-seconds for 100,000 pieces and another
copy of the vectors; cells of k-means lost a tenth of the neighbours, because questions lie elsewhere than code.

The file beside the index holds the ids of the pieces and the bits, ordered by id. It carries a stamp of the
version that it belongs to. If it is missing, of another version or cut short, the search is exact.
"""

import hashlib
import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from adjoin.index.sqlite.database import SKETCH
from adjoin.index.store import Ids, IndexDescription

logger = logging.getLogger(__name__)


APPROXIMATE_FROM = 100_000  # pieces; below, an exact search takes less than 20 ms at 1,024 dimensions
FIRST_CHOICE, SECOND_CHOICE = 4_000, 400  # pieces that steps 1 and 2 keep for a few results
SECOND_PER_RESULT, FIRST_PER_SECOND = 4, 5  # for many results
_FORMAT = 1
_HEADER_BYTES = 512
_SCANNED_AT_ONCE = 1 << 16  # pieces: bits of one word, 512 KB, stay in the cache
_SCORED_AT_ONCE = 512
_BUILT_AT_ONCE = 4096


class Sketched(Protocol):
    """A version of an index of which a sketch can be made."""

    @property
    def description(self) -> IndexDescription:
        """What the index holds."""

    @property
    def ids_N(self) -> Ids:
        """The ids of its pieces, ascending."""

    @property
    def lengths_N(self) -> NDArray[np.uint32]:
        """The number of terms of each piece."""

    def vectors(self, ids: Sequence[int] | Ids) -> NDArray[np.float32]:
        """The vectors of pieces, shape (K, D)."""


class Sketch:
    """The sign bits of N vectors, one column per piece.

    Attributes:
        ids_N: ids of the pieces, ascending.
        columns_WN: bits of each piece, 64 in a word, W = ceil(D / 64). All first words come first: a scan reads
            them in order.
    """

    def __init__(self, ids_N: Ids, columns_WN: NDArray[np.uint64]) -> None:
        """Wrap arrays. Use `Sketch.of` or `Sketch.load`."""
        self.ids_N = ids_N
        self.columns_WN = columns_WN

    def __len__(self) -> int:
        """N, the number of pieces."""
        return len(self.ids_N)

    @classmethod
    def of(
        cls,
        ids_N: Ids,
        dimension: int,
        vectors_of: Callable[[Ids], NDArray[np.float32]],
        earlier: "Sketch | None" = None,
    ) -> "Sketch":
        """Make the sketch of N pieces.

        Args:
            ids_N: their ids, ascending.
            dimension: D, the length of a vector.
            vectors_of: gives the vectors of some ids, shape (K, D).
            earlier: a sketch of an earlier version: its bits are kept, only those of new ids are made.
        """
        columns_WN = np.zeros((words_for(dimension), len(ids_N)), np.uint64)
        missing_N = np.ones(len(ids_N), np.bool_)
        if earlier is not None and len(earlier) and len(earlier.columns_WN) == len(columns_WN):
            place_N = np.minimum(np.searchsorted(earlier.ids_N, ids_N), len(earlier) - 1)
            missing_N = earlier.ids_N[place_N] != ids_N
            kept_N = np.flatnonzero(~missing_N)
            for own_N, old_N in zip(columns_WN, earlier.columns_WN, strict=True):
                own_N[kept_N] = old_N[place_N[kept_N]]
        new = np.flatnonzero(missing_N)
        for start in range(0, len(new), _BUILT_AT_ONCE):
            part = new[start : start + _BUILT_AT_ONCE]
            columns_WN[:, part] = sign_words(vectors_of(ids_N[part])).T
        return cls(ids_N, columns_WN)

    def nearest(
        self, vector_D: NDArray[np.float32], number: int, wanted_N: NDArray[np.bool_] | None = None
    ) -> NDArray[np.int64]:
        """Propose positions in `ids_N` that hold the nearest pieces, ascending.

        Args:
            vector_D: the query.
            number: how many nearest pieces the caller wants; several times as many are proposed.
            wanted_N: which of the pieces may be proposed; None for all.
        """
        second = max(SECOND_CHOICE, SECOND_PER_RESULT * number)
        first = max(FIRST_CHOICE, FIRST_PER_SECOND * second)
        distance_N = hamming(self.columns_WN, sign_words(vector_D[None])[0])
        if wanted_N is None:
            chosen = nearest_by_count(distance_N, first)
        else:
            allowed = np.flatnonzero(wanted_N)
            chosen = allowed[nearest_by_count(distance_N[allowed], first)]
        if len(chosen) <= second:
            return chosen
        scores = np.empty(len(chosen), np.float32)
        for start in range(0, len(chosen), _SCORED_AT_ONCE):
            part = slice(start, start + _SCORED_AT_ONCE)
            words_nW = np.ascontiguousarray(self.columns_WN[:, chosen[part]].T)
            bits_nD = np.unpackbits(words_nW.view(np.uint8), axis=1, count=len(vector_D))
            np.dot(bits_nD.astype(np.float32), vector_D, out=scores[part])
        return np.sort(chosen[np.argpartition(scores, len(scores) - second)[-second:]])

    def save(self, path: Path, stamp: str) -> None:
        """Write the file atomically: a reader sees the old file or the new one.

        Raises:
            OSError: the disk is full, or the folder may not be written to.
        """
        header = {"format": _FORMAT, "stamp": stamp, "pieces": len(self), "words": len(self.columns_WN)}
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        unfinished = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(json.dumps(header).encode().ljust(_HEADER_BYTES))
                file.write(np.ascontiguousarray(self.ids_N, np.int64).data)
                for column_N in self.columns_WN:
                    file.write(np.ascontiguousarray(column_N).data)
            unfinished.chmod(0o644)  # mkstemp makes files private
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path, stamp: str | None = None) -> "Sketch | None":
        """Read the file; None if it is missing, damaged or of another version.

        It is read, not mapped: a mapped file that another program cuts short kills the process.

        Args:
            path: the file.
            stamp: that of the version that is read; None to take any version's.
        """
        try:
            with path.open("rb") as file:
                header = _header_of(file)
                if header is None or (stamp is not None and header["stamp"] != stamp):
                    return None
                pieces, words = header["pieces"], header["words"]
                ids_N = np.fromfile(file, np.int64, pieces)
                columns_WN = np.fromfile(file, np.uint64, words * pieces).reshape(words, pieces)
        except (OSError, ValueError):
            return None
        return cls(ids_N, columns_WN)


def _header_of(file: BinaryIO) -> dict[str, Any] | None:
    """The header of an open file; None if it is not a sketch of this format, or cut short."""
    header = json.loads(file.read(_HEADER_BYTES))
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        return None
    size = _HEADER_BYTES + 8 * header["pieces"] * (1 + header["words"])
    return header if os.fstat(file.fileno()).st_size == size else None


def _has_stamp(path: Path, stamp: str) -> bool:
    try:
        with path.open("rb") as file:
            header = _header_of(file)
    except (OSError, ValueError):
        return False
    return header is not None and header["stamp"] == stamp


def words_for(dimension: int) -> int:
    """W, the number of 64-bit words for a bit per dimension."""
    return -(-dimension // 64)


def sign_words(vectors_ND: NDArray[np.float32]) -> NDArray[np.uint64]:
    """One bit per component, 1 if it is above 0, packed into 64-bit words, shape (N, W)."""
    bytes_NB = np.packbits(vectors_ND > 0, axis=1)
    padded_NB = np.zeros((len(bytes_NB), 8 * words_for(vectors_ND.shape[1])), np.uint8)
    padded_NB[:, : bytes_NB.shape[1]] = bytes_NB
    return padded_NB.view(np.uint64)


def hamming(columns_WN: NDArray[np.uint64], query_W: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """The number of bits in which each column differs from the query, shape (N,).

    A million pieces of 1,024 bits take 16 ms. Adding the counts along rows takes 55 ms, and one pass through
    memory 13 ms.
    """
    number = columns_WN.shape[1]
    distance_N = np.zeros(number, np.uint16)
    size = min(_SCANNED_AT_ONCE, number)
    differing, counts, sums = np.empty(size, np.uint64), np.empty(size, np.uint8), np.empty(size, np.uint8)
    for start in range(0, number, _SCANNED_AT_ONCE):
        end = min(number, start + _SCANNED_AT_ONCE)
        x, count, total = differing[: end - start], counts[: end - start], sums[: end - start]
        for word in range(0, len(columns_WN), 3):  # three counts of at most 64 fit a byte
            total[:] = 0
            for own in range(word, min(word + 3, len(columns_WN))):
                np.bitwise_xor(columns_WN[own, start:end], query_W[own], out=x)
                np.bitwise_count(x, out=count)
                np.add(total, count, out=total)
            np.add(distance_N[start:end], total, out=distance_N[start:end])
    return distance_N


def nearest_by_count(distance_N: NDArray[np.uint16], number: int) -> NDArray[np.int64]:
    """Positions of the `number` smallest distances and of all that equal the last of them, ascending.

    Counting takes a quarter of the time of a partition.
    """
    if number >= len(distance_N):
        return np.arange(len(distance_N))
    limit = np.searchsorted(np.cumsum(np.bincount(distance_N)), number)
    return np.flatnonzero(distance_N <= limit)


def stamp_of(version: Sketched) -> str:
    """Name a version: its description, and the ids of its pieces and their numbers of terms."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((sys.byteorder, *astuple(version.description))).encode())
    digest.update(np.ascontiguousarray(version.ids_N).data)
    digest.update(np.ascontiguousarray(version.lengths_N).data)
    return digest.hexdigest()


def keep_sketch(folder: Path, version: Sketched) -> None:
    """Make the file the sketch of a version, or remove it if the index is small.

    A full disk costs the file only: the index is published already, and searches of it are exact.
    """
    path = folder / SKETCH
    if len(version.ids_N) < APPROXIMATE_FROM:
        path.unlink(missing_ok=True)
        return
    stamp = stamp_of(version)
    if _has_stamp(path, stamp):
        return
    try:
        # An id names one piece of one database for ever, so its bits stay. A new database removes the old file.
        sketch = Sketch.of(version.ids_N, version.description.dimension, version.vectors, Sketch.load(path))
        sketch.save(path, stamp)
    except OSError as error:
        logger.warning("cannot write %s (%s): searches read all vectors", path, error.strerror)


def read_sketch(folder: Path, version: Sketched) -> Sketch | None:
    """The sketch of a version; None if the index is small or the file is missing, damaged or out of date."""
    if len(version.ids_N) < APPROXIMATE_FROM:
        return None
    sketch = Sketch.load(folder / SKETCH, stamp_of(version))
    if sketch is None:
        logger.warning(
            "%s is missing, damaged or of another version: searches read all vectors; run `adjoin index` again",
            folder / SKETCH,
        )
    return sketch
