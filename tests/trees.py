"""What the tests of listed files share: git, and the files of a tree."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from adjoin.corpus.tree import Tree

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
needs_any_bytes = pytest.mark.skipif(sys.platform != "linux", reason="file names are any bytes on Linux alone")


def git(folder: Path, *arguments: str, data: bytes = b"") -> bytes:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "protocol.file.allow=always"]
    run = subprocess.run(["git", *identity, *arguments], cwd=folder, input=data, capture_output=True, check=False)
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
