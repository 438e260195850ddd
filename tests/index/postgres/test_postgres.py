"""The index in PostgreSQL when something is wrong: kills, a server that goes away, rights, damage."""

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import pytest
from bag_encoder import BagEncoder, write

from adjoin.errors import AdjoinError
from adjoin.index.locating import open_store
from adjoin.index.postgres import connecting, store
from adjoin.index.postgres.address import StoreAddress
from adjoin.index.postgres.rows import key_of
from adjoin.index.refresh import refresh
from adjoin.index.searcher import Searcher
from adjoin.index.store import EVERYTHING, FORMAT

if TYPE_CHECKING:
    from postgres_server import Server

SCRIPT = Path(__file__).with_name("killed_postgres.py")
SOURCES = {
    "a.py": "def alpha():\n    return 'first'\n",
    "b.go": "func Beta() int {\n\treturn 2\n}\n",
    "notes.md": "# Notes\n\nUploads are retried three times before they are given up.\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path / "root", SOURCES)


@contextmanager
def one_line(match: str) -> Iterator[None]:
    with pytest.raises(AdjoinError, match=match) as error:
        yield
    assert "\n" not in str(error.value)
    assert "sesame" not in str(error.value)
    assert "guessed" not in str(error.value)


def test_a_password(postgres: "Server", root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    postgres.execute("REVOKE CREATE ON DATABASE postgres FROM locked")

    def address(password: str) -> StoreAddress:
        return StoreAddress.parse(postgres.url("locked", password=password, index="mine"))

    with one_line("password authentication failed .*; correct the password in the URL, PGPASSWORD or"):
        Searcher(address("guessed"), None)
    with one_line("give the password in PGPASSWORD"):
        refresh(root, StoreAddress.parse(postgres.url("locked", index="mine")), BagEncoder())
    with one_line(r"permission denied for database postgres; ask its owner for GRANT CREATE ON DATABASE"):
        refresh(root, address("sesame"), BagEncoder())
    postgres.execute("GRANT CREATE ON DATABASE postgres TO locked")
    report = refresh(root, address("sesame"), BagEncoder())
    assert "sesame" not in str(report.description)
    monkeypatch.setenv("PGPASSWORD", "sesame")
    without = StoreAddress.parse(postgres.url("locked", index="mine"))
    with Searcher(without, BagEncoder()) as searcher:
        assert searcher.search("uploads")
        assert "sesame" not in repr(searcher.folder)


def test_no_such_place(postgres: "Server") -> None:
    for url, match in (
        (
            "postgresql://me:guessed@127.0.0.1:1/db",
            "onnection refused.*; check the host, the port and that the server",
        ),
        ("postgresql://me:guessed@no.such.host.invalid/db", "cannot open the index .*; check the host"),
        (postgres.url("nobody"), 'role "nobody" does not exist; create it, or correct the URL'),
        (postgres.url(database="absent"), 'database "absent" does not exist; create it, or correct'),
        (postgres.url(nonsense="1"), "the URL .* is malformed: expected postgresql://"),
    ):
        with one_line(match):
            Searcher(StoreAddress.parse(url + "&index=a" if "?" in url else url + "?index=a"), None)


def test_rights(postgres: "Server", root: Path) -> None:
    """Who may only read searches; a refresh and a stranger get one line."""
    address = postgres.address()
    refresh(root, address, BagEncoder())
    stranger = StoreAddress.parse(postgres.url("plain", index=address.name))
    with one_line("permission denied for schema .*; ask the owner of the index for the right"):
        Searcher(stranger, None)
    schema = f'"{address.schema}"'
    postgres.execute(
        f"GRANT USAGE ON SCHEMA {schema} TO plain", f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO plain"
    )
    with Searcher(stranger, BagEncoder()) as searcher:
        assert searcher.search("uploads")
    write(root, {"new.py": "def new(): pass\n"})
    with one_line("permission denied for table .*; ask the owner of the index"):
        refresh(root, stranger, BagEncoder())


def test_a_database_without_pgvector(postgres: "Server", root: Path) -> None:
    postgres.execute("CREATE DATABASE bare")
    postgres.execute("GRANT CREATE ON DATABASE bare TO plain", database="bare")
    encoder = BagEncoder()
    with one_line('extension "vector".*; install pgvector on the server, then run CREATE EXTENSION vector'):
        refresh(root, StoreAddress.parse(postgres.url("plain", "bare", index="a")), encoder)
    assert encoder.documents == [], "said before anything is embedded"
    address = StoreAddress.parse(postgres.url(database="bare", index="a"))
    assert refresh(root, address, BagEncoder()).total, "an administrator's first index installs it"


def test_what_is_not_ours(postgres: "Server", root: Path) -> None:
    address = postgres.address()
    postgres.execute(f'CREATE SCHEMA "{address.schema}"', f'CREATE TABLE "{address.schema}".mine(a int)')
    for action in (lambda: Searcher(address, None), lambda: refresh(root, address, BagEncoder())):
        with one_line("is damaged or not an index of Adjoin|cannot read the index"):
            action()
    assert postgres.execute(f'SELECT count(*) FROM "{address.schema}".mine') == [(0,)]


def test_another_format_is_made_anew(postgres: "Server", root: Path) -> None:
    address = postgres.address()
    refresh(root, address, BagEncoder())
    postgres.execute(f"UPDATE \"{address.schema}\".meta SET value = '{FORMAT + 1}' WHERE key = 'format'")
    with one_line(rf"has format {FORMAT + 1}, this version reads {FORMAT}: run `adjoin index` again"):
        Searcher(address, None)
    refresh(root, address, BagEncoder())
    assert len(Searcher(address, None)) == 3


def test_the_lock_is_given_up_before_the_connection_is(
    postgres: "Server", monkeypatch: pytest.MonkeyPatch
) -> None:
    address = StoreAddress.parse(postgres.url(index="given-up"))
    kept: list[psycopg.Connection[Any]] = []
    close = psycopg.Connection.close
    monkeypatch.setattr(store, "TRIES", 1)
    monkeypatch.setattr(psycopg.Connection, "close", lambda connection: kept.append(connection))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), open_store(address).writing():
            raise KeyboardInterrupt
    for connection in kept:
        close(connection)
    assert len(kept) == 2


def end_connections(server: "Server") -> None:
    server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'adjoin'"
        " AND pid != pg_backend_pid()"
    )


