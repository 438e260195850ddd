"""Opening the SQLite file of an index: its tables, checks and errors."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from adjoin.errors import AdjoinError, first_line
from adjoin.index.store import FORMAT, IndexDescription
from adjoin.locks import LOCK
from adjoin.unfinished import temporary_folder

DATABASE, PENDING, SKETCH, IGNORE = "index.sqlite", "pending.sqlite", "sketch", ".gitignore"
OF_LANCE = ("index.json", "tables")  # what version 0.1.0 wrote
APPLICATION = 0x41646A6E  # "Adjn": SQLite's application_id of our files
PAGE_BYTES = 8192
# A reader maps a large file: scattered vectors are read several times as fast. A small one is as fast without, and
# what cuts a mapped file short ends the process.
MAPPED_FROM, MAPPED_BYTES = 1 << 29, 1 << 33
WAITING_SECONDS = 10.0  # for locks that SQLite itself holds for moments, such as to recover a log
REMEDY_WRITING = "the previous version still answers; free disk space, then run `adjoin index` again to continue"
REMEDY_READING = "remove the folder and run `adjoin index` again"

SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE files(id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL, content TEXT NOT NULL, pieces INTEGER NOT NULL,
  reason TEXT NOT NULL);
-- A block is the pieces of a file, or the next 4,096 of a large one. Ids are given in order and never again.
CREATE TABLE blocks(first INTEGER PRIMARY KEY, file INTEGER NOT NULL, number INTEGER NOT NULL,
  lengths BLOB NOT NULL);
CREATE INDEX blocks_of_files ON blocks(file);
CREATE TABLE vectors(first INTEGER PRIMARY KEY, scales BLOB NOT NULL, codes BLOB NOT NULL);
CREATE TABLE texts(first INTEGER PRIMARY KEY, data BLOB NOT NULL);
-- A piece's path is given only if it is not the file's: that of a member of an archive.
CREATE TABLE pieces(id INTEGER PRIMARY KEY, path TEXT NOT NULL, language TEXT NOT NULL, kind TEXT NOT NULL,
  name TEXT NOT NULL, symbols TEXT NOT NULL, first_line INTEGER NOT NULL, last_line INTEGER NOT NULL);
CREATE TABLE symbols(name TEXT NOT NULL, piece INTEGER NOT NULL, PRIMARY KEY(name, piece)) WITHOUT ROWID;
CREATE TABLE paths(word TEXT NOT NULL, file INTEGER NOT NULL, weight INTEGER NOT NULL,
  PRIMARY KEY(word, file)) WITHOUT ROWID;
CREATE TABLE segments(id INTEGER PRIMARY KEY, pieces INTEGER NOT NULL);
CREATE TABLE postings(term TEXT NOT NULL, segment INTEGER NOT NULL, first INTEGER NOT NULL,
  number INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY(term, segment)) WITHOUT ROWID;
"""
TABLES = ("meta", "files", "blocks", "vectors", "texts", "pieces", "symbols", "paths", "segments", "postings")


@contextmanager
def database_errors(folder: Path, doing: str, remedy: str) -> Iterator[None]:
    """Turn errors of SQLite and of the operating system into an `AdjoinError` of one line.

    Args:
        folder: the index.
        doing: the verb that failed, such as "read".
        remedy: what the user can do.

    Raises:
        AdjoinError: SQLite or the operating system raised an error.
    """
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:  # the last for a name in a damaged schema
        if not isinstance(error, (sqlite3.OperationalError, OSError)):
            remedy = f"its files are damaged: {REMEDY_READING}"
        raise AdjoinError(f"cannot {doing} the index {folder}: {first_line(error)}; {remedy}") from error


