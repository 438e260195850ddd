"""Files that wait for the transaction of an unfinished refresh: pending.sqlite."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from adjoin.index.sqlite.database import PENDING, REMEDY_WRITING, connect, database_errors
from adjoin.index.sqlite.rows import packed_file, unpacked_file
from adjoin.index.store import FORMAT, FileRecord, IndexedFile

_SCHEMA = """
CREATE TABLE IF NOT EXISTS model(format INTEGER, fingerprint TEXT, dimension INTEGER);
CREATE TABLE IF NOT EXISTS files(path TEXT PRIMARY KEY, record TEXT, pieces BLOB, scales BLOB, codes BLOB);
"""


class Pending:
    """What an unfinished refresh has embedded, on disk. The file is made when there is something to keep."""

    def __init__(self, folder: Path) -> None:
        """Name the index's folder; nothing is opened yet."""
        self._folder = folder
        self._path = folder / PENDING
        self._model = (FORMAT, "", 0)
        self._connection: sqlite3.Connection | None = None

    def open(self, fingerprint: str, dimension: int, known: Mapping[str, FileRecord]) -> None:
        """Take over what an interrupted run has left.

        What another model made is deleted, and so is a damaged file: only time is lost. Files that `known` holds
        with the same content are forgotten: the run was killed after its transaction.
        """
        self._model = (FORMAT, fingerprint, dimension)
        if not self._path.exists():
            return
        try:
            self._connect()
            assert self._connection is not None
            (model,) = self._connection.execute("SELECT * FROM model").fetchall()
            records = self.records().values()
            is_ours = model == self._model and self._connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
        except (sqlite3.Error, ValueError, TypeError):
            is_ours = False
        if not is_ours or self._connection is None:
            self.remove()
            return
        settled = [(record.path,) for record in records if _content(known.get(record.path)) == record.content]
        with database_errors(self._folder, "write", REMEDY_WRITING):
            self._connection.executemany("DELETE FROM files WHERE path = ?", settled)
        if len(settled) == len(records):
            self.remove()

    def records(self) -> dict[str, FileRecord]:
        """The files that wait, by path."""
        if self._connection is None:
            return {}
        rows = self._connection.execute("SELECT path, record FROM files").fetchall()
        return {path: FileRecord(**json.loads(record)) for path, record in rows}

    def add(self, files: Sequence[IndexedFile]) -> None:
        """Keep files on disk."""
        if self._connection is None:
            self._connect()
        assert self._connection is not None
        rows = [(file.record.path, *packed_file(file)) for file in files]
        self._connection.execute("BEGIN")
        try:
            self._connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", rows)
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise

    def files(self) -> Iterator[IndexedFile]:
        """Read the files that wait, one at a time."""
        if self._connection is None:
            return
        with closing(
            self._connection.execute("SELECT record, pieces, scales, codes FROM files ORDER BY path")
        ) as rows:
            for record, pieces, scales, codes in rows:
                yield unpacked_file(record, pieces, scales, codes, self._model[2])

    def close(self) -> None:
        """Close the file; it stays."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def remove(self) -> None:
        """Delete the file."""
        self.close()
        for suffix in ("-journal", ""):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def _connect(self) -> None:
        connection = self._connection = connect(self._path, "mode=rwc")
        connection.execute("PRAGMA synchronous = OFF")  # a kill loses nothing; the machine's failure only time
        connection.executescript(_SCHEMA)
        if not connection.execute("SELECT count(*) FROM model").fetchone()[0]:
            connection.execute("INSERT INTO model VALUES (?, ?, ?)", self._model)


def _content(record: FileRecord | None) -> str:
    return "" if record is None else record.content
