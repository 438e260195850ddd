"""Byte-level BPE of single words, read from our own tokenizer.json without the tokenizers library.

The library takes 80 CPU-ms to import and to read a vocabulary of 32,768 tokens; this module takes a quarter of it,
which is what a search from the shell waits for. The library is faster from some thousand words on (words.py).
"""

import gc
import json
from collections.abc import Mapping
from itertools import count, pairwise
from typing import Any

from adjoin.tokens.checking import HIGHEST_ID

# What `Tokenizer.train` makes and `is_ours` asks for; decoders do not matter.
WORD_BOUNDARY = r"_+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"
WORDS = r"\p{L}+|\p{N}{1,3}|[^\s\p{L}\p{N}]"  # letters; up to three digits; one punctuation mark
_NORMALIZER = {
    "type": "Sequence",
    "normalizers": [
        {"type": "NFC"},
        {"type": "Replace", "pattern": {"Regex": WORD_BOUNDARY}, "content": " "},
        {"type": "Lowercase"},
    ],
}
_PRE_TOKENIZER = {
    "type": "Sequence",
    "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": WORDS}, "behavior": "Removed", "invert": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
    ],
}
_NOTHING = ("truncation", "padding", "added_tokens", "post_processor")
_NO_OPTION = (
    "dropout",
    "unk_token",
    "continuing_subword_prefix",
    "end_of_word_suffix",
    "fuse_unk",
    "byte_fallback",
    "ignore_merges",
)
_PRINTABLE = [*range(33, 127), *range(161, 173), *range(174, 256)]  # bytes that stand for themselves
_OTHERS = [byte for byte in range(256) if byte not in _PRINTABLE]
CHARACTERS = {byte: chr(byte) for byte in _PRINTABLE} | {byte: chr(256 + n) for n, byte in enumerate(_OTHERS)}


def is_ours(content: Any) -> bool:  # noqa: ANN401 - JSON
    """Return whether a tokenizer.json has the structure of `Tokenizer.train`.

    Only then are the ids of a text those of its words, one after another.

    Args:
        content: the parsed JSON.
    """
    if not isinstance(content, dict) or any(content.get(name) for name in _NOTHING):
        return False
    if content.get("normalizer") != _NORMALIZER or content.get("pre_tokenizer") != _PRE_TOKENIZER:
        return False
    model = content.get("model")
    if not isinstance(model, dict) or model.get("type") != "BPE" or any(model.get(name) for name in _NO_OPTION):
        return False
    vocabulary, merges = model.get("vocab"), model.get("merges")
    return (
        isinstance(vocabulary, dict)
        and isinstance(merges, list)
        and all(character in vocabulary for character in CHARACTERS.values())
    )


class BytePairs:
    """Byte-level BPE of one word at a time.

    Attributes:
        vocabulary: tokens, written in the characters that stand for bytes, to their ids.
    """

    def __init__(self, vocabulary: Mapping[str, int], merges: list[Any]) -> None:
        """Take the vocabulary and the merges of a tokenizer.json, each merge as "left right" or [left, right].

        Raises:
            ValueError: a merge has another form, or makes a token that the vocabulary lacks.
        """
        self.vocabulary = vocabulary
        pairs = merges if not merges or isinstance(merges[0], str) else list(map(" ".join, merges))
        try:
            self._ranks: dict[str, int] = dict(zip(pairs, count()))
            is_whole = all(pair.replace(" ", "", 1) in vocabulary for pair in pairs)
        except (TypeError, AttributeError):
            raise ValueError("a merge is no pair of tokens") from None
        ids = vocabulary.values()
        if not is_whole or set(map(type, ids)) != {int} or not 0 <= min(ids) <= max(ids) <= HIGHEST_ID:
            raise ValueError("a merge makes a token that is not in the vocabulary, or an id is no number")

    @classmethod
    def read(cls, content: str) -> "BytePairs | None":
        """Read a tokenizer.json; None if it is not of our structure, or damaged.

        Args:
            content: the text of the file.
        """
        collected = gc.isenabled()
        gc.disable()  # 100,000 small objects that all stay would be looked through again and again
        try:
            parsed = json.loads(content)
            return cls(parsed["model"]["vocab"], parsed["model"]["merges"]) if is_ours(parsed) else None
        except (ValueError, RecursionError, TypeError):
            return None
        finally:
            if collected:
                gc.enable()

    def ids(self, word: str) -> list[int]:
        """Return the token ids of a word; the work grows with the square of its length.

        Args:
            word: one word as the pre-tokenizer gives it: normalised, lower-case, without white space.
        """
        token = self.vocabulary.get(word) if len(word) == 1 else None
        if token is not None:
            return [token]
        parts = [CHARACTERS[byte] for byte in word.encode()]
        ranks, unknown = self._ranks, len(self._ranks)
        while len(parts) > 1:
            found = [ranks.get(f"{left} {right}", unknown) for left, right in pairwise(parts)]
            lowest = min(found)
            if lowest == unknown:
                break
            at = found.index(lowest)
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return [self.vocabulary[part] for part in parts]
