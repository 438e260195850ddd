import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hashed_system import HashedSystem
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.systems.cache import CachedSystem
from adjoin.evaluation.systems.vector_file import ENTRY, DamagedError, VectorFile, size_of
from patience import wait_until

TEXTS = [f"text {i}" for i in range(50)]
ROW = 8 * 4  # bytes of a vector of `HashedSystem`
DAMAGED = "is damaged, so it is made again"


def plain(texts: list[str], role: str = "document") -> NDArray[np.float32]:
    return HashedSystem().encode(texts, role)


def reopened(folder: Path, texts: list[str] = TEXTS) -> list[str]:
    """What a fresh process has to encode; its vectors are those of the system itself."""
    system = HashedSystem()
    np.testing.assert_array_equal(CachedSystem(system, folder).encode_document(texts), plain(texts))
    return system.encoded


def filled(folder: Path, texts: list[str] = TEXTS) -> Path:
    """A cache of some documents; the folder of their files."""
    assert reopened(folder, texts) == texts
    return folder / HashedSystem.fingerprint / "document"


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
    assert (cached.found, cached.encoded) == (5, 5)
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


def test_texts_alike_have_vectors_of_their_own_or_those_of_queries(tmp_path: Path) -> None:
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


def test_the_size_is_told(tmp_path: Path) -> None:
    cached = CachedSystem(HashedSystem(), tmp_path)
    assert cached.bytes_on_disk == 0
    cached.encode_document(TEXTS)
    cached.encode_query(TEXTS[:9])
    rows = 59 * (ROW + ENTRY.itemsize)
    assert rows < cached.bytes_on_disk < rows + 1000
    assert size_of(tmp_path) == cached.bytes_on_disk
    assert cached.summary() == "hashed: 0 vectors found, 59 encoded; 0.0 MB on disk"


