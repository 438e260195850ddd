"""TokenCache: tokenized pairs on disk, memory-mapped; the Sampler draws its batches from it.

    cache/
      cache.json                     datasets, tokenizer, counts, rows of each column
      tokenizer.json
      x_ids.npy, x_offsets.npy       tokens of all x end to end; start of each x, and the end; likewise y
      identity.npy                   (N, 3): hash of x, hash of y, group
      rows-00000.npy ...             pair numbers of each source
      counts.npy                     (saves, 2, V): sequences that contain each token, and its occurrences
      negative_ids.npy ...           likewise explicit negatives, if there are any

The number of files does not grow with the pairs. Files per shard would exceed the usual limit of 1,024 file
descriptors at about 8 million pairs. A training holds one batch in memory; the rest is the system's page cache.
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
from adjoin.locks import FolderUse
from adjoin.pairs.dataset import PairDataset
from adjoin.tokens import Ragged, Tokenizer


class Sequences:
    """Token sequences stored end to end, usually memory-mapped; `take` reads some of them."""

    def __init__(self, ids_N: NDArray[Any], offsets_B1: NDArray[np.int64]) -> None:
        self._ids_N, self._offsets_B1 = ids_N, offsets_B1

    def __len__(self) -> int:
        return len(self._offsets_B1) - 1

    def lengths(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of tokens of each of the sequences `rows` (B,)."""
        return self._offsets_B1[rows + 1] - self._offsets_B1[rows]

    def take(self, rows: NDArray[np.int64]) -> Ragged:
        """Read the sequences `rows`, in that order."""
        positions, lengths = _elements(self._offsets_B1, rows)
        return Ragged(self._ids_N[positions].astype(np.int32), lengths)


def _elements(
    offsets_B1: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The positions of the elements of `rows`, end to end, and the length of each row."""
    starts = offsets_B1[rows]
    lengths = offsets_B1[rows + 1] - starts
    first = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts - first, lengths), lengths


class TokenCache:
    """Tokenized pairs on disk, memory-mapped, with the hashes that tell false negatives.

    Attributes:
        folder: the cache's folder.
        x, y: the two sides, one sequence per pair, delimiters included.
        negative: the explicit negatives of all pairs.
        sources: number of pairs of each source "kind/language", over all datasets.
        truncated: texts longer than the maximum sequence length.
        encoded: texts in all.
        has_negatives: whether some pairs have explicit negatives.
    """

    def __init__(self, folder: Path, state: CacheState, columns: dict[str, NDArray[Any]]) -> None:
        """Wrap opened columns; use `open` or `build`."""
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
        use: FolderUse | None = None,
        progress: tokenizing.ProgressCallback | None = None,
    ) -> "TokenCache":
        """Tokenize datasets: x as queries, y and explicit negatives as documents.

        A killed build is resumed. A finished cache of the same datasets, tokenizer and length is opened. Any other
        cache in the folder is overwritten. The files do not depend on `workers`. While one process builds in a
        folder or reads from it, no other one may build there.

        Args:
            datasets: the pairs, in order.
            tokenizer: tokenizer of the model to train.
            max_tokens: maximum sequence length, delimiters included.
            folder: folder of the cache; made if it is missing.
            workers: number of processes; None for one per CPU core.
            use: holds the folder for reading, as long as the caller reads the cache; None to hold it for the build
                only.
            progress: called with (pairs done, pairs in all).

        Raises:
            AdjoinError: a shard is damaged or changed while it was read, a worker was killed, another process is
                building in the folder or reading another cache there, or it holds other files.
            OSError: the disk is full.
        """
        tokenizing.build(
            datasets,
            tokenizer,
            max_tokens,
            folder,
            workers=workers,
            use=use,
            progress=progress or (lambda done, pairs: None),
        )
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> "TokenCache":
        """Open a finished cache, in constant time.

        Raises:
            AdjoinError: the cache is missing, unfinished or damaged.
        """
        state = read_state(folder)
        if not state.complete:
            raise AdjoinError(f"the token cache {folder} is not finished: build it again to resume")
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
        """Return hash of x, hash of y and group of the pairs `rows` (3, B), int64."""
        return np.ascontiguousarray(self._columns["identity"][rows].T)

    def rows(self, source: str) -> NDArray[np.int64]:
        """Return the pair numbers of a source, ascending, memory-mapped."""
        return self._columns[rows_of_source(list(self.sources).index(source))]

    def negatives(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the explicit negatives of the pairs `rows`.

        Returns:
            Their row numbers in `negative` (K,), their text hashes (K,), and the number of each pair (B,).
        """
        if not self.has_negatives:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(len(rows), np.int64)
        negatives_K, numbers_B = _elements(self._columns["negative_bounds"], rows)
        return negatives_K, self._columns["negative_hash"][negatives_K], numbers_B

    @property
    def frequency_V(self) -> NDArray[np.int64]:
        """Document frequency of each token (V,): how many of the 2 N sequences of x and y contain it."""
        frequency: NDArray[np.int64] = self._columns["counts"][:, 0].sum(axis=0)
        return frequency
