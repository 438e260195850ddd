"""Mixing of sources: each source's share by temperature, and its batches or pairs at each step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from adjoin.errors import AdjoinError


@dataclass(frozen=True, slots=True)
class SourcePool:
    """The pairs of one or several sources, which are shuffled together.

    Attributes:
        name: name of the source, or of all of them joined by " + ".
        sources: number of pairs of each source.
    """

    name: str
    sources: dict[str, int]

    @property
    def pairs(self) -> int:
        """Number of pairs of all sources."""
        return sum(self.sources.values())


def pools_of(sources: Mapping[str, int], batch_size: int) -> list[SourcePool]:
    """Make one pool per source. Sources smaller than a batch share a pool, if needed with the next smallest.

    Args:
        sources: number of pairs of each source; together at least one batch.
        batch_size: M, pairs per batch.
    """
    by_size = sorted(sources, key=lambda name: sources[name])
    small: list[str] = []
    for name in by_size:
        filled = sum(sources[source] for source in small)
        if sources[name] >= batch_size and (not small or filled >= batch_size):
            break
        small.append(name)
    pools = [SourcePool(name, {name: pairs}) for name, pairs in sources.items() if name not in small]
    merged = {name: sources[name] for name in sources if name in small}
    return [*pools, SourcePool(" + ".join(merged), merged)] if merged else pools


def shares(pairs: Sequence[int], temperature: float) -> list[float]:
    """Compute each source's share, proportional to pairs ** (1 / temperature); the shares sum to 1.

    At temperature 1 every pair is drawn equally often. Higher values bring the sources' shares closer together;
    infinity makes them equal.

    Raises:
        AdjoinError: the temperature is not more than 0.
    """
    if not temperature > 0:
        raise AdjoinError(
            f"mixing temperature is {temperature}: expected more than 0; 1 draws all pairs equally often"
        )
    # Divided by the largest, so that no power overflows and not all become 0.
    powers = [(number / max(pairs)) ** (1 / temperature) for number in pairs]
    return [power / sum(powers) for power in powers]


def capped(shares_S: Sequence[float], highest_S: Sequence[float]) -> list[float]:
    """Cap shares at an upper bound each; the excess is distributed to the others in proportion.

    Args:
        shares_S: shares that sum to 1.
        highest_S: upper bound of each share; they sum to 1 or more.
    """
    shares_, highest = np.array(shares_S), np.array(highest_S)
    bound = np.zeros(len(shares_), np.bool_)
    result = shares_
    while (result > highest + 1e-12).any():
        bound |= result > highest
        free = shares_ * ~bound
        result = np.where(bound, highest, free * (1 - highest[bound].sum()) / max(1e-300, free.sum()))
    return [float(share) for share in result / result.sum()]


def as_weights(shares_S: Sequence[float]) -> list[int]:
    """Convert shares to integer weights of at least 1, so that `seats` is exact."""
    return [max(1, round(share * (1 << 40))) for share in shares_S]


def seats(number: int, weights_S: Sequence[int]) -> list[int]:
    """Allocate the first `number` items, batches or pairs, to sources in proportion to their weights.

    Sainte-Laguë's method: the j-th item of a source with weight w comes at time (2 j - 1) / w, and the first
    `number` items by time are allocated. A larger number takes nothing from any source. So step t gets the
    difference of the allocations of t + 1 and t, and no state is kept. After t steps a source of share p has had
    about p t items, however small p is.
    """
    total, sources = sum(weights_S), range(len(weights_S))
    # All items up to time 2 number / total: at most half an item per source too many or too few.
    taken = [(2 * number * weight + total) // (2 * total) for weight in weights_S]
    while sum(taken) < number:
        taken[min(sources, key=lambda s: (Fraction(2 * taken[s] + 1, weights_S[s]), s))] += 1
    while sum(taken) > number:
        taken[max(sources, key=lambda s: (Fraction(2 * taken[s] - 1, weights_S[s]), s))] -= 1
    return taken
