"""The files below a folder: as git lists them, and what git has no say in."""

import os
import shutil
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adjoin.corpus.tree import Tree, list_tree
from adjoin.errors import AdjoinError

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
needs_any_bytes = pytest.mark.skipif(sys.platform != "linux", reason="file names are any bytes on Linux alone")


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, so that the user's own excludes change nothing."""
    folder = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return folder


def git(folder: Path, *arguments: str, data: bytes = b"") -> bytes:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "protocol.file.allow=always"]
    run = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, input=data, capture_output=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def listed_by_git(folder: Path) -> set[str]:
    names = git(folder, "ls-files", "-co", "--exclude-standard", "-z").split(b"\0")
    return {name.decode("utf-8", "backslashreplace") for name in names if name}


def write(root: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def origins(tree: Tree) -> list[str]:
    return [file.origin for file in tree.files]


def reasons(tree: Tree) -> dict[str, str]:
    assert len({one.origin for one in tree.skipped}) == len(tree.skipped)
    return {one.origin: one.reason for one in tree.skipped}


# -- as git -----------------------------------------------------------------------------------------------------

NAMES = ["a", "b", "ab", "A", "a.c", "b.c", "é", ".h"]
PARTS = ["a", "b", "A", "*", "**", "?", "/", "/", ".c", "[ab]", "[A-B]", "é", "\\a", ".h"]
LINE = st.tuples(st.sampled_from(["", "", "", "!", "/", "!/"]), st.lists(st.sampled_from(PARTS), max_size=4))
LINES = st.lists(LINE.map(lambda line: line[0] + "".join(line[1])), max_size=4)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "latin-1", "utf-16"])
LIST = st.tuples(LINES, ENCODINGS, st.sampled_from(["\n", "\r\n"])).map(
    lambda parts: parts[2].join(parts[0]).encode(parts[1])
)
FOLDERS = st.lists(st.sampled_from(NAMES), max_size=2).map("/".join)


@needs_git
@needs_any_bytes
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    paths=st.sets(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map("/".join), max_size=25),
    lists=st.dictionaries(FOLDERS, LIST, max_size=4),
    tracked=st.sets(st.integers(0, 24), max_size=4),
    info=LIST,
    user=LIST,
    ignore_case=st.booleans(),
    version=st.sampled_from([2, 3, 4]),
    below=FOLDERS,
)
def test_what_git_lists(
    home: Path,
    tmp_path_factory: pytest.TempPathFactory,
    paths: set[str],
    lists: dict[str, bytes],
    tracked: set[int],
    info: bytes,
    user: bytes,
    ignore_case: bool,
    version: int,
    below: str,
) -> None:
    root = tmp_path_factory.mktemp("tree")
    (home / ".config" / "git").mkdir(parents=True, exist_ok=True)
    (home / ".config" / "git" / "ignore").write_bytes(user)
    git(root, "init", "--quiet", "--template=")
    git(root, "config", "core.ignoreCase", str(ignore_case).lower())
    git(root, "config", "index.version", str(version))
    write(root, {".git/info/exclude": info})
    files = [path for path in sorted(paths) if not any(other.startswith(path + "/") for other in paths)]
    write(root, dict.fromkeys(files, ""))
    for folder, content in lists.items():
        if not (root / folder).is_file() and not any(file.startswith(f"{folder}/.") for file in files):
            try:
                write(root, {f"{folder}/.gitignore".removeprefix("/"): content})
            except OSError:  # a file stands where the folder would be
                continue
    for number, file in enumerate(files):
        if number in tracked:
            git(root, "add", "--force", "--", file)
    assert set(origins(list_tree(root))) == listed_by_git(root)
    if below and (root / below).is_dir():
        seen = git(root, "check-ignore", "-z", "--stdin", data=b"") if False else b""
        assert not seen
        if (listed := listed_by_git(root / below)) :
            assert set(origins(list_tree(root / below))) == listed
