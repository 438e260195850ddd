"""Rows of a packed stream of tokens, and the batches of them: a pure function of (seed, step)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.batches.order import shuffled
from adjoin.errors import AdjoinError
from adjoin.tokens import Ragged


class Rows:
    """A stream cut into rows of T tokens to predict, each behind the last token of the row before.

    So a row has T + 1 tokens, the last row perhaps fewer, and every token of the stream but its first is predicted
    in exactly one row.
    """

    def __init__(self, ids_N: NDArray[Any], length: int) -> None:
        """Cut a stream.

        Args:
            ids_N: its tokens, which may be mapped into memory.
            length: T.
        """
        self._ids_N, self._length = ids_N, length

    def __len__(self) -> int:
        return -(-max(0, len(self._ids_N) - 1) // self._length)

    def lengths(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many tokens each of the rows `numbers` has."""
        return np.minimum(self._length + 1, len(self._ids_N) - numbers * self._length)

    def take(self, numbers: NDArray[np.int64]) -> Ragged:
        """The rows `numbers`, in that order."""
        lengths = self.lengths(numbers)
        first = np.cumsum(lengths) - lengths
        positions = np.arange(lengths.sum()) + np.repeat(numbers * self._length - first, lengths)
        return Ragged(self._ids_N[positions].astype(np.int32), lengths)


@dataclass(frozen=True, slots=True)
class RowBatch:
    """A batch of rows, of which each rank has its share.

    Attributes:
        rows: this rank's.
        predicted: tokens that are predicted in the whole batch, over all ranks: what its loss is a mean over.
    """

    rows: Ragged
    predicted: int


class RowSampler:
    """Draws batches in which each row comes exactly once an epoch, in an order that differs from epoch to epoch.

    Attributes:
        steps_per_epoch: batches of an epoch, of like size, none of them above the one asked for.
    """

    def __init__(self, rows: Rows, batch_size: int, *, seed: int, rank: int = 0, ranks: int = 1) -> None:
        """Prepare the drawing.

        Args:
            rows: what is drawn.
            batch_size: rows a batch, at most, over all ranks.
            seed: of the order.
            rank: which of the ranks this is.
            ranks: how many there are.

        Raises:
            AdjoinError: there are fewer rows in a batch than ranks.
        """
        self._rows, self._seed, self._rank, self._ranks = rows, seed, rank, ranks
        self.steps_per_epoch = -(-len(rows) // batch_size)
        if len(rows) // max(1, self.steps_per_epoch) < ranks:
            raise AdjoinError(
                f"{len(rows):,} rows in batches of {batch_size:,} leave none to some of {ranks} ranks: give more"
                " to read, a larger --batch or fewer ranks"
            )

    def batch(self, step: int) -> RowBatch:
        """This rank's share of the batch of a step, counted from 0."""
        epoch, first, last = self._stretch(step)
        numbers = shuffled(np.arange(first, last), len(self._rows), [self._seed, epoch])
        own = np.array_split(numbers, self._ranks)[self._rank]
        return RowBatch(self._rows.take(own), int(self._rows.lengths(numbers).sum()) - len(numbers))

    def address(self, step: int) -> str:
        """Where the batch of a step comes from, for a message to a person."""
        epoch, first, last = self._stretch(step)
        return f"seed {self._seed}, step {step:,}: epoch {epoch}, rows {first:,} to {last - 1:,} of its order"

    def _stretch(self, step: int) -> tuple[int, int, int]:
        """The epoch of a step, and which places of that epoch's order its batch takes, first to last."""
        epoch, turn = divmod(step, self.steps_per_epoch)
        first, last = (number * len(self._rows) // self.steps_per_epoch for number in (turn, turn + 1))
        return epoch, first, last
