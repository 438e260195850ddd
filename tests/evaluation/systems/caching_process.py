"""Run as a script: cache the vectors of texts number first to last, a few at a time, perhaps on a full disk.

With "stay" it does not end by itself, so that the test can always kill it.
"""

import resource
import signal
import sys
from pathlib import Path

import numpy as np
from hashed_system import HashedSystem

import adjoin.evaluation.systems.cache as cache
from adjoin.errors import AdjoinError


def main() -> None:
    folder, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    cache.TEXTS_AT_ONCE = 10
    if sys.argv[4:] == ["full"]:
        cache.TEXTS_AT_ONCE = 300
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    texts = [f"text {i}" for i in range(first, last)]
    system = HashedSystem()
    try:
        vectors = cache.CachedSystem(system, folder).encode_document(texts)
    except AdjoinError as error:
        sys.stdout.write(str(error))
        sys.exit(3)
    if sys.argv[4:] == ["stay"]:
        signal.pause()
    sys.exit(0 if np.array_equal(vectors, system.encode(texts, "document")) else 1)


main()
