"""Fixed-length rows of a packed token stream, and batches of rows as a pure function of (seed, step)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.batches.order import shuffled
from adjoin.errors import AdjoinError
from adjoin.tokens import Ragged


class Rows:
    """A token stream cut into rows of T + 1 tokens, T of which are predicted.

    Each row begins with the last token of the row before, and the last row may be shorter. So every token of the
    stream but the first is predicted in exactly one row.
    """

    def __init__(self, ids_N: NDArray[Any], length: int) -> None:
        """Cut a stream into rows.

        Args:
            ids_N: token ids of the stream; may be memory-mapped.
            length: T, predicted tokens per row.
        """
        self._ids_N, self._length = ids_N, length

    def __len__(self) -> int:
        return -(-max(0, len(self._ids_N) - 1) // self._length)

    def lengths(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of tokens of each of the rows `numbers` (B,)."""
        return np.minimum(self._length + 1, len(self._ids_N) - numbers * self._length)

    def take(self, numbers: NDArray[np.int64]) -> Ragged:
        """Read the rows `numbers`, in that order."""
        lengths = self.lengths(numbers)
        first = np.cumsum(lengths) - lengths
        positions = np.arange(lengths.sum()) + np.repeat(numbers * self._length - first, lengths)
        return Ragged(self._ids_N[positions].astype(np.int32), lengths)


@dataclass(frozen=True, slots=True)
class RowBatch:
    """This rank's share of a batch of rows.

    Attributes:
        rows: token sequences of this rank.
        predicted: predicted tokens of the whole batch, over all ranks; the loss is the mean over them.
    """

    rows: Ragged
    predicted: int


class RowSampler:
    """Draws batches of rows. Each row comes exactly once per epoch, and each epoch has its own order.

    Attributes:
        steps_per_epoch: batches per epoch. Their sizes differ by at most one row.
    """

    def __init__(self, rows: Rows, batch_size: int, *, seed: int, rank: int = 0, ranks: int = 1) -> None:
        """Sample from rows.

        Args:
            rows: the rows to draw from.
            batch_size: maximum number of rows per batch, over all ranks.
            seed: seed of the order.
            rank: index of this rank.
            ranks: number of ranks.

        Raises:
            AdjoinError: a batch has fewer rows than there are ranks.
        """
        self._rows, self._seed, self._rank, self._ranks = rows, seed, rank, ranks
        self.steps_per_epoch = -(-len(rows) // batch_size)
        if len(rows) // max(1, self.steps_per_epoch) < ranks:
            raise AdjoinError(
                f"{len(rows):,} rows in batches of {batch_size:,} leave none to some of {ranks} ranks: give more"
                " to read, a larger --batch or fewer ranks"
            )

    def batch(self, step: int) -> RowBatch:
        """Return this rank's share of the batch of a step, counted from 0."""
        epoch, first, last = self._range(step)
        numbers = shuffled(np.arange(first, last), len(self._rows), [self._seed, epoch])
        own = np.array_split(numbers, self._ranks)[self._rank]
        return RowBatch(self._rows.take(own), int(self._rows.lengths(numbers).sum()) - len(numbers))

    def address(self, step: int) -> str:
        """Describe where the batch of a step comes from, for error messages."""
        epoch, first, last = self._range(step)
        return f"seed {self._seed}, step {step:,}: epoch {epoch}, rows {first:,} to {last - 1:,} of its order"

    def _range(self, step: int) -> tuple[int, int, int]:
        """The epoch of a step, and the range first to last of that epoch's order that its batch takes."""
        epoch, turn = divmod(step, self.steps_per_epoch)
        first, last = (number * len(self._rows) // self.steps_per_epoch for number in (turn, turn + 1))
        return epoch, first, last
