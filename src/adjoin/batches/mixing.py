"""How much of the training each source gets: shares by temperature, and whole batches or pairs by those shares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from adjoin.errors import AdjoinError


@dataclass(frozen=True, slots=True)
class SourcePool:
    """Pairs that are shuffled together: those of one source, or of several.

    Attributes:
        name: the source's, or all of theirs.
        sources: whose pairs, each with their number.
    """

    name: str
    sources: dict[str, int]

    @property
    def pairs(self) -> int:
        """How many there are."""
        return sum(self.sources.values())


def pools_of(sources: Mapping[str, int], batch_size: int) -> list[SourcePool]:
    """A pool a source; those with less than a batch are joined, if need be with the next smallest.

    Args:
        sources: pairs of each source, a batch in all at least.
        batch_size: M.
    """
    by_size = sorted(sources, key=lambda name: sources[name])
    rest: list[str] = []
    for name in by_size:
        filled = sum(sources[joined] for joined in rest)
        if sources[name] >= batch_size and (not rest or filled >= batch_size):
            break
        rest.append(name)
    pools = [SourcePool(name, {name: pairs}) for name, pairs in sources.items() if name not in rest]
    joined = {name: sources[name] for name in sources if name in rest}
    return [*pools, SourcePool(" + ".join(joined), joined)] if joined else pools


def shares(pairs: Sequence[int], temperature: float) -> list[float]:
    """The share of each source, proportional to its pairs to the power of 1 / temperature; they sum to 1.

    At 1 every pair comes equally often; the higher, the more equal the sources ("inf": all the same).

    Raises:
        AdjoinError: the temperature is not more than 0.
    """
    if not temperature > 0:
        raise AdjoinError(f"mixing temperature is {temperature}: expected more than 0; 1 treats all pairs alike")
    # By the largest, so that no temperature can make a power too large or all of them 0.
    powers = [(number / max(pairs)) ** (1 / temperature) for number in pairs]
    return [power / sum(powers) for power in powers]


def capped(shares_S: Sequence[float], highest_S: Sequence[float]) -> list[float]:
    """The shares with none above its bound; what is cut off goes to the others by their shares.

    Args:
        shares_S: sum to 1.
        highest_S: the bound of each; they sum to 1 or more.
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
    """Shares as whole numbers, at least 1 each, so that `seats` counts exactly."""
    return [max(1, round(share * (1 << 40))) for share in shares_S]


def seats(number: int, weights_S: Sequence[int]) -> list[int]:
    """How many of the first `number` things, batches or pairs, each source gets by its weight.

    Sainte-Laguë's rule: the j-th of a source with weight w comes at the time (2 j - 1) / w, and the first `number`
    by time are taken. So a larger number takes nothing from any source, and what step t gives is the difference of
    t + 1 and t, with no state to keep; after t steps a source of share p has had about p t, however small p is.
    """
    total, sources = sum(weights_S), range(len(weights_S))
    # All up to the time 2 number / total: by half a thing a source too many or too few.
    taken = [(2 * number * weight + total) // (2 * total) for weight in weights_S]
    while sum(taken) < number:
        taken[min(sources, key=lambda s: (Fraction(2 * taken[s] + 1, weights_S[s]), s))] += 1
    while sum(taken) > number:
        taken[max(sources, key=lambda s: (Fraction(2 * taken[s] - 1, weights_S[s]), s))] -= 1
    return taken
