"""The word index: postings of every term, in segments, and BM25 over them.

A posting says that a piece holds a term so many times. The postings of one term in one segment are one row of a
table, so a query reads a few rows. A refresh adds a segment with the terms of the changed files. The postings of
pieces that are gone stay until segments are merged. They are left out by the lengths: a piece without a length is
gone.

FTS5 of SQLite 3.40 was the alternative. To delete, it needs the old terms again; its BM25 has another formula than
`ranking.BM25`, and it gives the scores row by row.
"""

import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError

K1, B = 1.2, 0.75  # as in `ranking.BM25`
CACHED_TERMS = 64  # of the last queries
MOST_COUNTED = 255  # occurrences of a term in a piece; more change its score by less than 0.5 %

COMMON = 8  # a term in more than an eighth of the pieces takes less memory and time as a count for each of them
_ADDED_AT_ONCE = 1 << 15  # pieces: three arrays of four bytes stay in the cache

Row = tuple[str, int, int, bytes]  # term, id of the first piece, number of pieces, data


class _Numbers(dict[str, int]):
    """Terms to numbers, in the order in which they come."""

    def __missing__(self, term: str) -> int:
        self[term] = number = len(self)
        return number


class SegmentBuilder:
    """Collects the terms of pieces and gives the rows of one segment.

    It takes 4 bytes a term, and as much as 24 more for each posting while it gives the rows.
    """

    def __init__(self) -> None:
        self._numbers = _Numbers()
        self._terms = array("I")
        self._pieces = array("q")
        self._lengths = array("I")

    def __len__(self) -> int:
        """The number of terms so far, repetitions included."""
        return len(self._terms)

    @property
    def pieces(self) -> int:
        """The number of pieces so far."""
        return len(self._pieces)

    def add(self, piece: int, terms: Sequence[str]) -> None:
        """Add the terms of a piece."""
        self._terms.extend(map(self._numbers.__getitem__, terms))
        self._pieces.append(piece)
        self._lengths.append(len(terms))

    def rows(self) -> Iterator[Row]:
        """Give the rows of all that was added, ordered by term, and forget it."""
        names = list(self._numbers)
        lengths_P = np.frombuffer(self._lengths, np.uint32)
        place_T = np.repeat(np.arange(len(lengths_P), dtype=np.uint64), lengths_P)
        keys_T = np.frombuffer(self._terms, np.uint32).astype(np.uint64) << np.uint64(32) | place_T
        pieces_P = np.sort(np.frombuffer(self._pieces, np.int64))
        ordered = np.array_equal(pieces_P, np.frombuffer(self._pieces, np.int64))
        assert ordered, "pieces are added in the order of their ids"
        keys_N, counts_N = np.unique(keys_T, return_counts=True)
        numbers_N = (keys_N >> np.uint64(32)).astype(np.int64)
        ids_N = pieces_P[(keys_N & np.uint64(0xFFFFFFFF)).astype(np.int64)]
        starts = np.searchsorted(numbers_N, np.arange(len(names) + 1))
        self.__init__()  # type: ignore[misc]
        yield from _packed_rows(names, starts, ids_N, counts_N)


