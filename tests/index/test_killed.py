"""Killed or out of space at any moment: old or new answers, and the next run completes the refresh."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from bag_encoder import BagEncoder, content, words, write

from adjoin.errors import AdjoinError
from adjoin.index.refresh import refresh
from adjoin.index.searcher import Searcher
from adjoin.index.store import EVERYTHING

SCRIPT = Path(__file__).with_name("killed_refresh.py")
FILES = 12
refresh_module: Any = import_module("adjoin.index.refresh")
Rows = list[dict[str, object]]


def sources(root: Path, *, edited: bool = False) -> Path:
    """Small files and a larger one."""
    mark = "after" if edited else "before"
    files = {f"f{n}.py": f"def name_{n}():\n    return '{mark if n % 3 == 0 else ''}'\n" for n in range(FILES)}
    files["large.py"] = "\n\n".join(f"def big_{n}():\n    return '{mark} {n}'" for n in range(20))
    if not edited:
        files["gone.py"] = "def gone(): return 'before'\n"
    else:
        (root / "gone.py").unlink(missing_ok=True)
    return write(root, files)


def run(root: Path, folder: Path, point: str, model: str = "bag-1") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), str(root), str(folder), point, model]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh_module, "BATCH_FILES", 4)


def made(base: Path, model: str = "bag-1", *, edited: bool = True) -> tuple[Rows, object]:
    """What an uninterrupted run makes."""
    root = sources(base / f"whole-{model}-{edited}", edited=edited)
    folder = base / f"whole-{model}-{edited}.index"
    refresh(root, folder, encoder(model))
    answer = content(folder), words(folder)
    shutil.rmtree(folder)
    return answer


def encoder(model: str) -> BagEncoder:
    return BagEncoder(64 if model == "bag-1" else 32, model)


@contextmanager
def reader(folder: Path, versions: tuple[Rows, ...]) -> Iterator[list[int]]:
    """A thread that searches all the time; each answer must be of one of the versions, whole."""
    expected = [sorted((str(row["path"]), str(row["text"])) for row in rows) for rows in versions]
    searcher = Searcher(folder, None)
    stop, seen, errors = threading.Event(), [], []

    def read() -> None:
        while not stop.is_set():
            try:
                with searcher.snapshot() as snapshot:
                    pieces = snapshot.pieces(
                        snapshot.matching(["befor", "after", "name", "gone"], 999, EVERYTHING)[0]
                    )
                    found = sorted((piece.path, piece.text) for piece in pieces)
                    seen.append(expected.index(found))
            except BaseException as error:
                errors.append(error)
                return

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
    assert not errors, errors[0]
    assert seen


def test_the_first_run_is_killed(tmp_path: Path) -> None:
    root, folder = sources(tmp_path / "root", edited=True), tmp_path / "index"
    assert run(root, folder, "embed:3").returncode == -signal.SIGKILL
    with pytest.raises(AdjoinError, match=r"incomplete.*run `adjoin index` again"):
        Searcher(folder, None)
    again = BagEncoder()
    report = refresh(root, folder, again)
    whole = made(tmp_path)
    assert (content(folder), words(folder)) == whole
    assert report.unchanged > 0
    assert len(again.documents) < len(whole[0])


@pytest.mark.parametrize("model", ["bag-1", "bag-2"])
def test_a_refresh_is_killed(tmp_path: Path, model: str) -> None:
    root, folder = sources(tmp_path / "root"), tmp_path / "index"
    refresh(root, folder, BagEncoder())
    old = content(folder)
    sources(root, edited=True)
    moment = "embed:2" if model == "bag-1" else "embed:3"  # one batch waits in memory, and is lost
    assert run(root, folder, moment, model).returncode == -signal.SIGKILL
    assert content(folder) == old
    assert Searcher(folder, BagEncoder()).search("name")
    again = encoder(model)
    report = refresh(root, folder, again)
    assert (content(folder), words(folder)) == made(tmp_path, model)
    assert report.unchanged > 0  # what the killed run had put aside, and for the same model what was there
    assert 0 < len(again.documents) < (6 if model == "bag-1" else 13)  # what a run from the start embeds
    assert not (folder / "pending.sqlite").exists()


@pytest.mark.slow
@pytest.mark.parametrize("case", ["first", "refresh", "model"])
def test_killed_at_many_moments(tmp_path: Path, case: str) -> None:
    """Between and within statements, with a reader in a loop: 20 moments of each, so 60 in all."""
    model = "bag-2" if case == "model" else "bag-1"
    start = tmp_path / "start.index"
    old = made(tmp_path, edited=False)
    new = made(tmp_path, model)
    roots = sources(tmp_path / "root")
    if case != "first":
        refresh(roots, start, BagEncoder())
    sources(roots, edited=True)

    def fresh(folder: Path) -> Path:
        shutil.rmtree(folder, ignore_errors=True)
        if case != "first":
            shutil.copytree(start, folder)
        return folder

    total = int(run(roots, fresh(tmp_path / "index"), "count", model).stdout)
    assert (content(tmp_path / "index"), words(tmp_path / "index")) == new
    moments = [*random.Random(case).sample(range(1, total), 17), total, total - 1, total - 2]
    for moment in moments:
        folder = fresh(tmp_path / "index")
        if case == "first":
            assert run(roots, folder, f"statement:{moment}", model).returncode == -signal.SIGKILL
            with suppress(AdjoinError):  # there is no index yet, or its first run did not finish
                assert content(folder) == new[0]
        else:
            with reader(folder, (old[0], new[0])):
                assert run(roots, folder, f"statement:{moment}", model).returncode == -signal.SIGKILL
            assert content(folder) in (old[0], new[0])
        run(roots, folder, f"statement:{moment // 2 + 1}", model)  # and killed again
        refresh(roots, folder, encoder(model))
        assert (content(folder), words(folder)) == new, moment
        assert not (folder / "pending.sqlite").exists()


@pytest.mark.parametrize("model", ["bag-1", "bag-2"])
def test_the_disk_is_full(tmp_path: Path, model: str) -> None:
    root, folder = sources(tmp_path / "root"), tmp_path / "index"
    refresh(root, folder, BagEncoder())
    old = content(folder)
    sources(root, edited=True)
    failed = 0
    for limit in (2_000, 12_000, 40_000, 70_000):
        result = run(root, folder, f"full:{limit}", model)
        if result.returncode == 0:
            break
        failed += 1
        assert result.returncode == 3, result.stderr
        assert result.stderr.startswith(
            ("AdjoinError: cannot write the index", "AdjoinError: cannot open the index")
        )
        assert "the previous version still answers; free disk space" in result.stderr
        assert result.stderr.count("\n") == 1
        assert content(folder) == old
        assert Searcher(folder, BagEncoder()).search("name")
    assert failed >= 2
    refresh(root, folder, encoder(model))
    assert (content(folder), words(folder)) == made(tmp_path, model)


def test_the_disk_is_full_in_the_first_run(tmp_path: Path) -> None:
    root, folder = sources(tmp_path / "root", edited=True), tmp_path / "index"
    for limit in (1, 30_000, 90_000):
        result = run(root, folder, f"full:{limit}")
        assert result.returncode == 3, result.stderr
        assert result.stderr.startswith("AdjoinError: cannot write"), result.stderr
        assert result.stderr.count("\n") == 1
    refresh(root, folder, BagEncoder())
    assert (content(folder), words(folder)) == made(tmp_path)


def test_a_reader_never_waits_and_sees_one_version(tmp_path: Path) -> None:
    root, folder = sources(tmp_path / "root"), tmp_path / "index"
    refresh(root, folder, BagEncoder())
    old = content(folder)
    sources(root, edited=True)
    new = made(tmp_path)[0]
    with reader(folder, (old, new)) as seen:
        refresh(root, folder, BagEncoder())
        number = len(seen)
        while 1 not in seen[number:]:  # the reader follows
            pass
    assert seen == sorted(seen), "never back to the old version"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    root, folder = sources(tmp_path / "root"), tmp_path / "index"
    refresh(root, folder, BagEncoder())
    sources(root, edited=True)
    folder.chmod(0o555)
    try:
        (folder / "index.sqlite").chmod(0o444)
        assert Searcher(folder, BagEncoder()).search("name")
        with pytest.raises(AdjoinError, match=r"cannot write to .*index: Permission denied"):
            refresh(root, folder, BagEncoder())
    finally:
        folder.chmod(0o755)
