"""Sources that crash a parser, or take it gigabytes, are counted with their names; the others are mined."""

from pathlib import Path

import pytest

from adjoin.mining import Engine, MiningOptions, mine
from small_sources import function_source


@pytest.mark.parametrize("workers", [1, 2])
def test_a_source_that_crashes_its_parser_is_counted(tmp_path: Path, workers: int) -> None:
    root = tmp_path / "root"
    root.mkdir()
    good = function_source("open", "door") + "\n\n"
    (root / "good.py").write_text(good)
    (root / "comments.py").write_text(good + "/*\n" * 40_000)
    (root / "levels.py").write_text(good + "".join(" " * level + "if x:\n" for level in range(600)))
    manifest = mine([root], tmp_path / "pairs", MiningOptions(), engine=Engine(workers=workers))
    assert manifest["pairs"] == 1
    assert manifest["examples"]["its parser crashed"] == ["comments.py"]
    assert manifest["examples"]["nested too deeply"] == ["levels.py"]
