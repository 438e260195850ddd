"""Files and folders that are being written: their names, who sweeps up after a kill, and how they take a place.

What is being written to DIR/NAME is DIR/.NAME.xxxxxxxx.unfinished until it is whole. Its writer holds a lock on
it (flock), which the operating system releases when the writer dies. So `sweep` tells litter from work in
progress: it deletes what has such a name and no writer, and nothing else.
"""

import errno
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SUFFIX = ".unfinished"
REPLACED = ".replaced"  # ends the name of an old folder while a new one takes its place, see `exchange`
_RANDOM = r"[a-z0-9_]{8}"  # what `tempfile` puts into a name
_ANY = re.compile(rf"\..+\.{_RANDOM}{re.escape(SUFFIX)}", re.DOTALL)
_AT_FDCWD, _RENAME_EXCHANGE, _RENAME_SWAP = -100, 2, 2
_TRIES = 100
# What renameat2 answers where the file system or the kernel cannot exchange two names.
_NO_EXCHANGE = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTTY}


def new_file(target: Path) -> tuple[int, Path]:
    """Create an empty file beside `target`, to be written and then renamed to it.

    Returns:
        An open descriptor, whose lock says that the file has a writer until it is closed, and the file's path.

    Raises:
        OSError: the folder may not be written to, or the name is too long.
    """
    for _ in range(_TRIES):
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=_prefix(target.name), suffix=SUFFIX)
        if _is_held(descriptor, Path(name)):
            return descriptor, Path(name)
        os.close(descriptor)
    raise OSError(errno.EAGAIN, "another process keeps deleting unfinished files", str(target))


def new_folder(target: Path) -> tuple[int, Path]:
    """Create an empty folder beside `target`, as `new_file` creates a file."""
    for _ in range(_TRIES):
        path = Path(tempfile.mkdtemp(dir=target.parent, prefix=_prefix(target.name), suffix=SUFFIX))
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except PermissionError:  # Windows opens no folders
            return os.open(os.devnull, os.O_RDONLY), path
        except FileNotFoundError:  # taken for litter before it was held
            continue
        if _is_held(descriptor, path):
            return descriptor, path
        os.close(descriptor)
    raise OSError(errno.EAGAIN, "another process keeps deleting unfinished folders", str(target))


@contextmanager
def temporary_folder(target: Path | str) -> Iterator[Path]:
    """Yield an empty folder that is deleted at the end; if the process is killed, by the next one that makes such.

    Args:
        target: the folder is beside it, and named after it. A name alone, such as "adjoin-model", is one in the
            system's folder of temporary files.

    Raises:
        OSError: the folder above may not be written to.
    """
    path = Path(tempfile.gettempdir()) / target
    sweep(path.parent, path.name)
    descriptor, folder = new_folder(path)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _prefix(name: str) -> str:
    """What the name begins with while it is being written: it is hidden, also if `name` is hidden itself."""
    return f".{name.lstrip('.')}."


