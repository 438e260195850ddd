"""The hash of a text does not depend on white space and never changes."""

import hashlib
import sys

import pytest

from adjoin.pairs.pair import text_hash

SPACES = [sign for sign in map(chr, range(sys.maxunicode + 1)) if sign.isspace()]


def of_folded(text: str) -> int:
    """What `text_hash` stands for, the long way."""
    folded = " ".join(text.split()).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(folded, digest_size=8).digest(), "big", signed=True)


def test_the_number_of_a_text_never_changes() -> None:
    assert text_hash("one and two") == 8229940784822780345


@pytest.mark.parametrize("space", SPACES, ids=ascii)
def test_all_white_space_is_folded(space: str) -> None:
    for text in ("one{}two", "{}one two", "one two{}", "one {} two", "{}", "Größe{}two", "語{}two"):
        one, more = text.format(space), text.format(f"\n{space}")
        assert text_hash(one) == of_folded(one) == text_hash(more)


@pytest.mark.parametrize(
    "text", ["", "one", "one two", "one  two", "Größe 語 🔎", "half \udcff", "a\u200bb", "a\0b"]
)
def test_texts_of_all_sorts(text: str) -> None:
    assert text_hash(text) == of_folded(text)
