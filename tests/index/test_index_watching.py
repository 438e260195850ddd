"""Refreshing when files change: what counts as a change, and what wakes the watch."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from adjoin.corpus.tree import Tree
from adjoin.errors import AdjoinError
from adjoin.index import watching
from adjoin.index.watching import EventWaiter, PollingWaiter, waiter_for, watch


class Script:
    """A waiter that makes one change at each call, and ends after the last."""

    def __init__(self, *changes: Callable[[], object]) -> None:
        self.changes = list(changes)

    def wait(self, stop: threading.Event) -> bool:
        if not self.changes:
            return False
        self.changes.pop(0)()
        return True


def refreshed(root: Path, *changes: Callable[[], object], exclude: tuple[str, ...] = ()) -> int:
    calls: list[Path] = []
    watch([root], calls.append, exclude=exclude, waiter=Script(*changes), quiet_seconds=0)
    assert set(calls) == {root}
    return len(calls) - 1  # the first is at the beginning


def test_what_is_a_change(tmp_path: Path) -> None:
    file, ignored = tmp_path / "a.py", tmp_path / "b.log"
    (tmp_path / ".gitignore").write_text("*.log\n")
    file.write_text("one")
    assert refreshed(tmp_path) == 0
    assert refreshed(tmp_path, lambda: None) == 0
    assert refreshed(tmp_path, lambda: file.write_text("three")) == 1
    assert refreshed(tmp_path, lambda: file.rename(tmp_path / "c.py"), lambda: None) == 1
    assert refreshed(tmp_path, lambda: (tmp_path / "c.py").unlink()) == 1
    assert refreshed(tmp_path, lambda: ignored.write_text("x"), lambda: ignored.write_text("xx")) == 0
    assert refreshed(tmp_path, lambda: (tmp_path / ".gitignore").write_text("")) == 1
    assert refreshed(tmp_path, lambda: ignored.write_text("xxx"), exclude=("*.log",)) == 0


def test_changes_in_quick_succession_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = iter(range(5))

    def writes_on(*arguments: object, **options: object) -> Tree:
        for number in written:
            (tmp_path / f"{number}.py").touch()
            break
        return plain(*arguments, **options)

    plain = watching.list_tree
    monkeypatch.setattr(watching, "list_tree", writes_on)
    assert refreshed(tmp_path, lambda: None, lambda: None) == 1


def test_a_file_that_is_written_all_the_time_is_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = watching.list_tree

    def writes_on(*arguments: object, **options: object) -> Tree:
        with (tmp_path / "log.txt").open("a") as file:
            file.write("x")
        return plain(*arguments, **options)

    monkeypatch.setattr(watching, "list_tree", writes_on)
    assert refreshed(tmp_path, lambda: None) == 1


def test_a_change_during_the_refresh_leads_to_another(tmp_path: Path) -> None:
    calls = []

    def refresh(root: Path) -> None:
        calls.append(root)
        if len(calls) < 3:
            (tmp_path / f"{len(calls)}.py").touch()

    watch([tmp_path], refresh, waiter=Script(*[lambda: None] * 5), quiet_seconds=0)
    assert len(calls) == 3


def test_only_the_root_that_has_changed(tmp_path: Path) -> None:
    roots = [tmp_path / "a", tmp_path / "b"]
    for root in roots:
        root.mkdir()
    calls: list[str] = []
    change = Script(lambda: (roots[1] / "x.py").touch())
    watch(roots, lambda root: calls.append(root.name), waiter=change, quiet_seconds=0)
    assert calls == ["a", "b", "b"]


def test_a_root_that_goes_away(tmp_path: Path) -> None:
    root = tmp_path / "a"
    root.mkdir()
    with pytest.raises(AdjoinError, match="no such file or folder"):
        refreshed(root, root.rmdir)


def stops_after_a_change(root: Path, waiter: watching.Waiter) -> int:
    """How often a watch refreshes that makes one change itself and ends once it is taken up."""
    stop, calls = threading.Event(), []

    def refresh(root: Path) -> None:
        calls.append(root)
        if len(calls) == 1:
            (root / "new.py").write_text("new")
        else:
            stop.set()

    watch([root], refresh, waiter=waiter, stop=stop, quiet_seconds=0)
    return len(calls)


def test_polling(tmp_path: Path) -> None:
    assert stops_after_a_change(tmp_path, PollingWaiter(0.001)) == 2
    stop = threading.Event()
    stop.set()
    assert not PollingWaiter().wait(stop)


def test_events_of_the_system(tmp_path: Path) -> None:
    pytest.importorskip("watchfiles")
    (tmp_path / "node_modules").mkdir()
    waiter = waiter_for([tmp_path])
    assert isinstance(waiter, EventWaiter)
    assert stops_after_a_change(tmp_path, waiter) == 2
    stop = threading.Event()
    stop.set()
    assert not waiter.wait(stop)
    assert waiter._counts(str(tmp_path / "src" / "a.py"))
    assert not waiter._counts(str(tmp_path / "node_modules" / "a.js"))
    assert not waiter._counts(str(tmp_path / ".adjoin" / "index.sqlite"))


def test_polling_where_events_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("watchfiles")

    def fails(*roots: Path, **options: object) -> None:
        raise OSError("OS file watch limit reached")

    monkeypatch.setattr("watchfiles.watch", fails)
    assert isinstance(waiter_for([tmp_path]), PollingWaiter)
    monkeypatch.setattr(watching, "find_spec", lambda name: None)
    assert isinstance(waiter_for([tmp_path]), PollingWaiter)
