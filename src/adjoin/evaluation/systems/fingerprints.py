"""Fingerprints of systems: one hash over everything that determines their vectors."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError


def fingerprint_of(*parts: str | Path | NDArray[Any]) -> str:
    """A hash of settings (str), files (Path, by content) and arrays (by shape, dtype and content).

    Returns:
        32 hexadecimal digits.

    Raises:
        AdjoinError: a file cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(_hash_of(part))  # of fixed length, so that ("ab", "c") differs from ("a", "bc")
    return digest.hexdigest()


def folder_fingerprint(folder: Path, *, subfolders: bool = True) -> str:
    """The fingerprint of a model folder: its files and their relative paths, except hidden and Markdown files.

    The name and place of the folder do not count.

    Args:
        folder: the model folder.
        subfolders: whether files in subfolders count. A model of Adjoin has its reports and checkpoints there.

    Raises:
        AdjoinError: a file cannot be read.
    """
    parts: list[str | Path] = []
    for path in sorted(folder.rglob("*") if subfolders else folder.glob("*")):
        relative = path.relative_to(folder)
        is_hidden = any(name.startswith(".") for name in relative.parts)
        if path.is_file() and not is_hidden and path.suffix.lower() != ".md":
            parts += [relative.as_posix(), path]
    return fingerprint_of(*parts)


def _hash_of(part: str | Path | NDArray[Any]) -> bytes:
    if isinstance(part, Path):
        try:
            with part.open("rb") as file:
                return hashlib.file_digest(file, lambda: hashlib.blake2b(person=b"file")).digest()
        except OSError as error:
            raise AdjoinError(f"cannot read {part}: {error.strerror}; copy the model again") from None
    if isinstance(part, np.ndarray):
        head = f"{part.dtype.str} {part.shape} ".encode()
        return hashlib.blake2b(head + part.tobytes(), person=b"array").digest()
    return hashlib.blake2b(part.encode("utf-8", "surrogatepass"), person=b"text").digest()
