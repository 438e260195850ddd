"""Files that are either whole or absent: written beside their place, flushed, then renamed into it."""

import io
import json
import math
import os
import shutil
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

from adjoin.errors import AdjoinError

LONGEST_LINE = 64 << 20  # bytes; a longer one is no text, and some disks' worth of it would fill the memory


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
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    # Half a surrogate pair, as in a file name that is not UTF-8, becomes \\udcff: JSON's own way to write it.
    write_atomically(path, text.encode("utf-8", "backslashreplace"))


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
    except (OSError, ValueError, RecursionError) as error:
        raise AdjoinError(f"cannot read the {what} {path}: {error}") from None


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Read a TOML file.

    Args:
        path: the file.
        what: what it is in the user's words, for the message ("recipe").

    Raises:
        AdjoinError: it is missing, unreadable or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AdjoinError(f"no {what} at {path}: the file is missing") from None
    except (OSError, ValueError, RecursionError) as error:
        raise AdjoinError(f"the {what} {path} cannot be read: {error}") from None


def numbered_lines(file: io.BufferedIOBase, path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file, line ends included, with their numbers from 1.

    Raises:
        AdjoinError: a line is longer than `LONGEST_LINE`.
        OSError: as the file's own.
    """
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise AdjoinError(
                f"{path}:{number} is longer than {LONGEST_LINE >> 20} MiB, expected one text a line: is it binary,"
                " or a file without line ends?"
            )
        yield number, line


def wrong_types(values: Mapping[str, Any], declared: Mapping[str, Any]) -> str:
    """What is wrong with values out of a file: `batch is 'many', expected int`; empty if nothing is.

    A whole number will do for a float, but neither a bool for a number nor one that is not finite.

    Args:
        values: name → value; names that `declared` lacks are passed over.
        declared: name → type, such as a dataclass's annotations: plain, generic or a union of those.
    """
    return ", ".join(
        f"{name} is {value!r:.60}, expected {getattr(declared[name], '__name__', declared[name])}"
        for name, value in values.items()
        if name in declared and not _fits(value, declared[name])
    )


def _fits(value: object, declared: Any) -> bool:  # noqa: ANN401 - a type in any of its forms
    kinds = get_args(declared) if isinstance(declared, UnionType) else (declared,)
    plain = [get_origin(kind) or kind for kind in kinds]
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return type(value) in plain or (type(value) is int and float in plain)
