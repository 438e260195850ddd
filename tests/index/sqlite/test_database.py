"""An index that a stranger made, or that is damaged: refused in one line, and nothing of it runs."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bag_encoder import BagEncoder, write
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.index.refresh import refresh
from adjoin.index.searcher import Searcher
from adjoin.index.sqlite.database import DATABASE, connect

VIEW = """
ALTER TABLE meta RENAME TO kept;
CREATE VIEW meta AS WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n)
SELECT 'root' key, i value FROM n;
"""
TRIGGER = "CREATE TRIGGER t AFTER INSERT ON files BEGIN DELETE FROM pieces; END;"
COLUMN = "ALTER TABLE files ADD COLUMN more TEXT"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = write(tmp_path / "root", {"a.py": "def alpha():\n    return 1\n"})
    refresh(root, None, BagEncoder())
    return root


def both_refuse(root: Path, message: str) -> None:
    with pytest.raises(AdjoinError, match=message):
        Searcher(root / ".adjoin", BagEncoder())
    with pytest.raises(AdjoinError, match=message):
        refresh(root, None, BagEncoder())


@pytest.mark.parametrize("script", [VIEW, TRIGGER, COLUMN], ids=["view", "trigger", "column"])
def test_a_schema_that_is_not_ours_is_refused(root: Path, script: str) -> None:
    connection = sqlite3.connect(root / ".adjoin" / DATABASE)
    connection.executescript(script)
    connection.close()
    both_refuse(root, r"holds tables that Adjoin did not make: remove the folder")


@pytest.mark.parametrize("name", [DATABASE, f"{DATABASE}-wal", "pending.sqlite", "lock", ".gitignore", "sketch"])
def test_links_are_refused(root: Path, tmp_path: Path, name: str) -> None:
    other = tmp_path / "other"
    (root / ".adjoin" / name).unlink(missing_ok=True)
    (root / ".adjoin" / name).symlink_to(other)
    write(root, {"b.py": "def beta():\n    return 2\n"})
    with pytest.raises(AdjoinError, match="is a symbolic link"):
        refresh(root, None, BagEncoder())
    assert not other.exists()


def test_functions_that_a_schema_names_are_not_trusted(root: Path) -> None:
    connection = connect(root / ".adjoin" / DATABASE)
    assert connection.execute("PRAGMA trusted_schema").fetchone() == (0,)
    connection.close()


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM pieces",
        "UPDATE blocks SET lengths = x'00'",
        "UPDATE vectors SET codes = x'0000'",
        "UPDATE vectors SET scales = x''",
        "UPDATE blocks SET file = 99",
        "UPDATE blocks SET number = 1000000000000",
    ],
)
def test_contradictions_are_damage(root: Path, damage: str) -> None:
    connection = sqlite3.connect(root / ".adjoin" / DATABASE)
    connection.executescript(damage)
    connection.close()
    with pytest.raises(AdjoinError, match="damaged"), Searcher(root / ".adjoin", BagEncoder()) as searcher:
        searcher.search("alpha")


def test_errors_that_have_another_cause_pass(root: Path) -> None:
    class Broken(BagEncoder):
        def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
            raise KeyError(texts[0])

        encode_document = encode_query

    with pytest.raises(KeyError), Searcher(root / ".adjoin", Broken()) as searcher:
        searcher.search("alpha")
    write(root, {"b.py": "def beta():\n    return 2\n"})
    with pytest.raises(KeyError):
        refresh(root, None, Broken())


def test_a_second_opening_takes_no_lock_from_the_first(root: Path) -> None:
    """Else another process would think that it is the last, and delete the log that the first still reads."""
    database = root / ".adjoin" / DATABASE
    with Searcher(root / ".adjoin", BagEncoder()) as searcher:
        searcher.search("alpha")
        refresh(root, None, BagEncoder())
        with Searcher(root / ".adjoin", None):
            pass
        script = (
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('UPDATE meta SET value = value')"
        )
        subprocess.run([sys.executable, "-c", f"{script}; c.commit(); c.close()", str(database)], check=True)
        assert database.with_name(f"{DATABASE}-wal").exists()


CUT_SHORT = """
import os, sys
from bag_encoder import BagEncoder
from adjoin.errors import AdjoinError
from adjoin.index.searcher import Searcher
from pathlib import Path
folder = Path(sys.argv[1])
searcher = Searcher(folder, BagEncoder())
os.truncate(folder / "index.sqlite", 8192)
try:
    searcher.search("function that returns")
except AdjoinError as error:
    print(error)
"""


def test_a_file_that_is_cut_short_under_a_reader_does_not_end_it(root: Path) -> None:
    for number in range(40):
        (root / f"f{number}.py").write_text(f"def function{number}():\n    return {number}\n" * 20)
    refresh(root, None, BagEncoder())
    here = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", CUT_SHORT, str(root / ".adjoin")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([here, *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
