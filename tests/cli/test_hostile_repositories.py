"""Repositories with a file that once ended a run: index, mine and embed process the other files."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from adjoin.cli import main

GOOD = '''\
def open_the_door(key, door):
    """Open the door with the key of the guard."""
    door.turn(key)
    return door.open()
'''
DEEP = "".join(f"{' ' * level}if x:\n" for level in range(511)) + " " * 511 + 'x = "s"\n'


def verbs(root: Path) -> list[list[str]]:
    repository, out = str(root / "repository"), str(root / "out")
    return [
        ["index", repository, "--out", f"{out}/index"],
        ["mine", repository, "--out", f"{out}/pairs", "--workers", "1"],
        ["embed", "code", repository, "--out", f"{out}/vectors"],
    ]


def indexed(root: Path, query: str, capsys: pytest.CaptureFixture[str]) -> set[str]:
    """The files that a search finds."""
    capsys.readouterr()
    assert main(["search", query, "--index", str(root / "out" / "index"), "--json", "--limit", "10"]) == 0
    return {result["path"] for result in json.loads(capsys.readouterr().out)}


def mined(root: Path) -> tuple[int, dict[str, int]]:
    """The number of pairs, and the counts of the manifest."""
    manifest = json.loads((root / "out" / "pairs" / "manifest.json").read_text())
    return manifest["pairs"], manifest["counts"]


def make(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / "repository" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("patterns", "ignored"),
    [
        ("log[a-Z]*.py\n[bad\n", "loga.py"),
        ("*a" * 60 + "b.py\n" + "".join(f"*{n}*\n" for n in range(1000, 4000)), "a" * 100 + "b.py"),
    ],
    ids=["bad-range", "backtracking"],
)
def test_patterns(patterns: str, ignored: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path, {".gitignore": patterns, "good.py": GOOD, ignored: GOOD, "a" * 100 + ".py": "x = 'aaa'\n"})
    for verb in verbs(tmp_path):
        assert main(verb) == 0
    assert "good.py" in indexed(tmp_path, "open the door", capsys)
    pairs, counts = mined(tmp_path)
    assert pairs == 1
    assert counts["ignored by .gitignore"] == 1
    assert counts.get("malformed .gitignore pattern", 0) == patterns.count("[bad")


def test_code_that_is_nested_too_deeply(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path, {"good.py": GOOD, "deep.py": GOOD.replace("door", "gate") + DEEP})
    with zipfile.ZipFile(tmp_path / "repository" / "some.zip", "w") as archive:
        archive.writestr("deep.py", GOOD.replace("door", "lid") + DEEP)
        archive.writestr("fine.py", GOOD.replace("door", "window"))
    for verb in verbs(tmp_path):
        assert main(verb) == 0
    files = {
        "open the door": "good.py",
        "open the gate": "deep.py",
        "open the lid": "some.zip!deep.py",
        "open the window": "some.zip!fine.py",
    }
    for query, file in files.items():
        assert file in indexed(tmp_path, query, capsys)
    pairs, counts = mined(tmp_path)
    assert (pairs, counts["nested too deeply"]) == (2, 2)
    assert len(np.load(tmp_path / "out" / "vectors" / "vectors.npy")) > 4


def test_no_module_of_the_searched_folder_is_imported(tmp_path: Path) -> None:
    for name in ("signal.py", "numpy.py", "json.py", "sqlite3.py"):
        (tmp_path / name).write_text('raise SystemExit("imported from the searched folder")\n')
    (tmp_path / "door.py").write_text(GOOD)
    done = subprocess.run(
        [sys.executable, "-m", "adjoin", "search", "open_the_door", "-l"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "door.py\n"), done.stderr
