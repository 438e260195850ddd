"""Tokenized pairs → batches of M pairs.

Every batch is a pure function of (seed, step): there is no iterator to save, so resuming is counting.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from adjoin.batches.batch import Batch, drop_tokens
from adjoin.errors import AdjoinError
from adjoin.pairs.dataset import PairDataset
from adjoin.tokens import Ragged, Tokenizer


@dataclass(frozen=True, slots=True)
class TokenizedPairs:
    """All pairs of a dataset as token ids, with the integers that tell false negatives.

    Attributes:
        x, y: the two sides, one sequence a pair, delimiters included.
        identity_3N: per pair the hash of x, the hash of y and the group, int64.
    """

    x: Ragged
    y: Ragged
    identity_3N: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.x)

    @classmethod
    def from_dataset(cls, dataset: PairDataset, tokenizer: Tokenizer, max_tokens: int) -> Self:
        """Tokenize a dataset, x as queries and y as documents, each of at most `max_tokens` tokens."""
        xs, ys, identities = [], [], []
        for rows in dataset.batches(["x", "y", "x_hash", "y_hash", "group"]):
            xs.append(tokenizer.encode(rows["x"], "query", max_tokens))
            ys.append(tokenizer.encode(rows["y"], "document", max_tokens))
            identities.append(np.array([rows["x_hash"], rows["y_hash"], rows["group"]], np.int64))
        return cls(Ragged.concatenate(xs), Ragged.concatenate(ys), np.concatenate(identities, axis=1))


class Sampler:
    """Batches of `batch_size` pairs in a fresh order each epoch; the rest of an epoch that fills no batch is left.

    Attributes:
        steps_per_epoch: batches in one pass over the pairs.
    """

    def __init__(
        self, pairs: TokenizedPairs, batch_size: int, *, seed: int = 0, token_dropout: float = 0.0
    ) -> None:
        """Sample from tokenized pairs.

        Args:
            pairs: what to sample from.
            batch_size: M.
            seed: with the step's number it determines everything random here.
            token_dropout: share of the tokens between the delimiters that is left out, anew at each visit.

        Raises:
            AdjoinError: a batch has fewer than 2 pairs (there would be no negative), or there are too few pairs.
        """
        if batch_size < 2:
            raise AdjoinError(f"batch size is {batch_size}: expected at least 2, or there is no negative")
        if len(pairs) < batch_size:
            raise AdjoinError(
                f"{len(pairs)} pairs do not fill one batch of {batch_size}; give a smaller --batch or mine more"
            )
        if not 0 <= token_dropout < 1:
            raise AdjoinError(f"token dropout is {token_dropout}: expected 0 or more and less than 1")
        self._pairs, self._batch_size, self._seed, self._token_dropout = pairs, batch_size, seed, token_dropout
        self.steps_per_epoch = len(pairs) // batch_size
        self._order = lru_cache(maxsize=1)(self._shuffled)

    def _shuffled(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([self._seed, epoch]).permutation(len(self._pairs))

    def batch(self, step: int) -> Batch:
        """The batch of a step, counted from 0."""
        epoch, place = divmod(step, self.steps_per_epoch)
        rows = self._order(epoch)[place * self._batch_size : (place + 1) * self._batch_size]
        x, y = self._pairs.x.take(rows), self._pairs.y.take(rows)
        if self._token_dropout:
            random = np.random.default_rng([self._seed, step, 1])
            x, y = (drop_tokens(side, self._token_dropout, random) for side in (x, y))
        return Batch(x, y, self._pairs.identity_3N[:, rows])
