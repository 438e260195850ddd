"""A cache of vectors on disk: each text is encoded once for all tasks, runs and reports.

The vectors of a system are in one SQLite file, FOLDER/FINGERPRINT.sqlite, under the hashes of their texts. SQLite
makes writes atomic and keeps several processes apart. It has no checksums, so each vector is stored with one.
"""

import logging
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.progress import step
from adjoin.evaluation.systems.system import Role, System, text_digest
from adjoin.ranking.fusion import dense_weight_of

TEXTS_AT_ONCE = 2_048  # encoded and committed together: at most this many are lost when the process is killed
_PAGE_BYTES = 32_768  # with SQLite's 4,096 a page holds one vector of 512 numbers, and half of the file is empty
_TABLE = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB, crc INT)"
_WAIT = 3_600.0  # seconds until another process has finished its write; a write takes milliseconds
# Primary error codes of SQLite that mean an unusable disk or folder. All others mean a damaged file.
_UNUSABLE = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}
_METHODS: dict[Role, str] = {"query": "encode_query", "document": "encode_document", "symmetric": "encode_text"}

logger = logging.getLogger(__name__)


class DamagedError(Exception):
    """The file is not a vector cache, is corrupt, or holds vectors of another dimension."""


class CachedSystem:
    """A system with a vector cache on disk.

    The cache returns exactly the vectors that the system returned. Several processes may share a folder. A damaged
    vector is encoded again. A damaged file is deleted and rebuilt, with a warning in the log.

    Attributes:
        name: the system's name.
        fingerprint: the system's fingerprint.
        dense_weight: the system's weight in a hybrid search.
        hits: number of distinct texts that were read from the cache, over all calls.
        encoded: number of distinct texts that were encoded, over all calls.
    """

    def __init__(self, system: System, folder: Path) -> None:
        """Wrap a system.

        Args:
            system: encodes the texts that are not in the cache.
            folder: holds the caches of many systems.

        Raises:
            AdjoinError: the system's fingerprint, which names the file, is not hexadecimal.
        """
        if not re.fullmatch(r"[0-9a-f]{8,128}", system.fingerprint):
            raise AdjoinError(
                f"cannot cache vectors of {system.name} under its fingerprint {system.fingerprint!r}: expected "
                "8 hexadecimal digits or more"
            )
        self.name, self.fingerprint = system.name, system.fingerprint
        self.dense_weight = dense_weight_of(system)
        self.hits = self.encoded = 0
        self._system = system
        self._file = VectorFile(folder / f"{system.fingerprint}.sqlite")

    def summary(self) -> str:
        """Return one line with the numbers of vectors read and encoded, and the size of the file."""
        megabytes = self._file.size / 1e6
        return f"{self.name}: {self.hits:,} vectors found, {self.encoded:,} encoded; {megabytes:,.1f} MB on disk"

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        """The system's vectors of n queries, shape (n, D).

        Raises:
            AdjoinError: the system's vectors are not finite or not one per text, or the file cannot be written.
        """
        return self._encode(texts, "query")

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        """The system's vectors of n documents, shape (n, D).

        Raises:
            AdjoinError: as for `encode_query`.
        """
        return self._encode(texts, "document")

    def encode_text(self, texts: list[str]) -> NDArray[np.float32]:
        """The system's vectors of n texts in the symmetric role, shape (n, D).

        A system without this role encodes them as queries.

        Raises:
            AdjoinError: as for `encode_query`.
        """
        return self._encode(texts, "symmetric" if hasattr(self._system, "encode_text") else "query")

    def _encode(self, texts: list[str], role: Role) -> NDArray[np.float32]:
        if not texts:
            return self._system_vectors([], role)
        keys = [role[:1].encode() + text_digest(text) for text in texts]
        text_of = dict(zip(keys, texts, strict=True))
        for _ in range(3):
            try:
                return self._read_or_encode(keys, text_of, role)
            except DamagedError as damage:
                logger.warning("the vector cache %s is damaged and will be rebuilt: %s", self._file.path, damage)
                self._file.remove()
        raise AdjoinError(
            f"the vector cache {self._file.path} is damaged again after it was rebuilt: check the disk, or use "
            "another folder"
        )

    def _read_or_encode(
        self, keys: Sequence[bytes], text_of: Mapping[bytes, str], role: Role
    ) -> NDArray[np.float32]:
        vectors = self._file.read(list(text_of))
        missing = [key for key in text_of if key not in vectors]
        for start in range(0, len(missing), TEXTS_AT_ONCE):
            step(f"texts by {self.name}", start, len(missing))
            batch = missing[start : start + TEXTS_AT_ONCE]
            encoded = [vector.tobytes() for vector in self._system_vectors([text_of[key] for key in batch], role)]
            self._file.write(batch, encoded)
            vectors.update(zip(batch, encoded, strict=True))
        if len({len(vector) for vector in vectors.values()}) > 1:
            raise DamagedError("it holds vectors of another dimension")
        self.encoded += len(missing)
        self.hits += len(text_of) - len(missing)
        return np.frombuffer(bytearray().join(vectors[key] for key in keys), "<f4").reshape(len(keys), -1)

    def _system_vectors(self, texts: list[str], role: Role) -> NDArray[np.float32]:
        """Vectors from the system itself, checked before they are stored."""
        vectors_BD = np.asarray(getattr(self._system, _METHODS[role])(texts), "<f4")
        if vectors_BD.ndim != 2 or len(vectors_BD) != len(texts) or not np.isfinite(vectors_BD).all():
            raise AdjoinError(
                f"{self.name} gave {role} vectors of shape {vectors_BD.shape} for {len(texts):,} texts: expected "
                "(texts, dimension), and finite numbers; look at the model"
            )
        return vectors_BD


