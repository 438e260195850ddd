"""Which index answers for a path, and the paths that hits are shown with."""

import os
from pathlib import Path

import pytest

from adjoin.errors import AdjoinError
from adjoin.index.repositories import Repositories, Target, place_of, targets_of
from adjoin.index.store import Filter


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An indexed folder `a` with folders in it, a git repository `b`, and a plain folder `c`."""
    for folder in ("a/.adjoin", "a/sub/deep", "b/.git", "b/sub", "c/sub"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "a" / "sub" / "file.py").write_text("x = 1\n")
    (tmp_path / "c" / "file.py").write_text("x = 1\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("here", "root"), [("a", "a"), ("a/sub/deep", "a"), ("b", "b"), ("b/sub", "b"), ("c", "c"), ("c/sub", "c/sub")]
)
def test_without_a_path(here: str, root: str, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree / here)
    (target,) = targets_of()
    assert (target.root, target.folder, target.within) == (tree / root, tree / root / ".adjoin", {})
    assert target.file("sub/x.py") == os.path.relpath(tree / root / "sub" / "x.py")


@pytest.mark.parametrize(
    ("path", "root", "within", "shown"),
    [
        ("a", "a", [], {"sub/file.py": "a/sub/file.py"}),
        ("a/sub", "a", ["sub"], {"sub/file.py": "a/sub/file.py"}),
        ("a/sub/../sub", "a", ["sub"], {"sub/file.py": "a/sub/../sub/file.py"}),
        ("a/sub/file.py", "a", ["sub/file.py"], {"sub/file.py": "a/sub/file.py"}),
        ("b", "b", [], {"sub/x.py": "b/sub/x.py"}),
        ("b/sub", "b/sub", [], {"x.py": "b/sub/x.py"}),  # no index above: a folder gets its own
        ("c/file.py", "c", ["file.py"], {"file.py": "c/file.py"}),
    ],
)
def test_a_path(path: str, root: str, within: list[str], shown: dict[str, str], tree: Path) -> None:
    (target,) = targets_of([Path(path)])
    assert target.root == tree / root
    assert list(target.within) == within
    assert {hit: target.file(hit) for hit in shown} == shown


def test_paths_of_one_index_are_one_target(tree: Path) -> None:
    (target,) = targets_of([Path("a/sub/deep"), Path("a/sub/file.py")])
    assert target.within == {"sub/deep": Path("a/sub/deep"), "sub/file.py": Path("a/sub/file.py")}
    (target,) = targets_of([Path("a/sub"), Path("a")])
    assert target.within == {}
    assert [target.root for target in targets_of([Path("c"), Path("a"), Path("c")])] == [tree / "c", tree / "a"]


def test_an_index_by_its_folder(tree: Path) -> None:
    (target,) = targets_of(index=Path("a/.adjoin"))
    assert (target.root, target.file("x.py")) == (tree / "a", "a/x.py")
    with pytest.raises(AdjoinError, match="expected one of them"):
        targets_of([Path("a")], index=Path("a/.adjoin"))
    with pytest.raises(AdjoinError, match="no index at elsewhere"):
        targets_of(index=Path("elsewhere"))


@pytest.mark.parametrize("folder", ["home", "top"])
def test_a_home_folder_must_be_named(folder: str, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tree / "c"))
    monkeypatch.chdir(tree / "c" if folder == "home" else "/")
    with pytest.raises(AdjoinError, match="name the folder to search"):
        targets_of()
    assert targets_of([tree / "c"])[0].root == tree / "c"


def test_the_place_of_a_file(tree: Path) -> None:
    target, path = place_of(Path("a/sub/file.py"))
    assert (target.root, target.within, path) == (tree / "a", {}, "sub/file.py")
    target, path = place_of(Path("a/sub/file.py"), targets_of([Path("c"), Path("a/sub")]))
    assert (list(target.within), path) == (["sub"], "sub/file.py")
    with pytest.raises(AdjoinError, match="is in none of"):
        place_of(Path("c/file.py"), targets_of([Path("a")]))
    with pytest.raises(AdjoinError, match="is no file"):
        place_of(Path("c"))


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


def test_without_a_refresh_there_must_be_an_index(tree: Path) -> None:
    with pytest.raises(AdjoinError, match="no index at"):
        Repositories(refreshes=False).search([Target(tree / "c", tree / "c" / ".adjoin")], "retry")
    assert not (tree / "c" / ".adjoin").exists()


def test_an_index_that_is_damaged_is_no_answer(tree: Path) -> None:
    (tree / "a" / ".adjoin" / "index.sqlite").write_text("no database")
    with pytest.raises(AdjoinError, match="damaged"):
        Repositories().search(targets_of([Path("a")]), "retry")
