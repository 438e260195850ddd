"""Ray does what the worker processes do, to the byte."""

from pathlib import Path

import pytest

from adjoin.errors import AdjoinError
from adjoin.mining import Engine, MiningOptions, mine, work


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_unknown_engines_and_numbers_of_workers_are_one_line() -> None:
    with pytest.raises(AdjoinError, match="--engine spark: expected local or ray"):
        Engine("spark")
    with pytest.raises(AdjoinError, match="--workers 0: expected 1 or more"):
        Engine(workers=0)


@pytest.mark.slow
def test_ray_gives_the_same_bytes(source_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray", reason="the extra ray is not installed")
    monkeypatch.setattr(work, "TASK_BYTES", 3000)
    mine([source_tree], tmp_path / "local", MiningOptions(), engine=Engine(workers=1))
    try:
        mine([source_tree], tmp_path / "ray", MiningOptions(), engine=Engine("ray", workers=2))
    finally:
        ray.shutdown()
    assert content(tmp_path / "local") == content(tmp_path / "ray")
