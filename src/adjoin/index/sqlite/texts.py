"""The texts of an index's pieces, of which the last that were read stay in memory."""

from collections.abc import Callable, Sequence

from adjoin.index.sqlite.rows import texts_of

KEPT_CHARACTERS = 32_000_000  # all texts of most repositories; many million pieces have more than the memory


class Texts:
    """Reads blocks of texts, and keeps those that were used last."""

    def __init__(self, rows_of: Callable[[Sequence[int]], Sequence[tuple[int, bytes]]]) -> None:
        """Prepare to read.

        Args:
            rows_of: gives the packed texts of some blocks, each with the id of its first piece.
        """
        self.rows_of = rows_of
        self._read: dict[int, list[str]] = {}  # the block that was used last comes last
        self._characters = 0

    def of(self, ids: Sequence[int], firsts: Sequence[int]) -> list[str]:
        """The texts of pieces, given the first id of the block of each."""
        blocks: dict[int, list[str]] = {}
        missing = []
        for first in dict.fromkeys(firsts):
            if (held := self._read.pop(first, None)) is None:
                missing.append(first)
            else:
                blocks[first] = self._read[first] = held
        for first, data in self.rows_of(missing) if missing else ():
            blocks[first] = self._read[first] = texts_of(data)
            self._characters += sum(map(len, blocks[first]))
        while self._characters > KEPT_CHARACTERS:
            self._characters -= sum(map(len, self._read.pop(next(iter(self._read)))))
        return [blocks[first][number - first] for number, first in zip(ids, firsts, strict=True)]
