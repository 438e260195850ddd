"""Tasks in a folder: found by their files' names and header lines, before any row is read."""

from collections.abc import Callable
from pathlib import Path

from adjoin.errors import AdjoinError

LEVELS = ("*", "*/*")  # where tasks are looked for below the folder that is given


def task_folders(folder: Path, is_task: Callable[[Path], bool], expected: str) -> list[Path]:
    """The folders that hold a task, sorted by path: the folder itself, or those one level below, or two.

    Args:
        folder: where to look.
        is_task: whether a folder holds a task of the kind looked for. It may read header lines.
        expected: the files of such a task, for the message.

    Raises:
        AdjoinError: the folder is missing, cannot be listed or has no task of this kind.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is missing"
        raise AdjoinError(f"no evaluation data at {folder}: it {what}, expected a folder; check the path")
    try:
        if is_task(folder):
            return [folder]
        for level in LEVELS:
            if found := sorted(path for path in folder.glob(level) if path.is_dir() and is_task(path)):
                return found
    except OSError as error:
        raise AdjoinError(f"cannot read {folder} ({error.strerror}): look at its permissions") from None
    raise AdjoinError(
        f"no evaluation data in {folder}: expected {expected} there or in its subfolders; name a folder in that "
        "layout"
    )


def name_of(folder: Path) -> str:
    """The name of a task: that of its folder as it was given, so a link has its own and not its target's."""
    return folder.name if folder.name not in ("", "..") else folder.resolve().name
