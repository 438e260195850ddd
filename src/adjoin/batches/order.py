"""A random order of N things of which any stretch can be asked for, without an array of N numbers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

ROUNDS = 6
_FACTORS = np.array([0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53], np.uint64)  # MurmurHash3's finaliser


def shuffled(places: NDArray[np.int64], size: int, key: Sequence[int]) -> NDArray[np.int64]:
    """What stands at `places` of a random order of 0, ..., size - 1.

    A Feistel network over the numbers with as many bits as size - 1 has: in turn each half of the bits is changed
    by a hash of the other, which can be undone whatever the hash, so no two places share a number. A number that
    is too high goes through again until it is not (Black and Rogaway 2002, cycle walking); fewer than half are.

    Args:
        places: in 0, ..., size - 1, any shape.
        size: N.
        key: says which order: numbers of 0 or more, as a seed of NumPy.
    """
    bits = (size - 1).bit_length()
    keys = np.random.default_rng(key).integers(0, 1 << 64, ROUNDS, np.uint64)
    numbers = _network(places.astype(np.uint64), bits, keys)
    high = np.flatnonzero(numbers >= size)
    while len(high):
        numbers[high] = _network(numbers[high], bits, keys)
        high = high[numbers[high] >= size]
    return numbers.astype(np.int64)


def shuffled_runs(places: NDArray[np.int64], size: int, run: int, key: Sequence[int]) -> NDArray[np.int64]:
    """What stands at `places` of a random order of runs of `run` neighbours in 0, ..., size - 1.

    The order is a ring that is cut into runs from a random place on, so that no two numbers are always apart.
    The last size modulo `run` places hold what fills no run.
    """
    if run <= 1:
        return shuffled(places, size, key)
    start = int(np.random.default_rng([*key, run]).integers(size))
    runs = size // run
    whole = places < runs * run
    numbers = places.copy()
    numbers[whole] = shuffled(places[whole] // run, runs, key) * run + places[whole] % run
    return (numbers + start) % size


def _network(numbers: NDArray[np.uint64], bits: int, keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    low_bits, high_bits = np.uint64(bits // 2), np.uint64(bits - bits // 2)
    low_mask, high_mask = (np.uint64((1 << int(width)) - 1) for width in (low_bits, high_bits))
    low, high = numbers & low_mask, numbers >> low_bits
    for turn, key in enumerate(keys):
        if turn % 2:
            low ^= _hash(high, key) & low_mask
        else:
            high ^= _hash(low, key) & high_mask
    return (high << low_bits) | low


def _hash(half: NDArray[np.uint64], key: np.uint64) -> NDArray[np.uint64]:
    mixed: NDArray[np.uint64] = (half ^ key) * _FACTORS[0]
    mixed ^= mixed >> np.uint64(33)
    mixed *= _FACTORS[1]
    mixed ^= mixed >> np.uint64(33)
    return mixed
