"""`adjoin index` and `adjoin status`: what is in, what is not and why, one fact a line."""

import json
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from adjoin.cli import main

GOOD = "def open_the_door(key):\n    return key.turn()\n"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "a repo"
    for name, text in {"good.py": GOOD, "lib/more.py": GOOD.replace("door", "gate"), "ignored.py": GOOD}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "picture.bin").write_bytes(bytes(range(256)))
    (root / ".gitignore").write_text("ignored.py\n")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    monkeypatch.chdir(tmp_path)
    return root


def run(*words: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(list(words)) == 0
    return capsys.readouterr().out


def test_index_piped_is_one_line_a_fact(repo: Path) -> None:
    command = [sys.executable, "-m", "adjoin", "index", str(repo)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=None)
    lines = done.stdout.splitlines()
    assert lines[0] == f"index: {repo}/.adjoin"
    assert lines[1].startswith("files: ")
    assert "added" in lines[1]
    assert lines[2].startswith("pieces: ")
    assert any(line.startswith("left out or cut: ") for line in lines)
    assert lines[-2:] == [
        "Next:",
        f"  adjoin search \"what you look for\" '{repo}'",
    ]  # to copy: quoted, not wrapped
    assert f"  adjoin status '{repo}' --skipped" in lines
    assert done.stderr == ""


def test_dry_run_names_every_file_and_writes_nothing(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = run("index", "a repo", "--dry-run", capsys=capsys).splitlines()
    assert "in   good.py: 1 pieces" in lines
    assert "in   lib/more.py: 1 pieces" in lines
    assert any(line.startswith("out  picture.bin: ") for line in lines)
    assert "out  ignored.py: ignored by .gitignore" in lines
    assert "would be indexed" in lines[-1]
    assert not (repo / ".adjoin").exists()
    lines = run("index", "a repo", "--dry-run", "--exclude", "lib/", capsys=capsys).splitlines()
    assert any(line.startswith("out  lib/: ") for line in lines)


def test_status(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "a repo"]) == 1
    assert "no index at" in capsys.readouterr().err
    run("index", "a repo", capsys=capsys)
    facts = dict(line.split(": ", 1) for line in run("status", "a repo/lib", capsys=capsys).splitlines())
    assert facts["folder"] == str(repo)
    assert facts["model"].startswith("code, dimension ")
    assert facts["files"].startswith("2, ") or facts["files"].startswith("3, ")
    assert "python" in facts["languages"]
    assert facts["changed since"] == "nothing"
    (repo / "good.py").write_text(GOOD * 2)
    (repo / "lib" / "more.py").unlink()
    (repo / "new.py").write_text(GOOD)
    value = json.loads(run("status", "--json", "--files", "--skipped", "a repo", capsys=capsys))
    assert (value["added"], value["changed"], value["removed"]) == (["new.py"], ["good.py"], ["lib/more.py"])
    assert set(value) == {
        *("root", "index", "index_bytes", "model", "fingerprint", "dimension", "version", "adjoin"),
        *("files", "bytes", "pieces", "languages", "added", "changed", "removed", "left_out", "in_part"),
        *("indexed_files", "skipped_files"),
    }
    (ignored,) = (one for one in value["skipped_files"] if one["path"] == "ignored.py")
    assert ignored == {
        "path": "ignored.py",
        "reason": "ignored by .gitignore",
        "in_part": False,
        "number": 1,
        "examples": [],
    }
    assert "good.py" in [file["path"] for file in value["indexed_files"]]


def test_status_lists(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("index", "a repo", capsys=capsys)
    listed = run("status", "a repo", "--files", capsys=capsys).splitlines()
    assert {"good.py", "lib/more.py"} <= set(listed)
    skipped = run("status", "a repo", "--skipped", capsys=capsys).splitlines()
    assert "ignored.py: ignored by .gitignore" in skipped
    assert any(line.startswith("picture.bin: ") for line in skipped)
    assert not set(listed) & {line.split(": ")[0] for line in skipped}


def test_what_is_left_out_or_cut_is_named_file_by_file(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repo / "long.py").write_text(GOOD + f"WORDS = '{'one more word ' * 3000}'\n" * 2)
    with zipfile.ZipFile(repo / "lib.jar", "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\nCreated-By: a test of archives\n")
        for number in range(9):
            jar.writestr(f"org/C{number}.class", bytes(range(256)))
    for _ in range(2):  # the second time from the records
        lines = run("index", "a repo", capsys=capsys).splitlines()
        (told,) = (line for line in lines if line.startswith("left out or cut: "))
        named = run("status", "a repo", "--skipped", capsys=capsys).splitlines()
        assert "long.py: in part: long line cut (2 times)" in named
        assert "lib.jar: in part: binary (9 in it: !org/C0.class, !org/C1.class, !org/C2.class, ...)" in named
        of_course = [line for line in named if line.startswith((".git: ", ".git/", ".adjoin"))]
        assert int(told.split()[4]) == len(named) - len(of_course)
    value = json.loads(run("status", "--json", "--skipped", "a repo", capsys=capsys))
    assert value["in_part"] == {"long line cut": 1, "binary": 1}
    (binary,) = (one for one in value["skipped_files"] if one["path"] == "lib.jar")
    assert (binary["in_part"], binary["number"], len(binary["examples"])) == (True, 9, 3)
    assert "read in part: 1 binary, 1 long line cut" in run("status", "a repo", capsys=capsys)
    dry = run("index", "a repo", "--dry-run", capsys=capsys)
    assert re.search(r"^in   long.py: \d+ pieces, in part: long line cut \(2 times\)$", dry, re.MULTILINE)


def test_a_search_keeps_to_the_choice_of_files(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("index", "a repo", "--exclude", "lib/", capsys=capsys)
    (repo / "lib" / "other.py").write_text(GOOD.replace("door", "hatch"))
    assert "lib" not in run("search", "open_the_door", "a repo", "-l", "-n", "20", capsys=capsys)
    run("index", "a repo", capsys=capsys)
    assert "lib" not in run("status", "a repo", "--files", capsys=capsys)
    run("index", "a repo", "--exclude", "", capsys=capsys)  # forget it
    assert "lib/other.py" in run("search", "open_the_hatch", "a repo", "-l", capsys=capsys)


def test_an_index_elsewhere(repo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = run("index", "a repo", "--out", "an index", capsys=capsys).splitlines()
    assert lines[-1] == "  adjoin search \"what you look for\" --index 'an index'"
    assert not (repo / ".adjoin").exists()
    (repo / "new.py").write_text(GOOD.replace("door", "hatch"))
    found = run("search", "open_the_hatch", "--index", "an index", "-l", capsys=capsys).splitlines()
    assert found[0] == "a repo/new.py"
    assert f"folder: {repo}" in run("status", "--index", "an index", capsys=capsys).splitlines()
    assert main(["index", "a repo/lib", "--out", "an index"]) == 1  # another folder's
    assert "belongs to" in capsys.readouterr().err


def test_a_folder_that_has_moved_keeps_its_index(
    repo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("index", "a repo", capsys=capsys)
    repo.rename(tmp_path / "moved")
    assert run("search", "open_the_gate", "moved", "-l", capsys=capsys).splitlines()[0] == "moved/lib/more.py"
    value = json.loads(run("status", "moved", "--json", capsys=capsys))
    assert (value["root"], value["added"], value["changed"]) == (str(tmp_path / "moved"), [], [])


def test_only_some_files(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("index", "a repo", "--include", "ignored.py", capsys=capsys)
    assert run("status", "a repo", "--files", capsys=capsys) == "ignored.py\n"


def test_the_model_of_an_index_stays(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("index", "a repo", "--model", "text", capsys=capsys)
    assert "embedded again" not in run("index", "a repo", capsys=capsys)
    assert json.loads(run("status", "a repo", "--json", capsys=capsys))["model"] == "text"
    assert "embedded again" in run("index", "a repo", "--model", "code", capsys=capsys)


def test_watch_takes_changes_in_until_ctrl_c(repo: Path) -> None:
    command = [sys.executable, "-m", "adjoin", "index", str(repo), "--watch"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stdout is not None
    assert process.stderr.readline().startswith("adjoin: watching ")
    (repo / "new.py").write_text(GOOD.replace("door", "hatch"))
    lines = []
    while not lines or "1 added" not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr.read()
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 0
    shown = subprocess.run(
        [sys.executable, "-m", "adjoin", "search", "open_the_hatch", str(repo), "-l", "--no-refresh"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.splitlines()[0] == f"{repo}/new.py"
