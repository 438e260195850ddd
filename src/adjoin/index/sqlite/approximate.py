"""Approximate search for large indexes: the sign bits of the vectors, scanned in place of the vectors.

A piece's sketch is one bit per dimension, an eighth of its int8 vector. A search takes four steps, each on the
best of the step before:

1. Hamming distance between the first half of the query's bits and of every piece's.
2. Hamming distance between all bits.
3. Dot product of the query, each component in four bits, with the piece's bits.
4. Cosines of the best, which the caller computes from the index's own vectors.

docs/performance.md has the times of a million pieces, and what each step loses.

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
from collections.abc import Callable, Sequence
from dataclasses import astuple
from pathlib import Path
from threading import Thread
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from adjoin.index.sqlite.database import SKETCH
from adjoin.index.store import Ids, IndexDescription
from adjoin.unfinished import new_file

logger = logging.getLogger(__name__)


THREADS_FROM = 500_000  # pieces; a second thread then saves 3 ms
APPROXIMATE_FROM = 100_000  # pieces; below, an exact search takes less than 20 ms at 1,024 dimensions
HALF_SHARE, WHOLE_SHARE, LAST_SHARE = 20, 80, 1_000  # steps 1, 2 and 3 keep one in so many pieces
WHOLE_CHOICE, LAST_CHOICE = 4_000, 400  # pieces that steps 2 and 3 keep at least
LAST_PER_RESULT, WHOLE_PER_LAST, HALF_PER_WHOLE = 2, 5, 4  # for many results
SHORTEST_HALF = 4  # words; fewer bits say too little
QUERY_BITS = 4  # of a component of the query in step 3; more gain nothing, with 3 another hundredth is missed
_PLACES = np.float32(2) ** np.arange(QUERY_BITS, dtype=np.float32)
_FORMAT = 2
_HEADER_BYTES = 512
_SCANNED_AT_ONCE = 1 << 17  # pieces: bits of one word, 1 MB, stay in the cache
_SCORED_AT_ONCE = 1 << 14
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
        front_FN: the first half of each piece's bits, 64 in a word. All first words come first, then all second
            ones: a scan of all pieces reads them in order.
        back_NB: the other bits, the words of a piece beside each other: it is read for few pieces. F + B =
            ceil(D / 64).
    """

    def __init__(self, ids_N: Ids, front_FN: NDArray[np.uint64], back_NB: NDArray[np.uint64]) -> None:
        """Wrap arrays. Use `Sketch.of` or `Sketch.load`."""
        self.ids_N = ids_N
        self.front_FN = front_FN
        self.back_NB = back_NB

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
        front, back = words_for(dimension)
        made = cls(ids_N, np.zeros((front, len(ids_N)), np.uint64), np.zeros((len(ids_N), back), np.uint64))
        missing_N = np.ones(len(ids_N), np.bool_)
        if earlier is not None and len(earlier) and earlier._words == made._words:
            place_N = np.minimum(np.searchsorted(earlier.ids_N, ids_N), len(earlier) - 1)
            missing_N = earlier.ids_N[place_N] != ids_N
            kept_N = np.flatnonzero(~missing_N)
            for own_N, old_N in zip(made.front_FN, earlier.front_FN, strict=True):
                own_N[kept_N] = old_N[place_N[kept_N]]
            made.back_NB[kept_N] = earlier.back_NB[place_N[kept_N]]
        new = np.flatnonzero(missing_N)
        for start in range(0, len(new), _BUILT_AT_ONCE):
            part = new[start : start + _BUILT_AT_ONCE]
            words_nW = sign_words(vectors_of(ids_N[part]))
            made.front_FN[:, part] = words_nW[:, :front].T
            made.back_NB[part] = words_nW[:, front:]
        return made

    @property
    def _words(self) -> tuple[int, int]:
        return len(self.front_FN), self.back_NB.shape[1]

    def nearest(
        self, vector_D: NDArray[np.float32], number: int, wanted_N: NDArray[np.bool_] | None = None
    ) -> NDArray[np.int64]:
        """Propose positions in `ids_N` that hold the nearest pieces, ascending.

        Args:
            vector_D: the query.
            number: how many nearest pieces the caller wants; several times as many are proposed.
            wanted_N: which of the pieces may be proposed; None for all.
        """
        among = len(self) if wanted_N is None else int(np.count_nonzero(wanted_N))
        last = max(LAST_CHOICE, LAST_PER_RESULT * number, among // LAST_SHARE)
        whole = max(WHOLE_CHOICE, WHOLE_PER_LAST * last, among // WHOLE_SHARE)
        half = max(HALF_PER_WHOLE * whole, among // HALF_SHARE)
        query_W, front = sign_words(vector_D[None])[0], len(self.front_FN)
        distance_N = hamming(self.front_FN, query_W[:front])
        if wanted_N is None:
            chosen = nearest_by_count(distance_N, half)
        else:
            chosen = np.flatnonzero(wanted_N)
            chosen = chosen[nearest_by_count(distance_N[chosen], half)]
        if whole < len(chosen):
            distance_K = distance_N[chosen] + _ones(self.back_NB.take(chosen, axis=0) ^ query_W[front:])
            chosen = chosen[nearest_by_count(distance_K, whole)]
        if last < len(chosen):
            scores_K = self.scores(chosen, vector_D)
            chosen = np.sort(chosen[np.argpartition(scores_K, len(chosen) - last)[-last:]])
        return chosen

    def scores(self, places_K: NDArray[np.int64], vector_D: NDArray[np.float32]) -> NDArray[np.float32]:
        """The dot product of a query with the bits of some pieces, which orders them about as their cosines do.

        Args:
            places_K: positions in `ids_N`.
            vector_D: the query. Each component counts with `QUERY_BITS` bits.
        """
        low, step, planes_bW = _in_bits(vector_D)
        front = len(self.front_FN)
        scores_K = np.empty(len(places_K), np.float32)
        for start in range(0, len(places_K), _SCORED_AT_ONCE):
            part = slice(start, start + _SCORED_AT_ONCE)
            front_kF = np.array([words_N.take(places_K[part]) for words_N in self.front_FN], np.uint64).T
            back_kB = self.back_NB.take(places_K[part], axis=0)  # a quarter of the time of an index
            scores_K[part] = low * (_ones(front_kF) + _ones(back_kB))
            for place, plane_W in zip(_PLACES, planes_bW, strict=True):
                both_k = _ones(front_kF & plane_W[:front]) + _ones(back_kB & plane_W[front:])
                scores_K[part] += step * place * both_k
        return scores_K

    def save(self, path: Path, stamp: str) -> None:
        """Write the file atomically: a reader sees the old file or the new one.

        Raises:
            OSError: the disk is full, or the folder may not be written to.
        """
        header = {"format": _FORMAT, "stamp": stamp, "pieces": len(self), "words": self._words}
        descriptor, unfinished = new_file(path)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(json.dumps(header).encode().ljust(_HEADER_BYTES))
                file.write(np.ascontiguousarray(self.ids_N, np.int64).data)
                for part in (*self.front_FN, self.back_NB):
                    file.write(np.ascontiguousarray(part).data)
            unfinished.chmod(0o644)  # files in the making are private
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
                pieces, (front, back) = header["pieces"], header["words"]
                ids_N = np.fromfile(file, np.int64, pieces)
                front_FN = np.fromfile(file, np.uint64, front * pieces).reshape(front, pieces)
                back_NB = np.fromfile(file, np.uint64, back * pieces).reshape(pieces, back)
        except (OSError, ValueError):
            return None
        return cls(ids_N, front_FN, back_NB)


def _header_of(file: BinaryIO) -> dict[str, Any] | None:
    """The header of an open file; None if it is not a sketch of this format, or cut short."""
    header = json.loads(file.read(_HEADER_BYTES))
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        return None
    size = _HEADER_BYTES + 8 * header["pieces"] * (1 + sum(header["words"]))
    return header if os.fstat(file.fileno()).st_size == size else None


def _has_stamp(path: Path, stamp: str) -> bool:
    try:
        with path.open("rb") as file:
            header = _header_of(file)
    except (OSError, ValueError):
        return False
    return header is not None and header["stamp"] == stamp


def words_for(dimension: int) -> tuple[int, int]:
    """F and B, the numbers of 64-bit words in the two halves of a piece's bits. Short ones are not halved."""
    words = -(-dimension // 64)
    front = words // 2 if words >= 2 * SHORTEST_HALF else words
    return front, words - front


def sign_words(vectors_ND: NDArray[np.number[Any]]) -> NDArray[np.uint64]:
    """One bit per component, 1 if it is above 0, packed into 64-bit words, shape (N, W)."""
    bytes_NB = np.packbits(vectors_ND > 0, axis=1)
    padded_NB = np.zeros((len(bytes_NB), 8 * sum(words_for(vectors_ND.shape[1]))), np.uint8)
    padded_NB[:, : bytes_NB.shape[1]] = bytes_NB
    return padded_NB.view(np.uint64)


def _in_bits(vector_D: NDArray[np.float32]) -> tuple[np.float32, np.float32, NDArray[np.uint64]]:
    """A query as low + step · n, n integers of `QUERY_BITS` bits: low, step, and each bit of all n, (bits, W)."""
    low, high = vector_D.min(), vector_D.max()
    step = max((high - low) / ((1 << QUERY_BITS) - 1), np.float32(1e-30))
    numbers_D = np.rint((vector_D - low) / step).astype(np.uint8)
    return low, step, sign_words(np.stack([(numbers_D >> bit & 1) for bit in range(QUERY_BITS)]))


def _ones(words_KW: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """The number of ones in each row. To add column by column takes a fifth of the time of a sum over rows."""
    counts_KW = np.bitwise_count(words_KW)
    total_K = np.zeros(len(words_KW), np.uint16)
    for counts_K in counts_KW.T:
        total_K += counts_K
    return total_K


def hamming(columns_WN: NDArray[np.uint64], query_W: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """The number of bits in which each column differs from the query, shape (N,).

    A million pieces of 512 bits take 8 ms. Adding the counts along rows takes three times as long, one pass
    through the memory 6 ms.
    """
    number = columns_WN.shape[1]
    distance_N = np.zeros(number, np.uint16)
    if number < THREADS_FROM or (os.cpu_count() or 1) < 2:
        _add_hamming(columns_WN, query_W, distance_N)
        return distance_N
    middle = number // 2
    other = Thread(target=_add_hamming, args=(columns_WN[:, :middle], query_W, distance_N[:middle]))
    other.start()  # NumPy lets both run at the same time; the later steps are too short for it
    _add_hamming(columns_WN[:, middle:], query_W, distance_N[middle:])
    other.join()
    return distance_N


def _add_hamming(
    columns_WN: NDArray[np.uint64], query_W: NDArray[np.uint64], distance_N: NDArray[np.uint16]
) -> None:
    number = columns_WN.shape[1]
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


def nearest_by_count(distance_N: NDArray[np.uint16], number: int) -> NDArray[np.int64]:
    """Positions of the `number` smallest distances and of all that equal the last of them, ascending.

    Comparing all with one limit after the other takes half of the time of counting each distance, and less than a
    quarter of the time of a partition.
    """
    if number >= len(distance_N):
        return np.arange(len(distance_N))
    sample = np.sort(distance_N[:: max(1, len(distance_N) >> 12)])
    middle = int(sample[number * len(sample) // len(distance_N)])  # about the limit
    below, limit = -1, int(distance_N.max(initial=0))  # fewer than `number` are at most `below`
    for bound in (middle + 1, max(middle - 1, 0)):
        if np.count_nonzero(distance_N <= bound) >= number:
            limit = min(limit, bound)
        else:
            below = max(below, bound)
    while limit - below > 1:
        middle = (below + limit) // 2
        if np.count_nonzero(distance_N <= middle) >= number:
            limit = middle
        else:
            below = middle
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
