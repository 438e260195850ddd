"""Input that changes while it is mined is counted, and a work folder of a killed run is no obstacle."""

import os
import zipfile
from pathlib import Path

import pytest

from adjoin.errors import AdjoinError
from adjoin.mining import Engine, MiningOptions, making, mine, run
from small_sources import function_source

CHANGED = "changed while it was read"


def source(root: Path) -> Path:
    root.mkdir()
    (root / "a.py").write_text(function_source("open", "file"))
    with zipfile.ZipFile(root / "b.zip", "w") as file:
        file.writestr("b.py", function_source("close", "door"))
    return root


@pytest.mark.parametrize("name", ["a.py", "b.zip"])
def test_it_is_counted(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, read = source(tmp_path / "in"), making.read_source

    def changing(given: object, *arguments: object, **named: object) -> object:
        yield from read(given, *arguments, **named)  # type: ignore[arg-type]
        if given.path.name == name:  # type: ignore[attr-defined]
            status = given.path.stat()  # type: ignore[attr-defined]
            given.path.write_bytes(given.path.read_bytes())  # type: ignore[attr-defined]
            os.utime(given.path, ns=(status.st_atime_ns, status.st_mtime_ns))  # type: ignore[attr-defined]

    monkeypatch.setattr(making, "read_source", changing)
    manifest = mine([root], tmp_path / "out", MiningOptions(), engine=Engine(workers=1))
    assert manifest["counts"][CHANGED] == 1
    assert manifest["examples"][CHANGED] == [name]


def test_what_stays_the_same_is_not(tmp_path: Path) -> None:
    manifest = mine([source(tmp_path / "in")], tmp_path / "out", MiningOptions(), engine=Engine(workers=1))
    assert CHANGED not in manifest["counts"]


def test_a_work_folder_without_its_parts_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a kill amid its deletion left it: plan and reports, and no pairs."""
    root, out = source(tmp_path / "in"), tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(run, "decide", lambda *given: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            mine([root], out, MiningOptions(), engine=Engine(workers=1))
    work = tmp_path / ".out.mining"
    assert (work / "plan.json").exists()
    for path in (*work.glob("*.parquet"), *work.glob("*.npy")):
        path.unlink()
    manifest = mine([root], out, MiningOptions(), engine=Engine(workers=1))
    assert manifest == mine([root], tmp_path / "fresh", MiningOptions(), engine=Engine(workers=1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fresh", "in", "out"]


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_a_folder_of_somebody_else_with_the_name_of_the_work_folder(kind: str, tmp_path: Path) -> None:
    root, work = source(tmp_path / "in"), tmp_path / ".out.mining"
    target = work if kind == "folder" else tmp_path / "target"
    target.mkdir()
    (target / "notes.txt").write_text("precious")
    if kind == "link":
        work.symlink_to(target)
    elif kind == "file":
        work.write_text("precious")
    with pytest.raises(AdjoinError, match=r"\.out\.mining is no work folder of mining: remove it"):
        mine([root], tmp_path / "out", MiningOptions(), engine=Engine(workers=1))
    assert (target / "notes.txt").read_text() == "precious"
    assert work.exists()
