"""Pseudo-random permutations of 0, ..., N - 1, computed element by element without an array of N numbers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

ROUNDS = 6
_FACTORS = np.array([0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53], np.uint64)  # MurmurHash3's finaliser


def shuffled(positions: NDArray[np.int64], size: int, key: Sequence[int]) -> NDArray[np.int64]:
    """Return the elements at `positions` of a random permutation of 0, ..., size - 1.

    The permutation is a Feistel network over the bits of size - 1. Each half of the bits is changed in turn by a
    hash of the other half, which is invertible for any hash, so no number comes twice. A number of `size` or more
    goes through the network again (cycle walking, Black and Rogaway 2002); fewer than half do.

    Args:
        positions: integers in 0, ..., size - 1, of any shape.
        size: N.
        key: integers of 0 or more that choose the permutation, as a NumPy seed.
    """
    bits = (size - 1).bit_length()
    keys = np.random.default_rng(key).integers(0, 1 << 64, ROUNDS, np.uint64)
    numbers = _network(positions.astype(np.uint64), bits, keys)
    high = np.flatnonzero(numbers >= size)
    while len(high):
        numbers[high] = _network(numbers[high], bits, keys)
        high = high[numbers[high] >= size]
    return numbers.astype(np.int64)


def shuffled_runs(positions: NDArray[np.int64], size: int, run: int, key: Sequence[int]) -> NDArray[np.int64]:
    """Return the elements at `positions` of a random permutation of runs of `run` consecutive numbers.

    The numbers 0, ..., size - 1 form a ring, which is cut into runs from a random offset on. So no two adjacent
    numbers are always separated. The last size modulo `run` positions hold the numbers that fill no run.

    Args:
        positions: integers in 0, ..., size - 1, of any shape.
        size: N.
        run: length of a run; 1 is `shuffled`.
        key: integers of 0 or more that choose the permutation, as a NumPy seed.
    """
    if run <= 1:
        return shuffled(positions, size, key)
    start = int(np.random.default_rng([*key, run]).integers(size))
    runs = size // run
    whole = positions < runs * run
    numbers = positions.copy()
    numbers[whole] = shuffled(positions[whole] // run, runs, key) * run + positions[whole] % run
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
