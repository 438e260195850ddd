"""Run as a script: update an index and be killed, or meet a full disk, at a chosen point."""

import os
import resource
import signal
import sys
from pathlib import Path

import numpy as np
from bag_encoder import BagEncoder
from numpy.typing import NDArray

import adjoin.index.store as store
import adjoin.index.update as update
from adjoin.errors import AdjoinError


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingEncoder(BagEncoder):
    """Dies in its n-th call."""

    calls_left = -1

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        self.calls_left -= 1
        if self.calls_left == 0:
            die()
        return super().encode_document(texts)


def main() -> None:
    root, folder, point = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    update.BATCH_PIECES = 8
    encoder = DyingEncoder()
    if point.startswith("embed"):
        encoder.calls_left = int(point.removeprefix("embed"))
    elif point == "describe":
        store.write_json = die
    elif point == "clean":
        update.clean_up = die
    elif point.startswith("full"):
        import lancedb  # noqa: F401 - its import may write caches

        limit = int(point.removeprefix("full"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        update.update_index(root, folder, encoder)
    except (AdjoinError, OSError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.exit(3)


main()
