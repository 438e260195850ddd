"""The paths of git's index in its three versions, and indexes that are damaged."""

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from adjoin.corpus.git.index import TrackedFiles, UnreadableIndexError, read_index

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
LONG = "/".join(["folder" * 20] * 40)  # longer than the index has a number for
PATHS = [
    "a",
    "b/a",
    "b/aa",
    "b-",
    "ab/" * 300 + "c",
    LONG,
    f"{LONG}2",
    "é",
    "x\ny",
    *(f"d/{n}" for n in range(200)),
]


def git(folder: Path, *arguments: str, data: str = "") -> bytes:
    return subprocess.run(
        ["git", *arguments], cwd=folder, input=data.encode(), capture_output=True, check=True
    ).stdout


def repository(folder: Path, version: int, *arguments: str) -> Path:
    """A repository that tracks PATHS, without files; the path of its index."""
    git(folder, "init", "--quiet", *arguments)
    git(folder, "config", "core.longpaths", "true")
    blob = git(folder, "hash-object", "-w", "--stdin").decode().strip()
    git(folder, "update-index", "-z", "--index-info", data="".join(f"100644 {blob}\t{path}\0" for path in PATHS))
    if version == 3:
        git(folder, "update-index", "--skip-worktree", "b/a", "d/7")
    git(folder, "update-index", "--index-version", str(version))
    return folder / ".git" / "index"


@needs_git
@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize(("form", "hash_bytes"), [("sha1", 20), ("sha256", 32)])
def test_the_paths_are_git_s(tmp_path: Path, version: int, form: str, hash_bytes: int) -> None:
    index = repository(tmp_path, version, f"--object-format={form}")
    assert index.read_bytes()[7] == version
    assert read_index(index, hash_bytes).paths == git(tmp_path, "ls-files", "-z").split(b"\0")[:-1]


@needs_git
def test_a_split_index_is_refused(tmp_path: Path) -> None:
    index = repository(tmp_path, 2)
    git(tmp_path, "update-index", "--split-index")
    with pytest.raises(UnreadableIndexError, match="split"):
        read_index(index)


@needs_git
@pytest.mark.parametrize("version", [2, 4])
def test_a_damaged_index_is_refused_or_read(tmp_path: Path, version: int) -> None:
    index = repository(tmp_path, version)
    whole = index.read_bytes()
    chance = random.Random(version)
    broken = tmp_path / "broken"
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.randint(0, 8)):
            data[chance.randrange(12, len(data))] = chance.randrange(256)
        broken.write_bytes(data[: chance.choice([len(data), chance.randrange(len(data))])])
        try:
            assert all(read_index(broken).paths)
        except UnreadableIndexError:
            continue
    for data in (b"", b"DIRC", b"DIRC\0\0\0\5\0\0\0\0", b"DIRC\0\0\0\2\xff\xff\xff\xff" + whole[12:], whole[:-40]):
        broken.write_bytes(data)
        with pytest.raises(UnreadableIndexError, match="damaged"):
            read_index(broken)


def test_an_index_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adjoin.corpus.git.index.MAX_INDEX_BYTES", 100)
    (tmp_path / "index").write_bytes(b"DIRC\0\0\0\2" + bytes(100))
    with pytest.raises(UnreadableIndexError, match="too large"):
        read_index(tmp_path / "index")


def test_what_is_tracked(tmp_path: Path) -> None:
    assert read_index(tmp_path / "absent").paths == []
    tracked = TrackedFiles([b"a-", b"a/b/c", b"a0", b"d"])
    assert [
        path for path in (b"a", b"a/b", b"a/b/c", b"a/b/c/d", b"a/c", b"d", b"e", b"a-") if tracked.holds(path)
    ] == [*[b"a", b"a/b", b"a/b/c", b"d", b"a-"]]
