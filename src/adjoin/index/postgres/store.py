"""The index in PostgreSQL: one schema of the database for each index.

The tables are those of the SQLite store, with the same contents, so both give the same hits and scores. Two are
new:

- `pending` holds what an unfinished refresh has embedded, committed batch by batch. No search reads it.
- `embeddings` holds the vectors of a large index as pgvector's type, under an HNSW index (approximate.py).

A refresh is one transaction. A search reads in a transaction of its own (REPEATABLE READ), so it sees one version,
and nobody waits for anybody. An advisory lock keeps a second writer away; the server also gives it up a moment
after its client is gone.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from adjoin.errors import AdjoinError
from adjoin.index.postgres.address import PREFIX, StoreAddress
from adjoin.index.postgres.connecting import REMEDY_READING, REMEDY_WRITING, connect, server_errors
from adjoin.index.postgres.tables import description_in, has_tables, install_vector, one_row

if TYPE_CHECKING:
    from adjoin.index.postgres.connecting import Connection
    from adjoin.index.postgres.snapshot import PostgresSnapshot
    from adjoin.index.postgres.writer import PostgresWriter

OLDEST_SERVER = 140000  # PostgreSQL 14: `client_connection_check_interval`
TRIES = 10  # for the lock of a client that was killed: its server process ends a moment after it
PAUSE = 0.1  # seconds between two tries


class PostgresStore:
    """The index under a name in a PostgreSQL database."""

    def __init__(self, address: StoreAddress) -> None:
        """Name the index. Nothing is opened yet."""
        assert address.name, "the name of an index follows from its root: use `StoreAddress.for_root`"
        self.address = address

    def open(self) -> "PostgresReader":
        """Keep a connection open for several searches, as `Store.open`."""
        return PostgresReader(self.address)

    @contextmanager
    def reading(self) -> "Iterator[PostgresSnapshot]":
        """Open the newest version, as `Store.reading`."""
        with closing_connection(self.address) as connection, snapshot(connection, self.address) as opened:
            yield opened

    @contextmanager
    def writing(self) -> "Iterator[PostgresWriter]":
        """Open the index for a refresh, as `Store.writing`."""
        from adjoin.index.postgres.writer import PostgresWriter

        with closing_connection(self.address) as connection:
            with server_errors(self.address, "open", REMEDY_WRITING):
                _refuse_old_servers(connection, self.address)
                _lock(connection, self.address)
                install_vector(connection)
            writer = PostgresWriter(connection, self.address)
            try:
                yield writer
            finally:
                writer.abandon()
                _unlock(connection)

    def exists(self) -> bool:
        """Whether there is an index, which may be unfinished.

        Raises:
            AdjoinError: the server cannot be reached.
        """
        with closing_connection(self.address) as connection, server_errors(self.address, "open", REMEDY_READING):
            return has_tables(connection, self.address)

    def note(self, name: str) -> str:
        """A text that is kept with the index; "" if there is none.

        Raises:
            AdjoinError: the server cannot be reached.
        """
        with closing_connection(self.address) as connection, server_errors(self.address, "read", REMEDY_READING):
            if not has_tables(connection, self.address):
                return ""
            row = one_row(connection, "SELECT value FROM meta WHERE key = %s", (name,))
            return str(row[0]) if row is not None else ""

    def keep_note(self, name: str, text: str) -> None:
        """Keep a text with an index that is there.

        Raises:
            AdjoinError: the server cannot be reached, or does not let us write.
        """
        statement = "INSERT INTO meta VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        with closing_connection(self.address) as connection, server_errors(self.address, "write", REMEDY_WRITING):
            connection.execute(statement, (name, text))

    def size(self) -> int:
        """The size of the index on the server, in bytes, with its indexes and its dead rows.

        Raises:
            AdjoinError: the server cannot be reached.
        """
        query = (
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class AS c"
            " JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind = 'r'"
        )
        with closing_connection(self.address) as connection, server_errors(self.address, "read", REMEDY_READING):
            return int(one_row(connection, query, (self.address.schema,))[0])


class PostgresReader:
    """An index in PostgreSQL whose connection is kept, as `Reader`."""

    def __init__(self, address: StoreAddress) -> None:
        """Nothing is opened yet."""
        self._address = address
        self._connection: Connection | None = None
        self._last: PostgresSnapshot | None = None

    @contextmanager
    def snapshot(self) -> "Iterator[PostgresSnapshot]":
        """Open the newest version, as `Reader.snapshot`. A connection that the server has ended is made anew."""
        with snapshot(self._opened(), self._address) as opened:
            opened.continued(self._last)
            self._last = opened
            yield opened

    def close(self) -> None:
        """Close the connection, as `Reader.close`. At the end of Python psycopg may be gone already."""
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()
        self._connection = self._last = None

    def _opened(self) -> "Connection":
        import psycopg

        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.execute("SELECT")
            if self._connection.closed:
                self.close()
        if self._connection is None:
            self._connection = connect(self._address)
        return self._connection


@contextmanager
def closing_connection(address: StoreAddress) -> "Iterator[Connection]":
    """A connection that is closed at the end, whatever state it is in."""
    import psycopg

    connection = connect(address)
    try:
        yield connection
    finally:
        with suppress(psycopg.Error):
            connection.close()


@contextmanager
def snapshot(connection: "Connection", address: StoreAddress) -> "Iterator[PostgresSnapshot]":
    """Open a read transaction: whatever is written meanwhile, it sees one version."""
    import psycopg

    from adjoin.index.postgres.snapshot import PostgresSnapshot

    with server_errors(address, "read", REMEDY_READING):
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        yield PostgresSnapshot(connection, address, description_in(connection, address))
    finally:
        with suppress(psycopg.Error):
            connection.rollback()


def index_names(address: StoreAddress) -> set[str]:
    """The names of the indexes in a database.

    Raises:
        AdjoinError: the server cannot be reached.
    """
    query = "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s)"
    with closing_connection(address) as connection, server_errors(address, "read", REMEDY_READING):
        return {schema.removeprefix(PREFIX) for (schema,) in connection.execute(query, (PREFIX,)).fetchall()}


def _refuse_old_servers(connection: "Connection", address: StoreAddress) -> None:
    version = connection.info.server_version
    if version < OLDEST_SERVER:
        raise AdjoinError(
            f"the server of {address} is PostgreSQL {version // 10000}, expected {OLDEST_SERVER // 10000} or later"
        )


def _lock(connection: "Connection", address: StoreAddress) -> None:
    digest = hashlib.blake2b(address.schema.encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "big", signed=True)
    for _ in range(TRIES):
        if one_row(connection, "SELECT pg_try_advisory_lock(%s)", (number,))[0]:
            return
        time.sleep(PAUSE)
    raise AdjoinError(f"another process is writing to {address}: wait until it has ended, then run again")


def _unlock(connection: "Connection") -> None:
    """Give the lock up now: after a mere close, the next writer would find it taken for some milliseconds."""
    import psycopg

    with suppress(psycopg.Error):
        connection.rollback()
        connection.execute("SELECT pg_advisory_unlock_all()")
