"""The token cache → batches of M pairs, of one source each or of all mixed.

Every batch is a pure function of (seed, step): there is no iterator to save, so resuming is counting. So that this
holds without an array of all pairs in memory, an epoch's order is computed (`order.py`), and which source's turn a
step is follows from how many batches each source has had by then, which is computed too (`mixing.seats`).
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from adjoin.batches.batch import Batch, cut_out, drop_tokens, stretches
from adjoin.batches.cache import Sequences, TokenCache
from adjoin.batches.mixing import SourcePool, as_weights, capped, pools_of, seats, shares
from adjoin.batches.order import shuffled_runs
from adjoin.errors import AdjoinError
from adjoin.tokens import Ragged

ONE, MIXED = "one", "mixed"
ROUND = 64  # steps whose sources are shuffled among themselves: no pattern, and never far from the shares

# What a random number is for, so that no two uses share a stream.
_ORDER, _TURNS, _BLEND, _DROPOUT, _CROP = range(5)


class Sampler:
    """Batches of `batch_size` pairs, those of each source in a fresh order each epoch.

    With batches of one source, a source's epoch is its pairs in batches; the rest that fills none is left to the
    next epoch's order. Mixed batches of temperature 1 are those of one large source. At another temperature a
    batch takes of each source by its share, but no more than it has; where a source's epoch ends amid a batch, a
    pair may come twice in it, which the loss knows by its numbers.

    Attributes:
        steps_per_epoch: batches with as many pairs in all as there are; at least 1.
        shares: name → pairs, share of the batches (of each batch, if they are mixed).
    """

    def __init__(
        self,
        cache: TokenCache,
        batch_size: int,
        *,
        seed: int = 0,
        token_dropout: float = 0.0,
        crop: tuple[float, float] = (0.0, 0.0),
        distinct: bool = False,
        local_negatives: int = 1,
        sources: str = ONE,
        mixing_temperature: float = 1.0,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        """Sample from tokenized pairs.

        Args:
            cache: what to sample from.
            batch_size: M, over all ranks.
            seed: with the step's number it determines everything random here.
            token_dropout: share of the tokens between the delimiters that is left out, anew at each visit.
            crop: share of the x, and of the y, that are cut to a stretch, anew at each visit.
            distinct: whether each sequence's tokens come once, with those beside them (`Ragged.distinct`).
            local_negatives: size of the runs of adjacent pairs that stay together in a batch. They are usually of
                one file or package, so they are hard negatives for each other. 1 shuffles all pairs.
            sources: "one": each batch is of one source; "mixed": of all.
            mixing_temperature: a source's share is proportional to its pairs to the power of one over this.
            rank: which of the ranks this is; it gets its share of each batch.
            ranks: how many there are.

        Raises:
            AdjoinError: a batch has fewer than 2 pairs (there would be no negative), there are too few pairs, or
                a number is out of its range.
        """
        _check(len(cache), batch_size, token_dropout, sources, rank, ranks)
        self._cache, self._batch_size, self._seed, self._token_dropout = cache, batch_size, seed, token_dropout
        self._distinct, self._local_negatives, self._crop = (
            distinct,
            local_negatives,
            (*crop, crop[1]),
        )  # negatives are y
        self._rank, self._ranks = rank, ranks
        self.steps_per_epoch = len(cache) // batch_size
        of_one = sources == ONE
        self._pools = (
            pools_of(cache.sources, batch_size)
            if of_one
            else [SourcePool(s, {s: n}) for s, n in cache.sources.items()]
        )
        sizes = [pool.pairs for pool in self._pools]
        parts = shares(sizes, mixing_temperature)
        self._blends = not of_one and mixing_temperature != 1 and len(sizes) > 1
        if self._blends:
            parts = capped(parts, [size / batch_size for size in sizes])
        self.shares = {pool.name: (pool.pairs, part) for pool, part in zip(self._pools, parts, strict=True)}
        if not of_one and not self._blends:
            self._pools, parts = [SourcePool(MIXED, cache.sources)], [1.0]
        self._weights = as_weights(parts)
        self._round = lru_cache(maxsize=2)(self._turns)

    def batch(self, step: int) -> Batch:
        """This rank's share of the batch of a step, counted from 0."""
        rows = self.rows(step)
        share = self._batch_size // self._ranks
        first, last = self._rank * share, (self._rank + 1) * share
        negatives_K, hash_K, numbers = self._cache.negatives(rows)
        first_negative, last_negative = int(numbers[:first].sum()), int(numbers[:last].sum())
        return Batch(
            self._take(self._cache.x, rows, first, last, [step, 0]),
            self._take(self._cache.y, rows, first, last, [step, 1]),
            self._cache.identity(rows),
            first,
            self._take(self._cache.negative, negatives_K, first_negative, last_negative, [step, 2]),
            hash_K,
            first_negative,
            MIXED if self._blends else self._pools[self._draws(step)[0][0]].name,
        )

    def rows(self, step: int) -> NDArray[np.int64]:
        """The numbers in the cache of all M pairs of a step's batch, in its order."""
        parts = []
        for pool, epoch, first, last in self._stretches(step):
            pairs = self._pools[pool].pairs
            key = [self._seed, _ORDER, pool, epoch]
            places = shuffled_runs(np.arange(first, last), pairs, self._local_negatives, key)
            parts.append(self._rows_of(self._pools[pool], places))
        rows = np.concatenate(parts)
        if self._blends:  # or each rank would get sources of its own
            rows = np.random.default_rng([self._seed, _BLEND, step]).permutation(rows)
        return rows

    def address(self, step: int) -> str:
        """Where the batch of a step comes from, for a message to a person."""
        stretches = (
            f"source {self._pools[pool].name}, epoch {epoch}, pairs {first:,} to {last - 1:,} of its order"
            for pool, epoch, first, last in self._stretches(step)
        )
        return f"seed {self._seed}, step {step:,}: {'; '.join(stretches)}"

    def _take(self, side: Sequences, rows: NDArray[np.int64], first: int, last: int, key: list[int]) -> Ragged:
        """The sequences from `first` to `last` of `rows`, with the dropout that they have in the whole batch."""
        taken = side.take(rows[first:last])
        before_B = side.lengths(rows[:first])
        if (share := self._crop[key[1]]) and len(taken):
            random = np.random.default_rng([self._seed, _CROP, *key])
            skipped_B, lengths_B = stretches(side.lengths(rows), share, random)
            taken, before_B = cut_out(taken, skipped_B[first:last], lengths_B[first:last]), lengths_B[:first]
        if not self._token_dropout or not len(taken):
            return taken.distinct() if self._distinct else taken
        bits = np.random.PCG64([self._seed, _DROPOUT, *key])
        bits.advance(int(before_B.sum()))
        return drop_tokens(taken, self._token_dropout, np.random.Generator(bits), distinct=self._distinct)

    def _stretches(self, step: int) -> Iterator[tuple[int, int, int, int]]:
        """What a step's batch is of: pool, epoch, and which places of that epoch's order, first to last."""
        for pool, first, last in self._draws(step):
            pairs = self._pools[pool].pairs
            used = pairs if self._blends else pairs // self._batch_size * self._batch_size
            while first < last:
                epoch, place = divmod(first, used)
                end = min(used, place + last - first)
                yield pool, epoch, place, end
                first += end - place

    def _draws(self, step: int) -> list[tuple[int, int, int]]:
        """Of each pool, from which to which place of the endless row of its epochs a step's batch takes."""
        size = self._batch_size
        if self._blends:
            before, after = (seats(number * size, self._weights) for number in (step, step + 1))
            bounds = zip(range(len(before)), before, after, strict=True)
            return [(pool, first, last) for pool, first, last in bounds if first < last]
        turn = step % ROUND
        order, before = self._round(step // ROUND)
        pool = int(order[turn])
        batch = before[pool] + int((order[:turn] == pool).sum())
        return [(pool, batch * size, (batch + 1) * size)]

    def _turns(self, number: int) -> tuple[NDArray[np.int64], list[int]]:
        """Whose turn each step of a round is, and how many batches each pool had before."""
        before, after = (seats(steps * ROUND, self._weights) for steps in (number, number + 1))
        turns = np.repeat(np.arange(len(before)), np.subtract(after, before))
        return np.random.default_rng([self._seed, _TURNS, number]).permutation(turns), before

    def _rows_of(self, pool: SourcePool, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers in the cache of the pairs at `places` of a pool."""
        if len(pool.sources) == len(self._cache.sources):
            return places
        rows, begin = np.empty_like(places), 0
        for source, pairs in pool.sources.items():
            inside = (begin <= places) & (places < begin + pairs)
            rows[inside] = self._cache.rows(source)[places[inside] - begin]
            begin += pairs
        return rows


def _check(pairs: int, batch_size: int, token_dropout: float, sources: str, rank: int, ranks: int) -> None:
    if batch_size < 2:
        raise AdjoinError(f"batch size is {batch_size}: expected at least 2, or there is no negative")
    if pairs < batch_size:
        raise AdjoinError(
            f"{pairs} pairs do not fill one batch of {batch_size}; give a smaller --batch or mine more"
        )
    if not 0 <= token_dropout < 1:
        raise AdjoinError(f"token dropout is {token_dropout}: expected 0 or more and less than 1")
    if sources not in (ONE, MIXED):
        raise AdjoinError(f"sources is {sources!r}: expected {ONE!r}, a source a batch, or {MIXED!r}")
    if not 0 <= rank < ranks:
        raise AdjoinError(f"rank {rank} of {ranks}: expected a rank from 0 to one less than their number")
    if batch_size % ranks:
        raise AdjoinError(f"a batch of {batch_size} pairs is not divisible by {ranks} ranks; give another --batch")
