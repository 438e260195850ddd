"""Locks on folders, so that only one process writes to one, and none while another reads what must not change.

A lock is a file that is locked (flock): `lock` in the folder, or .NAME.lock beside a folder that is replaced as
a whole. The operating system releases it when its process ends, even if it is killed. The last process to let go
of it deletes the file; what a killed process has left is deleted by the next. Windows has no such locks: a second
writer is not noticed there.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from adjoin.errors import AdjoinError

LOCK = "lock"  # the name of the file that is locked


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold a folder for writing, by a file in it. The folder is created if it is missing.

    Raises:
        AdjoinError: another process holds the folder, or it cannot be created or written to.
    """
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None
    try:
        with _held(folder / LOCK, folder, shared=False):
            yield
    finally:
        if is_new:
            with suppress(OSError):  # nothing was written
                folder.rmdir()


@contextmanager
def exclusive_beside(path: Path) -> Iterator[None]:
    """Hold a folder that is replaced as a whole, by a file beside it. The folder above is created if need be.

    Raises:
        AdjoinError: another process holds it, or the folder above cannot be created or written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None
    with _held(path.with_name(f".{path.name}.{LOCK}"), path, shared=False):
        yield


class FolderUse:
    """A folder that is read by this process, and perhaps by others, while nobody may write to it; see `in_use`."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        self._folder, self._descriptor = folder, descriptor

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the folder alone, to write to it.

        At the end another process may be faster and write too: look again at what is there.

        Raises:
            AdjoinError: another process reads or writes what is there.
        """
        if not _flock(self._descriptor, shared=False):
            raise AdjoinError(
                f"another process is using {self._folder}, which would be written anew: wait until it has ended,"
                " or take another folder"
            )
        try:
            yield
        finally:
            if not _flock(self._descriptor, shared=True):
                raise _taken(self._folder)


@contextmanager
def in_use(folder: Path) -> Iterator[FolderUse]:
    """Hold a folder for reading, by a file in it: nobody writes there meanwhile. It is created if it is missing.

    Raises:
        AdjoinError: another process writes to the folder, or it cannot be created or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None
    with _held(folder / LOCK, folder, shared=True) as descriptor:
        yield FolderUse(folder, descriptor)


@contextmanager
def _held(file: Path, folder: Path, *, shared: bool) -> Iterator[int]:
    """Hold the lock of a file. It is deleted in the end, unless others hold it too."""
    descriptor = _opened_and_locked(file, folder, shared=shared)
    try:
        yield descriptor
    finally:
        with suppress(OSError):
            if _flock(descriptor, shared=False) and os.path.samestat(os.fstat(descriptor), file.lstat()):
                file.unlink()
        os.close(descriptor)


def _opened_and_locked(file: Path, folder: Path, *, shared: bool) -> int:
    while True:
        try:
            if file.is_symlink() or (file.exists() and not stat.S_ISREG(file.lstat().st_mode)):
                raise AdjoinError(f"{file} is not the file of a lock: remove it, or choose another --out")
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
            descriptor = os.open(file, flags, 0o644)
        except OSError as error:
            raise _unwritable(folder, error) from None
        if not _flock(descriptor, shared=shared):
            os.close(descriptor)
            raise _taken(folder)
        try:
            if os.path.samestat(os.fstat(descriptor), file.lstat()):
                return descriptor
        except OSError:
            pass
        os.close(descriptor)  # whoever held it has deleted it: it is no lock any more


def _flock(descriptor: int, *, shared: bool) -> bool:
    """Lock an open file without waiting; False if another process holds it."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _taken(folder: Path) -> AdjoinError:
    return AdjoinError(f"another process is writing to {folder}: wait until it has ended, then run again")


def _unwritable(folder: Path, error: OSError) -> AdjoinError:
    return AdjoinError(f"cannot write to {folder}: {error.strerror}; choose another --out")
