"""Shards and manifest: what is written is read back, and damage is an error of one line."""

from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from adjoin.errors import AdjoinError
from adjoin.pairs import dataset
from adjoin.pairs.dataset import PairDataset, write_manifest, write_shards
from adjoin.pairs.pair import Pair

PAIRS = [Pair(f"x {i}", f"y {i}", "neighbours", "text", f"a.md:{i}", i) for i in range(10)]


def written(folder: Path, pairs: list[Pair], *, negatives: bool = False) -> PairDataset:
    folder.mkdir()
    shards = write_shards(pairs, folder, negatives=negatives)
    write_manifest(folder, {"pairs": len(pairs), **({"negatives": 9} if negatives else {}), "shards": shards})
    return PairDataset.open(folder)


def test_the_eight_plain_columns_are_enough_to_be_read(tmp_path: Path) -> None:
    """Others write this format too: provenance is ours, the columns of DESIGN are everyone's."""
    written_dataset = written(tmp_path / "pairs", PAIRS)
    shard = written_dataset.folder / "pairs-00000.parquet"
    table = pyarrow.parquet.read_table(shard)
    assert table.column_names[8:] == ["name", "licence", "repository"]
    pyarrow.parquet.write_table(table.select(table.column_names[:8]), shard, row_group_size=8_192)
    assert next(written_dataset.batches(["x", "group"]))["x"] == [pair.x for pair in PAIRS]
    pyarrow.parquet.write_table(table.drop_columns(["y_hash"]), shard, row_group_size=8_192)
    with pytest.raises(AdjoinError, match="no y_hash"):
        next(written_dataset.batches(["x"]))


def test_parts_read_one_by_one_are_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "ROWS_PER_PART", 3)
    monkeypatch.setattr(dataset, "ROWS_PER_SHARD", 7)
    written_dataset = written(tmp_path / "pairs", PAIRS)
    assert [(part.path.name[6:11], part.number, part.rows) for part in written_dataset.parts()] == [
        ("00000", 0, 3),
        ("00000", 1, 3),
        ("00000", 2, 1),
        ("00001", 0, 3),
    ]
    assert [x for batch in written_dataset.batches(["x"]) for x in batch["x"]] == [pair.x for pair in PAIRS]


def test_explicit_negatives_are_a_column_of_their_own(tmp_path: Path) -> None:
    pairs = [Pair("x", "y", "labelled", "text", "f:1", i, negatives=tuple("abc"[:i])) for i in range(4)]
    written_dataset = written(tmp_path / "pairs", pairs, negatives=True)
    assert written_dataset.has_negatives
    assert next(written_dataset.batches(["negatives"]))["negatives"] == [[], ["a"], ["a", "b"], ["a", "b", "c"]]


def test_a_shard_that_is_not_the_manifests_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written_dataset = written(tmp_path / "pairs", PAIRS)
    other = written(tmp_path / "other", [Pair("x", "y", "k", "l", "f:1", 1)] * 9, negatives=True)
    (written_dataset.folder / "pairs-00000.parquet").write_bytes(
        (other.folder / "pairs-00000.parquet").read_bytes()
    )
    with pytest.raises(AdjoinError, match=r"cannot be read \(expected 10 rows; it has 9 of x, y.*negatives"):
        next(written_dataset.batches(["x"]))
    monkeypatch.setattr(dataset, "ROWS_PER_PART", 4)  # row groups of another size
    for part in other.parts():
        with pytest.raises(AdjoinError, match="cannot be read") as error:
            part.read(["x"])
        assert "\n" not in str(error.value)
