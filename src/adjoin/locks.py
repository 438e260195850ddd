"""A lock on a folder, so that only one process writes to it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adjoin.errors import AdjoinError

LOCK = "lock"  # the name of the file that is locked


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold a folder for writing. The folder is created if it is missing.

    The operating system releases the lock when the process ends, even if it is killed. Windows has no such lock;
    a second writer is not noticed there.

    Raises:
        AdjoinError: another process holds the folder, or it cannot be created or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise AdjoinError(f"cannot write to {folder}: {error.strerror}; choose another --out") from None
    try:
        try:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass
        except BlockingIOError:
            raise AdjoinError(
                f"another process is writing to {folder}: wait until it has ended, then run again"
            ) from None
        yield
    finally:
        os.close(descriptor)
