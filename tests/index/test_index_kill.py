"""Killed or out of space at any step: the old state answers, and the next run completes the update."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from bag_encoder import BagEncoder, content, write

from adjoin.errors import AdjoinError
from adjoin.index import Index, update, update_index

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("killed_update.py")
FILES = 12


def sources(root: Path, *, edited: bool = False) -> Path:
    """Small files and one that is larger than a batch."""
    mark = "after" if edited else "before"
    files = {f"f{n}.py": f"def name_{n}():\n    return '{mark if n % 3 == 0 else ''}'\n" for n in range(FILES)}
    files["large.py"] = "\n\n".join(f"def big_{n}():\n    return '{mark} {n}'" for n in range(20))
    return write(root, files)


def run(root: Path, folder: Path, point: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), str(root), str(folder), point]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(update, "BATCH_PIECES", 8)


@pytest.fixture
def whole(tmp_path: Path) -> list[dict[str, object]]:
    """What an uninterrupted run makes of the edited sources."""
    root = sources(tmp_path / "whole", edited=True)
    update_index(root, tmp_path / "whole.index", BagEncoder())
    return content(tmp_path / "whole.index")


@pytest.mark.parametrize("point", ["embed3"])
def test_the_first_run_is_killed(tmp_path: Path, whole: list[dict[str, object]], point: str) -> None:
    root, folder = sources(tmp_path / "root", edited=True), tmp_path / "index"
    assert run(root, folder, point).returncode == -signal.SIGKILL
    with pytest.raises(AdjoinError, match=r"incomplete.*run `adjoin index` again"):
        Index.open(folder)
    encoder = BagEncoder()
    report = update_index(root, folder, encoder)
    assert content(folder) == whole
    assert report.unchanged > 0
    assert len(encoder.documents) < len(whole)


@pytest.mark.parametrize("point", ["embed4", "describe", "clean"])
def test_an_update_is_killed(tmp_path: Path, whole: list[dict[str, object]], point: str) -> None:
    root, folder = sources(tmp_path / "root"), tmp_path / "index"
    write(root, {"gone.py": "def gone(): pass\n"})
    update_index(root, folder, BagEncoder())
    old = content(folder)
    (root / "gone.py").unlink()
    sources(root, edited=True)
    assert run(root, folder, point).returncode == -signal.SIGKILL
    assert content(folder) == (whole if point == "clean" else old)
    assert Index.open(folder).search("name", BagEncoder())
    encoder = BagEncoder()
    update_index(root, folder, encoder)
    assert content(folder) == whole
    assert len(encoder.documents) < 24  # what a run from the start embeds: 4 small files and a large one


def test_the_disk_is_full(tmp_path: Path, whole: list[dict[str, object]]) -> None:
    root, folder = sources(tmp_path / "root"), tmp_path / "index"
    update_index(root, folder, BagEncoder())
    old = content(folder)
    sources(root, edited=True)
    # A batch, then the compaction of all rows, is committed by Lance 13 although its file is cut short.
    for limit in (4_000, 16_000):
        result = run(root, folder, f"full{limit}")
        assert result.returncode == 3, result.stderr
        assert result.stderr.startswith(("AdjoinError: cannot", "OSError:"))
        assert result.stderr.count("\n") == 1
        assert content(folder) == old
        assert Index.open(folder).search("name", BagEncoder())
    update_index(root, folder, BagEncoder())
    assert content(folder) == whole
