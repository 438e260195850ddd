"""A file that changes between its hash and its pieces: what is hashed is what is embedded, or it is read again."""

import os
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from bag_encoder import BagEncoder, content, write

from adjoin.index.refresh import refresh
from adjoin.index.sources import TreeFile
from adjoin.pieces import Piece
from adjoin.tally import Tally

readahead: Any = import_module("adjoin.index.readahead")
AGE = 10**18


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = write(tmp_path / "root", {"a.py": "def before(): pass\n", "b.py": "def steady(): pass\n"})
    for path in root.iterdir():
        os.utime(path, ns=(AGE, AGE))
    return root


def meddled(monkeypatch: pytest.MonkeyPatch, meddle: Callable[[Path, int], None]) -> None:
    """Change files after they were hashed and before they are cut, with the number of the call."""
    real, calls = readahead.pieces_in, []

    def pieces_in(file: TreeFile, skipped: Tally) -> Iterator[Piece]:
        calls.append(file.origin)
        meddle(file.path, len(calls))
        return real(file, skipped)

    monkeypatch.setattr(readahead, "pieces_in", pieces_in)


def texts(folder: Path) -> list[str]:
    return sorted(str(row["text"]) for row in content(folder))


def test_a_file_that_changes_once_is_read_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if its size and its time are as before."""

    def meddle(path: Path, call: int) -> None:
        if call == 1:
            path.write_text("def after_(): pass\n")
            os.utime(path, ns=(AGE, AGE))

    meddled(monkeypatch, meddle)
    report = refresh(root, tmp_path / "index", BagEncoder())
    assert not report.skipped.counts
    assert texts(tmp_path / "index") == ["def after_(): pass", "def steady(): pass"]
    again = refresh(root, tmp_path / "index", BagEncoder())
    assert (again.changed, again.unchanged) == (0, 2)


def test_a_file_that_never_settles_is_told_and_read_again_next_time(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meddle(path: Path, call: int) -> None:
        if path.name == "a.py":
            path.write_text(f"def after{call}(): pass\n")
            os.utime(path, ns=(AGE, AGE))

    with monkeypatch.context() as patch:
        meddled(patch, meddle)
        report = refresh(root, tmp_path / "index", BagEncoder())
    assert report.skipped.examples == {"changed while it was read": ["a.py"]}
    again = refresh(root, tmp_path / "index", BagEncoder())
    assert (again.changed, again.unchanged) == (1, 1)
    assert not again.skipped.counts
    assert texts(tmp_path / "index") == ["def after3(): pass", "def steady(): pass"]


def test_a_file_that_vanishes_in_between(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meddled(monkeypatch, lambda path, call: path.unlink() if path.name == "a.py" and path.exists() else None)
    report = refresh(root, tmp_path / "index", BagEncoder())
    assert report.skipped.counts["unreadable"] == 1
    assert texts(tmp_path / "index") == ["def steady(): pass"]
