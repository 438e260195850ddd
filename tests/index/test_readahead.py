"""A second process reads ahead: the same index, whatever happens to that process."""

import os
import signal
import sqlite3
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
import pytest
from bag_encoder import BagEncoder, write

from adjoin.index.refresh import refresh
from adjoin.index.sources import list_files
from adjoin.pairs.quality import UNPARSABLE
from adjoin.tally import Tally
from patience import wait_until

readahead: Any = import_module("adjoin.index.readahead")

FILES = 40
CHILD = """
import os, signal, sys
sys.path[:] = sys.argv[1:]
from adjoin.index import readahead
real = readahead.pieces_in
def noted(path):
    with open(path, "a") as mark:
        mark.write("x")
        return mark.tell()
def meddle(file, skipped):
    {fault}
    return real(file, skipped)
readahead.pieces_in = meddle
readahead.serve()
"""
TABLES = ("files", "blocks", "vectors", "texts", "pieces", "symbols", "paths", "segments", "postings")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {f"f{n:02}.py": f"def name_{n}():\n    return {n}\n\n\nclass C{n}:\n    pass\n" for n in range(FILES)}
    root = write(tmp_path / "root", files | {"empty.txt": "", "notes.md": "# Notes\n\nRetried three times.\n"})
    (root / "binary.bin").write_bytes(bytes(range(256)) * 9)
    for path in root.iterdir():
        os.utime(path, ns=(10**18, 10**18))
    return root


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every refresh uses the second process, with several requests."""
    monkeypatch.setattr(readahead, "MANY_FILES", 1)
    monkeypatch.setattr(readahead, "CHUNK_FILES", 4)
    monkeypatch.setattr(readahead, "_cores", lambda: 2)


def faulty(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """Run one line of code in the second process before it cuts a file."""
    monkeypatch.setattr(readahead, "_CHILD", CHILD.format(fault=fault))


def rows(folder: Path) -> dict[str, list[Any]]:
    connection = sqlite3.connect(folder / "index.sqlite")
    found = {table: sorted(map(repr, connection.execute(f"SELECT * FROM {table}"))) for table in TABLES}
    connection.close()
    return found


def plain(root: Path, folder: Path) -> tuple[Tally, dict[str, list[Any]]]:
    """What a refresh in one process counts and stores: the reference."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readahead, "readings_ahead", None)  # too few files for it
        patch.setattr(readahead, "MANY_FILES", 10**6)
        report = refresh(root, folder, BagEncoder())
    return report.skipped, rows(folder)


def test_the_index_is_that_of_one_process(root: Path, tmp_path: Path, ahead: None) -> None:
    skipped, expected = plain(root, tmp_path / "one")
    used: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readahead, "read", lambda *_: used.append(1))  # nothing is read in this process
        report = refresh(root, tmp_path / "two", BagEncoder())
    assert not used
    assert (report.skipped, rows(tmp_path / "two")) == (skipped, expected)
    assert report.added == FILES + 1
    (root / "f03.py").write_text("def other(): pass\n")
    (root / "f05.py").touch()
    (root / "f07.py").unlink()
    reports = [refresh(root, tmp_path / "two", BagEncoder())]
    skipped, expected = plain(root, tmp_path / "one")
    assert (reports[0].changed, reports[0].removed, reports[0].unchanged) == (1, 1, FILES - 1)
    assert (reports[0].skipped, rows(tmp_path / "two")) == (skipped, expected)


def test_a_small_refresh_starts_no_process(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readahead, "_Reader", None)
    assert refresh(root, tmp_path / "index", BagEncoder()).added == FILES + 1


