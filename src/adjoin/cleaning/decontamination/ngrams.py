"""Texts → hashes of stretches of their letters, all at once in numpy: what decontamination looks up.

A text is reduced to its *letters* (bytes that mean something; which ones, the caller's table says) and to the
places among them where a word starts. A gram is a fixed number of letters from such a place on: about as long as
an n-gram of words, but white space and punctuation are gone before, so they cannot matter. Eight letters are one
64-bit number, read straight out of the bytes, so that a gram's hash takes a few operations over whole arrays.
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

SEPARATOR = 1  # the byte between texts; a control character, which no table keeps as a letter
EIGHT = 8  # letters that are read at a time
BITS_A_KEY = 24  # of a filter; with four probes in a 64-bit block 1 strange key in 550 is let through (measured)
_PADDING = bytes([SEPARATOR]) * 128  # so that every gram can be read, also at the end
_SEED, _STEP = np.uint64(0x2545F4914F6CDD1D), np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)


def letter_table(folded: bytes) -> bytes:
    """A table for `Letters.of`: what each byte becomes; the separator stays itself and is nobody's letter."""
    table = bytearray(folded.replace(bytes([SEPARATOR]), b"\0"))
    table[SEPARATOR] = SEPARATOR
    return bytes(table)


@dataclass(frozen=True)
class Letters:
    """The letters of some texts, one after the other, each followed by a separator.

    Attributes:
        flat: [L] all letters and separators, and some padding.
        starts: [W] positions in `flat` where a word starts, ascending.
        bounds: [T+1] text i has the letters bounds[i] ... bounds[i+1] - 2; its separator follows.
        source: the texts that were reduced, joined by separators.
    """

    flat: NDArray[np.uint8]
    starts: Positions
    bounds: Positions
    source: bytes
    _kept: NDArray[np.bool_]

    @classmethod
    def of(cls, texts: Sequence[bytes], letters: bytes, words: bytes | None = None) -> "Letters":
        """Reduce texts.

        Args:
            texts: [T] as UTF-8.
            letters: table of what each byte becomes, made by `letter_table`; 0 for what is left out.
            words: table of what is not 0 for the bytes of words; None if all letters are.
        """
        between = bytes([SEPARATOR])
        source = between.join([*texts, b""])
        if source.count(between) != len(texts):  # a text that holds a separator
            source = between.join([*(text.replace(between, b" ") for text in texts), b""])
        mapped = source.translate(letters)
        at = np.frombuffer(mapped, np.uint8)
        kept = at != 0
        in_word = at > SEPARATOR if words is None else np.frombuffer(source.translate(words), np.uint8) != 0
        begins = in_word.copy()
        begins[1:] &= ~in_word[:-1]
        if not source.isascii():
            begins |= at >= 0xE0  # scripts without spaces between words: UTF-8 needs three bytes for their letters
        flat = np.frombuffer(mapped.translate(None, b"\0") + _PADDING, np.uint8)
        starts = np.cumsum(kept, dtype=np.int32)[np.flatnonzero(begins)].astype(np.int64) - 1
        ends = np.flatnonzero(flat[: len(flat) - len(_PADDING)] == SEPARATOR)
        return cls(flat, starts, np.concatenate([[0], ends + 1]), source, kept)

    def chain(self, positions: Positions, length: int, before: Hashes | None = None, skip: int = 0) -> Hashes:
        """[N] a running hash of the letters from each place on; not for looking up before it is `mixed`.

        Args:
            positions: [N] where the grams start.
            length: of the grams, in letters: a multiple of eight.
            before: the running hash of the first `skip` letters, to go on from.
            skip: likewise.
        """
        eights: NDArray[np.uint64] = np.ndarray((len(self.flat) - EIGHT,), "<u8", self.flat, strides=(1,))
        state = np.full(len(positions), _SEED) if before is None else before
        for offset in range(skip, length, EIGHT):
            step = state >> np.uint64(29)
            step ^= state  # in place: fresh memory costs more than the arithmetic
            step *= _STEP
            step += eights.take(positions + offset)
            state = step
        return state

    def outlines(self, first: Positions, end: Positions) -> Hashes:
        """[N] a hash of the first eight and the last eight letters of stretches, and of their length."""
        state = self.chain(first, EIGHT)
        return mixed(self.chain(end - EIGHT, EIGHT, state) + (end - first).astype(np.uint64))

    def digests(self, first: Positions, end: Positions) -> Hashes:
        """[N] a hash of all letters of each stretch, one by one."""
        flat = self.flat.tobytes() if len(first) else b""
        hashes = (hashlib.blake2b(flat[i:j], digest_size=8).digest() for i, j in zip(first, end, strict=True))
        return np.frombuffer(b"".join(hashes), "<u8").astype(np.uint64)

    def texts_at(self, positions: Positions) -> Positions:
        """[N] which text each place belongs to."""
        return np.searchsorted(self.bounds, positions, side="right") - 1

    def words_between(self, first: Positions, end: Positions) -> Positions:
        """[N] the number of words that start in each stretch."""
        return np.searchsorted(self.starts, end) - np.searchsorted(self.starts, first)

    def around(self, first: Positions, end: Positions) -> list[tuple[bytes, bytes]]:
        """[N] the source between each stretch and the letters before and after it, or the separators."""
        origin = np.flatnonzero(self._kept) + 1  # of the separator that is put before the first text, 0
        source = bytes([SEPARATOR]) + self.source
        before = np.where(first > 0, origin[first - 1], 0)
        spans = zip(before, origin[first], origin[end - 1] + 1, origin[end] + 1, strict=True)
        return [(source[a:b], source[c:d]) for a, b, c, d in spans]


def mixed(state: Hashes) -> Hashes:
    """Make every bit depend on every bit."""
    state = (state ^ (state >> np.uint64(30))) * _MIX
    return state ^ (state >> np.uint64(31))


def bloom_filter(keys: Hashes) -> Hashes:
    """A Bloom filter of these keys, in blocks of 64 bits so that a question costs one access to memory."""
    blocks = max(len(keys) * BITS_A_KEY // 64, 1)
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
    """Which of the keys, as indices, the filter was made of: all that it was, and 1 in 550 others."""
    blocks = table[_blocks_of(keys, len(table))]
    found = np.flatnonzero(blocks & _bits(keys, 0))  # five of six strange keys end here
    keys, blocks = keys[found], blocks[found]
    bits = _bits(keys, 6) | _bits(keys, 12) | _bits(keys, 18)
    held: Positions = found[(blocks & bits) == bits]
    return held


def is_in_sorted(sorted_keys: Table, keys: Hashes) -> NDArray[np.bool_]:
    """Whether each key is among the sorted ones."""
    if not len(sorted_keys):
        return np.zeros(len(keys), np.bool_)
    positions = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return np.asarray(sorted_keys[positions] == keys)