def _packed_rows(
    names: Sequence[str], starts: NDArray[np.int64], ids_N: NDArray[np.int64], counts_N: NDArray[np.int64]
) -> Iterator[Row]:
    """Give what `packed` gives for each name, ordered by name; the postings of one lie between two `starts`.

    All are packed together and cut apart: most terms have few postings, and a call of NumPy for each takes longer
    than the rest.
    """
    counts = np.minimum(counts_N, MOST_COUNTED).astype(np.uint8).tobytes()
    steps_N = np.diff(ids_N, prepend=0)
    steps_N[starts[:-1][starts[:-1] < len(ids_N)]] = 0  # a first posting has no step
    held = np.flatnonzero(np.diff(starts))
    largest = np.zeros(len(names), np.int64)
    if len(held):
        largest[held] = np.maximum.reduceat(steps_N, starts[held])
    widths = np.where(largest < 1 << 8, 1, np.where(largest < 1 << 16, 2, 4)).tolist()
    steps = {width: steps_N.astype(f"<u{width}").tobytes() for width in set(widths)}
    firsts, bounds = ids_N[starts[:-1][held]], starts.tolist()
    first_of = dict(zip(held.tolist(), firsts.tolist(), strict=True))
    for number in sorted(first_of, key=names.__getitem__):
        start, end, width = bounds[number], bounds[number + 1], widths[number]
        data = counts[start:end] + steps[width][width * (start + 1) : width * end]
        yield names[number], first_of[number], end - start, data


def packed(ids_N: NDArray[np.int64], counts_N: NDArray[np.int64]) -> tuple[int, int, bytes]:
    """Pack the postings of a term.

    Args:
        ids_N: ids of at least one piece, ascending.
        counts_N: how often the term is in each, at least once.

    Returns:
        The first id, the number of pieces, and the data: a byte for each count, then the differences of the ids in
        the smallest unsigned integer that holds them.
    """
    counts = np.minimum(counts_N, MOST_COUNTED).astype(np.uint8).tobytes()
    if len(ids_N) == 1:
        return int(ids_N[0]), 1, counts
    steps = np.diff(ids_N)
    return int(ids_N[0]), len(ids_N), counts + steps.astype(_width_for(int(steps.max()))).tobytes()


def _width_for(largest: int) -> str:
    return "<u1" if largest < 1 << 8 else "<u2" if largest < 1 << 16 else "<u4"


