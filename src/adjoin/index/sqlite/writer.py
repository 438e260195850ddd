"""Changes of an index in SQLite: batches that wait, and the transaction that makes a version."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from adjoin import __version__
from adjoin.index.sqlite.approximate import APPROXIMATE_FROM, keep_sketch
from adjoin.index.sqlite.database import (
    APPLICATION,
    DATABASE,
    OF_LANCE,
    PAGE_BYTES,
    REMEDY_READING,
    REMEDY_WRITING,
    SCHEMA,
    SKETCH,
    TABLES,
    check_is_ours,
    connect,
    damage_as_error,
    database_errors,
    description_in,
    refuse_what_is_cut_short,
)
from adjoin.index.sqlite.pending import Pending
from adjoin.index.sqlite.rows import BLOCK_PIECES, packed_texts, symbol_key, terms_of_piece, words_of_path
from adjoin.index.sqlite.segments import WordWriter
from adjoin.index.sqlite.snapshot import open_snapshot
from adjoin.index.store import FORMAT, FileRecord, IndexDescription, IndexedFile
from adjoin.unfinished import remove_folder

_RECORD = "path, size, mtime_ns, inode, content, pieces, reason"


class SQLiteWriter:
    """The one process that changes the index of a folder. `SQLiteStore.writing` makes one and holds the lock."""

    def __init__(self, folder: Path) -> None:
        """Open what is there; nothing is written yet."""
        self.folder = folder
        self.description: IndexDescription | None = None
        self._path = folder / DATABASE
        self._connection: sqlite3.Connection | None = None
        self._words = WordWriter()
        self._waiting: list[IndexedFile] = []
        self._fingerprint, self._dimension = "", 0
        self._resumed = False
        self._replaces_all = False
        self._pending = Pending(folder)

    def __enter__(self) -> "SQLiteWriter":
        if self._path.exists():
            with database_errors(self.folder, "open", REMEDY_WRITING):
                refuse_what_is_cut_short(self._path)
                self._connection = connect(self._path, "mode=rw")
                check_is_ours(self._connection, self.folder)
                (form,) = self._connection.execute("PRAGMA user_version").fetchone()
                if form != FORMAT:  # another version of Adjoin wrote it: it is made anew
                    self._connection.close()
                    self._connection = None
                    self._remove_database()
                else:
                    self._prepare(self._connection)
                    found = description_in(self._connection, self.folder, unfinished=True)
                    self._unfinished = None if found.version else found
                    self.description = found if found.version else None
        return self

    def __exit__(self, kind: object, error: BaseException | None, *_: object) -> None:
        self._pending.close()
        if self._connection is not None:
            if self._connection.in_transaction:
                self._connection.rollback()
            try:
                if error is not None:
                    with damage_as_error(self._connection, self.folder):
                        raise error
            finally:
                self._connection.close()  # the last to close it takes the log back into the database

    _unfinished: IndexDescription | None = None

    def begin(self, fingerprint: str, dimension: int) -> dict[str, FileRecord]:
        """Start a refresh, as `Writer.begin`."""
        self._fingerprint, self._dimension = fingerprint, dimension
        if self.description is None:
            unfinished = self._unfinished
            if unfinished is not None and unfinished.fingerprint != fingerprint:
                self._close_and_remove()
            self._resumed = self._connection is not None
            return self._records()
        self._replaces_all = self.description.fingerprint != fingerprint
        known = {} if self._replaces_all else self._records()
        self._pending.open(fingerprint, dimension, known)
        return known | self._pending.records()

    def stage(self, files: Sequence[IndexedFile]) -> None:
        """Put files aside, as `Writer.stage`."""
        with database_errors(self.folder, "write", REMEDY_WRITING):
            if self.description is None:
                if self._connection is None and not any(file.pieces for file in files):
                    self._waiting += files  # an index that finds nothing leaves no database
                    return
                connection = self._created()
                with _transaction(connection):
                    for file in files:
                        self._insert(connection, file)
                    if self._words.is_full:
                        self._words.write(connection)
                return
            # One batch may wait in memory: a refresh of a few files then writes nothing twice.
            if self._waiting:
                self._pending.add(self._waiting)
            self._waiting = list(files)

    @property
    def has_staged(self) -> bool:
        """Whether files were put aside, as `Writer.has_staged`."""
        return bool(self._waiting or self._pending.records()) or (
            self.description is None and self._connection is not None
        )

    def publish(
        self, root: str, model: str, *, stamp: str = "", removed: Sequence[str], restated: Sequence[FileRecord]
    ) -> IndexDescription:
        """Make the next version in one transaction, as `Writer.publish`."""
        with database_errors(self.folder, "write", REMEDY_WRITING):
            connection = self._created()
            with _transaction(connection):
                if self._replaces_all:
                    for table in TABLES[1:]:
                        connection.execute(f"DELETE FROM {table}")
                gone = set(removed)
                for file in self._staged():
                    if file.record.path not in gone:
                        self._insert(connection, file)
                for path in removed:
                    self._remove(connection, path)
                self._restate(connection, restated)
                if self._resumed:
                    self._words.collect_again(connection)
                self._words.write(connection)
                self._words.merge(connection)
                before = self.description.version if self.description is not None else 0
                description = self._describe(connection, root, model, before + 1, stamp)
            self.description = description
            self._waiting = []
            self._resumed = self._replaces_all = False
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        self._pending.remove()
        self._remove_lance()
        return description

    def restate(self, records: Sequence[FileRecord]) -> None:
        """Update records of files whose content is as before, as `Writer.restate`."""
        if self._connection is not None and records:
            with database_errors(self.folder, "write", REMEDY_WRITING), _transaction(self._connection):
                self._restate(self._connection, records)

    def keep_sketch(self) -> None:
        """Bring the sketch that searches of a large index scan up to date with the version that they read."""
        if self._connection is None or self.description is None:
            return
        with database_errors(self.folder, "read", REMEDY_READING):
            (pieces,) = self._connection.execute("SELECT total(number) FROM blocks").fetchone()
        if pieces < APPROXIMATE_FROM:
            (self.folder / SKETCH).unlink(missing_ok=True)
            return
        with open_snapshot(self._connection, self.folder) as version:
            keep_sketch(self.folder, version)

    # -- the database -------------------------------------------------------------------------------------------

    def _created(self) -> sqlite3.Connection:
        """The open database. A new one is made under another name, so that its file is always whole."""
        if self._connection is None:
            self._remove_database()
            new = self._path.with_name(self._path.name + "-new")
            with closing(connect(new, "mode=rwc")) as connection:
                connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
                connection.execute("PRAGMA journal_mode = OFF")
                with _transaction(connection):
                    for statement in SCHEMA.split(";"):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA application_id = {APPLICATION}")
                    connection.execute(f"PRAGMA user_version = {FORMAT}")
                    self._describe(connection, "", "", 0)
            new.replace(self._path)
            self._connection = connect(self._path, "mode=rw")
            self._prepare(self._connection)
        return self._connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        # A kill loses nothing. If the machine itself fails, the last version may be lost; the old one answers.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {64 << 20}")
        connection.execute(f"PRAGMA cache_size = -{32 << 10}")  # KiB

    def _describe(
        self, connection: sqlite3.Connection, root: str, model: str, number: int, stamp: str = ""
    ) -> IndexDescription:
        values: dict[str, Any] = {
            "root": root,
            "model": model,
            "fingerprint": self._fingerprint,
            "dimension": self._dimension,
            "adjoin": __version__,
            "version": number,
            "stamp": stamp,
        }
        connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())
        return IndexDescription(format=FORMAT, **values)

    def _records(self) -> dict[str, FileRecord]:
        if self._connection is None:
            return {}
        with database_errors(self.folder, "read", REMEDY_READING):
            rows = self._connection.execute(f"SELECT {_RECORD} FROM files").fetchall()
        return {row[0]: FileRecord(*row) for row in rows}

    def _close_and_remove(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._remove_database()

    def _remove_database(self) -> None:
        (self.folder / SKETCH).unlink(missing_ok=True)  # its ids are those of the old database
        for suffix in ("", "-wal", "-shm", "-journal", "-new"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def _remove_lance(self) -> None:
        """Delete the files of an index that version 0.1.0 wrote, and nobody else's of these names."""
        if any((self.folder / OF_LANCE[1]).glob("*.lance")):
            (self.folder / OF_LANCE[0]).unlink(missing_ok=True)
            remove_folder(self.folder / OF_LANCE[1])

    # -- files --------------------------------------------------------------------------------------------------

    def _staged(self) -> Iterator[IndexedFile]:
        """What was put aside, by this run and by interrupted ones; of a file, what came last."""
        latest = {file.record.path for file in self._waiting}
        for file in self._pending.files():
            if file.record.path not in latest:
                yield file
        yield from self._waiting

    def _insert(self, connection: sqlite3.Connection, file: IndexedFile) -> None:
        """Add a file, or put it in the place of what was there under its path."""
        record = file.record
        self._remove(connection, record.path)
        values = (
            record.path,
            record.size,
            record.mtime_ns,
            record.inode,
            record.content,
            record.pieces,
            record.reason,
        )
        cursor = connection.execute(f"INSERT INTO files({_RECORD}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        number = cursor.lastrowid
        if not file.pieces:
            return
        connection.executemany(
            "INSERT INTO paths VALUES (?, ?, ?)",
            [(word, number, weight) for word, weight in words_of_path(record.path).items()],
        )
        for start in range(0, len(file.pieces), BLOCK_PIECES):
            self._insert_block(connection, file, int(number or 0), start)

    def _insert_block(self, connection: sqlite3.Connection, file: IndexedFile, number: int, start: int) -> None:
        part = slice(start, start + BLOCK_PIECES)
        pieces = file.pieces[part]
        first = self._next_piece(connection, len(pieces))
        terms_n = [terms_of_piece(piece) for piece in pieces]
        for piece, own in enumerate(terms_n, start=first):
            self._words.add(piece, own)
        lengths = np.array([len(own) for own in terms_n], "<u4").tobytes()
        scales, codes = file.scales_N[part].astype("<f4").tobytes(), file.codes_ND[part].tobytes()
        connection.execute("INSERT INTO blocks VALUES (?, ?, ?, ?)", (first, number, len(pieces), lengths))
        connection.execute("INSERT INTO vectors VALUES (?, ?, ?)", (first, scales, codes))
        connection.execute(
            "INSERT INTO texts VALUES (?, ?)", (first, packed_texts([piece.text for piece in pieces]))
        )
        connection.executemany(
            "INSERT INTO pieces VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    own,
                    piece.path if piece.path != file.record.path else "",
                    piece.language,
                    piece.kind,
                    piece.name,
                    " ".join(piece.symbols),
                    piece.first_line,
                    piece.last_line,
                )
                for own, piece in enumerate(pieces, start=first)
            ],
        )
        names = {
            (symbol_key(name), own) for own, piece in enumerate(pieces, start=first) for name in piece.symbols
        }
        connection.executemany("INSERT INTO symbols VALUES (?, ?)", sorted(names))

    def _next_piece(self, connection: sqlite3.Connection, number: int) -> int:
        """Give `number` ids that no piece ever had: postings of pieces that are gone may still be there."""
        row = connection.execute("SELECT value FROM meta WHERE key = 'next_piece'").fetchone()
        first = int(row[0]) if row else 1
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('next_piece', ?)", (first + number,))
        return first

    def _remove(self, connection: sqlite3.Connection, path: str) -> None:
        row = connection.execute("SELECT id FROM files WHERE path = ?", (path,)).fetchone()
        if row is None:
            return
        for first, number in connection.execute("SELECT first, number FROM blocks WHERE file = ?", row).fetchall():
            span = (first, first + number - 1)
            query = "SELECT id, symbols FROM pieces WHERE id BETWEEN ? AND ? AND symbols != ''"
            names = [
                (symbol_key(name), piece)
                for piece, symbols in connection.execute(query, span).fetchall()
                for name in symbols.split()
            ]
            connection.executemany("DELETE FROM symbols WHERE name = ? AND piece = ?", names)
            connection.execute("DELETE FROM pieces WHERE id BETWEEN ? AND ?", span)
            for table in ("vectors", "texts", "blocks"):
                connection.execute(f"DELETE FROM {table} WHERE first = ?", (first,))
        words = [(word, row[0]) for word in words_of_path(path)]
        connection.executemany("DELETE FROM paths WHERE word = ? AND file = ?", words)
        connection.execute("DELETE FROM files WHERE id = ?", row)

    def _restate(self, connection: sqlite3.Connection, records: Sequence[FileRecord]) -> None:
        connection.executemany(
            "UPDATE files SET size = ?, mtime_ns = ?, inode = ? WHERE path = ? AND content = ?",
            [(record.size, record.mtime_ns, record.inode, record.path, record.content) for record in records],
        )


class _transaction:  # noqa: N801 - a context manager that reads like a word of the language
    """A transaction that is committed at the end, or rolled back at an error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            try:
                self._connection.execute("COMMIT")
                return
            except sqlite3.Error:
                if self._connection.in_transaction:
                    self._connection.rollback()
                raise
        if self._connection.in_transaction:
            self._connection.rollback()
