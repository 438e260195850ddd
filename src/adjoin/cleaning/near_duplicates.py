"""Near duplicates by MinHash and bands: a signature a text in the workers, one decision over all of them after.

A signature is the lower byte of each of 128 minima (rensa's permutations): two texts agree in each byte with a
probability of their Jaccard similarity J, and by chance in 1 of 256 of the rest. Four bytes are a band: texts that
agree in any of the 32 bands are compared, which finds J = 0.6 in 98.8 % of cases and J = 0.8 in all but one of
ten million. What the similarity is of stands in `shingles`.

Measured on planted copies with one change each (a variable renamed, a literal changed, a log line or a comment
added, other white space, two lines swapped; 1 to 5 words changed, a sentence added or dropped, other case and
punctuation), and on what was there before and was marked although none of its likest five had J of 0.6, be it of
words or of three tokens in a row:

    real texts                   found     of 3 to 6 lines   marked, J < 0.6
    20,000 Python functions      99.6 %    98.3 %            0.05 %
    14,032 Java methods          99.0 %    98.1 %            0.13 %
    7,598 JavaScript functions   99.7 %    98.5 %            0.13 %
    20,000 passages              100 %     -                 none

With two changes each, 99.1 % of Python functions. A threshold of 0.82 for code finds 97.4 % of the short ones and
marks a third as many others; 0.75 finds 99.3 % and marks three times as many.
"""

import array
import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from adjoin.cleaning.shingles import Dialect, dialect_of, shingles
from adjoin.corpus.document import PROSE
from adjoin.errors import AdjoinError

if TYPE_CHECKING:
    from rensa import RMinHashDigestMatrix

Signatures: TypeAlias = NDArray[np.uint8]
RowPairs: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]  # rows [P], later and earlier

SIZE = 128  # bytes of a signature: the estimate of J = 0.8 is off by 0.035 (one standard deviation)
BAND = 4  # bytes of a band
BANDS_AT_ONCE = 4  # of which the keys are held in memory: 16 bytes a row
CODE_THRESHOLD, PROSE_THRESHOLD = 0.8, 0.6
_SEED = 20
_CHUNK_BYTES = 1 << 18  # of text at once: its arrays stay in the cache
_ROWS_OF_LISTS = 128  # that rensa gives at once: Python integers for more leave the cache
_ROWS_PER_BLOCK = 1 << 16  # of a file read at once
_MAX_PENDING_PAIRS = 200_000  # compared at once: 50 MB of signatures at most
_PREDECESSORS = (1, 2, 3)


def threshold_of(language: str) -> float:
    """The least Jaccard similarity of near duplicates in a language (or `PROSE`)."""
    return PROSE_THRESHOLD if language == PROSE else CODE_THRESHOLD


def signatures(texts: Sequence[bytes], languages: Sequence[str]) -> Signatures:
    """The signatures [N, SIZE] of N texts.

    Args:
        texts: UTF-8, of any length.
        languages: of each, as in `Pair.language`.
    """
    rows_of: dict[Dialect, list[int]] = {}
    for row, language in enumerate(languages):
        rows_of.setdefault(dialect_of(language), []).append(row)
    result = np.empty((len(texts), SIZE), np.uint8)
    for dialect, rows in rows_of.items():
        for chunk in _chunks(rows, texts):
            result[chunk] = _signatures([texts[row] for row in chunk], dialect)
    return result


