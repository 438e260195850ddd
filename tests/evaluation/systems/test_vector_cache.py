import logging
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hashed_system import HashedSystem
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.systems.cache import CachedSystem, VectorFile
from patience import wait_until

TEXTS = [f"text {i}" for i in range(50)]
ROW = 8 * 4  # bytes of a vector of `HashedSystem`
DAMAGED = "is damaged and will be rebuilt"


def plain(texts: list[str], role: str = "document") -> NDArray[np.float32]:
    return HashedSystem().encode(texts, role)


def reopened(folder: Path, texts: list[str] = TEXTS) -> list[str]:
    """What a fresh process has to encode; its vectors are those of the system itself."""
    system = HashedSystem()
    np.testing.assert_array_equal(CachedSystem(system, folder).encode_document(texts), plain(texts))
    return system.encoded


def filled(folder: Path, texts: list[str] = TEXTS) -> Path:
    """A cache of some documents; its file."""
    assert reopened(folder, texts) == texts
    return file_in(folder)


def file_in(folder: Path) -> Path:
    return folder / f"{HashedSystem.fingerprint}.sqlite"


def run_sql(file: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as connection, connection:
        return connection.execute(statement).fetchall()


def test_vectors_are_the_systems_own_and_encoded_once(tmp_path: Path) -> None:
    system = HashedSystem()
    cached = CachedSystem(system, tmp_path)
    texts = ["b", "a", "b", "", "half \udcff", "b"]
    for _ in range(2):
        vectors = cached.encode_document(texts)
        np.testing.assert_array_equal(vectors, plain(texts))
        assert vectors.dtype == np.float32
    vectors[:] = 0  # a copy, not the file
    np.testing.assert_array_equal(cached.encode_document(["c", "a"]), plain(["c", "a"]))
    assert system.encoded == ["b", "a", "", "half \udcff", "c"]
    assert (cached.hits, cached.encoded) == (5, 5)
    assert reopened(tmp_path, texts) == []
    assert (cached.name, cached.fingerprint) == (system.name, system.fingerprint)


def test_roles_and_systems_do_not_mix(tmp_path: Path) -> None:
    filled(tmp_path)
    system = HashedSystem()
    np.testing.assert_array_equal(CachedSystem(system, tmp_path).encode_query(TEXTS), plain(TEXTS, "query"))
    assert system.encoded == TEXTS
    other = HashedSystem()
    other.fingerprint = "0" * 16
    CachedSystem(other, tmp_path).encode_document(TEXTS)
    assert other.encoded == TEXTS
    for fingerprint in ("../../elsewhere", "", "ABCDEF0123456789"):
        other.fingerprint = fingerprint
        with pytest.raises(AdjoinError, match="expected 8 hexadecimal digits or more"):
            CachedSystem(other, tmp_path)


def test_symmetric_texts_have_vectors_of_their_own_or_those_of_queries(tmp_path: Path) -> None:
    class Third(HashedSystem):
        def encode_text(self, texts: list[str]) -> NDArray[np.float32]:
            self.encoded += texts
            return self.encode(texts, "text")

    system = HashedSystem()
    cached = CachedSystem(system, tmp_path)
    np.testing.assert_array_equal(cached.encode_text(TEXTS), plain(TEXTS, "query"))
    cached.encode_query(TEXTS)
    assert system.encoded == TEXTS
    third = Third()
    for _ in range(2):
        np.testing.assert_array_equal(CachedSystem(third, tmp_path).encode_text(TEXTS), plain(TEXTS, "text"))
    assert third.encoded == TEXTS


def test_no_text_at_all(tmp_path: Path) -> None:
    assert CachedSystem(HashedSystem(), tmp_path).encode_query([]).shape == (0, 8)
    assert list(tmp_path.iterdir()) == []


def test_the_summary(tmp_path: Path) -> None:
    cached = CachedSystem(HashedSystem(), tmp_path)
    assert cached.summary() == "hashed: 0 vectors found, 0 encoded; 0.0 MB on disk"
    cached.encode_document(TEXTS)
    cached.encode_query(TEXTS[:9])
    size = file_in(tmp_path).stat().st_size
    assert 59 * ROW < size < 59 * ROW + 200_000
    assert cached.summary() == f"hashed: 0 vectors found, 59 encoded; {size / 1e6:.1f} MB on disk"


def test_a_file_that_was_cut_never_gives_a_wrong_vector(tmp_path: Path) -> None:
    whole = filled(tmp_path / "whole").read_bytes()
    for size in (0, 1, 100, 5_000, len(whole) // 2, len(whole) - 1_000, len(whole) - 1):
        folder = tmp_path / f"{size}"
        folder.mkdir()
        file_in(folder).write_bytes(whole[:size])
        reopened(folder)
        assert reopened(folder) == []


def test_a_missing_file_is_made_again(tmp_path: Path) -> None:
    filled(tmp_path).unlink()
    assert reopened(tmp_path) == TEXTS


def test_a_changed_byte_never_gives_a_wrong_vector(tmp_path: Path) -> None:
    content = filled(tmp_path / "whole").read_bytes()
    written = [place for place, byte in enumerate(content) if byte]  # the rest of the pages is free
    damaged = 0
    for place in written[:120] + written[120::37]:
        folder = tmp_path / f"copy{place}"
        folder.mkdir()
        changed = bytearray(content)
        changed[place] ^= 0x10
        file_in(folder).write_bytes(changed)
        damaged += bool(reopened(folder))
        assert reopened(folder) == []
    assert damaged > 20


def test_a_changed_vector_is_encoded_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = filled(tmp_path)
    run_sql(file, "UPDATE vectors SET vector = zeroblob(32) WHERE rowid IN (3, 7)")
    assert reopened(tmp_path) == [TEXTS[2], TEXTS[6]]
    assert reopened(tmp_path) == []
    assert not caplog.records, "the file is whole"


def test_vectors_under_each_others_keys_are_seen(tmp_path: Path) -> None:
    file = filled(tmp_path)
    run_sql(file, "UPDATE vectors SET vector = (SELECT vector FROM vectors WHERE rowid = 50) WHERE rowid <= 10")
    assert reopened(tmp_path) == TEXTS[:10]
    assert reopened(tmp_path) == []


@pytest.mark.parametrize("value", ["NULL", "7", "'text'", "zeroblob(7)", "''"])
@pytest.mark.parametrize("column", ["vector", "crc"])
def test_values_of_another_type(tmp_path: Path, column: str, value: str) -> None:
    file = filled(tmp_path)
    run_sql(file, f"UPDATE vectors SET {column} = {value} WHERE rowid = 5")
    assert reopened(tmp_path) == [TEXTS[4]]
    assert reopened(tmp_path) == []


def test_what_another_process_made_again_is_not_removed(tmp_path: Path) -> None:
    first, second = (VectorFile(tmp_path / "vectors.sqlite") for _ in range(2))
    keys, vectors = [b"a" * 16, b"b" * 16], [row.tobytes() for row in plain(["a", "b"])]
    first.write(keys[:1], vectors[:1])
    second.read(keys)
    first.remove()  # both find it damaged, the second one when the first has made it again
    first.write(keys, vectors)
    second.remove()
    assert second.read([*keys, b"c" * 16]) == dict(zip(keys, vectors, strict=True))


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"x" * 500, b"\0" * 4096])
def test_a_file_of_something_else(tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    filled(tmp_path).write_bytes(content)
    assert reopened(tmp_path) == TEXTS
    (message,) = [record.message for record in caplog.records]
    assert DAMAGED in message
    assert "\n" not in message
    assert reopened(tmp_path) == []


def test_a_table_of_something_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = filled(tmp_path)
    run_sql(file, "ALTER TABLE vectors RENAME COLUMN vector TO other")
    assert reopened(tmp_path) == TEXTS
    assert caplog.text.count(DAMAGED) == 1
    run_sql(file, "DROP TABLE vectors")
    assert reopened(tmp_path) == TEXTS
    assert reopened(tmp_path) == []


def test_vectors_of_another_dimension_are_not_put_beside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    filled(tmp_path)
    wider = HashedSystem(dimension=9)
    vectors = CachedSystem(wider, tmp_path).encode_document(["new", *TEXTS])
    np.testing.assert_array_equal(vectors, wider.encode(["new", *TEXTS], "document"))
    assert DAMAGED in caplog.text


def test_broken_vectors_are_refused_and_not_kept(tmp_path: Path) -> None:
    system = HashedSystem()
    for broken in (np.full((2, 8), np.nan, np.float32), np.ones((1, 8), np.float32), np.ones(2, np.float32)):
        system.encode = lambda texts, role, broken=broken: broken  # type: ignore[method-assign,misc]
        with pytest.raises(AdjoinError, match=r"hashed gave document vectors of shape .* for 2 texts: expected"):
            CachedSystem(system, tmp_path).encode_document(["a", "b"])
    assert reopened(tmp_path, ["a", "b"]) == ["a", "b"]


def test_a_cache_that_is_removed_meanwhile(tmp_path: Path) -> None:
    system = HashedSystem()
    cached = CachedSystem(system, tmp_path)
    cached.encode_document(TEXTS)
    file_in(tmp_path).unlink()
    texts = [*TEXTS, "new"]
    np.testing.assert_array_equal(cached.encode_document(texts), plain(texts))
    assert reopened(tmp_path, texts) == []


def test_one_that_is_made_again_while_another_has_it_open(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = filled(tmp_path)
    first, second = (CachedSystem(HashedSystem(), tmp_path) for _ in range(2))
    for cached in (first, second):
        cached.encode_document(TEXTS)
    file.write_bytes(b"no database")
    for cached in (first, second, first):
        np.testing.assert_array_equal(cached.encode_document(TEXTS), plain(TEXTS))
    assert caplog.text.count(DAMAGED) == 1
    assert reopened(tmp_path) == []


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AdjoinError, match=r"cannot use the vector cache .*: .*; free disk space or use another"):
        CachedSystem(HashedSystem(), tmp_path / "file").encode_document(["a"])


def script(folder: Path, *arguments: object) -> list[str]:
    file = Path(__file__).with_name("caching_process.py")
    return [sys.executable, str(file), str(folder), *map(str, arguments)]


def test_a_full_disk_is_one_line_and_harms_nothing(tmp_path: Path) -> None:
    done = subprocess.run(script(tmp_path, 0, 5000, "full"), capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    assert "cannot use the vector cache" in done.stdout
    texts = [f"text {i}" for i in range(5000)]
    assert 0 < len(reopened(tmp_path, texts)) < 5000
    assert reopened(tmp_path, texts) == []


def test_killed_at_any_moment_nothing_wrong_is_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    file = file_in(tmp_path)
    killed = 0
    for written in (1, 30, 150):
        process = subprocess.Popen(script(tmp_path, 0, 20_000, "stay"), stdout=subprocess.DEVNULL)
        wait_until(lambda rows=written: file.is_file() and rows_in(file) >= rows, process)
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        rows = rows_in(file)
        assert rows >= written
        assert len(reopened(tmp_path, [f"text {i}" for i in range(300)])) == max(0, 300 - rows)
        file.unlink()
    assert killed == 3
    assert not caplog.records


def rows_in(file: Path) -> int:
    with closing(sqlite3.connect(file, timeout=600)) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM vectors").fetchone()[0])
        except sqlite3.OperationalError:  # the table is not there yet
            return 0


def test_three_processes_at_a_time(tmp_path: Path) -> None:
    spans = [(0, 200), (100, 300), (0, 300)]
    running = [subprocess.Popen(script(tmp_path, *span)) for span in spans]
    assert [process.wait() for process in running] == [0] * 3
    assert reopened(tmp_path, [f"text {i}" for i in range(300)]) == []
    assert rows_in(file_in(tmp_path)) == 300, "each text is there once"
