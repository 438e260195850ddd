"""Run as a script: refresh an index in PostgreSQL and be killed at a chosen point.

killed_postgres.py ROOT URL N MODEL    die before the N-th statement or row that is sent
killed_postgres.py ROOT URL 0 MODEL    write the number of statements and rows to stdout
"""

import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))
from bag_encoder import BagEncoder

from adjoin.index.locating import location_of

refresh_module: Any = import_module("adjoin.index.refresh")
number, last = 0, int(sys.argv[3])


def counted(method: Any) -> Any:  # noqa: ANN401
    def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        global number
        number += 1
        if number == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return method(*args, **kwargs)

    return call


for owner, name in ((psycopg.Connection, "execute"), (psycopg.Cursor, "executemany"), (psycopg.Copy, "write_row")):
    setattr(owner, name, counted(getattr(owner, name)))
refresh_module.BATCH_FILES = 4
refresh_module.refresh(Path(sys.argv[1]), location_of(sys.argv[2]), BagEncoder(64, sys.argv[4]))
sys.stdout.write(str(number))
