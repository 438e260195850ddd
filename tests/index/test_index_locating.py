"""Where the index of a folder is found: from any folder below it."""

from pathlib import Path

import pytest

from adjoin.index.locating import find_index, index_folder


def test_the_index_is_found_from_any_folder_below(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    index_folder(tmp_path / "a").mkdir()
    for start in (tmp_path / "a", tmp_path / "a" / "b", deep, deep / "file.py"):
        assert find_index(start) == tmp_path / "a" / ".adjoin"
    index_folder(deep).mkdir()
    assert find_index(deep) == deep / ".adjoin"  # the nearest


def test_a_relative_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    index_folder(tmp_path).mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    assert find_index(Path()) == tmp_path / ".adjoin"
    monkeypatch.chdir(tmp_path)
    assert find_index(Path()) == Path(".adjoin")


def test_a_link_leads_to_the_index_of_its_target(tmp_path: Path) -> None:
    (tmp_path / "real" / "sub").mkdir(parents=True)
    index_folder(tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "sub")
    assert find_index(tmp_path / "link") == tmp_path / "real" / ".adjoin"


def test_no_index(tmp_path: Path) -> None:
    (tmp_path / ".adjoin").write_text("a file, no folder")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    found = [find_index(tmp_path), find_index(tmp_path / "loop"), find_index(tmp_path / "absent" / "far")]
    assert all(one is None or not one.is_relative_to(tmp_path) for one in found)