@contextmanager
def damage_as_error(connection: sqlite3.Connection, folder: Path) -> Iterator[None]:
    """Turn an error that a damaged database caused into an `AdjoinError` of one line. Others pass.

    SQLite notices most damage itself, but not a value that is another one. The database is checked after an error
    only: reading all of it takes long.

    Raises:
        AdjoinError: something failed, and the database is damaged.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, ArithmeticError, MemoryError) as error:
        if not _is_damaged(connection):
            raise
        raise AdjoinError(f"cannot read the index {folder}: its files are damaged: {REMEDY_READING}") from error


def _is_damaged(connection: sqlite3.Connection) -> bool:
    try:
        if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            return True
        return any(connection.execute(query).fetchone() != (0,) for query in _CONTRADICTIONS)
    except (sqlite3.Error, UnicodeDecodeError):
        return True


_CONTRADICTIONS = (
    "SELECT count(*) FROM blocks LEFT JOIN vectors USING(first) LEFT JOIN texts USING(first)"
    " WHERE ifnull(length(lengths) != 4 * number OR length(scales) != 4 * number OR data IS NULL OR codes IS NULL"
    " OR length(codes) != number * (SELECT value FROM meta WHERE key = 'dimension'), 1)",
    "SELECT total(number) != (SELECT count(*) FROM blocks JOIN pieces ON id BETWEEN first AND first + number - 1)"
    " FROM blocks",
    "SELECT count(*) FROM blocks LEFT JOIN files ON files.id = file WHERE path IS NULL",
)


def connect(path: Path, options: str = "") -> sqlite3.Connection:
    """Connect to a database file; `options` are those of SQLite's URI, such as "mode=ro"."""
    address = f"{path.resolve().as_uri()}?{options}"
    connection = sqlite3.connect(
        address, uri=True, isolation_level=None, timeout=WAITING_SECONDS, check_same_thread=False
    )
    connection.execute("PRAGMA trusted_schema = OFF")  # a repository may come with an index of a stranger
    return connection


def description_in(connection: sqlite3.Connection, folder: Path, *, unfinished: bool = False) -> IndexDescription:
    """Read what the database holds.

    Args:
        connection: the open database.
        folder: the index, for error messages.
        unfinished: whether version 0 is wanted too.

    Raises:
        AdjoinError: the file is damaged, not ours, or of another format, or the first run did not finish.
    """
    with database_errors(folder, "read", REMEDY_READING):
        check_is_ours(connection, folder)
        (form,) = connection.execute("PRAGMA user_version").fetchone()
        if form != FORMAT:
            raise AdjoinError(
                f"the index {folder} has format {form}, this version reads {FORMAT}: run `adjoin index` again"
            )
        _check_schema(connection, folder)
        values = dict(connection.execute("SELECT key, value FROM meta"))
    try:
        root, model, fingerprint, adjoin = (str(values[key]) for key in ("root", "model", "fingerprint", "adjoin"))
        dimension, number = int(values["dimension"]), int(values["version"])
    except (KeyError, ValueError) as error:
        raise AdjoinError(f"the index {folder} is damaged ({error!r}): {REMEDY_READING}") from None
    stamp = str(values.get("stamp", ""))
    description = IndexDescription(form, root, model, fingerprint, dimension, adjoin, number, stamp)
    if not number and not unfinished:
        raise AdjoinError(
            f"the index {folder} is incomplete: its first run did not finish; run `adjoin index` again"
        )
    return description


