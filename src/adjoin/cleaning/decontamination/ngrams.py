"""Hashed character n-grams of normalized texts, vectorized in NumPy, with a Bloom filter to look them up.

A text is normalized to its *letters*: the bytes that a caller's table keeps. White space and punctuation are gone,
so they never matter. An n-gram is a fixed number of letters that starts where a word starts. It is about as long
as an n-gram of words. Eight letters are read from the buffer as one 64-bit number, so the hashes of all n-grams
take a few operations over whole arrays.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Positions = NDArray[np.int64]
Table = NDArray[Any]

SEPARATOR = 1  # the byte between texts: a control character, which no table keeps as a letter
EIGHT = 8  # letters read at a time
BITS_PER_KEY = 24  # of the Bloom filter; measured with four probes in a 64-bit block: 1 false positive in 550
_PADDING = bytes([SEPARATOR]) * 128  # so that an n-gram at the very end can be read too
_SEED, _STEP = np.uint64(0x2545F4914F6CDD1D), np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)


def letter_table(folded: bytes) -> bytes:
    """Return a translation table for `Letters.of` that keeps the separator and maps no other byte to it.

    Args:
        folded: [256] what each byte becomes; 0 drops it.
    """
    table = bytearray(folded.replace(bytes([SEPARATOR]), b"\0"))
    table[SEPARATOR] = SEPARATOR
    return bytes(table)


@dataclass(frozen=True)
class Letters:
    """The normalized letters of T texts in one buffer, with a separator after each text.

    Attributes:
        flat: [L] all letters and separators, then padding.
        starts: [W] positions in `flat` where a word starts, ascending.
        bounds: [T+1] text i has the letters bounds[i] ... bounds[i+1] - 2; its separator follows.
        source: the original texts, joined by separators.
    """

    flat: NDArray[np.uint8]
    starts: Positions
    bounds: Positions
    source: bytes
    _kept: NDArray[np.bool_]

    @classmethod
    def of(cls, texts: Sequence[bytes], letters: bytes, words: bytes | None = None) -> "Letters":
        """Normalize texts.

        Args:
            texts: [T] as UTF-8.
            letters: [256] what each byte becomes, made by `letter_table`; 0 drops it.
            words: [256] non-zero for bytes that belong to words; None if all letters do.
        """
        separator = bytes([SEPARATOR])
        source = separator.join([*texts, b""])
        if source.count(separator) != len(texts):  # a text contains the separator
            source = separator.join([*(text.replace(separator, b" ") for text in texts), b""])
        mapped = source.translate(letters)
        at = np.frombuffer(mapped, np.uint8)
        kept = at != 0
        in_word = at > SEPARATOR if words is None else np.frombuffer(source.translate(words), np.uint8) != 0
        begins = in_word.copy()
        begins[1:] &= ~in_word[:-1]
        if not source.isascii():
            begins |= at >= 0xE0  # scripts without spaces: UTF-8 has three bytes or more for each of their letters
        flat = np.frombuffer(mapped.translate(None, b"\0") + _PADDING, np.uint8)
        starts = np.cumsum(kept, dtype=np.int32)[np.flatnonzero(begins)].astype(np.int64) - 1
        ends = np.flatnonzero(flat[: len(flat) - len(_PADDING)] == SEPARATOR)
        return cls(flat, starts, np.concatenate([[0], ends + 1]), source, kept)

    def chain(self, positions: Positions, length: int, before: Hashes | None = None, skip: int = 0) -> Hashes:
        """Return a rolling hash of the letters from each position. Call `mixed` on it before a lookup.

        Args:
            positions: [N] where the n-grams start.
            length: letters per n-gram, a multiple of eight.
            before: [N] hashes of the first `skip` letters, to continue from.
            skip: letters that `before` covers.

        Returns:
            Hashes [N].
        """
        eights: NDArray[np.uint64] = np.ndarray((len(self.flat) - EIGHT,), "<u8", self.flat, strides=(1,))
        state = np.full(len(positions), _SEED) if before is None else before
        for offset in range(skip, length, EIGHT):
            step = state >> np.uint64(29)
            step ^= state  # in place: allocation costs more than the arithmetic
            step *= _STEP
            step += eights.take(positions + offset)
            state = step
        return state

    def outlines(self, first: Positions, end: Positions) -> Hashes:
        """Return a cheap hash [N] of each span: its first eight letters, its last eight and its length."""
        state = self.chain(first, EIGHT)
        return mixed(self.chain(end - EIGHT, EIGHT, state) + (end - first).astype(np.uint64))

    def digests(self, first: Positions, end: Positions) -> Hashes:
        """Return a BLAKE2b hash [N] of all letters of each span."""
        flat = self.flat.tobytes() if len(first) else b""
        hashes = (hashlib.blake2b(flat[i:j], digest_size=8).digest() for i, j in zip(first, end, strict=True))
        return np.frombuffer(b"".join(hashes), "<u8").astype(np.uint64)

    def texts_at(self, positions: Positions) -> Positions:
        """Return the index [N] of the text that each position belongs to."""
        return np.searchsorted(self.bounds, positions, side="right") - 1

    def words_between(self, first: Positions, end: Positions) -> Positions:
        """Return the number of words [N] that start in each span."""
        return np.searchsorted(self.starts, end) - np.searchsorted(self.starts, first)

    def around(self, first: Positions, end: Positions) -> list[tuple[bytes, bytes]]:
        """Return what the original text has around each span.

        Returns:
            For each span, the bytes back to the previous letter or separator and on to the next one.
        """
        origin = np.flatnonzero(self._kept) + 1  # position 0 is a separator put before the first text
        source = bytes([SEPARATOR]) + self.source
        before = np.where(first > 0, origin[first - 1], 0)
        spans = zip(before, origin[first], origin[end - 1] + 1, origin[end] + 1, strict=True)
        return [(source[a:b], source[c:d]) for a, b, c, d in spans]


def mixed(state: Hashes) -> Hashes:
    """Finalize a rolling hash: every bit of the result depends on every bit of the input."""
    state = (state ^ (state >> np.uint64(30))) * _MIX
    return state ^ (state >> np.uint64(31))


def bloom_filter(keys: Hashes) -> Hashes:
    """Build a blocked Bloom filter: all probes of a key fall into one 64-bit block, so a lookup reads memory once.

    Args:
        keys: [K] mixed hashes.

    Returns:
        Blocks of 64 bits, `BITS_PER_KEY` bits per key.
    """
    blocks = max(len(keys) * BITS_PER_KEY // 64, 1)
    table = np.zeros(blocks, np.uint64)
    bits = _bits(keys, 0) | _bits(keys, 6) | _bits(keys, 12) | _bits(keys, 18)
    np.bitwise_or.at(table, _blocks_of(keys, blocks), bits)
    return table


def _blocks_of(keys: Hashes, blocks: int) -> Positions:
    positions: Positions = (((keys >> np.uint64(32)) * np.uint64(blocks)) >> np.uint64(32)).view(np.int64)
    return positions


def _bits(keys: Hashes, shift: int) -> Hashes:
    return np.uint64(1) << ((keys >> np.uint64(shift)) & np.uint64(63))


def bloom_hits(table: Table, keys: Hashes) -> Positions:
    """Look keys up in a `bloom_filter`.

    Returns:
        Indices of the keys that are probably in it: all that are, and 1 in 550 of the others.
    """
    blocks = table[_blocks_of(keys, len(table))]
    likely = np.flatnonzero(blocks & _bits(keys, 0))  # rejects five of six keys that are not in the filter
    keys, blocks = keys[likely], blocks[likely]
    bits = _bits(keys, 6) | _bits(keys, 12) | _bits(keys, 18)
    hits: Positions = likely[(blocks & bits) == bits]
    return hits


def is_in_sorted(sorted_keys: Table, keys: Hashes) -> NDArray[np.bool_]:
    """Return a mask [N] of the keys that occur in `sorted_keys`, which is ascending."""
    if not len(sorted_keys):
        return np.zeros(len(keys), np.bool_)
    positions = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return np.asarray(sorted_keys[positions] == keys)
