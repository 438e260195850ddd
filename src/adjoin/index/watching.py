"""Waits for changes below folders and calls back after each, so that an index stays fresh.

What has changed is decided by `list_tree` alone: a change that its rules leave out, such as a build, calls
nothing back. Between the looks a waiter sleeps: until the operating system reports a change, if the package
watchfiles is installed (`pip install adjoin[watch]`), and for a second at a time otherwise.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from adjoin.corpus.tool_folders import NEVER, TOOL_FOLDERS
from adjoin.corpus.tree import list_tree

POLL_SECONDS = 1.0
QUIET_SECONDS = 0.2  # a change is taken up once nothing has changed for so long
_MOST_LOOKS = 25  # or after so many looks, while a file is being written all the time
_SKIPPED_NAMES = frozenset(name.decode() for name in (*NEVER, *TOOL_FOLDERS))

State = dict[str, tuple[int, int, int]]  # a file's origin → its size, time of change and inode


class Waiter(Protocol):
    """Sleeps between two looks at the folders."""

    def wait(self, stop: threading.Event) -> bool:
        """Return True once something may have changed, and False once `stop` is set."""


class PollingWaiter:
    """Sleeps for a fixed time, whatever happens meanwhile."""

    def __init__(self, seconds: float = POLL_SECONDS) -> None:
        """Keep the time between two looks, in seconds."""
        self._seconds = seconds

    def wait(self, stop: threading.Event) -> bool:
        """Return True after the fixed time, and False once `stop` is set."""
        return not stop.wait(self._seconds)


class EventWaiter:
    """Sleeps until the operating system reports a change outside the folders of tools."""

    def __init__(self, roots: Sequence[Path]) -> None:
        """Begin to note the changes below the roots.

        Raises:
            ImportError: watchfiles is not installed.
            OSError: the system has no more watches to give, or a root cannot be watched.
        """
        from watchfiles import watch as watch_files

        self._roots = [root.resolve() for root in roots]
        self._changes: Iterator[object] = watch_files(
            *self._roots,
            watch_filter=lambda _, path: self._counts(path),
            step=100,
            rust_timeout=100,  # in milliseconds: how soon `stop` is noticed
            yield_on_timeout=True,
            ignore_permission_denied=True,
        )
        next(self._changes)  # only now does it watch

    def wait(self, stop: threading.Event) -> bool:
        """Return True after the next change, also one since the last call, and False once `stop` is set."""
        for changes in self._changes:
            if stop.is_set():
                return False
            if changes:
                return True
        return False

    def _counts(self, path: str) -> bool:
        """Whether a changed path may be in the tree of a root."""
        changed = Path(path)
        for root in self._roots:
            if changed.is_relative_to(root):
                return _SKIPPED_NAMES.isdisjoint(changed.relative_to(root).parts)
        return True


def waiter_for(roots: Sequence[Path]) -> Waiter:
    """Return an `EventWaiter` if watchfiles is installed and can watch these folders, else a `PollingWaiter`."""
    if find_spec("watchfiles"):
        try:
            return EventWaiter(roots)
        except (OSError, RuntimeError):  # no more watches to be had; a file system that reports nothing
            pass
    return PollingWaiter()


def watch(
    roots: Sequence[Path],
    refresh: Callable[[Path], None],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    waiter: Waiter | None = None,
    stop: threading.Event | None = None,
    quiet_seconds: float = QUIET_SECONDS,
) -> None:
    """Call `refresh` for each root at once, and then again for a root whenever its files have changed.

    Changes that come in quick succession are one change. What changes during `refresh` leads to another call. It
    runs until `stop` is set, or an exception such as KeyboardInterrupt ends it.

    Args:
        roots: folders or files.
        refresh: is given the root whose files have changed.
        include: as `list_tree` takes them.
        exclude: as `list_tree` takes them.
        waiter: how to wait; by default `waiter_for(roots)`.
        stop: ends it when set, at the next look.
        quiet_seconds: how long nothing may have changed before `refresh` is called.

    Raises:
        AdjoinError: a root does not exist, or not any more; a pattern is malformed.
    """
    stop = stop or threading.Event()
    waiter = waiter or waiter_for(roots)  # before the first look, so that no change is missed

    def look(root: Path) -> State:
        files = list_tree(root, include=include, exclude=exclude).files
        return {file.origin: (file.size, file.mtime_ns, file.inode) for file in files}

    states: dict[Path, State] = {}
    for root in roots:
        states[root] = look(root)
        refresh(root)
    while not stop.is_set() and waiter.wait(stop):
        for root in roots:
            state = look(root)
            if state != states[root]:
                states[root] = _settled(partial(look, root), state, stop, quiet_seconds)
                refresh(root)


def _settled(look: Callable[[], State], state: State, stop: threading.Event, quiet_seconds: float) -> State:
    """The state once two looks in succession give the same."""
    for _ in range(_MOST_LOOKS):
        if stop.wait(quiet_seconds):
            break
        before, state = state, look()
        if state == before:
            break
    return state
