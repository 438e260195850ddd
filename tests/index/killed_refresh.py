"""Run as a script: refresh an index and be killed, or meet a full disk, at a chosen point.

    killed_refresh.py ROOT FOLDER statement:N MODEL  die before the N-th statement that SQLite runs
    killed_refresh.py ROOT FOLDER embed:N MODEL    die in the N-th call of the encoder
    killed_refresh.py ROOT FOLDER full:BYTES MODEL no file may grow above so many bytes
    killed_refresh.py ROOT FOLDER count MODEL      write the number of statements to stdout

Points are counted, so that no test depends on time.
"""

import os
import resource
import signal
import sqlite3
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from bag_encoder import BagEncoder
from numpy.typing import NDArray

from adjoin.errors import AdjoinError

refresh_module: Any = import_module("adjoin.index.refresh")
sqlite_module: Any = import_module("adjoin.index.sqlite.database")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingEncoder(BagEncoder):
    """Dies in its n-th call."""

    calls_left = -1

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        self.calls_left -= 1
        if self.calls_left == 0:
            die()
        return super().encode_document(texts)


class Counter:
    """Counts statements of all connections, and dies before the n-th. It counts within long statements too."""

    def __init__(self, last: int) -> None:
        self.number, self.last = 0, last

    def step(self, *_: object) -> int:
        self.number += 1
        if self.number == self.last:
            die()
        return 0

    def connect(self, *args: Any, **kwargs: Any) -> sqlite3.Connection:  # noqa: ANN401
        connection = _connect(*args, **kwargs)
        connection.set_trace_callback(self.step)
        connection.set_progress_handler(self.step, 500)
        return connection


_connect = sqlite3.connect


def main() -> None:
    root, folder, point, model = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    refresh_module.BATCH_FILES = 4
    encoder = DyingEncoder(64 if model == "bag-1" else 32, model)
    kind, _, number = point.partition(":")
    counter = Counter(int(number) if kind == "statement" else -1)
    sqlite_module.sqlite3.connect = counter.connect
    if kind == "embed":
        encoder.calls_left = int(number)
    elif kind == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(number), resource.RLIM_INFINITY))
    try:
        refresh_module.refresh(root, folder, encoder)
    except (AdjoinError, OSError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.exit(3)
    sys.stdout.write(str(counter.number))


main()
