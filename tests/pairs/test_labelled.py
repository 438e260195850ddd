"""Import of labelled pairs from JSON Lines."""

import json
from pathlib import Path

import pytest

from adjoin.errors import AdjoinError
from adjoin.pairs.dataset import PairDataset
from adjoin.pairs.labelled import import_labelled
from adjoin.pairs.pair import text_hash

LINES = [
    {
        "x": "sort a list",
        "y": "def sort()",
        "negatives": ["def shuffle()", " ", "def reverse()"],
        "group": "lists",
    },
    {"x": "sort it", "y": "def sort()", "group": "lists", "votes": 3},
    {"x": "open a file", "y": "def open()", "negatives": []},
    {"x": " ", "y": "def nothing()", "negatives": ["lost"]},
    {"x": "half \ud800 a pair", "y": "def half()", "group": 7},
    {"x": "the other", "y": "def seven()", "group": "7"},
]


def written(path: Path, lines: list[object]) -> Path:
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    return path


def test_pairs_and_negatives_come_in_order_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    manifest = import_labelled(written(tmp_path / "good.jsonl", LINES), tmp_path / "out")
    dataset = PairDataset.open(tmp_path / "out")
    assert dataset.manifest == {"format": 1, "hash": dataset.hash, **manifest}
    rows = next(dataset.batches(["x", "y", "kind", "language", "origin", "group", "x_hash", "negatives"]))
    assert rows["x"] == ["sort a list", "sort it", "open a file", "half ? a pair", "the other"]
    assert rows["negatives"] == [["def shuffle()", "def reverse()"], [], [], [], []]
    assert rows["origin"] == [f"good.jsonl:{number}" for number in (1, 2, 3, 5, 6)]
    assert rows["x_hash"] == [text_hash(x) for x in rows["x"]]
    assert rows["group"][0] == rows["group"][1]
    assert len(set(rows["group"])) == 4  # 7 is not "7", and who has none shares none
    assert set(rows["kind"]) == {"labelled"}
    assert set(rows["language"]) == {"text"}
    assert dataset.has_negatives
    assert manifest["pairs"] == 5
    assert manifest["negatives"] == 2
    assert manifest["counts"] == {
        "empty line": 1,
        "empty negative": 1,
        "empty side": 1,
        "field votes passed over": 1,
        "lines": 7,
        "negatives": 2,
    }
    assert str(tmp_path) not in json.dumps(manifest)


def test_the_same_file_gives_the_same_bytes_wherever_it_lies(tmp_path: Path) -> None:
    contents = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        import_labelled(written(tmp_path / name / "pairs.jsonl", LINES), tmp_path / name / "out")
        contents.append({path.name: path.read_bytes() for path in sorted((tmp_path / name / "out").iterdir())})
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "is not JSON"),
        ("[1]", r"is '\[1\]'"),
        ('{"x": "a"}', "lacks y"),
        ("{}", "lacks x and y"),
        ('{"x": 3, "y": "a"}', "x is 3, expected str"),
        ('{"x": "a", "y": null}', "y is None, expected str"),
        ('{"x": "a", "y": "b", "negatives": "c"}', "negatives is 'c', expected list"),
        ('{"x": "a", "y": "b", "negatives": ["c", 4]}', "a negative is 4, expected str"),
        ('{"x": "a", "y": "b", "group": 1.5}', "group is 1.5"),
        ('{"x": "a", "y": "b", "group": true}', "group is True"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_written(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text('{"x": "a", "y": "b"}\n' + line + "\n")
    with pytest.raises(AdjoinError, match=rf"bad\.jsonl:2:? .*{message}") as error:
        import_labelled(file, tmp_path / "out")
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.jsonl"]


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_bytes(b'{"x": "a", "y": "b"}\n\xff\xfe\n')
    with pytest.raises(AdjoinError, match=r"bad\.jsonl:2 is not JSON"):
        import_labelled(tmp_path / "bad.jsonl", tmp_path / "out")


def test_no_file_no_pairs_and_a_foreign_folder_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(AdjoinError, match="no labelled pairs at"):
        import_labelled(tmp_path / "nowhere.jsonl", tmp_path / "out")
    with pytest.raises(AdjoinError, match=r"no pairs in .*1 empty side"):
        import_labelled(written(tmp_path / "empty.jsonl", [{"x": "", "y": "a"}]), tmp_path / "out")
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("precious")
    with pytest.raises(AdjoinError, match=r"something else than a dataset of pairs, notes.txt"):
        import_labelled(written(tmp_path / "good.jsonl", LINES), other)
    assert (other / "notes.txt").read_text() == "precious"
