"""The embedded store: the index in a folder, for reading and for writing."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from adjoin.files import write_atomically
from adjoin.index.sqlite.database import (
    DATABASE,
    IGNORE,
    OF_LANCE,
    PENDING,
    REMEDY_WRITING,
    SKETCH,
    database_errors,
    open_to_read,
    refuse_links,
)
from adjoin.index.sqlite.snapshot import SQLiteSnapshot, open_snapshot
from adjoin.index.sqlite.writer import SQLiteWriter
from adjoin.locks import LOCK, exclusive
from adjoin.outputs import checked_folder
from adjoin.unfinished import remove_folder, sweep

CHOICE = "choice.json"  # what of the folder is indexed, see `adjoin.index.folders.choice`


class SQLiteStore:
    """The index in a folder, as one SQLite file."""

    def __init__(self, folder: Path) -> None:
        """Name the folder, such as ROOT/.adjoin. Nothing is opened yet."""
        self.folder = folder

    def inode(self) -> int:
        """The inode of the database; 0 if there is none."""
        try:
            return (self.folder / DATABASE).stat().st_ino
        except OSError:
            return 0

    def exists(self) -> bool:
        """Whether there is an index, which may be unfinished."""
        return (self.folder / DATABASE).exists()

    def size(self) -> int:
        """The size of the folder's files in bytes."""
        return sum(file.stat().st_size for file in self.folder.iterdir() if file.is_file())

    def open(self) -> "SQLiteReader":
        """Keep the index open for several searches, as `Store.open`."""
        return SQLiteReader(self)

    @contextmanager
    def reading(self) -> Iterator[SQLiteSnapshot]:
        """Open the newest version, as `Store.reading`."""
        with self.connection() as connection, open_snapshot(connection, self.folder) as opened:
            yield opened

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Open the database for reading. Several snapshots may be taken one after the other.

        Raises:
            AdjoinError: there is no index, its first run did not finish, or it is damaged or not ours.
        """
        with ExitStack() as stack:
            yield stack.enter_context(open_to_read(self.folder))

    @contextmanager
    def writing(self) -> Iterator[SQLiteWriter]:
        """Open the index for a refresh, as `Store.writing`.

        A folder that is made for it and in which nothing is published is removed again.
        """
        checked_folder(self.folder)
        is_new = not self.folder.exists()
        refuse_links(self.folder)
        with exclusive(self.folder):
            try:
                sweep(self.folder, alone=True)
                self._hide_from_git()
                with SQLiteWriter(self.folder) as writer:
                    yield writer
                    writer.keep_sketch()
            finally:
                if is_new and not (self.folder / DATABASE).exists():
                    remove_folder(self.folder)

    def _hide_from_git(self) -> None:
        """Write .gitignore, unless there are other files than ours in the folder, which it would hide too."""
        if (self.folder / IGNORE).exists():
            return
        own = (LOCK, SKETCH, CHOICE, *OF_LANCE)
        names = [path.name for path in self.folder.iterdir()]
        if all(name in own or name.startswith((DATABASE, PENDING)) for name in names):
            with database_errors(self.folder, "write", REMEDY_WRITING):
                write_atomically(self.folder / IGNORE, "*\n")


class SQLiteReader:
    """An index in SQLite that is kept open, as `Reader`."""

    def __init__(self, store: SQLiteStore) -> None:
        """Nothing is opened yet."""
        self._store = store
        self._stack = ExitStack()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._last: SQLiteSnapshot | None = None

    @contextmanager
    def snapshot(self) -> Iterator[SQLiteSnapshot]:
        """Open the newest version, as `Reader.snapshot`."""
        with open_snapshot(self._opened(), self._store.folder) as opened:
            self._last = opened.continued(self._last)
            yield opened

    def close(self) -> None:
        """Close the file, as `Reader.close`."""
        self._stack.close()
        self._connection = self._last = None

    def _opened(self) -> sqlite3.Connection:
        """The connection to the file that is there now: a new one after the file was replaced."""
        inode = self._store.inode()
        if self._connection is None or inode != self._inode:
            self.close()
            self._connection = self._stack.enter_context(self._store.connection())
            self._inode = inode
        return self._connection