def check_is_ours(connection: sqlite3.Connection, folder: Path) -> None:
    """Refuse a database of another program, and one whose end is missing."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION:
        raise AdjoinError(
            f"{folder / DATABASE} is not an index of Adjoin (application id {application:#x}): "
            "choose another folder"
        )


def _check_schema(connection: sqlite3.Connection, folder: Path) -> None:
    """Refuse tables, views and triggers that Adjoin did not make: they may never end, or change what is read."""
    made = {
        " ".join(sql.split()) for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql != ''")
    }
    if made != _STATEMENTS:
        raise AdjoinError(f"the index {folder} holds tables that Adjoin did not make: {REMEDY_READING}")


_STATEMENTS = frozenset(
    " ".join(" ".join(line for line in part.splitlines() if not line.startswith("--")).split())
    for part in SCHEMA.split(";")
) - {""}


def refuse_links(folder: Path) -> None:
    """Refuse an index whose files are symbolic links: one from a stranger could name any file of the user's.

    Raises:
        AdjoinError: one of them is.
    """
    logs = (DATABASE + suffix for suffix in ("", "-wal", "-shm", "-journal", "-new"))
    for name in (*logs, PENDING, SKETCH, IGNORE, LOCK):
        if (folder / name).is_symlink():
            raise AdjoinError(f"{folder / name} is a symbolic link, expected a file: {REMEDY_READING}")


def refuse_what_is_cut_short(path: Path) -> None:
    """Refuse a file that is no SQLite database, or shorter than its own header says.

    Raises:
        AdjoinError: it is. SQLite itself notices a missing page only when it is read.
    """
    header = _header_of(path)
    if not header.startswith(b"SQLite format 3\0") or len(header) < 100:
        raise AdjoinError(f"{path} is damaged or not an index of Adjoin: {REMEDY_READING}")
    page = int.from_bytes(header[16:18], "big")
    pages = int.from_bytes(header[28:32], "big")
    if path.stat().st_size < (1 << 16 if page == 1 else page) * pages:
        raise AdjoinError(f"{path} is damaged, its end is missing: {REMEDY_READING}")


_descriptors: dict[tuple[int, int], int] = {}  # device and inode of a database → its open file


def _header_of(path: Path) -> bytes:
    """The first 100 bytes of a file, which stays open.

    POSIX drops all locks of a process on a file when the process closes any descriptor of it. SQLite's connections
    in this process would lose theirs, and another process would delete the log that they read.
    """
    if not hasattr(os, "pread"):  # Windows, whose locks belong to a descriptor
        with path.open("rb") as file:
            return file.read(100)
    for key, descriptor in list(_descriptors.items()):
        if not os.fstat(descriptor).st_nlink:  # deleted: nobody opens it again
            os.close(_descriptors.pop(key))
    state = path.stat()
    key = (state.st_dev, state.st_ino)
    if key not in _descriptors:
        _descriptors[key] = os.open(path, os.O_RDONLY)
    return os.pread(_descriptors[key], 100, 0)


@contextmanager
def open_to_read(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open the database of an index for reading.

    Raises:
        AdjoinError: there is no index, or its file is damaged or of an earlier version.
    """
    path = folder / DATABASE
    if not path.exists():
        if (folder / OF_LANCE[0]).exists() or (folder / OF_LANCE[1]).is_dir():
            raise AdjoinError(f"the index {folder} is of an earlier version of Adjoin: run `adjoin index` again")
        raise AdjoinError(
            f"no index at {folder}: expected a folder that `adjoin index` wrote; make one with "
            f"`adjoin index ROOT --out {folder}`"
        )
    with ExitStack() as stack:
        with database_errors(folder, "open", REMEDY_READING):
            refuse_links(folder)
            refuse_what_is_cut_short(path)
            connection = stack.enter_context(_readable(path))
            connection.execute("PRAGMA query_only = 1")
            if path.stat().st_size >= MAPPED_FROM:
                connection.execute(f"PRAGMA mmap_size = {MAPPED_BYTES}")
        yield connection


@contextmanager
def _readable(path: Path) -> Iterator[sqlite3.Connection]:
    """Connect to a file in whose folder we may not be able to write.

    A write-ahead log needs two files beside the database. Where they can be neither opened nor made, a database
    without a log is opened as one that nobody changes. One with a log, as a killed refresh leaves it, is copied.
    """
    with ExitStack() as stack:
        connection = connect(path, "mode=ro")
        stack.callback(lambda: connection.close())
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            if os.access(path.parent, os.W_OK):
                raise
            connection.close()
            log = path.with_name(path.name + "-wal")
            if log.exists() and log.stat().st_size:
                folder = stack.enter_context(temporary_folder("adjoin-index"))
                for file in (path, log):
                    shutil.copyfile(file, folder / file.name)
                connection = connect(folder / path.name)
            else:
                connection = connect(path, "immutable=1")
        yield connection