def unpacked(first: int, number: int, data: bytes) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Unpack the postings of a term: ids, ascending, and counts, both of shape (N,).

    Raises:
        AdjoinError: the data is damaged.
    """
    width = (len(data) - number) // (number - 1) if number > 1 else 0
    if number < 1 or len(data) != number + width * (number - 1) or (number > 1 and width not in (1, 2, 4)):
        raise AdjoinError("the word index is damaged: remove the index's folder and run `adjoin index` again")
    counts_N = np.frombuffer(data, np.uint8, number)
    ids_N = np.full(number, first, np.int64)
    if number > 1:
        ids_N[1:] += np.cumsum(np.frombuffer(data, f"<u{width}", offset=number), dtype=np.int64)
    return ids_N, counts_N


def merged(rows: Iterable[Row], is_live: NDArray[np.bool_]) -> Iterator[Row]:
    """Merge rows of several segments into those of one, without postings of pieces that are gone.

    Args:
        rows: rows ordered by term.
        is_live: whether there is a piece with each id, shape (highest id + 1,).
    """
    for term, group in groupby(rows, key=itemgetter(0)):
        parts = [unpacked(first, number, data) for _, first, number, data in group]
        ids_N = np.concatenate([ids for ids, _ in parts])
        counts_N = np.concatenate([counts for _, counts in parts]).astype(np.int64)
        keep_N = is_live[ids_N]
        ids_N, counts_N = ids_N[keep_N], counts_N[keep_N]
        if len(ids_N):
            order_N = np.argsort(ids_N, kind="stable")
            yield term, *packed(ids_N[order_N], counts_N[order_N])


class Words:
    """BM25 over the postings of one version.

    score(q, d) = Σ over the terms t of q, repetitions included, of
    log(1 + (N - df_t + 0.5) / (df_t + 0.5)) · tf / (tf + k1 · (1 - b + b · |d| / mean length)): that of
    `ranking.BM25`, whose docstring gives the source.
    """

    def __init__(
        self, ids_N: NDArray[np.int64], lengths_N: NDArray[Any], rows_of: Callable[[str], Iterable[Row]]
    ) -> None:
        """Prepare to score.

        Args:
            ids_N: the ids of all pieces, ascending.
            lengths_N: the number of terms of each.
            rows_of: gives the rows of a term, of all segments.
        """
        self._number = len(ids_N)
        highest = int(ids_N[-1]) if len(ids_N) else 0
        mean = float(lengths_N.mean()) if len(ids_N) else 1.0
        # Indexed by id. A piece that is gone has an infinite norm, so that it scores 0.
        self._norms = np.full(highest + 1, np.inf, np.float32)
        self._norms[ids_N] = K1 * (1 - B + B * lengths_N / max(mean, 1e-9))
        self.rows_of = rows_of
        self._read: dict[str, _Postings] = {}  # the term that was used last comes last
        self._last: tuple[tuple[str, ...], NDArray[np.float32]] = ((), np.zeros(highest + 1, np.float32))

    def scores(self, terms: Sequence[str]) -> NDArray[np.float32]:
        """The score of every id, shape (highest id + 1,); 0 where no term is. The array belongs to this object."""
        if (key := tuple(terms)) != self._last[0]:
            scores = np.zeros(len(self._norms), np.float32)
            for term, times in Counter(key).items():
                self._add(term, times, scores)
            self._last = (key, scores)
        return self._last[1]

    def best_score(self, terms: Sequence[str]) -> float:
        """The score that no piece reaches: Σ of the terms' weights, also of unknown terms; 1 without terms."""
        return (
            sum(times * self._rarity(self._postings(term).frequency) for term, times in Counter(terms).items())
            or 1.0
        )

    def _add(self, term: str, times: int, scores: NDArray[np.float32]) -> None:
        found = self._postings(term)
        if not found.frequency:
            return
        weight = np.float32(times * self._rarity(found.frequency))
        if found.ids_M is not None:
            share_M = found.counts / (found.counts + self._norms[found.ids_M])
            scores[found.ids_M] += weight * share_M
            return
        for start in range(0, len(scores), _ADDED_AT_ONCE):
            part = slice(start, start + _ADDED_AT_ONCE)
            share_n = found.counts[part] / (found.counts[part] + self._norms[part])
            scores[part] += np.multiply(share_n, weight, out=share_n)

    def _rarity(self, frequency: int) -> float:
        return math.log(1 + (self._number - frequency + 0.5) / (frequency + 0.5))

    def _postings(self, term: str) -> "_Postings":
        """The postings of a term, from memory if it was used lately."""
        found = self._read.pop(term, None)
        if found is None:
            found = self._postings_in(self.rows_of(term))
            if len(self._read) >= CACHED_TERMS:
                del self._read[next(iter(self._read))]
        self._read[term] = found
        return found

    def _postings_in(self, rows: Iterable[Row]) -> "_Postings":
        parts = [unpacked(first, number, data) for _, first, number, data in rows]
        ids_M = np.concatenate([ids for ids, _ in parts] or [np.empty(0, np.int64)])
        counts_M = np.concatenate([counts for _, counts in parts] or [np.empty(0, np.uint8)])
        known_M = ids_M < len(self._norms)  # others are of pieces at the end that are gone
        ids_M, counts_M = ids_M[known_M], counts_M[known_M]
        frequency = int(np.isfinite(self._norms[ids_M]).sum())
        if COMMON * len(ids_M) <= len(self._norms):
            return _Postings(ids_M, counts_M, frequency)
        counts = np.zeros(len(self._norms), np.uint8)
        counts[ids_M] = counts_M
        return _Postings(None, counts, frequency)


@dataclass(frozen=True, slots=True)
class _Postings:
    """Where a term is.

    Attributes:
        ids_M: ids of the pieces that hold it, ascending; None if `counts` has every id.
        counts: how often it is in each piece of `ids_M`, or in each of all.
        frequency: how many of these pieces are still there.
    """

    ids_M: NDArray[np.int64] | None
    counts: NDArray[np.uint8]
    frequency: int
