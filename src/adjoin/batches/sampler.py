"""Sampler: draws batches of M pairs from a token cache, of one source each or of all sources mixed.

Every batch is a pure function of (seed, step), so a resumed training needs the step only. No array of all pairs is
kept: an epoch's order is computed (order.py). The source of a step follows from the number of batches that each
source has had before, which is computed too (`mixing.seats`).
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from adjoin.batches.batch import Batch, crop_sequences, drop_tokens, random_crops
from adjoin.batches.cache import Sequences, TokenCache
from adjoin.batches.mixing import SourcePool, as_weights, capped, pools_of, seats, shares
from adjoin.batches.order import shuffled_runs
from adjoin.errors import AdjoinError
from adjoin.tokens import Ragged

ONE, MIXED = "one", "mixed"
ROUND = 64  # the sources of so many steps are shuffled: no pattern, and never far from the shares

# Purposes of random numbers, each with a stream of its own.
_ORDER, _TURNS, _BLEND, _DROPOUT, _CROP = range(5)


class Sampler:
    """Draws batches of `batch_size` pairs; the pairs of a source are shuffled anew each epoch.

    If each batch is of one source, the pairs that fill no batch at the end of a source's epoch are left out of it.
    Mixed batches at temperature 1 are drawn as from one large source. At another temperature, a batch takes pairs
    of each source in proportion to its share, but no more than the source has. A pair may then come twice in a
    batch where a source's epoch ends; the loss treats the copies as false negatives.

    Attributes:
        steps_per_epoch: number of pairs divided by the batch size; at least 1.
        shares: for each source, its number of pairs and its share of the batches. If batches are mixed, its share
            of each batch.
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
            cache: the tokenized pairs.
            batch_size: M, pairs per batch over all ranks.
            seed: seed and step determine all random choices.
            token_dropout: share of the tokens between the delimiters that are dropped, at random at each visit.
            crop: share of the x, and of the y, that are cropped, at random at each visit; see `random_crops`.
            distinct: whether to keep only the first occurrence of each token in a sequence, see `Ragged.distinct`.
            local_negatives: size of the runs of adjacent pairs that stay together in a batch. They are usually of
                one file or package, so they are hard negatives for each other. 1 shuffles all pairs.
            sources: "one" for batches of one source each, "mixed" for batches of all sources.
            mixing_temperature: a source's share is proportional to pairs ** (1 / mixing_temperature).
            rank: index of this rank.
            ranks: number of ranks; each gets an equal share of every batch.

        Raises:
            AdjoinError: a batch has fewer than 2 pairs (there would be no negatives), there are fewer pairs than
                `batch_size`, or a number is out of its range.
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
        """Return this rank's share of the batch of a step, counted from 0."""
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
        """Return the cache row numbers of all M pairs of a step's batch, in order."""
        parts = []
        for pool, epoch, first, last in self._ranges(step):
            pairs = self._pools[pool].pairs
            key = [self._seed, _ORDER, pool, epoch]
            members = shuffled_runs(np.arange(first, last), pairs, self._local_negatives, key)
            parts.append(self._rows_of(self._pools[pool], members))
        rows = np.concatenate(parts)
        if self._blends:  # else each rank would get sources of its own
            rows = np.random.default_rng([self._seed, _BLEND, step]).permutation(rows)
        return rows

    def address(self, step: int) -> str:
        """Describe where the batch of a step comes from, for error messages."""
        random_crops = (
            f"source {self._pools[pool].name}, epoch {epoch}, pairs {first:,} to {last - 1:,} of its order"
            for pool, epoch, first, last in self._ranges(step)
        )
        return f"seed {self._seed}, step {step:,}: {'; '.join(random_crops)}"

    def _take(self, side: Sequences, rows: NDArray[np.int64], first: int, last: int, key: list[int]) -> Ragged:
        """The sequences `rows[first:last]`, cropped and dropped as they would be in the whole batch."""
        taken = side.take(rows[first:last])
        before_B = side.lengths(rows[:first])
        if (share := self._crop[key[1]]) and len(taken):
            random = np.random.default_rng([self._seed, _CROP, *key])
            skipped_B, lengths_B = random_crops(side.lengths(rows), share, random)
            taken, before_B = (
                crop_sequences(taken, skipped_B[first:last], lengths_B[first:last]),
                lengths_B[:first],
            )
        if not self._token_dropout or not len(taken):
            return taken.distinct() if self._distinct else taken
        bits = np.random.PCG64([self._seed, _DROPOUT, *key])
        bits.advance(int(before_B.sum()))
        return drop_tokens(taken, self._token_dropout, np.random.Generator(bits), distinct=self._distinct)

    def _ranges(self, step: int) -> Iterator[tuple[int, int, int, int]]:
        """The parts of a step's batch: pool, epoch, and the range first to last of that epoch's order."""
        for pool, first, last in self._draws(step):
            pairs = self._pools[pool].pairs
            used = pairs if self._blends else pairs // self._batch_size * self._batch_size
            while first < last:
                epoch, begin = divmod(first, used)
                end = min(used, begin + last - first)
                yield pool, epoch, begin, end
                first += end - begin

    def _draws(self, step: int) -> list[tuple[int, int, int]]:
        """For each pool in a step's batch, the range of draws from it, counted over all epochs."""
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
        """The pool of each step of a round, and the number of batches of each pool before the round."""
        before, after = (seats(steps * ROUND, self._weights) for steps in (number, number + 1))
        turns = np.repeat(np.arange(len(before)), np.subtract(after, before))
        return np.random.default_rng([self._seed, _TURNS, number]).permutation(turns), before

    def _rows_of(self, pool: SourcePool, members: NDArray[np.int64]) -> NDArray[np.int64]:
        """The cache row numbers of a pool's members."""
        if len(pool.sources) == len(self._cache.sources):
            return members
        rows, begin = np.empty_like(members), 0
        for source, pairs in pool.sources.items():
            inside = (begin <= members) & (members < begin + pairs)
            rows[inside] = self._cache.rows(source)[members[inside] - begin]
            begin += pairs
        return rows


def _check(pairs: int, batch_size: int, token_dropout: float, sources: str, rank: int, ranks: int) -> None:
    if batch_size < 2:
        raise AdjoinError(f"batch size is {batch_size}: expected at least 2, else there are no negatives")
    if pairs < batch_size:
        raise AdjoinError(
            f"{pairs} pairs do not fill one batch of {batch_size}; give a smaller --batch or mine more"
        )
    if not 0 <= token_dropout < 1:
        raise AdjoinError(f"token dropout is {token_dropout}: expected 0 or more and less than 1")
    if sources not in (ONE, MIXED):
        raise AdjoinError(f"sources is {sources!r}: expected {ONE!r} (one source per batch) or {MIXED!r}")
    if not 0 <= rank < ranks:
        raise AdjoinError(f"rank {rank} of {ranks}: expected a rank from 0 to {ranks - 1}")
    if batch_size % ranks:
        raise AdjoinError(f"a batch of {batch_size} pairs is not divisible by {ranks} ranks; give another --batch")