def _is_held(descriptor: int, path: Path) -> bool:
    """Lock what was just created; False if `sweep` of another process was faster and deletes it."""
    if _lock(descriptor) is False:
        return False
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _lock(descriptor: int) -> bool | None:
    """Lock an open file or folder; False if another process holds it, None where there are no such locks."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):  # Windows; a network file system
        return None
    return True


def is_unfinished(name: str) -> bool:
    """Whether a name is one that `new_file`, `new_folder` or `remove_folder` gives."""
    return _ANY.fullmatch(name) is not None


def sweep(folder: Path, name: str | None = None, *, alone: bool = False) -> None:
    """Delete what killed processes left unfinished in a folder. What has a living writer stays.

    Args:
        folder: the folder. Folders below it are not looked into.
        name: only what was to become this entry; None for all.
        alone: whether the caller's lock keeps other writers away. Otherwise what cannot be locked stays: on a
            network file system nobody can tell whether it has a writer.
    """
    wanted = _ANY
    if name is not None:
        wanted = re.compile(re.escape(_prefix(name)) + _RANDOM + re.escape(SUFFIX))
    try:
        with os.scandir(folder) as scan:
            left = [Path(entry.path) for entry in scan if wanted.fullmatch(entry.name)]
    except OSError:
        return
    for path in left:
        _delete_unless_held(path, alone=alone)


def sweep_below(folder: Path) -> None:
    """Delete what killed processes left unfinished in a folder that is held, and in those below it."""
    for above, _, _ in os.walk(folder):
        sweep(Path(above), alone=True)


def _delete_unless_held(path: Path, *, alone: bool) -> None:
    with suppress(OSError):
        is_folder = stat.S_ISDIR(path.lstat().st_mode)
        if path.is_symlink() or not (is_folder or path.is_file()):
            return  # not ours: we make neither links nor devices
        try:
            descriptor = os.open(path, (0 if is_folder else os.O_RDWR) | getattr(os, "O_NOFOLLOW", 0))
        except PermissionError:  # Windows opens no folders; elsewhere a file of another user
            if sys.platform == "win32":
                shutil.rmtree(path, ignore_errors=True)
            return
        try:
            is_free = _lock(descriptor)
            if is_free is False or (is_free is None and not alone):
                return
            if is_folder:
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


def remove_folder(path: Path) -> None:
    """Delete a folder and all in it. It vanishes at once: killed amid this, no part of it is left under its name.

    Nothing happens if there is no such folder. A link is deleted, not what it leads to.

    Raises:
        OSError: it may not be renamed. What cannot be deleted afterwards is left to `sweep`.
    """
    if path.is_symlink():
        path.unlink(missing_ok=True)
        return
    if not path.exists():
        return
    descriptor, aside = new_folder(path)
    try:
        path.rename(aside)  # onto an empty folder, which is replaced
        shutil.rmtree(aside, ignore_errors=True)
    finally:
        with suppress(OSError):
            aside.rmdir()
        os.close(descriptor)


def recover(path: Path) -> None:
    """Put an old folder back whose replacement was killed halfway; only systems without `exchange` need it.

    Call it with the lock of `path` held.
    """
    aside = path.with_name(f".{path.name}{REPLACED}")
    if aside.is_dir() and not aside.is_symlink():
        if path.exists():
            remove_folder(aside)
        else:
            aside.rename(path)


def put_in_place(new: Path, path: Path) -> None:
    """Rename a folder to `path`. A folder there is replaced: at every moment the old one or the new one is there.

    On a file system that cannot exchange two names, the old one is renamed to .NAME.replaced first. There a kill
    between the two leaves nothing at `path`, until `recover` renames it back.

    Args:
        new: the folder. Afterwards there is nothing under its name.
        path: its new name, in the same folder.

    Raises:
        OSError: the folder may not be renamed, such as a mount point.
    """
    if not path.exists():
        new.rename(path)
    elif exchange(new, path):
        shutil.rmtree(new)
    else:
        aside = path.with_name(f".{path.name}{REPLACED}")
        remove_folder(aside)
        path.rename(aside)
        new.rename(path)
        remove_folder(aside)


def exchange(one: Path, other: Path) -> bool:
    """Exchange the names of two files or folders at once.

    Returns:
        Whether that was done; False where the system cannot.

    Raises:
        OSError: one of them is missing, or may not be renamed.
    """
    import ctypes  # 3 ms, which a search need not spend

    paths = os.fsencode(one), os.fsencode(other)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "linux":
            status = library.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE)
        else:
            status = library.renamex_np(paths[0], paths[1], _RENAME_SWAP)  # macOS
    except (AttributeError, OSError, TypeError):  # an old C library; Windows has none of that kind
        return False
    if status == 0:
        return True
    number = ctypes.get_errno()
    if number in _NO_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(other))
