"""Vectors under the hashes of their texts, in two files that only grow.

    folder/
      cache.json  whose vectors these are, and their dimension D
      index       24 bytes a vector: hash of the text (16), checksum of hash and vector (4), zeros (4)
      vectors     D little-endian float32 a vector, in the order of the index
      lock        held while the index is read or something is written

A vector is on the disk before the index counts it. So what an interrupted write leaves is beyond the index's end,
or half an entry at it, and the next write cuts it off. Every vector that is taken out is checked.

The index is a dictionary in memory: 200,000 hashes are read in 0.1 s and looked up in 0.15 s of one core. A sorted
array would take 0.1 s for both, and would have to be sorted again whenever something is added.
"""

import os
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.files import flush_to_disk, read_json, write_json

FORMAT = 1
DESCRIPTION, INDEX, VECTORS, LOCK = "cache.json", "index", "vectors", "lock"
ENTRY = np.dtype([("hash", "V16"), ("check", "<u4"), ("zeros", "<u4")])
FLOAT = np.dtype("<f4")


class DamagedError(Exception):
    """What is wrong with a folder of vectors; all of it is to be thrown away."""


class VectorFile:
    """The vectors in a folder, to which several processes may add at a time.

    Attributes:
        folder: where they lie; made with the first vector.
    """

    def __init__(self, folder: Path, owner: Mapping[str, str]) -> None:
        """Remember the place; `refresh` reads what is there.

        Args:
            folder: where the vectors lie.
            owner: what cache.json must say of them, such as the system's fingerprint.
        """
        self.folder = folder
        self._owner = dict(owner)
        self._forget()

    def __contains__(self, key: bytes) -> bool:
        return key in self._rows

    def refresh(self) -> None:
        """Read what was added since the last time, by whomever.

        Raises:
            DamagedError: cache.json is of other vectors, or unreadable.
            AdjoinError: the folder cannot be read.
        """
        if self.folder.is_dir():
            with self._locked():
                self._read()

    def take(self, keys: Sequence[bytes]) -> NDArray[np.float32]:
        """A copy of the vectors of n texts that are all there (n, D).

        Raises:
            DamagedError: one is not what was written, or is gone because another process threw all away.
        """
        rows = np.array([self._rows.get(key, -1) for key in keys], np.int64)
        if len(rows) and rows.min() < 0:
            raise DamagedError(f"{np.count_nonzero(rows < 0):,} of its vectors are gone")
        taken_ND: NDArray[np.float32] = np.asarray(self._vectors_ND[rows])
        differing = np.flatnonzero(_checks(keys, taken_ND) != self._checks_N[rows])
        if len(differing):
            raise DamagedError(f"{len(differing):,} of its vectors are not what was written")
        return taken_ND

    def add(self, keys: Sequence[bytes], vectors_BD: NDArray[np.float32]) -> None:
        """Write the vectors of texts, but those that are there by now; they are on the disk when this returns.

        Args:
            keys: the texts' hashes, all different.
            vectors_BD: a vector each.

        Raises:
            DamagedError: what is there has another dimension, or `refresh` would raise it.
            AdjoinError: the disk is full, or the folder may not be written to.
        """
        with self._locked():
            self._read()
            if not self._made:
                self._begin(vectors_BD.shape[1])
            if vectors_BD.shape[1] != self._vectors_ND.shape[1]:
                raise DamagedError(
                    f"its vectors have {self._vectors_ND.shape[1]} numbers, new ones {vectors_BD.shape[1]}"
                )
            new = [place for place, key in enumerate(keys) if key not in self._rows]
            added_BD, added = vectors_BD[new].astype(FLOAT), [keys[place] for place in new]
            entries_B = np.zeros(len(new), ENTRY)
            entries_B["hash"] = np.frombuffer(b"".join(added), "V16")
            entries_B["check"] = _checks(added, added_BD)
            row_bytes = added_BD.shape[1] * FLOAT.itemsize
            _write_behind(self.folder / VECTORS, len(self._rows) * row_bytes, added_BD.tobytes())
            _write_behind(self.folder / INDEX, len(self._rows) * ENTRY.itemsize, entries_B.tobytes())
            self._read()

    def throw_away(self) -> None:
        """Remove all vectors, unless another process has done so; one that has them open goes on with them.

        Raises:
            AdjoinError: a file cannot be removed.
        """
        with self._locked():
            try:
                is_new = self._described()[0] != self._made
            except DamagedError:
                is_new = False
            if not is_new:
                for name in (
                    DESCRIPTION,
                    INDEX,
                    VECTORS,
                ):  # in this order: without the first, the others are nothing
                    (self.folder / name).unlink(missing_ok=True)
        self._forget()

    def _forget(self, made: str = "", dimension: int = 0) -> None:
        self._made = made
        self._rows: dict[bytes, int] = {}
        self._checks_N = np.zeros(0, np.uint32)
        self._vectors_ND: NDArray[np.float32] = np.zeros((0, dimension), FLOAT)

    def _begin(self, dimension: int) -> None:
        """Start with no vector; until cache.json is there, files count for nothing."""
        for name in (INDEX, VECTORS):
            (self.folder / name).write_bytes(b"")
        made = uuid.uuid4().hex
        content = {"format": FORMAT, **self._owner, "dimension": dimension, "made": made}
        write_json(self.folder / DESCRIPTION, content)
        flush_to_disk(self.folder)
        self._forget(made, dimension)

    def _read(self) -> None:
        """Read what is new in the index; half an entry at its end does not count, nor one without its vector."""
        made, dimension = self._described()
        if made != self._made:
            self._forget(made, dimension)
        if not made:
            return
        row_bytes = dimension * FLOAT.itemsize
        known = len(self._rows)
        whole = min(_size(self.folder / INDEX) // ENTRY.itemsize, _size(self.folder / VECTORS) // row_bytes)
        if whole < known:
            raise DamagedError(f"it had {known:,} vectors and has {whole:,}")
        if whole == known:
            return
        with (self.folder / INDEX).open("rb") as file:
            file.seek(known * ENTRY.itemsize)
            entries = np.frombuffer(file.read((whole - known) * ENTRY.itemsize), ENTRY)
        self._rows.update(zip(entries["hash"].tolist(), range(known, whole), strict=True))
        if len(self._rows) < whole:
            raise DamagedError("a text stands in its index twice")
        self._checks_N = np.concatenate([self._checks_N, entries["check"]])
        self._vectors_ND = np.memmap(self.folder / VECTORS, FLOAT, "r", shape=(whole, dimension))

    def _described(self) -> tuple[str, int]:
        """When these vectors were begun, as a name that no others have, and D; or that there are none."""
        if not (self.folder / DESCRIPTION).exists():
            return "", 0
        try:
            content = read_json(self.folder / DESCRIPTION, "description")
        except AdjoinError as error:
            raise DamagedError(str(error)) from None
        wanted = {"format": FORMAT, **self._owner}
        if not isinstance(content, dict) or {name: content.get(name) for name in wanted} != wanted:
            raise DamagedError(f"its {DESCRIPTION} is not of format {FORMAT} and {self._owner}")
        made, dimension = content.get("made"), content.get("dimension")
        if not isinstance(made, str) or not made or type(dimension) is not int or dimension < 1:
            raise DamagedError(f"its {DESCRIPTION} names no dimension")
        return made, dimension

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the folder; the system lets go of it when the process ends, however it ends."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                try:
                    import fcntl  # not on Windows: there, what two processes write at a time fails its checks
                except ImportError:
                    pass
                else:
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)
        except OSError as error:
            raise AdjoinError(
                f"cannot use the cache of vectors {self.folder}: {error.strerror}; free space or name another one"
            ) from None


def size_of(folder: Path) -> int:
    """The bytes of all vectors below a folder, with their indexes."""
    return sum(_size(path) for path in folder.rglob("*") if path.name in (DESCRIPTION, INDEX, VECTORS))


def _checks(keys: Iterable[bytes], vectors_ND: NDArray[np.float32]) -> NDArray[np.uint32]:
    """CRC-32 of each hash and its vector."""
    rows = (row.tobytes() for row in vectors_ND)
    return np.array([zlib.crc32(row, zlib.crc32(key)) for key, row in zip(keys, rows, strict=True)], np.uint32)


def _write_behind(path: Path, end: int, content: bytes) -> None:
    """Write behind the first `end` bytes, cut off what stands there, and wait for the disk."""
    with path.open("r+b") as file:
        file.truncate(end)
        file.seek(end)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
