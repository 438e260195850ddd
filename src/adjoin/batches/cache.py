"""Tokenized pairs on disk, mapped into memory: what the sampler takes its batches from.

    cache/
      cache.json                     of which pairs, tokenized how; counts; rows of each column
      tokenizer.json
      x_ids.npy, x_offsets.npy       the tokens of all x end to end; where each begins, and the end; the same for y
      identity.npy                   (N, 3): hash of x, hash of y, group
      rows-00000.npy ...             the numbers of each source's pairs
      counts.npy                     (saves, 2, V): how many sequences have a token, how often it stands in all
      negative_ids.npy ...           the same of explicit negatives, if there are any

Few files however many pairs: mapping a set of files a shard would run out of file descriptors (1,024 as a rule) at
some 8 million pairs. No more than a batch is ever in memory, but what the system keeps of the files by itself.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.batches import tokenizing
from adjoin.batches.columns import open_column
from adjoin.batches.writing import OFFSETS, CacheState, read_state, rows_of_source
from adjoin.errors import AdjoinError
from adjoin.pairs.dataset import PairDataset
from adjoin.tokens import Ragged, Tokenizer


class Sequences:
    """Token sequences end to end in a file, of which some are taken at a time."""

    def __init__(self, ids_N: NDArray[Any], offsets_B1: NDArray[np.int64]) -> None:
        self._ids_N, self._offsets_B1 = ids_N, offsets_B1

    def __len__(self) -> int:
        return len(self._offsets_B1) - 1

    def lengths(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many tokens each of the sequences `rows` has."""
        return self._offsets_B1[rows + 1] - self._offsets_B1[rows]

    def take(self, rows: NDArray[np.int64]) -> Ragged:
        """The sequences `rows`, in that order."""
        positions, lengths = _stretches(self._offsets_B1, rows)
        return Ragged(self._ids_N[positions].astype(np.int32), lengths)


def _stretches(
    offsets_B1: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All positions of the stretches `rows` end to end, and the length of each."""
    starts = offsets_B1[rows]
    lengths = offsets_B1[rows + 1] - starts
    first = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts - first, lengths), lengths


class TokenCache:
    """All pairs as token ids, with the integers that tell false negatives.

    Attributes:
        folder: where it lies.
        x, y: the two sides, one sequence a pair, delimiters included.
        negative: the explicit negatives of all pairs.
        sources: pairs of each source, "kind/language", over all datasets together.
        truncated: texts that lost their end.
        encoded: texts in all.
        has_negatives: whether some pairs have explicit negatives.
    """

    def __init__(self, folder: Path, state: CacheState, columns: dict[str, NDArray[Any]]) -> None:
        """Use `open` or `build`."""
        self.folder = folder
        self.sources = dict(state.sources)
        self.truncated, self.encoded = state.truncated, state.encoded
        self.has_negatives = state.negatives
        self._columns = columns
        self.x, self.y, self.negative = (
            Sequences(columns[f"{side}_ids"], columns[f"{side}_offsets"])
            if f"{side}_ids" in columns
            else Sequences(np.zeros(0, np.int32), np.zeros(1, np.int64))
            for side in ("x", "y", "negative")
        )

    @classmethod
    def build(
        cls,
        datasets: Sequence[PairDataset],
        tokenizer: Tokenizer,
        max_tokens: int,
        folder: Path,
        *,
        workers: int | None = None,
        progress: tokenizing.Progress | None = None,
    ) -> "TokenCache":
        """Tokenize datasets, x as queries, y and explicit negatives as documents; one builder a folder at a time.

        What a killed build has done is gone on with; a finished one of the same datasets, tokenizer and lengths
        is opened as it is; of anything else it is begun afresh. The bytes do not depend on `workers`.

        Args:
            datasets: whose pairs, in order.
            tokenizer: of the model that is trained.
            max_tokens: of a sequence, delimiters included.
            folder: the cache's, made if it is missing.
            workers: processes; None for one a processor.
            progress: called with (pairs done, pairs in all).

        Raises:
            AdjoinError: a shard is damaged, or a worker was killed.
            OSError: the disk is full.
        """
        tokenizing.build(
            datasets,
            tokenizer,
            max_tokens,
            folder,
            workers=workers,
            progress=progress or (lambda done, pairs: None),
        )
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> "TokenCache":
        """Open a finished cache; in no more time for more pairs.

        Raises:
            AdjoinError: it is missing, unfinished or damaged.
        """
        state = read_state(folder)
        if not state.complete:
            raise AdjoinError(f"the token cache {folder} is not finished: build it again to go on")
        columns = {name: open_column(folder / f"{name}.npy", rows) for name, rows in state.rows.items()}
        for name, (dtype, row_shape) in state.columns().items():
            column, cut = columns[name], columns.get(OFFSETS.get(name, ""))
            unfit = column.dtype != dtype or column.shape[1:] != row_shape
            if unfit or (cut is not None and (not len(column) or column[0] != 0 or column[-1] != len(cut))):
                raise AdjoinError(f"the token cache {folder} is damaged: {name}.npy does not fit; remove it")
        per_pair = {len(columns["identity"]), len(columns["x_offsets"]) - 1, len(columns["y_offsets"]) - 1}
        if per_pair != {state.pairs}:
            raise AdjoinError(f"the token cache {folder} is damaged: its columns differ in length; remove it")
        return cls(folder, state, columns)

    def __len__(self) -> int:
        return len(self.x)

    def identity(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Hash of x, hash of y and group of the pairs `rows` (3, B)."""
        return np.ascontiguousarray(self._columns["identity"][rows].T)

    def rows(self, source: str) -> NDArray[np.int64]:
        """The numbers of a source's pairs, ascending, mapped into memory."""
        return self._columns[rows_of_source(list(self.sources).index(source))]

    def negatives(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """The explicit negatives of the pairs `rows`.

        Returns:
            Which of `negative` they are (K,), their text hashes (K,), and how many each pair has (B,).
        """
        if not self.has_negatives:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(len(rows), np.int64)
        places, numbers = _stretches(self._columns["negative_bounds"], rows)
        return places, self._columns["negative_hash"][places], numbers

    @property
    def frequency_V(self) -> NDArray[np.int64]:
        """In how many sequences, of both sides, each token stands; there are twice as many as pairs."""
        frequency: NDArray[np.int64] = self._columns["counts"][:, 0].sum(axis=0)
        return frequency
