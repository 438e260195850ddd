import hashlib
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from adjoin.errors import AdjoinError
from adjoin.pairs import dataset
from adjoin.pairs.dataset import PairDataset, write_manifest, write_shards
from adjoin.pairs.labelled import LabelledPair
from adjoin.pairs.pair import Pair

PAIRS = [Pair(f"x {i}", f"y {i}", "neighbours", "text", f"a.md:{i}", i) for i in range(10)]


def written(folder: Path, pairs: list[Pair], *, negatives: bool = False) -> PairDataset:
    folder.mkdir()
    shards = write_shards(pairs, folder, negatives=negatives)
    write_manifest(folder, {"pairs": len(pairs), **({"negatives": 9} if negatives else {}), "shards": shards})
    return PairDataset.open(folder)


def test_a_shard_without_negatives_is_what_it_was_before_there_were_any(tmp_path: Path) -> None:
    """The bytes of the plain eight columns: a dataset's hash, and with it a checkpoint's, must stay."""
    text, number = pyarrow.string(), pyarrow.int64()
    kinds = {"x": text, "y": text, "kind": text, "language": text, "origin": text}
    schema = pyarrow.schema([*kinds.items(), ("group", number), ("x_hash", number), ("y_hash", number)])
    columns = [pyarrow.array([getattr(p, field.name) for p in PAIRS], field.type) for field in schema]
    table = pyarrow.Table.from_arrays(columns, schema=schema)
    pyarrow.parquet.write_table(table, tmp_path / "plain.parquet", compression="zstd", row_group_size=8_192)
    made = written(tmp_path / "pairs", PAIRS)
    assert (made.folder / "pairs-00000.parquet").read_bytes() == (tmp_path / "plain.parquet").read_bytes()
    digest = hashlib.sha256((tmp_path / "plain.parquet").read_bytes()).hexdigest()
    assert made.hash == hashlib.sha256(digest.encode()).hexdigest()
    assert not made.has_negatives


def test_parts_read_one_by_one_are_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "ROWS_PER_PART", 3)
    monkeypatch.setattr(dataset, "ROWS_PER_SHARD", 7)
    made = written(tmp_path / "pairs", PAIRS)
    assert [(part.path.name[6:11], part.number, part.rows) for part in made.parts()] == [
        ("00000", 0, 3),
        ("00000", 1, 3),
        ("00000", 2, 1),
        ("00001", 0, 3),
    ]
    assert [x for batch in made.batches(["x"]) for x in batch["x"]] == [pair.x for pair in PAIRS]


def test_explicit_negatives_are_a_column_of_their_own(tmp_path: Path) -> None:
    pairs = [LabelledPair("x", "y", "labelled", "text", "f:1", i, tuple("abc"[:i])) for i in range(4)]
    made = written(tmp_path / "pairs", pairs, negatives=True)
    assert made.has_negatives
    assert next(made.batches(["negatives"]))["negatives"] == [[], ["a"], ["a", "b"], ["a", "b", "c"]]


def test_a_shard_that_is_not_the_manifests_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = written(tmp_path / "pairs", PAIRS)
    other = written(tmp_path / "other", [LabelledPair("x", "y", "k", "l", "f:1", 1)] * 10, negatives=True)
    (made.folder / "pairs-00000.parquet").write_bytes((other.folder / "pairs-00000.parquet").read_bytes())
    with pytest.raises(AdjoinError, match=r"cannot be read \(expected 10 rows of x, y.*negatives"):
        next(made.batches(["x"]))
    monkeypatch.setattr(dataset, "ROWS_PER_PART", 4)  # row groups of another size
    for part in other.parts():
        with pytest.raises(AdjoinError, match="cannot be read") as error:
            part.read(["x"])
        assert "\n" not in str(error.value)
