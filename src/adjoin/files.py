"""Atomic writing of files and folders, and checked reading of JSON and TOML."""

import io
import json
import math
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

from adjoin.errors import AdjoinError
from adjoin.unfinished import new_file, new_folder, put_in_place, recover, sweep

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

RecordT = TypeVar("RecordT", bound="DataclassInstance")

LARGEST_TOML = 32_000_000  # bytes; a corpus recipe of 10,000 packages has 1.6 million
LONGEST_LINE = 64 << 20  # bytes; a longer line is no text, and would fill the memory


def flush_to_disk(path: Path) -> None:
    """Flush a file or a folder entry to disk (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file atomically: a reader sees the old content or the new one.

    A killed writer leaves a file .NAME.xxxxxxxx.unfinished, which `adjoin.unfinished.sweep` deletes. A symbolic
    link is replaced, not followed.

    Raises:
        AdjoinError: the path is a folder, a pipe, a socket or a device.
        OSError: the disk is full or the file may not be written. The old content is unchanged.
    """
    if kind := special_kind(path):
        raise AdjoinError(f"{path} is {kind}, expected a file: choose another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    descriptor, unfinished = new_file(path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            unfinished.chmod(0o644)  # files in the making are private
            if os.name == "posix":
                unfinished.replace(path)  # while it is held, so that nobody takes it for litter
        if os.name != "posix":  # Windows renames no open file
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def special_kind(path: Path, *, follow: bool = False) -> str:
    """What a path is, such as "a named pipe", unless it is a regular file or missing; then "".

    Args:
        path: the path.
        follow: whether a symbolic link is what it leads to; otherwise it counts as a file.
    """
    try:
        mode = (path.stat() if follow else path.lstat()).st_mode
    except OSError:
        return ""
    return _SPECIAL.get(stat.S_IFMT(mode), "")


_SPECIAL = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def state_of(path: Path) -> tuple[int, ...]:
    """Return what changes whenever a file is written or replaced; () if it is not there.

    Take it before the first reading and after the last: if both are equal, all of them read the same.
    """
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def refuse_special(path: Path, what: str) -> None:
    """Refuse to read a folder, a pipe, a socket or a device: some would never end.

    Args:
        path: the file; a link is what it leads to. A missing file is not refused.
        what: what the file is, for error messages ("recipe").

    Raises:
        AdjoinError: it is one of these.
    """
    if kind := special_kind(path, follow=True):
        raise AdjoinError(f"the {what} {path} is {kind}, expected a file that can be read again: give another one")


@contextmanager
def folder_in_one_piece(path: Path) -> Iterator[Path]:
    """Yield an empty folder to fill. It replaces `path` when the block ends without an error.

    Until then, and after an error, `path` is unchanged. A reader finds the old folder or the new one at every
    moment (`put_in_place`). All in the old one is deleted: check before that it is ours, as `outputs` does. What
    killed writers of the same folder have left is deleted.

    Raises:
        OSError: the disk is full, or the folder may not be written or replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent, path.name)
    recover(path)
    descriptor, unfinished = new_folder(path)
    try:
        yield unfinished
        for file in sorted(unfinished.rglob("*")):
            flush_to_disk(file)
        unfinished.chmod(0o755)  # folders in the making are private
        put_in_place(unfinished, path)
        flush_to_disk(path.parent)
    finally:
        if unfinished.exists():
            shutil.rmtree(unfinished, ignore_errors=True)
        os.close(descriptor)


def write_json(path: Path, value: object) -> None:
    """Write JSON atomically, indented, with keys in the given order."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    # A lone surrogate, as in a file name that is not UTF-8, is written as JSON's escape \\udcff.
    write_atomically(path, text.encode("utf-8", "backslashreplace"))


def read_json(path: Path, what: str) -> Any:  # noqa: ANN401 - JSON is any value; the caller checks its shape
    """Read a JSON file.

    Args:
        path: the file.
        what: what the file is, for error messages ("model description", "checkpoint state").

    Raises:
        AdjoinError: the file is missing, unreadable or not JSON.
    """
    refuse_special(path, what)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AdjoinError(f"no {what} at {path}: the file is missing") from None
    except (OSError, ValueError, RecursionError) as error:
        raise AdjoinError(f"cannot read the {what} {path}: {error}") from None


def read_as(path: Path, cls: type[RecordT], what: str, remedy: str, *, format: int | None = None) -> RecordT:
    """Read a JSON object into a dataclass and check its types.

    Keys that the dataclass lacks are ignored. A key may be missing if its field has a default. Further conditions,
    such as ranges, belong into the dataclass's `__post_init__`, which raises ValueError.

    Args:
        path: the file.
        cls: a dataclass whose annotations `wrong_types` can check.
        what: what the file is, for error messages ("index description").
        remedy: what to do if it is damaged, for error messages ("remove it and run `adjoin index` again").
        format: the expected value of the key "format"; None if the file has no such key.

    Raises:
        AdjoinError: the file is missing, unreadable, not JSON, of another format, or has missing or wrong values.
    """
    content = read_json(path, what)
    if not isinstance(content, dict):
        raise AdjoinError(f"the {what} {path} is damaged: it is {content!r:.60}, expected an object; {remedy}")
    stated = content.get("format")
    if format is not None and type(stated) is int and stated != format:
        raise AdjoinError(f"the {what} {path} has format {stated}, this version reads {format}: {remedy}")
    declared = {field.name: field.type for field in fields(cls)}
    required = [field.name for field in fields(cls) if field.default is field.default_factory is MISSING]
    missing = [name for name in required if name not in content]
    if wrong := f"it lacks {', '.join(missing)}" if missing else wrong_types(content, declared):
        raise AdjoinError(f"the {what} {path} is damaged: {wrong}; {remedy}")
    try:
        return cls(**{name: value for name, value in content.items() if name in declared})
    except ValueError as error:
        raise AdjoinError(f"the {what} {path} is damaged: {error}; {remedy}") from None


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Read a TOML file.

    Args:
        path: the file.
        what: what the file is, for error messages ("recipe").

    Raises:
        AdjoinError: the file is missing, unreadable or not TOML.
    """
    import tomllib  # 6 ms, which a search need not spend

    refuse_special(path, what)
    try:
        if path.exists() and not path.is_file():
            raise ValueError("it is no file")
        if path.exists() and path.stat().st_size > LARGEST_TOML:
            raise ValueError(f"it has {path.stat().st_size:,} bytes, expected at most {LARGEST_TOML:,}")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AdjoinError(f"no {what} at {path}: the file is missing") from None
    except (OSError, ValueError, RecursionError) as error:
        raise AdjoinError(f"the {what} {path} cannot be read: {error}") from None


def numbered_lines(file: io.BufferedIOBase, path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file with their numbers, from 1. Line ends are included.

    Raises:
        AdjoinError: a line is longer than `LONGEST_LINE`.
        OSError: the file cannot be read.
    """
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise AdjoinError(
                f"{path}:{number} is longer than {LONGEST_LINE >> 20} MiB; expected one text per line. Is the file"
                " binary, or without line ends?"
            )
        yield number, line


def wrong_types(values: Mapping[str, Any], declared: Mapping[str, Any]) -> str:
    """Check values from a file against declared types.

    An int is accepted as a float. A bool is not accepted as a number, nor is a float that is not finite.

    Args:
        values: names to values. Names that `declared` lacks are ignored.
        declared: names to types, such as a dataclass's annotations: plain, generic, a union of those or a Literal.

    Returns:
        What is wrong, such as `batch is 'many', expected int`; empty if nothing is.
    """
    return ", ".join(
        f"{name} is {value!r:.60}, expected {_described(declared[name])}"
        for name, value in values.items()
        if name in declared and not _fits(value, declared[name])
    )


def _described(declared: Any) -> str:  # noqa: ANN401 - a type in any of its forms
    if get_origin(declared) is Literal:
        return f"one of {', '.join(map(str, get_args(declared)))}"
    return str(getattr(declared, "__name__", declared))


def _fits(value: object, declared: Any) -> bool:  # noqa: ANN401 - a type in any of its forms
    if get_origin(declared) is Literal:
        return value in get_args(declared)
    kinds = get_args(declared) if isinstance(declared, UnionType) else (declared,)
    plain = [get_origin(kind) or kind for kind in kinds]
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return type(value) in plain or (type(value) is int and float in plain)