def _chunks(rows: list[int], texts: Sequence[bytes]) -> Iterator[list[int]]:
    chunk: list[int] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += len(texts[row])
        if size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _signatures(texts: list[bytes], dialect: Dialect) -> Signatures:
    from rensa import RMinHash

    hashes, offsets = shingles(texts, dialect)
    result = np.empty((len(texts), SIZE), np.uint8)
    for begin in range(0, len(texts), _ROWS_OF_LISTS):
        part = offsets[begin : begin + _ROWS_OF_LISTS + 1]
        digests = RMinHash.digest_matrix_from_flat_token_hashes(
            hashes[part[0] : part[-1]], (part - part[0]).astype(np.uint64), SIZE, _SEED
        )
        result[begin : begin + len(part) - 1] = _lower_bytes(digests)
    for row in np.flatnonzero(offsets[1:] == offsets[:-1]):  # no word at all: like nothing but itself
        itself = np.frombuffer(hashlib.blake2b(texts[row], digest_size=8).digest(), "<u8")
        result[row] = _lower_bytes(RMinHash.digest_matrix_from_flat_token_hashes(itself, [0, 1], SIZE, _SEED))
    return result


def _lower_bytes(matrix: "RMinHashDigestMatrix") -> Signatures:
    # rensa gives a list of lists: an array of each is twice as fast as numpy's own reading.
    rows = b"".join([array.array("I", row) for row in matrix.to_rows()])
    return np.frombuffer(rows, np.uint32).astype(np.uint8).reshape(-1, SIZE)


class SignatureFiles:
    """The signatures of many parts, in files of their own, read piece by piece: memory does not grow with them.

    Attributes:
        rows: of all files together.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        """Look at each file's shape; none stays open.

        Args:
            paths: .npy files of uint8 [rows, SIZE], as numpy.save writes `signatures`, in the order of the rows.

        Raises:
            AdjoinError: a file holds something else.
        """
        self._pieces: list[tuple[Path, int, int, int]] = []  # file, byte, first row, row after the last
        end = 0
        for path in paths:
            with path.open("rb") as file:
                rows, offset = _shape(file, path)
            for first in range(0, rows, _ROWS_PER_BLOCK):
                last = min(first + _ROWS_PER_BLOCK, rows)
                self._pieces.append((path, offset + first * SIZE, end + first, end + last))
            end += rows
        self.rows = end

    def blocks(self) -> Iterator[tuple[int, Signatures]]:
        """All rows in order, with the first's number; at most `_ROWS_PER_BLOCK` at once."""
        for path, offset, begin, end in self._pieces:
            # Opened anew: the pages that a map has touched count as this process's memory until it is closed.
            yield begin, np.memmap(path, np.uint8, "r", offset, (end - begin, SIZE))

    def take(self, rows: NDArray[np.int64]) -> Signatures:
        """The signatures of rows, which must be sorted."""
        taken = np.empty((len(rows), SIZE), np.uint8)
        ends = np.searchsorted(rows, [end for *_, end in self._pieces])
        first = 0
        for (path, offset, begin, end), last in zip(self._pieces, ends, strict=True):
            if first < last:
                block = np.asarray(np.memmap(path, np.uint8, "r", offset, (end - begin, SIZE)))
                np.take(block, rows[first:last] - begin, axis=0, out=taken[first:last], mode="clip")
            first = last
        return taken


def _shape(file: BinaryIO, path: Path) -> tuple[int, int]:
    """Rows of a .npy file of signatures, and the byte where the first begins."""
    try:
        version = np.lib.format.read_magic(file)
        read_header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, is_fortran, kind = read_header(file)
    except ValueError:
        raise AdjoinError(f"{path} is no array file: expected signatures, as numpy.save writes them") from None
    if kind != np.uint8 or len(shape) != 2 or shape[1] != SIZE or is_fortran:
        raise AdjoinError(f"{path} holds {kind}{list(shape)}: expected signatures uint8 [rows, {SIZE}]")
    return shape[0], file.tell()


