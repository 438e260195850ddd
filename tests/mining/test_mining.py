import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adjoin.cleaning.exact import Cleaner
from adjoin.errors import AdjoinError
from adjoin.mining import MiningOptions, mine
from adjoin.pairs.dataset import MANIFEST, PairDataset
from adjoin.pairs.languages import parser_for
from adjoin.pairs.pair import Pair, text_hash
from adjoin.tally import Tally


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_same_input_gives_the_same_bytes_from_any_number_of_workers(source_tree: Path, tmp_path: Path) -> None:
    for name, workers in (("one", 1), ("again", 1), ("two", 2)):
        # Small tasks, so that two workers really share them.
        mine([source_tree], tmp_path / name, MiningOptions(workers=workers))
    assert content(tmp_path / "one") == content(tmp_path / "again") == content(tmp_path / "two")


def test_manifest_counts_what_went_in_and_out(pairs_folder: Path) -> None:
    dataset = PairDataset.open(pairs_folder)
    assert dataset.manifest["kinds"] == {"docstring-function python": 100, "neighbours text": 9}
    assert dataset.manifest["counts"]["functions"] == 100
    assert len(dataset) == dataset.manifest["pairs"] == 109
    rows = next(dataset.batches(["x", "y", "x_hash", "y_hash", "group", "kind", "language", "origin"]))
    assert rows["x_hash"] == [text_hash(x) for x in rows["x"]]
    assert rows["y_hash"] == [text_hash(y) for y in rows["y"]]


def test_excluded_and_held_out_texts_stay_out(source_tree: Path, pairs_folder: Path, tmp_path: Path) -> None:
    rows = next(PairDataset.open(pairs_folder).batches(["y_hash"]))
    options = MiningOptions(exclude=("fi*.py",), held_out=frozenset(rows["y_hash"][:5]), workers=1)
    manifest = mine([source_tree], tmp_path / "out", options)
    assert manifest["counts"]["excluded"] == 1
    assert manifest["counts"]["held out"] > 0
    kept = next(PairDataset.open(tmp_path / "out").batches(["origin", "y_hash"]))
    assert not any(origin.startswith("file.py") for origin in kept["origin"])
    assert not options.held_out & set(kept["y_hash"])


def test_duplicates_are_dropped_and_counted() -> None:
    def pair(y: str, origin: str) -> Pair:
        return Pair("x", y, "docstring-function", "python", origin, 0)

    tally = Tally()
    cleaner = Cleaner(frozenset({text_hash("secret")}), tally)
    kept = list(cleaner.clean([pair("a b", "1"), pair("a\n  b", "2"), pair("secret", "3"), pair("c", "4")]))
    assert [p.origin for p in kept] == ["1", "4"]
    assert tally.counts == {"duplicate": 1, "held out": 1}


def test_an_empty_folder_or_one_without_pairs_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(AdjoinError, match="no pairs in"):
        mine([tmp_path / "in"], tmp_path / "out", MiningOptions())
    (tmp_path / "in" / "a.py").write_bytes(b"\0\1\2binary")
    with pytest.raises(AdjoinError, match="1 binary"):
        mine([tmp_path / "in"], tmp_path / "out", MiningOptions())
    assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["in"]  # nothing half-written either


def test_a_folder_that_is_no_dataset_is_not_replaced(source_tree: Path, tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(AdjoinError, match="not a dataset"):
        mine([source_tree], tmp_path, MiningOptions(workers=1))
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_unfinished_damaged_and_missing_datasets_are_one_line(pairs_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(AdjoinError, match="no pairs at"):
        PairDataset.open(tmp_path / "nowhere")
    broken = tmp_path / "pairs"
    broken.mkdir()
    for path in pairs_folder.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    shard = broken / "pairs-00000.parquet"
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(AdjoinError, match="cannot be read"):
        list(PairDataset.open(broken).batches(["x"]))
    shard.unlink()
    with pytest.raises(AdjoinError, match="lacks its shard"):
        PairDataset.open(broken)
    (broken / MANIFEST).unlink()
    with pytest.raises(AdjoinError, match="did not finish"):
        PairDataset.open(broken)


FULL_DISK = """
import resource, sys
from pathlib import Path
from adjoin.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
sys.exit(main(["mine", sys.argv[1], "--out", sys.argv[2], "--workers", "1"]))
"""


def test_a_full_disk_is_one_line_and_leaves_the_old_dataset(
    source_tree: Path, pairs_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "pairs"
    mine([source_tree], out, MiningOptions(workers=1))
    before = content(out)
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(source_tree), str(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("adjoin: ")
    assert done.stderr.count("\n") == 1
    assert os.strerror(errno.EFBIG) in done.stderr
    assert content(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["pairs"]


def test_unknown_language_is_one_line() -> None:
    with pytest.raises(AdjoinError, match="no grammar for language 'cobol'"):
        parser_for("cobol")