def test_many_files_or_many_bytes_of_them_start_one(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = [(file, "") for file in list_files(root, root / ".adjoin").files.values()]
    assert not readahead._is_many(changed)
    monkeypatch.setattr(readahead, "MANY_BYTES", 3000)
    assert readahead._is_many(changed)
    monkeypatch.setattr(readahead, "MAX_BYTES", 1)  # what is too large is not read
    assert not readahead._is_many(changed)
    monkeypatch.setattr(readahead, "MANY_FILES", len(changed))
    assert readahead._is_many(changed)


def test_a_file_that_crashes_its_parser_is_counted_and_not_tried_again(
    root: Path, tmp_path: Path, ahead: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty(monkeypatch, "if file.origin in ('f05.py', 'f06.py'): os.abort()")
    report = refresh(root, tmp_path / "index", BagEncoder())
    assert report.skipped.counts[readahead.CRASHED] == 2
    assert report.skipped.examples[readahead.CRASHED] == ["f05.py", "f06.py"]
    assert report.added == FILES - 1
    monkeypatch.setattr(readahead, "readings_ahead", lambda changed: pytest.fail("read again"))
    monkeypatch.setattr(readahead, "_is_many", lambda changed: bool(changed))
    report = refresh(root, tmp_path / "index", BagEncoder())
    assert report.skipped.counts[readahead.CRASHED] == 2


@pytest.mark.slow
def test_code_that_kills_its_process_is_indexed_as_windows(root: Path, tmp_path: Path, ahead: None) -> None:
    (root / "f06.kt").write_text("class A\n@")  # hangs
    (root / "f07b.py").write_text("needle\n" + "/*\n" * 40_000)  # takes gigabytes
    for name in ("f06.kt", "f07b.py"):
        os.utime(root / name, ns=(10**18, 10**18))
    report = refresh(root, tmp_path / "two", BagEncoder())
    assert report.skipped.examples[readahead.CRASHED] == ["f07b.py"]
    assert report.skipped.examples[UNPARSABLE] == ["f06.kt"]
    assert report.added == FILES + 3
    assert (report.skipped, rows(tmp_path / "two")) == plain(root, tmp_path / "one")


@pytest.mark.parametrize(
    "fault",
    [
        "if file.origin == 'f05.py' and not os.path.exists(MARK): open(MARK, 'x'); os.abort()",  # once
        "if file.origin == 'f05.py' and noted(MARK) <= 2: os.abort()",  # in company, then alone
        "if file.origin == 'f05.py': os.kill(os.getpid(), signal.SIGKILL)",  # always: from outside
        "if file.origin == 'f05.py': raise RuntimeError",
        "sys.exit()",
    ],
)
def test_a_process_that_dies_of_something_else_loses_nothing(
    root: Path, tmp_path: Path, ahead: None, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    faulty(monkeypatch, fault.replace("MARK", repr(str(tmp_path / "mark"))))
    if fault == "sys.exit()":
        monkeypatch.setattr(readahead, "_CHILD", fault)
    report = refresh(root, tmp_path / "two", BagEncoder())
    assert (report.skipped, rows(tmp_path / "two")) == plain(root, tmp_path / "one")


def test_no_process_can_be_started(
    root: Path, tmp_path: Path, ahead: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    report = refresh(root, tmp_path / "two", BagEncoder())
    assert (report.skipped, rows(tmp_path / "two")) == plain(root, tmp_path / "one")


def test_an_interrupted_refresh_ends_the_process_and_is_continued(
    root: Path, tmp_path: Path, ahead: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = []

    class Noted(readahead._Reader):  # type: ignore[misc]
        def __init__(self, *, careful: bool) -> None:
            super().__init__(careful=careful)
            readers.append(self)

    def interrupt(done: int, total: int) -> None:
        if readers:
            raise KeyboardInterrupt

    monkeypatch.setattr(readahead, "_Reader", Noted)
    monkeypatch.setattr(import_module("adjoin.index.refresh"), "BATCH_FILES", 4)
    with pytest.raises(KeyboardInterrupt):
        refresh(root, tmp_path / "two", BagEncoder(), progress=interrupt)
    assert readers[0]._process.returncode is not None
    monkeypatch.undo()
    refresh(root, tmp_path / "two", BagEncoder())
    assert len(rows(tmp_path / "two")["files"]) == FILES + 3


def test_the_process_ends_with_a_killed_parent(root: Path) -> None:
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom adjoin.index import readahead, sources\n"
        "files = sources.list_files(Path(sys.argv[1]), Path(sys.argv[1]) / '.adjoin').files.values()\n"
        "answers = readahead.readings_ahead([(file, '') for file in files])\n"
        "next(answers)\nprint('read', flush=True)\nsys.stdin.read()\n"
    )
    with _started(script, root) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"read\n"
        children = psutil.Process(parent.pid).children()
        assert len(children) == 1
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        wait_until(lambda: not children[0].is_running() or children[0].status() == psutil.STATUS_ZOMBIE)


def _started(script: str, root: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", script, str(root)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
