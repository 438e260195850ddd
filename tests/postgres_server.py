"""A PostgreSQL server with pgvector for the tests, started once a session. `conftest.py` makes it a fixture."""

import itertools
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from adjoin.index.postgres.address import StoreAddress

_numbers = itertools.count()


class Server:
    """A running server.

    Attributes:
        folder: its data; the socket is there too, or in `sockets`.
        sockets: the folder of its socket.
    """

    def __init__(self, folder: Path, sockets: Path) -> None:
        self.folder, self.sockets = folder, sockets

    def url(self, user: str = "postgres", database: str = "postgres", **options: str) -> str:
        return f"postgresql://{user}@/{database}?{urlencode({'host': str(self.sockets), **options})}"

    def address(self, name: str = "") -> StoreAddress:
        """The address of an index; of a new name if none is given."""
        return StoreAddress.parse(self.url(index=name or f"test-{next(_numbers)}"))

    def execute(self, *statements: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run statements as the administrator. Return the rows of the last one."""
        import psycopg

        with psycopg.connect(self.url(database=database), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server. One role, "locked", has to give its password, "sesame"."""
    pytest.importorskip("psycopg", reason="needs the package psycopg (pip install 'adjoin[pg]')")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pgserver = pytest.importorskip("pgserver", reason="needs the package pgserver, which carries PostgreSQL")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: the path of a socket has at most 107 characters
    try:
        started = pgserver.get_server(folder, cleanup_mode="delete")
    except (
        subprocess.TimeoutExpired
    ):  # it gives up after 10 seconds; under load the server is there a moment later
        started = pgserver.get_server(folder, cleanup_mode="delete")
    server = Server(folder, started.get_postmaster_info().socket_dir)
    rules = folder / "pg_hba.conf"
    rules.write_text("local all locked scram-sha-256\n" + rules.read_text())
    server.execute(
        "CREATE EXTENSION vector", "CREATE ROLE locked LOGIN PASSWORD 'sesame'", "CREATE ROLE plain LOGIN",
        "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()",
    )  # fmt: skip
    while _lets_in(server.url("locked")):  # the server reads its rules a moment later
        time.sleep(0.02)
    yield server
    started.cleanup()


def _lets_in(url: str) -> bool:
    import psycopg

    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True
