"""Which files git tracks, read from its index (gitformat-index(5), versions 2, 3 and 4)."""

from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path

MAX_INDEX_BYTES = 1 << 30
_HEADER_BYTES = 12
_STAT_BYTES = 40  # of an entry, before the name of its object
_EXTENDED = 0x40  # in the first byte of an entry's flags: it has two more bytes of them
_NAME_LENGTH = 0x0FFF  # in the flags: the length of the path, or that it is at least as long


class UnreadableIndexError(ValueError):
    """An index that is damaged, too large, or in a form that is not read; the message says which."""


@dataclass(frozen=True, slots=True)
class TrackedFiles:
    """The paths of an index.

    Attributes:
        paths: below the repository's top, sorted; a submodule is one path, without a slash at the end.
    """

    paths: list[bytes]

    def holds(self, path: bytes) -> bool:
        """Whether `path`, without a slash at the end, is tracked or is a folder with a tracked file in it."""
        place = bisect_left(self.paths, path)
        if place < len(self.paths) and self.paths[place] == path:
            return True
        inside = path + b"/"
        place = bisect_left(self.paths, inside)
        return place < len(self.paths) and self.paths[place].startswith(inside)


def read_index(path: Path, hash_bytes: int = 20) -> TrackedFiles:
    """Read the paths of an index; a repository without one tracks nothing.

    Args:
        path: the file `index` in the repository's folder of its own.
        hash_bytes: length of an object's name.

    Raises:
        UnreadableIndexError: the file is damaged, too large, or a split index.
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_INDEX_BYTES + 1)
    except FileNotFoundError:
        return TrackedFiles([])
    if len(data) > MAX_INDEX_BYTES:
        raise UnreadableIndexError("too large")
    version = int.from_bytes(data[4:8], "big")
    if data[:4] != b"DIRC" or not 2 <= version <= 4:
        raise UnreadableIndexError("damaged, or of an unknown version")
    number = int.from_bytes(data[8:_HEADER_BYTES], "big")
    try:
        paths, end = (_compressed_paths if version == 4 else _plain_paths)(data, number, hash_bytes)
    except (IndexError, ValueError):
        raise UnreadableIndexError("damaged") from None
    if b"link" in _extensions(data, end, hash_bytes):
        raise UnreadableIndexError("split")
    return TrackedFiles(sorted(set(paths)))


def _plain_paths(data: bytes, number: int, hash_bytes: int) -> tuple[list[bytes], int]:
    """The paths of versions 2 and 3, and the position behind the last entry."""
    paths = []
    place, limit, before_flags = _HEADER_BYTES, len(data) - hash_bytes, _STAT_BYTES + hash_bytes
    for _ in range(number):
        flags = place + before_flags
        first = data[flags]
        start = flags + (4 if first & _EXTENDED else 2)
        length = (first << 8 | data[flags + 1]) & _NAME_LENGTH
        end = start + length if length < _NAME_LENGTH else data.index(b"\0", start + length)
        if data[end] or end == start or end >= limit:
            raise ValueError
        paths.append(data[start:end])
        place += (end - place + 8) & ~7  # one to eight zeros
    return paths, place


def _compressed_paths(data: bytes, number: int, hash_bytes: int) -> tuple[list[bytes], int]:
    """The paths of version 4, each as what differs from the one before, and the position behind the last entry."""
    paths = []
    path, place, limit, before_flags = b"", _HEADER_BYTES, len(data) - hash_bytes, _STAT_BYTES + hash_bytes
    for _ in range(number):
        flags = place + before_flags
        place = flags + (4 if data[flags] & _EXTENDED else 2)
        byte = data[place]
        dropped = byte & 127
        while byte & 128:
            place += 1
            byte = data[place]
            dropped = (dropped + 1 << 7) + (byte & 127)
            if dropped > len(path):
                raise ValueError
        end = data.index(b"\0", place + 1)
        if dropped > len(path) or end >= limit:
            raise ValueError
        path = path[: len(path) - dropped] + data[place + 1 : end]
        if not path:
            raise ValueError
        paths.append(path)
        place = end + 1
    return paths, place


def _extensions(data: bytes, place: int, hash_bytes: int) -> set[bytes]:
    """The names of the extensions between the entries and the checksum."""
    names = set()
    while place + 8 <= len(data) - hash_bytes:
        names.add(data[place : place + 4])
        place += 8 + int.from_bytes(data[place + 4 : place + 8], "big")
    return names