def near_duplicates(
    files: SignatureFiles,
    keep: NDArray[np.bool_],
    kind: NDArray[np.uint8],
    thresholds: Sequence[float],
    threads: int = 1,
) -> NDArray[np.bool_]:
    """Which rows are a near duplicate of an *earlier* row of their kind: the first of a family stays.

    The earlier row may be a near duplicate itself: where a is like b and b like c, both b and c go, whether a is
    like c or not. Of a band's bucket, each row is compared with the first one and the three before it, so the cost
    is linear in a family's size, and a row goes unless it is like none of them in all 32 bands.

    Memory: 30 bytes a row, whatever the threads. Time: 64 sorts of half of the rows, and reading the files eight
    times: 15 million rows, two in five of them in families, took 95 s of a processor and 465 MB.

    Args:
        files: the signatures [N].
        keep: [N]; all others are neither compared nor marked.
        kind: [N], an index into thresholds: rows of different kinds are never near duplicates.
        thresholds: the least Jaccard similarity, a kind.
        threads: at work; the result is the same.

    Returns:
        Marks [N] of the rows to drop.

    Raises:
        AdjoinError: the lengths do not match.
    """
    if not files.rows == len(keep) == len(kind):
        raise AdjoinError(
            f"{files.rows} signatures, {len(keep)} marks and {len(kind)} kinds: expected as many of each"
        )
    search = _DuplicateSearch(files, keep, kind, thresholds)
    parts = 2 << (threads - 1).bit_length()  # a thread sorts one at a time, so all hold half of a band's keys
    jobs = [(band, part) for band in range(BANDS_AT_ONCE) for part in range(parts)]
    pending: list[RowPairs] = []
    with ThreadPoolExecutor(threads) as pool:
        for excerpt in search.excerpts():
            of_jobs = [pool.submit(search.likely_pairs, excerpt, band, part, parts) for band, part in jobs]
            for pairs in (job.result() for job in of_jobs):
                pending += pairs
                # Many at once: to read a tenth of the rows takes as long as to read them all.
                if sum(len(later) for later, _ in pending) >= _MAX_PENDING_PAIRS:
                    search.confirm(pending)
                    pending = []
    search.confirm(pending)
    return search.marked


class _DuplicateSearch:
    """Near duplicates among the rows of some files.

    A row's mark is only ever set, and a marked row is not compared again: in which order bands are looked through,
    or whether at the same time, makes no difference to the marks.

    Attributes:
        marked: [N] the rows found so far.
    """

    def __init__(
        self, files: SignatureFiles, keep: NDArray[np.bool_], kind: NDArray[np.uint8], thresholds: Sequence[float]
    ) -> None:
        self.marked = np.zeros(files.rows, np.bool_)
        self._files, self._keep, self._kind = files, keep, kind
        self._likely_bytes = np.array([_likely_agreement(value) for value in thresholds])
        self._needed_bytes = np.array([_expected_agreement(value, SIZE) for value in thresholds])

    def excerpts(self) -> Iterator[Signatures]:
        """Of each signature [N, 16] the bands of one round; the array is the same one every time."""
        width = BAND * BANDS_AT_ONCE
        excerpt = np.empty((self._files.rows, width), np.uint8)
        for first in range(0, SIZE, width):
            for row, block in self._files.blocks():
                excerpt[row : row + len(block)] = block[:, first : first + width]
            yield excerpt

    def likely_pairs(self, excerpt: Signatures, band: int, part: int, parts: int) -> list[RowPairs]:
        """RowPairs of one bucket that the other bytes in memory do not tell apart, as most of them are.

        Args:
            excerpt: see `excerpts`.
            band: which of its bands.
            part: of the band's buckets.
            parts: that the buckets are shared among.
        """
        kind, pending, count = self._kind, list[RowPairs](), 0
        for later, earlier in _bucket_pairs(self._sorted_keys(excerpt, band, part, parts), self.marked):
            agreeing = (excerpt[later] == excerpt[earlier]).sum(axis=1) - BAND
            likely = (kind[later] == kind[earlier]) & (agreeing >= self._likely_bytes[kind[later]])
            pending.append((later[likely], earlier[likely]))
            count += len(pending[-1][0])
            if count >= _MAX_PENDING_PAIRS:
                self.confirm(pending)
                pending, count = [], 0
        return pending

    def _sorted_keys(self, excerpt: Signatures, band: int, part: int, parts: int) -> NDArray[np.uint64]:
        """Key (upper half) and row (lower) of each row kept, sorted; of those whose key falls into this part."""
        pieces, shift = [], np.uint32(33 - parts.bit_length())
        for row in range(0, len(self._keep), _ROWS_PER_BLOCK):
            bytes_of = np.ascontiguousarray(excerpt[row : row + _ROWS_PER_BLOCK, band * BAND : (band + 1) * BAND])
            kinds = self._kind[row : row + _ROWS_PER_BLOCK].astype(np.uint32)
            key = bytes_of.view("<u4")[:, 0] ^ (kinds * np.uint32(0x9E3779B1))
            rows = np.flatnonzero(self._keep[row : row + _ROWS_PER_BLOCK] & (key >> shift == part))
            pieces.append((key[rows].astype(np.uint64) << np.uint64(32)) | (row + rows).astype(np.uint64))
        keys = np.concatenate([np.empty(0, np.uint64), *pieces])
        keys.sort()
        return keys

    def confirm(self, pending: list[RowPairs]) -> None:
        """Mark the later rows whose whole signatures agree with the earlier ones' in as many bytes as needed."""
        if not pending:
            return
        later = np.concatenate([later for later, _ in pending])
        earlier = np.concatenate([earlier for _, earlier in pending])
        rows, positions = np.unique(np.concatenate([later, earlier]), return_inverse=True)
        found = self._files.take(rows)
        for begin in range(0, len(later), _ROWS_PER_BLOCK):  # 8 MB a side
            end = min(begin + _ROWS_PER_BLOCK, len(later))
            agreeing = (
                found[positions[begin:end]] == found[positions[len(later) + begin : len(later) + end]]
            ).sum(axis=1)
            row = later[begin:end]
            self.marked[row[agreeing >= self._needed_bytes[self._kind[row]]]] = True


