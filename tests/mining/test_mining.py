import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest

from adjoin.errors import AdjoinError
from adjoin.mining import Engine, MiningOptions, making, manifest, mine, parts, sharding, work
from adjoin.pairs import dataset
from adjoin.pairs.dataset import MANIFEST, PairDataset
from adjoin.pairs.languages import parser_for
from adjoin.pairs.pair import text_hash


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def _small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks of a file or two, so that several workers really share them."""
    monkeypatch.setattr(work, "TASK_BYTES", 3000)


@pytest.mark.usefixtures("_small_tasks")
def test_the_same_input_gives_the_same_bytes_from_any_number_of_workers(source_tree: Path, tmp_path: Path) -> None:
    for name, workers in (("one", 1), ("again", 1), ("two", 2)):
        mine([source_tree], tmp_path / name, MiningOptions(), engine=Engine(workers=workers))
    assert content(tmp_path / "one") == content(tmp_path / "again") == content(tmp_path / "two")


def test_the_cut_into_tasks_does_not_matter(
    source_tree: Path, pairs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "TASK_BYTES", 1)
    mine([source_tree], tmp_path / "out", MiningOptions(), engine=Engine(workers=1))
    assert content(tmp_path / "out") == content(pairs_folder)


def test_shards_and_row_groups_are_full_whatever_the_parts(
    source_tree: Path, pairs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "TASK_BYTES", 3000)
    for module, name, rows in (
        (sharding, "ROWS_PER_SHARD", 40),
        (sharding, "ROWS_PER_PART", 16),
        (dataset, "ROWS_PER_PART", 16),
        (making, "ROWS", 7),
        (parts, "ROWS", 7),
        (sharding, "ROWS", 7),
        (manifest, "ROWS", 7),
    ):
        monkeypatch.setattr(module, name, rows)
    mine([source_tree], tmp_path / "out", MiningOptions(), engine=Engine(workers=1))
    made = PairDataset.open(tmp_path / "out")
    assert [shard["rows"] for shard in made.manifest["shards"]][:-1] == [40] * ((len(made) - 1) // 40)
    columns = ["x", "y", "origin", "x_hash", "y_hash", "group", "name"]
    rows = [list(zip(*batch.values(), strict=True)) for batch in made.batches(columns)]
    monkeypatch.setattr(dataset, "ROWS_PER_PART", 8192)
    expected = [list(zip(*b.values(), strict=True)) for b in PairDataset.open(pairs_folder).batches(columns)]
    assert list(chain(*rows)) == list(chain(*expected))


def test_manifest_counts_what_went_in_and_out(pairs_folder: Path) -> None:
    made = PairDataset.open(pairs_folder)
    assert made.manifest["kinds"]["docstring-function python"] == 100
    assert made.manifest["kinds"]["neighbours text"] > 3
    assert made.manifest["counts"]["functions"] == 100
    assert len(made) == made.manifest["pairs"] == sum(made.manifest["kinds"].values())
    rows = next(made.batches(["x", "y", "x_hash", "y_hash", "name", "licence"]))
    assert rows["x_hash"] == [text_hash(x) for x in rows["x"]]
    assert rows["y_hash"] == [text_hash(y) for y in rows["y"]]


def test_every_input_stands_in_the_manifest_with_hash_and_counts(source_tree: Path, pairs_folder: Path) -> None:
    made = PairDataset.open(pairs_folder).manifest
    assert [given["origin"] for given in made["inputs"]] == sorted(path.name for path in source_tree.iterdir())
    for given in made["inputs"]:
        data = (source_tree / given["origin"]).read_bytes()
        assert given["sha256"] == hashlib.sha256(data).hexdigest()
        assert given["bytes"] == len(data)
        assert given.keys() >= {"package", "licence", "repository", "counts", "pairs"}
    assert sum(given["pairs"] for given in made["inputs"]) == made["pairs"]
    assert made["bytes"] == sum(given["bytes"] for given in made["inputs"])
    left_out = made["counts"].keys() - {"sources", "documents", "functions", "passages", "candidate pairs"}
    assert left_out <= made["rules"].keys() | {"excluded"}, "each rule says why"


def test_excluded_and_held_out_texts_stay_out(source_tree: Path, pairs_folder: Path, tmp_path: Path) -> None:
    """A dataset of pairs is given as evaluation data: none of its pairs is mined again."""
    held_out = tmp_path / "held-out"
    mine([source_tree / "file.py"], held_out, MiningOptions(), engine=Engine(workers=1))
    options = MiningOptions(exclude=("tok*",), decontaminate=(held_out,))
    manifest = mine([source_tree], tmp_path / "out", options, engine=Engine(workers=1))
    assert manifest["counts"]["excluded"] == 1
    kept = next(PairDataset.open(tmp_path / "out").batches(["origin"]))
    assert not any(origin.startswith(("file.py", "token")) for origin in kept["origin"])
    assert manifest["pairs"] >= 80
    assert sum(given["pairs"] for given in manifest["inputs"] if given["origin"] == "file.py") == 0


def test_duplicates_within_and_across_files_are_dropped_first_come_first_kept(
    source_tree: Path, pairs_folder: Path, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(source_tree, tree / "a")
    shutil.copytree(source_tree, tree / "b")
    result = mine([tree], tmp_path / "out", MiningOptions(template_cap=0), engine=Engine(workers=1))
    before = PairDataset.open(pairs_folder).manifest
    assert result["kinds"] == before["kinds"]
    assert result["counts"]["duplicate"] >= before["pairs"]
    assert result["places"] == {"a": result["pairs"]}
    assert any(origin.startswith("b/") for origin in result["examples"]["duplicate"])


def test_caps_on_packages_and_templates(source_tree: Path, pairs_folder: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for package in ("one", "two"):
        for noun in ("file", "token"):
            (tree / package).mkdir(parents=True, exist_ok=True)
            shutil.copy(source_tree / f"{noun}.py", tree / package / f"{noun}{package}.py")
    shutil.copytree(source_tree, tree / "large", dirs_exist_ok=True)
    options = MiningOptions(template_cap=0, package_cap=30)
    manifest = mine([tree], tmp_path / "out", options, engine=Engine(workers=1))
    assert manifest["places"]["large"] == 30
    assert manifest["counts"]["package over cap"] > 0
    # "Open a file and give what came of it." is one sentence, whatever is opened or closed.
    capped = mine([tree], tmp_path / "capped", MiningOptions(template_cap=7), engine=Engine(workers=1))
    assert capped["places"]["large"] < 20
    assert capped["counts"]["template over cap"] > 60
    again = mine([tree], tmp_path / "again", options, engine=Engine(workers=2))
    assert content(tmp_path / "out") == content(tmp_path / "again")
    assert again == manifest


def test_only_what_the_licences_allow(source_tree: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for package, licence in (("open", "MIT"), ("closed", "Proprietary")):
        shutil.copytree(source_tree, tree / package)
        (tree / package / "package.json").write_text(json.dumps({"name": package, "license": licence}))
    options = MiningOptions(licences=("MIT",))
    manifest = mine([tree], tmp_path / "out", options, engine=Engine(workers=1))
    assert set(manifest["places"]) == {"open"}, "and its duplicate that came first does not shadow it"
    assert manifest["counts"]["licence not allowed"] >= 100
    rows = next(PairDataset.open(tmp_path / "out").batches(["licence"]))
    assert set(rows["licence"]) == {"MIT"}


def test_secrets_and_addresses_are_masked_when_asked(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    code = 'def report(text):\n    """Send the text to the people in charge."""\n    to = "someone@example.org"\n'
    (tree / "a.py").write_text(code + "    mail(to, text)\n    return to\n")
    manifest = mine([tree], tmp_path / "out", MiningOptions(mask=("emails",)), engine=Engine(workers=1))
    rows = next(PairDataset.open(tmp_path / "out").batches(["y"]))
    assert "<email>" in rows["y"][0]
    assert "example.org" not in rows["y"][0]
    assert manifest["counts"]["emails masked"] == 1


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
    with pytest.raises(
        AdjoinError, match=r"something else than a dataset of pairs, precious\.txt: choose another --out"
    ):
        mine([source_tree], tmp_path, MiningOptions(), engine=Engine(workers=1))
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
    mine([source_tree], out, MiningOptions(), engine=Engine(workers=1))
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


def test_only_the_kinds_that_are_asked_for(source_tree: Path, tmp_path: Path) -> None:
    options = MiningOptions(kinds=("docstring-function",))
    manifest = mine([source_tree], tmp_path / "code", options, engine=Engine(workers=1))
    assert list(manifest["kinds"]) == ["docstring-function python"]
    assert manifest["counts"]["prose, of which no pairs were asked for"] == 1
    manifest = mine(
        [source_tree], tmp_path / "prose", MiningOptions(kinds=("neighbours",)), engine=Engine(workers=1)
    )
    assert list(manifest["kinds"]) == ["neighbours text"]
    assert manifest["counts"]["code, of which no pairs were asked for"] == 10
