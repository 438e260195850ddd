"""Near duplicates by MinHash and LSH banding.

Workers compute one signature per text. A single search over all signatures then marks the duplicates.

A signature is the lowest byte of each of 128 minima (rensa's permutations). Two texts with Jaccard similarity J
agree in a byte with probability J + (1 - J) / 256. Four bytes are a band. Texts that agree in any of the 32 bands
are compared. This finds 98.8 % of pairs with J = 0.6, and all but one in ten million with J = 0.8. The features
that J compares are those of `shingles`.

Recall is measured on planted copies with one change each. Functions: a variable renamed, a literal changed, a log
line or a comment added, other white space, two lines swapped. Passages: 1 to 5 words changed, a sentence added or
dropped, other case and punctuation. The last column counts original texts that were marked although none of their
five most similar texts had J of 0.6 or more, by words or by token trigrams.

    real texts                   recall    of 3 to 6 lines   marked, J < 0.6
    20,000 Python functions      99.6 %    98.3 %            0.05 %
    14,032 Java methods          99.0 %    98.1 %            0.13 %
    7,598 JavaScript functions   99.7 %    98.5 %            0.13 %
    20,000 passages              100 %     -                 none

With two changes each, recall on Python functions is 99.1 %. A threshold of 0.82 for code has a recall of 97.4 % on
functions of 3 to 6 lines, and marks a third as many originals. 0.75 has 99.3 %, and marks three times as many.

The LSH of rensa 0.5 is not used. It marks every text that shares a bucket, without comparing the signatures. Of 40
getters that are no duplicates it marks 16 with 16 bands, and none with 8 bands, where it finds 46 % of the planted
passages. It also takes 2,800 bytes of memory per row, against 30 here.
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
from adjoin.errors import AdjoinError

if TYPE_CHECKING:
    from rensa import RMinHashDigestMatrix

Signatures: TypeAlias = NDArray[np.uint8]
RowPairs: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]  # rows [P], later and earlier

SIZE = 128  # bytes per signature; standard deviation of the estimate of J = 0.8: 0.035
BAND = 4  # bytes per band
BANDS_AT_ONCE = 4  # bands in memory at a time: 16 bytes per row
CODE_THRESHOLD, PROSE_THRESHOLD = 0.8, 0.6  # least Jaccard similarity of near duplicates
_SEED = 20
_CHUNK_BYTES = 1 << 18  # of text per step: its arrays stay in the cache
_ROWS_OF_LISTS = 128  # digests that rensa returns at once: Python integers of more rows leave the cache
_ROWS_PER_BLOCK = 1 << 16  # rows of a file read at once
_MAX_PENDING_PAIRS = 200_000  # pairs confirmed at once: at most 50 MB of signatures
_PREDECESSORS = (1, 2, 3)


def signatures(texts: Sequence[bytes], languages: Sequence[str]) -> Signatures:
    """Compute MinHash signatures.

    Args:
        texts: [N] as UTF-8, of any length.
        languages: [N] as in `Pair.language`; they decide how a text is split into features.

    Returns:
        Signatures uint8 [N, SIZE].
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
    for row in np.flatnonzero(offsets[1:] == offsets[:-1]):  # no words: similar only to an equal text
        whole_text = np.frombuffer(hashlib.blake2b(texts[row], digest_size=8).digest(), "<u8")
        result[row] = _lower_bytes(RMinHash.digest_matrix_from_flat_token_hashes(whole_text, [0, 1], SIZE, _SEED))
    return result


def _lower_bytes(matrix: "RMinHashDigestMatrix") -> Signatures:
    # rensa returns lists of lists: one array.array per row is twice as fast as np.array of all.
    rows = b"".join([array.array("I", row) for row in matrix.to_rows()])
    return np.frombuffer(rows, np.uint32).astype(np.uint8).reshape(-1, SIZE)


