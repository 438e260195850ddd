"""Files that are either whole or absent: written beside their place, flushed, then renamed into it."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adjoin.errors import AdjoinError


def flush_to_disk(path: Path) -> None:
    """Ask the system to put a file or a folder entry on the disk before we go on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a whole file or nothing: a reader never sees half of it.

    Raises:
        OSError: the disk is full, or the place may not be written; what stood there before still does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.chmod(0o644)  # mkstemp makes files private
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def folder_in_one_piece(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill; it takes the place of `path` only when the block ends without an error.

    Whatever stood at `path` before stays untouched until then, and stays for good after an error.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield unfinished
        for file in sorted(unfinished.rglob("*")):
            flush_to_disk(file)
        unfinished.chmod(0o755)  # mkdtemp makes folders private
        if path.exists():
            outdated = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.old."))
            path.replace(outdated / path.name)
            unfinished.replace(path)
            shutil.rmtree(outdated)
        else:
            unfinished.replace(path)
        flush_to_disk(path.parent)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def write_json(path: Path, value: object) -> None:
    """Write JSON for people and programs: indented, keys in the order given, atomically."""
    write_atomically(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path, what: str) -> Any:  # noqa: ANN401 - JSON is any value; the caller checks its shape
    """Read a JSON file.

    Args:
        path: the file.
        what: what it is in the user's words, for the message ("model description", "checkpoint state").

    Raises:
        AdjoinError: it is missing, unreadable or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AdjoinError(f"no {what} at {path}: the file is missing") from None
    except (OSError, ValueError) as error:
        raise AdjoinError(f"cannot read the {what} {path}: {error}") from None