@pytest.mark.parametrize("vectors", [b"", b"x", b"x" * ROW, b"x" * (3 * ROW + 5)])
@pytest.mark.parametrize("index", [b"", b"x", b"x" * (ENTRY.itemsize - 1)])
def test_what_an_interrupted_write_left_is_cut_off(
    tmp_path: Path, vectors: bytes, index: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    files = filled(tmp_path)
    for name, left in (("vectors", vectors), ("index", index)):
        with (files / name).open("ab") as file:
            file.write(left)
    assert reopened(tmp_path) == []
    assert reopened(tmp_path, [*TEXTS, "more", "and more"]) == ["more", "and more"]
    assert (files / "vectors").stat().st_size == 52 * ROW
    assert (files / "index").stat().st_size == 52 * ENTRY.itemsize
    assert not caplog.records, "that is no damage"


@pytest.mark.parametrize(
    ("name", "kept"), [("vectors", 20 * ROW + 3), ("index", 20 * ENTRY.itemsize + 3), ("vectors", 0), ("index", 0)]
)
def test_files_that_were_cut_give_what_is_left(tmp_path: Path, name: str, kept: int) -> None:
    files = filled(tmp_path)
    os.truncate(files / name, kept)
    assert reopened(tmp_path) == TEXTS[20 if kept else 0 :]
    assert reopened(tmp_path) == []


def test_a_missing_file_counts_as_empty(tmp_path: Path) -> None:
    for name in ("vectors", "index", "cache.json"):
        files = filled(tmp_path / name)
        (files / name).unlink()
        if name == "cache.json":
            assert reopened(tmp_path / name) == TEXTS


@pytest.mark.parametrize("name", ["vectors", "index"])
def test_a_changed_byte_never_gives_a_wrong_vector(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    whole = filled(tmp_path / "whole")
    size = (whole / name).stat().st_size
    for place in range(0, size, size // 29):
        copy = tmp_path / f"copy{place}"
        shutil.copytree(tmp_path / "whole", copy)
        with (copy / whole.relative_to(tmp_path / "whole") / name).open("r+b") as file:
            file.seek(place)
            changed = file.read(1)[0] ^ 0x10
            file.seek(place)
            file.write(bytes([changed]))
        caplog.clear()
        encoded = reopened(copy)
        # A changed hash is a text that is not found, and a changed zero nothing; all else is seen.
        is_told = [record.message for record in caplog.records if DAMAGED in record.message]
        part = place % ENTRY.itemsize
        if name == "vectors" or 16 <= part < 20:
            assert len(is_told) == 1
            assert encoded == TEXTS
        else:
            assert not is_told
            assert len(encoded) == (1 if part < 16 else 0)
        assert reopened(copy) == []


def test_vectors_under_each_others_hashes_are_seen(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = filled(tmp_path)
    entries = np.fromfile(files / "index", ENTRY)
    entries["hash"] = entries["hash"][::-1].copy()
    entries.tofile(files / "index")
    assert reopened(tmp_path) == TEXTS
    assert caplog.text.count(DAMAGED) == 1


def test_what_another_process_made_again_is_not_thrown_away(tmp_path: Path) -> None:
    first, second = (VectorFile(tmp_path, {"role": "query"}) for _ in range(2))
    keys, vectors = [b"a" * 16, b"b" * 16], plain(["a", "b"])
    first.add(keys[:1], vectors[:1])
    second.refresh()
    first.throw_away()  # both find it damaged, the second one when the first has made it again
    first.add(keys, vectors)
    second.throw_away()
    assert keys[0] not in second
    second.refresh()
    np.testing.assert_array_equal(second.take(keys), vectors)
    with pytest.raises(DamagedError, match="1 of its vectors are gone"):
        second.take([keys[0], b"c" * 16])


@pytest.mark.parametrize(
    "description",
    ["", "{", "[]", '{"format": 0}', "dimension", "role", "fingerprint", "made"],
)
def test_a_description_of_something_else(
    tmp_path: Path, description: str, caplog: pytest.LogCaptureFixture
) -> None:
    files = filled(tmp_path)
    if description.isalpha():
        content = json.loads((files / "cache.json").read_text())
        description = json.dumps(content | {description: None})
    (files / "cache.json").write_text(description)
    assert reopened(tmp_path) == TEXTS
    (told,) = [record.message for record in caplog.records]
    assert DAMAGED in told
    assert "\n" not in told
    assert reopened(tmp_path) == []


def test_vectors_of_another_dimension_are_not_put_beside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    filled(tmp_path)
    wider = HashedSystem(dimension=9)
    vectors = CachedSystem(wider, tmp_path).encode_document(["new", *TEXTS])
    np.testing.assert_array_equal(vectors, wider.encode(["new", *TEXTS], "document"))
    assert DAMAGED in caplog.text


def test_another_dimension_behind_an_old_vector_count_that_fits(tmp_path: Path) -> None:
    files = filled(tmp_path)
    content = json.loads((files / "cache.json").read_text())
    (files / "cache.json").write_text(json.dumps(content | {"dimension": 4}))
    assert reopened(tmp_path) == TEXTS


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
    shutil.rmtree(tmp_path / system.fingerprint)
    texts = [*TEXTS, "new"]
    np.testing.assert_array_equal(cached.encode_document(texts), plain(texts))
    assert reopened(tmp_path, texts) == []


def test_one_that_is_made_again_while_another_has_it_open(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = filled(tmp_path)
    first, second = (CachedSystem(HashedSystem(), tmp_path) for _ in range(2))
    for cached in (first, second):
        cached.encode_document(TEXTS)
    content = bytearray((files / "vectors").read_bytes())
    content[5] ^= 1
    (files / "vectors").write_bytes(content)
    for cached in (first, second, first):
        np.testing.assert_array_equal(cached.encode_document(TEXTS), plain(TEXTS))
    assert caplog.text.count(DAMAGED) == 1
    assert reopened(tmp_path) == []


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AdjoinError, match=r"cannot use the cache of vectors .*: .*; free space or name another"):
        CachedSystem(HashedSystem(), tmp_path / "file").encode_document(["a"])


def script(folder: Path, *arguments: object) -> list[str]:
    file = Path(__file__).with_name("caching_process.py")
    return [sys.executable, str(file), str(folder), *map(str, arguments)]


def test_a_full_disk_is_one_line_and_harms_nothing(tmp_path: Path) -> None:
    done = subprocess.run(script(tmp_path, 0, 2000, "full"), capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    assert "cannot use the cache of vectors" in done.stdout
    files = tmp_path / HashedSystem.fingerprint / "document"
    assert (files / "vectors").stat().st_size == 20_000, "half a vector is there"
    texts = [f"text {i}" for i in range(2000)]
    assert 0 < len(reopened(tmp_path, texts)) < 2000
    assert reopened(tmp_path, texts) == []


def test_killed_at_any_moment_nothing_wrong_is_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    files = tmp_path / HashedSystem.fingerprint / "document"
    killed = 0
    for wanted in (1, 30, 150):
        process = subprocess.Popen(script(tmp_path, 0, 20_000, "stay"), stdout=subprocess.DEVNULL)
        wait_until(lambda size=wanted * (ROW + ENTRY.itemsize): size_of(files) >= size, process)
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        rows = (files / "index").stat().st_size // ENTRY.itemsize
        assert len(reopened(tmp_path, [f"text {i}" for i in range(300)])) <= max(0, 300 - rows)
        shutil.rmtree(tmp_path / HashedSystem.fingerprint)
    assert killed == 3
    assert not caplog.records


def test_three_processes_at_a_time(tmp_path: Path) -> None:
    spans = [(0, 200), (100, 300), (0, 300)]
    running = [subprocess.Popen(script(tmp_path, *span)) for span in spans]
    assert [process.wait() for process in running] == [0] * 3
    assert reopened(tmp_path, [f"text {i}" for i in range(300)]) == []
    files = tmp_path / HashedSystem.fingerprint / "document"
    assert (files / "index").stat().st_size == 300 * ENTRY.itemsize, "each text is there once"
    assert (files / "vectors").stat().st_size == 300 * ROW
