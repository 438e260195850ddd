"""Killed at any moment, the same command goes on and ends with the same bytes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adjoin.cli import main
from adjoin.mining import Engine, MiningOptions, making, mine, work
from patience import wait_until
from small_sources import NOUNS, VERBS, function_source

COMMAND = """
import sys
from adjoin.mining import work
work.TASK_BYTES = 2000
from adjoin.cli import main
sys.exit(main(sys.argv[1:]))
"""

# Its parts are made, and the merge never begins: whoever is to kill it cannot come too late.
ENDLESS = "import signal\nfrom adjoin.mining import run\nrun.decide = lambda *given: signal.pause()\n" + COMMAND


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Forty packages of ten functions."""
    root = tmp_path / "in"
    for number in range(40):
        folder = root / f"package{number:02d}"
        folder.mkdir(parents=True)
        (folder / "module.py").write_text(
            "\n\n".join(function_source(verb, f"{NOUNS[number % 10]}_{number}") for verb in VERBS)
        )
    return root


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_any_moment_the_same_bytes(many: Path, tmp_path: Path, workers: int) -> None:
    arguments = ["mine", str(many), "--workers", str(workers), "--out"]
    run, endless = [sys.executable, "-c", COMMAND, *arguments], [sys.executable, "-c", ENDLESS, *arguments]
    subprocess.run([*run, str(tmp_path / "whole")], check=True, capture_output=True)
    out, hidden = tmp_path / "killed", tmp_path / ".killed.mining"
    killed = 0
    for parts_wanted in (1, 4, 9, 20, 30):
        process = subprocess.Popen([*endless, str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda wanted=parts_wanted: len(list(hidden.glob("part-*.json"))) >= wanted, process)
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
    assert killed == 5, "it was really killed"
    subprocess.run([*run, str(out)], check=True, capture_output=True)
    assert content(out) == content(tmp_path / "whole")
    assert not hidden.exists()


def test_parts_that_are_done_are_not_made_again(
    source_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "TASK_BYTES", 2000)
    read: list[str] = []
    read_source = making.read_source

    def noting(source: object, *arguments: object, **named: object) -> object:
        read.append(source.origin)  # type: ignore[attr-defined]
        if len(read) == 5:
            raise KeyboardInterrupt
        return read_source(source, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(making, "read_source", noting)
    with pytest.raises(KeyboardInterrupt):
        mine([source_tree], tmp_path / "out", MiningOptions(), engine=Engine(workers=1))
    assert not (tmp_path / "out").exists()
    before = len(read) - 1
    mine([source_tree], tmp_path / "out", MiningOptions(), engine=Engine(workers=1))
    assert sorted(set(read)) == sorted(path.name for path in source_tree.iterdir())
    assert len(read) <= len(set(read)) + 2, f"only what was under way is read again; {before} were read before"


def test_changed_input_or_options_begin_anew(
    source_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "TASK_BYTES", 2000)
    tree = tmp_path / "tree"
    tree.mkdir()
    for path in source_tree.iterdir():
        (tree / path.name).write_bytes(path.read_bytes())
    make_part, made = making.make_part, []

    def stop(task: work.MiningTask, context: making.MiningContext) -> int:
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(task.number)
        return make_part(task, context)

    with monkeypatch.context() as patch:
        patch.setattr("adjoin.mining.run.make_part", stop)
        with pytest.raises(KeyboardInterrupt):
            mine([tree], tmp_path / "out", MiningOptions(), engine=Engine(workers=1))
    assert list((tmp_path / ".out.mining").glob("part-*.json"))
    first = sorted(tree.iterdir())[0]
    first.write_text(first.read_text().replace("def ", "def very_"))
    os.utime(first, (1, 1))
    manifest = mine([tree], tmp_path / "out", MiningOptions(), engine=Engine(workers=1))
    fresh = mine([tree], tmp_path / "fresh", MiningOptions(), engine=Engine(workers=1))
    assert manifest == fresh


def test_interrupted_on_the_command_line_it_says_how_to_go_on(
    source_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("adjoin.mining.run.make_part", lambda *given: (_ for _ in ()).throw(KeyboardInterrupt))
    assert main(["mine", str(source_tree), "--out", str(tmp_path / "out"), "--workers", "1"]) == 130
    assert "the same command goes on" in capsys.readouterr().err
