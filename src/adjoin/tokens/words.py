r"""Token ids of texts through a cache: texts repeat their words.

The tokenizers that we train split a text into words and give every word its own tokens. So the ids of a text are
those of its words, and each word is tokenized once. There are two caches: one of the stretches between white
space, and one of the words in new stretches. An ASCII stretch is split here, with the same result as

    NFC;  `_+` and case changes → a space;  lower case;  letters, or up to three digits, or one other character

No rule looks across ASCII white space. The library tokenizes the stretches that are not ASCII, so that no Unicode
table of Python's is asked.
"""

import re
import threading
from collections.abc import Callable, Sequence
from itertools import chain, islice
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

_WORDS = re.compile(r"[a-z]+|[!-/:-@\[-^`{-~\x00-\x08\x0e-\x1f\x7f]|[A-Z][a-z]+|[A-Z]+(?![a-z])|[0-9]{1,3}")
MOST_PARTS, MOST_CHARACTERS = 1 << 17, 1 << 23  # kept by one cache; some 30 MB

Number = TypeVar("Number", np.int32, np.int64)
Whole = TypeVar("Whole")
Part = TypeVar("Part", str, bytes)
Tokens = tuple[NDArray[np.int32], NDArray[np.int64]]  # token ids end to end, the number of tokens of each text


class WordCache:
    """Token ids of texts, put together from the ids of their words. Threads may share it."""

    def __init__(self, encode_words: Callable[[Sequence[str]], Sequence[Sequence[int]]]) -> None:
        """Make an empty cache.

        Args:
            encode_words: gives the token ids of words, each tokenized by itself. It gets ASCII words in any case,
                and stretches without ASCII white space that are not ASCII.
        """
        self._lock = threading.Lock()
        words = _Cache(_words_of, lambda parts: _end_to_end(encode_words(parts)))
        self._stretches = _Cache(_stretches_of, words.encode)

    def encode(self, texts: Sequence[str]) -> Tokens:
        """Tokenize texts.

        Args:
            texts: B texts.

        Returns:
            The token ids of all texts, end to end, and the number of tokens of each text (B,).
        """
        with self._lock:
            return self._stretches.encode(texts)


def _stretches_of(text: str) -> list[bytes]:
    """What stands between ASCII white space. Lone surrogates become "?", as by `valid_unicode`."""
    return text.encode("utf-8", "replace").split()  # unlike those of str, at these six bytes and at no other


def _words_of(stretch: bytes) -> list[str]:
    text = stretch.decode()
    return _WORDS.findall(text) if text.isascii() else [text]


def _end_to_end(rows: Sequence[Sequence[int]]) -> Tokens:
    lengths_B = np.fromiter(map(len, rows), np.int64, len(rows))
    return np.fromiter(chain.from_iterable(rows), np.int32, int(lengths_B.sum())), lengths_B


class _Numbers(dict[Part, int]):
    """Parts to numbers, counted from 0; a new part gets the next one."""

    def __missing__(self, part: Part) -> int:
        number = self[part] = len(self)
        return number


class _Cache(Generic[Whole, Part]):
    """Token ids of texts from those of their parts, each of which is tokenized once."""

    def __init__(
        self, split: Callable[[Whole], list[Part]], encode_parts: Callable[[Sequence[Part]], Tokens]
    ) -> None:
        self._split: Callable[[Whole], list[Part]] = split
        self._encode_parts: Callable[[Sequence[Part]], Tokens] = encode_parts
        self._clear()

    def _clear(self) -> None:
        self._numbers: _Numbers[Part] = _Numbers()
        self._known = self._used = self._characters = 0  # parts with ids; their ids; their characters
        self._ids_N = np.zeros(1 << 10, np.int32)  # of all parts, end to end; the arrays have room for more
        self._lengths_P = np.zeros(1 << 10, np.int64)
        self._starts_P = np.zeros(1 << 10, np.int64)

    def encode(self, texts: Sequence[Whole]) -> Tokens:
        parts: list[Part] = []
        ends_B = np.empty(len(texts), np.int64)
        for row, text in enumerate(texts):
            parts += self._split(text)
            ends_B[row] = len(parts)
        numbers_M = np.fromiter(map(self._numbers.__getitem__, parts), np.int64, len(parts))
        self._learn()
        lengths_M = self._lengths_P[numbers_M]
        ends_M = np.zeros(len(parts) + 1, np.int64)
        np.cumsum(lengths_M, out=ends_M[1:])
        shifts_M = self._starts_P[numbers_M] - ends_M[:-1]
        ids_N = self._ids_N[np.repeat(shifts_M, lengths_M) + np.arange(ends_M[-1])]
        if len(self._numbers) > MOST_PARTS or self._characters > MOST_CHARACTERS:
            self._clear()
        return ids_N, np.diff(ends_M[ends_B], prepend=0)

    def _learn(self) -> None:
        """Tokenize the parts that have a number but no ids yet."""
        new = list(islice(reversed(self._numbers), len(self._numbers) - self._known))[::-1]
        if not new:
            return
        try:
            ids_N, lengths_P = self._encode_parts(new)
        except BaseException:
            self._clear()
            raise
        self._ids_N = _with(self._ids_N, self._used, ids_N)
        self._lengths_P = _with(self._lengths_P, self._known, lengths_P)
        self._starts_P = _with(self._starts_P, self._known, self._used + np.cumsum(lengths_P) - lengths_P)
        self._known += len(new)
        self._used += len(ids_N)
        self._characters += sum(map(len, new))


def _with(array: NDArray[Number], used: int, new: NDArray[Number]) -> NDArray[Number]:
    """The array with new values behind the first `used`; longer if there is no room."""
    if used + len(new) > len(array):
        array = np.concatenate([array[:used], np.zeros(used + 2 * len(new), array.dtype)])
    array[used : used + len(new)] = new
    return array
