"""Texts of blocks: read once, and the last ones kept."""

from collections.abc import Sequence

import pytest

from adjoin.index.sqlite import texts as module
from adjoin.index.sqlite.rows import packed_texts
from adjoin.index.sqlite.texts import Texts

BLOCKS = {1: ["a", "bb", "ccc"], 4: ["d" * 50, "é"], 6: ["f" * 60]}


def test_texts_are_read_once_and_the_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []

    def rows_of(firsts: Sequence[int]) -> list[tuple[int, bytes]]:
        asked.append(list(firsts))
        return [(first, packed_texts(BLOCKS[first])) for first in firsts]

    monkeypatch.setattr(module, "KEPT_CHARACTERS", 70)
    texts = Texts(rows_of)
    assert texts.of([3, 5, 1], [1, 4, 1]) == ["ccc", "é", "a"]
    assert texts.of([2], [1]) == ["bb"]
    assert asked == [[1, 4]]
    assert texts.of([6], [6]) == BLOCKS[6]  # block 4 goes: it was used before block 1
    assert texts.of([1, 4], [1, 4]) == ["a", BLOCKS[4][0]]
    assert asked == [[1, 4], [6], [4]]
    assert texts.of([], []) == []
    monkeypatch.setattr(module, "KEPT_CHARACTERS", 5)  # a block with more is given, and not kept
    assert texts.of([6], [6]) == BLOCKS[6]
