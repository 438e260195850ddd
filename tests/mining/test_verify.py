import json
import shutil
from pathlib import Path

import pytest

from adjoin.cli import main
from adjoin.errors import AdjoinError
from adjoin.mining import Engine, MiningOptions, mine
from adjoin.mining.verify import verify
from adjoin.pairs.dataset import MANIFEST


@pytest.fixture
def tree(source_tree: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(source_tree, tmp_path / "tree"))


@pytest.fixture
def mined(tree: Path, tmp_path: Path) -> Path:
    mine([tree], tmp_path / "out", MiningOptions(exclude=("matrix.py",)), engine=Engine(workers=1))
    return tmp_path / "out"


def differences(tree: Path, mined: Path) -> str:
    return "; ".join(verify([tree], mined, engine=Engine(workers=1)).differences)


def test_the_same_input_verifies_with_the_options_of_the_manifest(tree: Path, mined: Path) -> None:
    verification = verify([tree], mined, engine=Engine(workers=1))
    assert verification.differences == ()
    assert (verification.pairs, verification.inputs) == (json.loads((mined / MANIFEST).read_text())["pairs"], 10)


def test_changed_new_and_missing_inputs_are_named(tree: Path, mined: Path) -> None:
    (tree / "file.py").write_text((tree / "file.py").read_text() + "\n# one more line\n")
    assert "input file.py has changed" in differences(tree, mined)
    (tree / "file.py").unlink()
    (tree / "new.py").write_text("x = 1\n")
    lines = differences(tree, mined)
    assert "input file.py is gone" in lines
    assert "input new.py is new" in lines
    assert "functions: " in lines


def test_a_shard_or_a_manifest_that_was_changed_is_reported(tree: Path, mined: Path) -> None:
    shard = mined / "pairs-00000.parquet"
    before = shard.read_bytes()
    shard.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    assert "pairs-00000.parquet on the disk is not the one" in differences(tree, mined)
    shard.write_bytes(before)
    manifest = json.loads((mined / MANIFEST).read_text())
    manifest["counts"]["functions"] += 1
    (mined / MANIFEST).write_text(json.dumps(manifest))
    assert "functions: 91 in the manifest, 90 now" in differences(tree, mined)


def test_on_the_command_line(tree: Path, mined: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["mine", str(tree), "--out", str(mined), "--verify", "--workers", "1"]
    assert main(arguments) == 0
    assert "the same bytes again" in capsys.readouterr().out
    assert main([*arguments, "--package-cap", "3"]) == 1
    assert "leave out --package-cap" in capsys.readouterr().err
    (tree / "file.py").unlink()
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert "input file.py is gone" in error
    assert error.count("\n") == 1


def test_what_cannot_be_verified_is_one_line(tree: Path, mined: Path, tmp_path: Path) -> None:
    with pytest.raises(AdjoinError, match="was decontaminated against"):
        verify([tree], mined, decontaminate=[tree])
    manifest = json.loads((mined / MANIFEST).read_text())
    del manifest["options"]
    (mined / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(AdjoinError, match="names no options"):
        verify([tree], mined)
