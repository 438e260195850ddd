"""Ragged: token sequences of different lengths, stored end to end."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

TABLE_ENTRIES = 1 << 21  # 8 MB, of which a processor's cache has a part


@dataclass(frozen=True, slots=True)
class Ragged:
    """A ragged array of B token sequences with N tokens in all, stored end to end without padding.

    Attributes:
        ids_N: token ids of all sequences, int32.
        lengths_B: number of tokens of each sequence, int64.
        neighbours_2N: for each token, the tokens before and after it in the original sequence, int32; the token
            itself at an end. None until `with_neighbours` or `distinct`.
    """

    ids_N: NDArray[np.int32]
    lengths_B: NDArray[np.int64]
    neighbours_2N: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.lengths_B)

    @property
    def starts_B(self) -> NDArray[np.int64]:
        """Index of each sequence's first token in `ids_N` (B,)."""
        return np.cumsum(self.lengths_B) - self.lengths_B

    def take(self, rows: NDArray[np.int64]) -> "Ragged":
        """Select the sequences `rows`, in that order."""
        lengths = self.lengths_B[rows]
        first = np.cumsum(lengths) - lengths
        positions = np.arange(lengths.sum()) + np.repeat(self.starts_B[rows] - first, lengths)
        return Ragged(self.ids_N[positions], lengths, self._neighbours_at(positions))

    def keep(self, kept_N: NDArray[np.bool_]) -> "Ragged":
        """Keep only the marked tokens; every sequence must keep at least one.

        Args:
            kept_N: mask over all tokens.
        """
        lengths = np.add.reduceat(kept_N, self.starts_B, dtype=np.int64) if len(self) else self.lengths_B
        return Ragged(self.ids_N[kept_N], lengths, self._neighbours_at(kept_N))

    def _neighbours_at(self, indices: NDArray[Any]) -> NDArray[np.int32] | None:
        return None if self.neighbours_2N is None else self.neighbours_2N[:, indices]

    def distinct(self) -> "Ragged":
        """Keep only the first occurrence of each token in a sequence, with its neighbours; idempotent."""
        return self if self.neighbours_2N is not None else self.with_neighbours().keep(self.first_N)

    @property
    def first_N(self) -> NDArray[np.bool_]:
        """Mask (N,) of the first occurrence of each token in its sequence."""
        first_N = np.empty(len(self.ids_N), np.bool_)
        width = int(self.ids_N.max(initial=0)) + 1
        rows = max(1, TABLE_ENTRIES // width)  # looked at together
        table = np.empty(min(rows, len(self)) * width, np.int32)  # per row and token, an index into the tokens
        starts_B = self.starts_B
        for row in range(0, len(self), rows):
            lengths = self.lengths_B[row : row + rows]
            start = int(starts_B[row])
            end = start + int(lengths.sum())
            entries = np.repeat(np.arange(len(lengths)) * width, lengths) + self.ids_N[start:end]
            indices = np.arange(end - start, dtype=np.int32)
            table[entries[::-1]] = indices[::-1]  # of equal entries the last assignment stays: the first token
            first_N[start:end] = table[entries] == indices
        return first_N

    def with_neighbours(self) -> "Ragged":
        """Return the same sequences with `neighbours_2N`."""
        indices = np.arange(len(self.ids_N))
        starts = np.repeat(self.starts_B, self.lengths_B)
        ends = starts + np.repeat(self.lengths_B, self.lengths_B) - 1
        before, after = np.maximum(indices - 1, starts), np.minimum(indices + 1, ends)
        return replace(self, neighbours_2N=self.ids_N[np.stack([before, after])])

    @property
    def positions_N(self) -> NDArray[np.int64]:
        """Position of each token in its sequence (N,), from 0."""
        return np.arange(len(self.ids_N)) - np.repeat(self.starts_B, self.lengths_B)

    def padded(self) -> NDArray[np.int64]:
        """Return the sequences as a matrix (B, T), padded with zeros on the right.

        A causal model does not attend to later tokens, so any id would do as padding.
        """
        longest = int(self.lengths_B.max(initial=0))
        ids_BT = np.zeros((len(self), longest), dtype=np.int64)
        ids_BT[np.arange(longest) < self.lengths_B[:, None]] = self.ids_N
        return ids_BT

    @classmethod
    def concatenate(cls, parts: Sequence["Ragged"]) -> "Ragged":
        """Concatenate the sequences of all parts; neighbours are kept if every non-empty part has them."""
        filled = [part for part in parts if len(part)]
        neighbours = [part.neighbours_2N for part in filled if part.neighbours_2N is not None]
        if len(neighbours) < len(filled):
            neighbours = []
        return cls(
            np.concatenate([part.ids_N for part in parts]) if parts else np.zeros(0, np.int32),
            np.concatenate([part.lengths_B for part in parts]) if parts else np.zeros(0, np.int64),
            np.concatenate(neighbours, axis=1) if neighbours else None,
        )