def test_the_server_goes_away(postgres: "Server", root: Path) -> None:
    address = postgres.address()
    refresh(root, address, BagEncoder())
    searcher = Searcher(address, BagEncoder())

    class Ending(BagEncoder):
        def encode_document(self, texts: list[str]) -> Any:  # noqa: ANN401
            end_connections(postgres)
            return super().encode_document(texts)

    write(root, {"new.py": "def new(): pass\n"})
    with one_line("cannot write the index .*terminating connection.*; the previous version still answers; run "):
        refresh(root, address, Ending())
    assert searcher.search("uploads"), "it connects again"
    assert searcher.description.version == 1
    with searcher.snapshot() as snapshot:
        end_connections(postgres)
        with one_line("cannot read the index .*terminating connection"):
            snapshot.files()
    assert refresh(root, address, BagEncoder()).added == 1
    assert searcher.description.version == 2


def run(root: Path, address: StoreAddress, point: int, model: str = "bag-1") -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, str(SCRIPT), str(root), str(address), str(point), model]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def content(address: StoreAddress) -> list[tuple[Any, ...]]:
    """All pieces with their vectors and the scores of some words. Ids are left out."""
    with open_store(address).reading() as snapshot:
        ids = snapshot.nearest(np.zeros(snapshot.description.dimension, np.float32), 1000, EVERYTHING)[0]
        pieces = snapshot.candidates(ids, None, ["alpha", "upload", "new"])
        vectors = snapshot.vectors(ids).tolist()
        return sorted(
            (piece.path, piece.text, piece.symbols, round(piece.bm25, 6), vector)
            for piece, vector in zip(pieces, vectors, strict=True)
        )


@pytest.mark.parametrize("kills", [3, pytest.param(25, marks=pytest.mark.slow)])
@pytest.mark.parametrize("model", ["bag-1", "bag-2"])
def test_kills(postgres: "Server", tmp_path: Path, kills: int, model: str) -> None:
    """Whenever it is killed, the old version answers, also to a reader in a loop; the next run completes it."""
    root = write(tmp_path / "root", SOURCES | {f"f{n}.py": f"def old{n}(): pass\n" for n in range(9)})
    address = postgres.address()
    refresh(root, address, BagEncoder())
    versions = {1: content(address)}
    edited = {f"f{n}.py": f"def new{n}(): pass\n" for n in range(7)}
    write(root, edited)
    (root / "f8.py").unlink()
    other = postgres.address()
    refresh(root, other, BagEncoder(64, model))
    versions[2] = content(other)
    probe = postgres.address()
    write(root, SOURCES)
    points = int(run(root, probe, 0).stdout)
    assert points > 50
    seen: set[int] = set()
    errors: list[Exception] = []
    stop = threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                with open_store(address).reading() as snapshot:
                    version = snapshot.description.version
                assert version in versions
                seen.add(version)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        numbers = random.Random(kills)
        for _ in range(kills):
            done = run(root, address, numbers.randint(2, points), model)
            if done.returncode == 0:  # what was put aside made this run shorter than the point
                break
            assert done.returncode == -signal.SIGKILL, done.stderr
            assert content(address) == versions[1]
    finally:
        stop.set()
        thread.join()
    assert not errors, errors[0]
    assert 1 in seen
    last = retried(lambda: refresh(root, address, BagEncoder(64, model)))
    assert last.description.version == 2
    assert content(address) == versions[2]


def retried(action: Callable[[], Any]) -> Any:  # noqa: ANN401
    """Call until the server has noticed that the last client is gone."""
    while True:
        try:
            return action()
        except AdjoinError as error:
            if "another process" not in str(error):
                raise


def test_long_and_odd_words(postgres: "Server", tmp_path: Path) -> None:
    """A B-tree takes no key of 2,704 bytes, a text no zero byte."""
    long = "x" * 900
    root = write(
        tmp_path / "root", {"a.md": f"# Title\n\n{long} and more words\n", "b.py": f"def {long}y(): pass\n"}
    )
    address = postgres.address()
    refresh(root, address, BagEncoder())
    with Searcher(address, None) as searcher:
        assert [hit.path for hit in searcher.search(long, mode="lexical")] == ["a.md"]
    assert key_of("upload") == "upload"
    assert len(key_of(long)) < 40
    assert key_of("a\0b") == "a\N{REPLACEMENT CHARACTER}b"
    assert key_of("\ud800") == "?"


def test_messages() -> None:
    import psycopg

    for text, said in (
        (
            "connection failed: connection to server at x failed: FATAL: no\nhint",
            "connection to server at x failed: FATAL: no",
        ),
        (
            "Multiple connection attempts failed. All failures were:\n- host: 'a': timeout\n- host: 'b': refused",
            "host: 'b': refused",
        ),
        ("", "OperationalError"),
    ):
        assert connecting.said_by(psycopg.OperationalError(text)) == said