def _expected_agreement(threshold: float, size: int) -> float:
    """How many of `size` bytes agree, on average, at this similarity."""
    return size * (threshold + (1 - threshold) / 256)


def _likely_agreement(threshold: float) -> float:
    """As many of the other bytes at hand agree in 98 of 100 pairs at the threshold, which share several bands."""
    size = BAND * (BANDS_AT_ONCE - 1)
    mean = _expected_agreement(threshold, size)
    return mean - 2 * float(np.sqrt(mean * (1 - mean / size)))


def _bucket_pairs(keys: NDArray[np.uint64], marked: NDArray[np.bool_]) -> Iterator[RowPairs]:
    """Later and earlier rows of one bucket, without those that are marked already."""
    step = _ROWS_PER_BLOCK
    bucket_first = 0  # where the bucket begins that the piece before ended in
    for begin in range(0, len(keys), step):
        positions = np.arange(begin, min(begin + step, len(keys)))
        key = keys[begin : begin + step] >> np.uint64(32)
        before = keys[begin - 1] >> np.uint64(32) if begin else key[0] + np.uint64(1)
        opens = key != np.concatenate([[before], key[:-1]])
        firsts = np.maximum.accumulate(np.where(opens, positions, bucket_first))
        bucket_first = int(firsts[-1])
        rows = (keys[begin : begin + step] & np.uint64(0xFFFFFFFF)).astype(np.int64)
        open_rows = np.flatnonzero((positions > firsts) & ~marked[rows])
        later, first_of, place = rows[open_rows], firsts[open_rows], positions[open_rows]
        pairs = [(later, first_of)]
        for back in _PREDECESSORS:
            further = place - back > first_of
            pairs.append((later[further], place[further] - back))
        earlier = keys[np.concatenate([place for _, place in pairs])] & np.uint64(0xFFFFFFFF)
        if len(earlier):
            yield np.concatenate([row for row, _ in pairs]), earlier.astype(np.int64)
