"""Several indexes searched together, each refreshed before it answers."""

import shutil
from pathlib import Path

import pytest

from adjoin.errors import AdjoinError
from adjoin.index.folders.repositories import Repositories
from adjoin.index.folders.targets import Target, targets_of
from adjoin.index.store import Filter


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two folders; `a` has a folder for an index."""
    for folder in ("a/.adjoin", "a/sub", "c"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_repositories_from_python(tree: Path) -> None:
    lines: list[str] = []
    (tree / "a" / "sub" / "file.py").write_text("def retry_upload():\n    return send()\n")
    (tree / "c" / "file.py").write_text("def retry_download():\n    return fetch()\n")
    repositories = Repositories(notice=lines.append)
    targets = targets_of([Path("a"), Path("c")])
    found = repositories.search(targets, "retry_download", where=Filter(languages=("python",)))
    assert [one.file for one in found] == ["c/file.py", "a/sub/file.py"]
    assert [one.root for one in found] == [tree / "c", tree / "a"]
    assert sorted(line.split(":")[0] for line in lines) == [f"indexed {tree / 'a'}", f"indexed {tree / 'c'}"]
    (tree / "c" / "file.py").unlink()
    (tree / "c" / "other.py").write_text("def retry_print():\n    return paint()\n")
    assert [one.file for one in repositories.search(targets[1:], "retry")] == ["c/other.py"]
    assert len(lines) == 2


def test_an_index_that_is_deleted_is_made_again(tree: Path) -> None:
    (tree / "c" / "file.py").write_text("def retry_download():\n    return fetch()\n")
    repositories = Repositories()
    targets = targets_of([Path("c")])
    for _ in range(2):
        assert [one.file for one in repositories.search(targets, "retry_download")] == ["c/file.py"]
        shutil.rmtree(tree / "c" / ".adjoin")


def test_without_a_refresh_there_must_be_an_index(tree: Path) -> None:
    with pytest.raises(AdjoinError, match="no index at"):
        Repositories(refreshes=False).search([Target(tree / "c", tree / "c" / ".adjoin")], "retry")
    assert not (tree / "c" / ".adjoin").exists()


def test_an_index_that_is_damaged_is_no_answer(tree: Path) -> None:
    (tree / "a" / ".adjoin" / "index.sqlite").write_text("no database")
    with pytest.raises(AdjoinError, match="damaged"):
        Repositories().search(targets_of([Path("a")]), "retry")


def test_a_folder_that_the_index_above_leaves_out_is_named(tree: Path) -> None:
    lines: list[str] = []
    (tree / "a" / "file.py").write_text("def retry():\n    return 1\n")
    (tree / "a" / "node_modules" / "x").mkdir(parents=True)
    (tree / "a" / "node_modules" / "x" / "x.js").write_text("function retry() {\n  return 1;\n}\n")
    inner = Path("a/node_modules/x")
    repositories = Repositories(notice=lines.append)
    assert repositories.search(targets_of([inner]), "retry") == []
    assert lines[-1] == f"{inner} is not in the index of {tree / 'a'}: `adjoin index {inner}` makes one"
    repositories.searcher(Target(tree / inner, tree / inner / ".adjoin"))  # so it does
    assert [one.file for one in repositories.search(targets_of([inner]), "retry")] == [f"{inner}/x.js"]
