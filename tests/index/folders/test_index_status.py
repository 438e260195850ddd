"""What an index holds, what is left out and why, and what has changed since."""

import os
from pathlib import Path

import pytest

from adjoin.index.folders.choice import Choice
from adjoin.index.folders.repositories import Repositories
from adjoin.index.folders.status import dry_run, reasons, status_of
from adjoin.index.folders.targets import Target
from adjoin.index.omissions import Omission

CODE = "def open_the_door(key):\n    return key.turn()\n"


@pytest.fixture
def target(tmp_path: Path) -> Target:
    for name in ("a.py", "b.py", "lib/c.py", "ignored.py"):
        (tmp_path / "repo" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "repo" / name).write_text(CODE)
    (tmp_path / "repo" / "picture.bin").write_bytes(bytes(range(256)))
    (tmp_path / "repo" / ".adjoinignore").write_text("ignored.py\n")
    target = Target(tmp_path / "repo", tmp_path / "repo" / ".adjoin")
    Repositories().searcher(target)
    return target


def test_nothing_has_changed(target: Target) -> None:
    status = status_of(target)
    assert (status.added, status.changed, status.removed) == ([], [], [])
    assert {record.path for record in status.indexed()} >= {"a.py", "b.py", "lib/c.py"}
    skipped = {one.origin: one.reason for one in status.skipped}
    assert skipped["ignored.py"] == "ignored by .adjoinignore"
    assert skipped["picture.bin"]
    assert not {record.path for record in status.indexed()} & set(skipped)
    assert status.index_bytes > 0
    facts = dict(line.split(": ", 1) for line in status.lines())
    assert facts["changed since"] == "nothing"
    assert "the index itself" not in facts["left out"]


def test_what_has_changed(target: Target) -> None:
    (target.root / "a.py").write_text(CODE.replace("door", "gate"))  # of the same length
    os.utime(target.root / "b.py", (1, 1))  # touched, but the same
    (target.root / "lib" / "c.py").unlink()
    (target.root / "new.py").write_text(CODE)
    status = status_of(target)
    assert (status.added, status.changed, status.removed) == (["new.py"], ["a.py"], ["lib/c.py"])
    assert "changed since: 1 added, 1 changed, 1 removed" in status.lines()


def test_files_that_may_not_be_read_are_named(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    (target.root / "secret.py").write_text(CODE)
    (target.root / "new.py").write_text(CODE)
    monkeypatch.setattr(os, "access", lambda path, _: Path(path).name != "secret.py")
    status = status_of(target)
    assert status.added == ["new.py"]
    assert {one.origin: one.reason for one in status.skipped}["secret.py"] == "no permission"


def test_a_dry_run_says_what_a_refresh_does(target: Target) -> None:
    listed = {origin: (pieces, reason) for origin, pieces, reason in dry_run(target.root, target.folder, Choice())}
    status = status_of(target)
    assert {origin: pieces for origin, (pieces, _) in listed.items() if pieces} == {
        record.path: record.pieces for record in status.indexed()
    }
    assert {origin: reason for origin, (pieces, reason) in listed.items() if not pieces} == {
        one.origin: one.reason for one in status.skipped
    }


def test_reasons() -> None:
    skipped = [Omission("a", "binary"), Omission("b", "too large"), Omission("c", "binary", 118)]
    assert reasons(skipped) == "2 binary, 1 too large"
    assert reasons([]) == ""