class SignatureFiles:
    """The signatures of all parts, one file per part, read in blocks so that memory does not grow with them.

    Attributes:
        rows: number of signatures in all files.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        """Read the header of each file; no file stays open.

        Args:
            paths: .npy files of `signatures`, uint8 [rows, SIZE], in the order of the rows.

        Raises:
            AdjoinError: a file holds something else.
        """
        self._blocks: list[tuple[Path, int, int, int]] = []  # file, byte, first row, row after the last
        end = 0
        for path in paths:
            with path.open("rb") as file:
                rows, offset = _shape(file, path)
            for first in range(0, rows, _ROWS_PER_BLOCK):
                last = min(first + _ROWS_PER_BLOCK, rows)
                self._blocks.append((path, offset + first * SIZE, end + first, end + last))
            end += rows
        self.rows = end

    def blocks(self) -> Iterator[tuple[int, Signatures]]:
        """Yield all signatures in order, in blocks of at most 65,536, each with the number of its first row."""
        for path, offset, begin, end in self._blocks:
            # Mapped anew each time: touched pages count as this process's memory until the map is closed.
            yield begin, np.memmap(path, np.uint8, "r", offset, (end - begin, SIZE))

    def take(self, rows: NDArray[np.int64]) -> Signatures:
        """Return the signatures [R, SIZE] of rows [R], which must be ascending."""
        taken = np.empty((len(rows), SIZE), np.uint8)
        ends = np.searchsorted(rows, [end for *_, end in self._blocks])
        first = 0
        for (path, offset, begin, end), last in zip(self._blocks, ends, strict=True):
            if first < last:
                block = np.asarray(np.memmap(path, np.uint8, "r", offset, (end - begin, SIZE)))
                np.take(block, rows[first:last] - begin, axis=0, out=taken[first:last], mode="clip")
            first = last
        return taken


def _shape(file: BinaryIO, path: Path) -> tuple[int, int]:
    """Number of rows in a .npy file of signatures, and the byte offset of the first."""
    try:
        version = np.lib.format.read_magic(file)
        read_header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, is_fortran, kind = read_header(file)
    except ValueError:
        raise AdjoinError(f"{path} is no array file: expected a .npy file of signatures; mine again") from None
    if kind != np.uint8 or len(shape) != 2 or shape[1] != SIZE or is_fortran:
        raise AdjoinError(
            f"{path} holds {kind}{list(shape)}: expected signatures uint8 [rows, {SIZE}]; mine again"
        )
    return shape[0], file.tell()


def near_duplicates(
    files: SignatureFiles,
    keep: NDArray[np.bool_],
    kind: NDArray[np.uint8],
    thresholds: Sequence[float],
    threads: int = 1,
) -> NDArray[np.bool_]:
    """Mark the rows that are near duplicates of an *earlier* row of their kind, so that the first one stays.

    The earlier row may be a near duplicate itself: if b is similar to a, and c to b, both b and c are marked. In
    each bucket of a band, a row is compared with the first row and with the three before it. The cost is therefore
    linear in the size of a bucket, and a row stays only if none of these is similar, in all 32 bands.

    Memory: 30 bytes per row, for any number of threads. Time: 64 sorts of half of the rows, and eight passes over
    the files. 15 million rows, 40 % of them duplicates, took 95 s of CPU time and 465 MB.

    Args:
        files: the signatures [N].
        keep: [N] mask of the rows to consider. Other rows are neither compared nor marked.
        kind: [N] index into `thresholds`. Rows of different kinds are never near duplicates.
        thresholds: the least Jaccard similarity of near duplicates of each kind.
        threads: number of threads; the result does not depend on it.

    Returns:
        Mask [N] of the rows to drop.

    Raises:
        AdjoinError: the lengths differ.
    """
    if not files.rows == len(keep) == len(kind):
        raise AdjoinError(
            f"{files.rows} signatures, {len(keep)} marks and {len(kind)} kinds: expected equal lengths"
        )
    search = _DuplicateSearch(files, keep, kind, thresholds)
    parts = 2 << (threads - 1).bit_length()  # each thread sorts one part: together half of a band's keys
    jobs = [(band, part) for band in range(BANDS_AT_ONCE) for part in range(parts)]
    pending: list[RowPairs] = []
    with ThreadPoolExecutor(threads) as pool:
        for excerpt in search.excerpts():
            futures = [pool.submit(search.likely_pairs, excerpt, band, part, parts) for band, part in jobs]
            for pairs in (future.result() for future in futures):
                pending += pairs
                # Many at once, since reading a tenth of the rows takes as long as reading them all.
                if sum(len(later) for later, _ in pending) >= _MAX_PENDING_PAIRS:
                    search.confirm(pending)
                    pending = []
    search.confirm(pending)
    return search.marked


class _DuplicateSearch:
    """The state of one search for near duplicates.

    Marks are only ever set, never cleared, and marked rows are not compared again. The order in which bands are
    searched, or threads run, therefore makes no difference.

    Attributes:
        marked: [N] mask of the near duplicates found so far.
    """

    def __init__(
        self, files: SignatureFiles, keep: NDArray[np.bool_], kind: NDArray[np.uint8], thresholds: Sequence[float]
    ) -> None:
        self.marked = np.zeros(files.rows, np.bool_)
        self._files, self._keep, self._kind = files, keep, kind
        self._likely_bytes = np.array([_likely_agreement(value) for value in thresholds])
        self._needed_bytes = np.array([_expected_agreement(value, SIZE) for value in thresholds])

    def excerpts(self) -> Iterator[Signatures]:
        """Yield the next `BANDS_AT_ONCE` bands of all signatures [N, 16], each time in the same array."""
        width = BAND * BANDS_AT_ONCE
        excerpt = np.empty((self._files.rows, width), np.uint8)
        for first in range(0, SIZE, width):
            for row, block in self._files.blocks():
                excerpt[row : row + len(block)] = block[:, first : first + width]
            yield excerpt

    def likely_pairs(self, excerpt: Signatures, band: int, part: int, parts: int) -> list[RowPairs]:
        """Return pairs that share a bucket and probably pass the threshold, by the other bytes in memory.

        Most pairs are rejected here. If many are left, they are confirmed at once.

        Args:
            excerpt: [N, 16] from `excerpts`.
            band: index of the band in it.
            part: which part of the band's buckets to search.
            parts: number of parts.
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
        """Sorted keys (upper half) with row numbers (lower half) of the kept rows whose key is in this part."""
        blocks, shift = [], np.uint32(33 - parts.bit_length())
        for row in range(0, len(self._keep), _ROWS_PER_BLOCK):
            bytes_of = np.ascontiguousarray(excerpt[row : row + _ROWS_PER_BLOCK, band * BAND : (band + 1) * BAND])
            kinds = self._kind[row : row + _ROWS_PER_BLOCK].astype(np.uint32)
            key = bytes_of.view("<u4")[:, 0] ^ (kinds * np.uint32(0x9E3779B1))
            rows = np.flatnonzero(self._keep[row : row + _ROWS_PER_BLOCK] & (key >> shift == part))
            blocks.append((key[rows].astype(np.uint64) << np.uint64(32)) | (row + rows).astype(np.uint64))
        keys = np.concatenate([np.empty(0, np.uint64), *blocks])
        keys.sort()
        return keys

    def confirm(self, pending: list[RowPairs]) -> None:
        """Compare whole signatures and mark the later row of each pair that agrees in enough bytes."""
        if not pending:
            return
        later = np.concatenate([later for later, _ in pending])
        earlier = np.concatenate([earlier for _, earlier in pending])
        rows, positions = np.unique(np.concatenate([later, earlier]), return_inverse=True)
        taken = self._files.take(rows)
        for begin in range(0, len(later), _ROWS_PER_BLOCK):  # 8 MB for each side
            end = min(begin + _ROWS_PER_BLOCK, len(later))
            agreeing = (
                taken[positions[begin:end]] == taken[positions[len(later) + begin : len(later) + end]]
            ).sum(axis=1)
            row = later[begin:end]
            self.marked[row[agreeing >= self._needed_bytes[self._kind[row]]]] = True


def _expected_agreement(threshold: float, size: int) -> float:
    """The expected number of bytes that agree, of `size`, at this similarity."""
    return size * (threshold + (1 - threshold) / 256)


def _likely_agreement(threshold: float) -> float:
    """How many of the other bytes in memory agree at least, in 98 % of pairs at the threshold."""
    size = BAND * (BANDS_AT_ONCE - 1)
    mean = _expected_agreement(threshold, size)
    return mean - 2 * float(np.sqrt(mean * (1 - mean / size)))


def _bucket_pairs(keys: NDArray[np.uint64], marked: NDArray[np.bool_]) -> Iterator[RowPairs]:
    """Later and earlier rows that share a bucket, without those that are marked already."""
    step = _ROWS_PER_BLOCK
    bucket_first = 0  # where the bucket starts in which the previous block ended
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
