"""Connections to PostgreSQL, and its errors as one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from adjoin.errors import AdjoinError
from adjoin.index.postgres.address import StoreAddress

if TYPE_CHECKING:
    import psycopg

    Connection: TypeAlias = psycopg.Connection[Any]

CONNECTING_SECONDS = 10  # until a host that does not answer is given up, unless the URL says otherwise
REMEDY_WRITING = "the previous version still answers; run `adjoin index` again to continue"
REMEDY_READING = "run the same command again"

# What the server says, and what the user can do. The first that fits counts.
_REMEDIES = (
    ("password authentication failed", "correct the password in the URL, PGPASSWORD or ~/.pgpass"),
    ("no password supplied", "give the password in PGPASSWORD, ~/.pgpass or the URL"),
    ('extension "vector"', None),  # below
    ("does not exist", "create it, or correct the URL"),
    ("permission denied to create", "ask the database's owner for the right to create"),
    ("permission denied for database", "ask its owner for GRANT CREATE ON DATABASE"),
    ("permission denied", "ask the owner of the index for the right, or give another ?index=NAME"),
    ("read-only", "give a server that may be written to"),
    ("no space left", "free disk space on the server"),
)
_CONNECTING = "check the host, the port and that the server runs"
_WITHOUT_VECTOR = (
    "install pgvector on the server, then run CREATE EXTENSION vector in the database as its administrator"
)


def connect(address: StoreAddress) -> "Connection":
    """Connect to the database of an index. Statements are committed one by one.

    Raises:
        AdjoinError: psycopg is not installed, the URL is malformed, or the server does not let us in.
    """
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        raise AdjoinError(
            f"the index {address} needs the package psycopg, which is not installed: pip install 'adjoin[pg]'"
        ) from None
    try:
        given = conninfo_to_dict(address.url)
    except psycopg.Error:  # its message may quote the password
        raise AdjoinError(
            f"the URL {address} is malformed: expected postgresql://USER@HOST:PORT/DATABASE, with special "
            "characters of the password as %XX"
        ) from None
    options: dict[str, Any] = {"connect_timeout": CONNECTING_SECONDS, "application_name": "adjoin"}
    options.update(given)
    with server_errors(address, "open", _CONNECTING):
        connection: Connection = psycopg.connect(autocommit=True, **options)
        with _closed_at_errors(connection):
            # Compiling a query takes longer than ours run. A killed client's work ends, instead of going on.
            connection.execute(
                "SELECT set_config('jit', 'off', false), set_config('client_min_messages', 'error', false),"
                " set_config('client_connection_check_interval', '1s', false),"
                " set_config('search_path', %s, false)",
                (f'"{address.schema}"',),
            )
    return connection


@contextmanager
def _closed_at_errors(connection: "Connection") -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


@contextmanager
def server_errors(address: StoreAddress, doing: str, remedy: str) -> Iterator[None]:
    """Turn errors of the server and of the connection into an `AdjoinError` of one line.

    Args:
        address: the index.
        doing: the verb that failed, such as "read".
        remedy: what the user can do, if the error does not tell.

    Raises:
        AdjoinError: psycopg raised an error.
    """
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        said = said_by(error)
        raise AdjoinError(f"cannot {doing} the index {address}: {said}; {_remedy_of(said) or remedy}") from error


def said_by(error: "psycopg.Error") -> str:
    """What went wrong, in one line. Of the attempts that the client library lists, the last one."""
    lines = [line.strip(" \t-") for line in str(error).strip().splitlines()] or [type(error).__name__]
    attempts = [line for line in lines if line.startswith(("connection to server", "host:"))]
    line = attempts[-1] if attempts else lines[0]
    return line.removeprefix("connection failed: ").removeprefix("connection is bad: ").strip()


def _remedy_of(said: str) -> str:
    for words, remedy in _REMEDIES:
        if words in said.lower():
            return remedy or _WITHOUT_VECTOR
    return ""