class VectorFile:
    """Vectors in a SQLite file, each with a CRC-32 of its key and its bytes.

    A connection is opened for each call, so that the file may be deleted in between and processes may fork.

    Attributes:
        path: the file. It is created with the first vector.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Bytes on disk; 0 if there is no file."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def read(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The stored vectors of some keys. Vectors that are missing or fail their checksum are left out.

        Returns:
            key → D little-endian float32.

        Raises:
            DamagedError: the file is not a vector cache or is corrupt.
            AdjoinError: the file cannot be read.
        """
        if not self.path.is_file():
            return {}
        with self._connection() as connection:
            return _intact_vectors(connection, keys)

    def write(self, keys: Sequence[bytes], vectors: Sequence[bytes]) -> None:
        """Store one vector per key, as D little-endian float32. They are on disk when this returns.

        Raises:
            DamagedError: the file is not a vector cache or is corrupt.
            AdjoinError: the disk is full or the folder is not writable.
        """
        rows = [(key, vector, crc32(vector, crc32(key))) for key, vector in zip(keys, vectors, strict=True)]
        with self._connection() as connection, connection:
            connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
            # In a file with a changed byte, rows can be inserted that no query finds.
            if _intact_vectors(connection, keys).keys() != set(keys):
                raise DamagedError("what was just written cannot be read")

    def remove(self) -> None:
        """Delete the damaged file, unless another process has changed or replaced it since it was last read.

        Raises:
            AdjoinError: it cannot be deleted.
        """
        try:
            if self._state() == self._seen:
                self.path.with_name(f"{self.path.name}-journal").unlink(missing_ok=True)
                self.path.unlink(missing_ok=True)
        except OSError as error:
            raise self._unusable(error.strerror) from None

    def _state(self) -> tuple[int, ...]:
        """Which file is there, and in which state; () if there is none."""
        if not self.path.is_file():
            return ()
        status = self.path.stat()
        return status.st_ino, status.st_size, status.st_mtime_ns

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._seen = self._state()
            with closing(sqlite3.connect(self.path, timeout=_WAIT)) as connection:
                connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
                connection.execute(_TABLE)
                yield connection
            self._seen = self._state()
        except OSError as error:
            raise self._unusable(error.strerror) from None
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _UNUSABLE:
                raise self._unusable(str(error)) from None
            raise DamagedError(str(error)) from None

    def _unusable(self, reason: str | None) -> AdjoinError:
        return AdjoinError(
            f"cannot use the vector cache {self.path}: {reason}; free disk space or use another folder"
        )


def _intact_vectors(connection: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, bytes]:
    """Key → vector for the keys that are there and whose vectors pass their checksum.

    Rows are read in the order of the file. By key, each row would take a page of its own from the disk: 2.4 s of
    CPU time for 100,000 vectors of 512 numbers, instead of 1.4 s.
    """
    rowids = sorted(rowid for (rowid,) in _select(connection, "SELECT rowid FROM vectors WHERE key", keys))
    rows = _select(connection, "SELECT key, vector, crc FROM vectors WHERE rowid", rowids)
    return {
        key: vector
        for key, vector, crc in rows
        if type(key) is type(vector) is bytes and crc32(vector, crc32(key)) == crc
    }


def _select(connection: sqlite3.Connection, query: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """The rows of `query IN (values)`, as many values at a time as SQLite takes."""
    step = connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)  # usually 32,766 or more
    for start in range(0, len(values), step):
        batch = values[start : start + step]
        yield from connection.execute(f"{query} IN ({','.join('?' * len(batch))})", batch)
