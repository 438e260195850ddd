"""Import of labelled pairs from JSON Lines."""

import json
import re
from pathlib import Path

import pytest

from adjoin.errors import AdjoinError
from adjoin.pairs import labelled
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


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *[(name, "negatives") for name in ("negative", "Negatives", "NEGATIVES", " negatives", "negatives ")],
        *[
            (name, "negatives")
            for name in ("negatvies", "negtives", "negativess", "nagatives", "egatives", "negtive")
        ],
        *[(name, "negatives") for name in ("neg", "negs", "hard_negatives", "hardNegatives", "negative_1")],
        *[(name, "group") for name in ("Group", "groups", "gruop", "roup", "grop", "grouo", "_group")],
        *[("X", "x"), (" x", "x"), ("x ", "x"), ("_x", "x"), ("Y", "y"), ("y:", "y")],
    ],
)
def test_a_misspelt_field_is_named_with_its_line(tmp_path: Path, name: str, meant: str) -> None:
    lines: list[object] = [{"x": "a", "y": "b"}, {"x": "a", "y": "b", name: ["c"]}]
    expected = rf"bad\.jsonl:2: the field {re.escape(repr(name))} is unknown, did you mean '{meant}'\?"
    with pytest.raises(AdjoinError, match=expected):
        import_labelled(written(tmp_path / "bad.jsonl", lines), tmp_path / "out")
    lines[1] = {"x": "a", "y": "b", name: ["c"]}
    del lines[1][meant if meant in "xy" else "x"]  # type: ignore[attr-defined]
    with pytest.raises(AdjoinError, match=expected):
        import_labelled(written(tmp_path / "bad.jsonl", lines), tmp_path / "out")


@pytest.mark.parametrize(
    "name", ["votes", "id", "source", "z", "score", "natives", "grouping", "query", "", "日本", "xy"]
)
def test_a_field_like_none_of_ours_is_counted(tmp_path: Path, name: str) -> None:
    lines: list[object] = [{"x": "a", "y": "b", name: 1}, {"x": "c", "y": "d"}, {"x": "e", "y": "f", name: None}]
    manifest = import_labelled(written(tmp_path / "pairs.jsonl", lines), tmp_path / "out")
    assert manifest["counts"][f"field {name} passed over"] == 2
    assert manifest["examples"][f"field {name} passed over"] == ["pairs.jsonl:1", "pairs.jsonl:3"]


def test_names_of_fields_are_bounded_and_move_no_cursor(tmp_path: Path) -> None:
    lines: list[object] = [{"x": "a", "y": f"b {n}", f"field {n}": n} for n in range(50)]
    lines.append({"x": "a", "y": "c", "\x1b[31mred\n" + "long " * 99: 1})
    manifest = import_labelled(written(tmp_path / "pairs.jsonl", lines), tmp_path / "out")
    assert manifest["counts"]["further fields passed over"] == 31
    lines = lines[-1:]
    manifest = import_labelled(written(tmp_path / "pairs.jsonl", lines), tmp_path / "out")
    [name] = [reason for reason in manifest["counts"] if "passed over" in reason]
    assert name == "field ?[31mred?" + ("long " * 99)[:31] + " passed over"


def test_negatives_that_teach_nothing_are_left_out_and_counted(tmp_path: Path) -> None:
    lines: list[object] = [{"x": "a", "y": "b c", "negatives": ["d", "b  c", " b c", "", "\t", "d", " d ", "e"]}]
    manifest = import_labelled(written(tmp_path / "pairs.jsonl", lines), tmp_path / "out")
    assert next(PairDataset.open(tmp_path / "out").batches(["negatives"])) == {"negatives": [["d", "e"]]}
    assert manifest["counts"] == {
        "empty line": 1,
        "empty negative": 2,
        "lines": 2,
        "negative that is its own y": 2,
        "negatives": 2,
        "repeated negative": 2,
    }


def test_repeated_pairs_are_kept_and_counted_with_their_lines(tmp_path: Path) -> None:
    lines: list[object] = [
        {"x": "a", "y": "b"},
        {"x": "a", "y": "c"},
        {"x": " a", "y": "b\n"},
        {"x": "d", "y": "b"},
    ]
    manifest = import_labelled(written(tmp_path / "pairs.jsonl", [*lines, lines[0]]), tmp_path / "out")
    assert manifest["pairs"] == 5
    assert manifest["counts"] == {"lines": 6, "empty line": 1, "negatives": 0, "repeated, kept": 2}
    assert manifest["examples"]["repeated, kept"] == ["pairs.jsonl:3", "pairs.jsonl:5"]


def test_negatives_that_another_line_contradicts_are_counted(tmp_path: Path) -> None:
    lines: list[object] = [
        {"x": "a", "y": "b", "negatives": ["c", "d"]},
        {"x": " a ", "y": "c"},
        {"x": "other", "y": "d", "negatives": ["b"]},
    ]
    manifest = import_labelled(written(tmp_path / "pairs.jsonl", lines), tmp_path / "out")
    assert manifest["counts"]["negative that is an answer in another line, kept"] == 1
    assert manifest["negatives"] == 3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"x": NaN, "y": "b"}', "x is nan, expected str"),
        ('{"x": "a", "y": Infinity}', "y is inf, expected str"),
        ('{"x": "a", "y": "b", "negatives": null}', "negatives is None, expected list"),
        ('{"x": "a", "y": "b", "negatives": {"c": 1}}', "negatives is {'c': 1}, expected list"),
        ('{"x": "a", "y": "b", "negatives": [["c"]]}', r"a negative is \['c'\], expected str"),
        ('{"x": "a", "y": "b", "negatives": ["c", null]}', "a negative is None, expected str"),
        ('{"x": "a", "y": "b", "negatives": [NaN]}', "a negative is nan, expected str"),
        ('{"x": "a", "y": "b", "group": null}', "group is None"),
        ('{"x": "a", "y": "b", "group": ["c"]}', r"group is \['c'\]"),
        ('{"x": "a", "y": "b", "y": "c"}', "y stands in it twice"),
        ('{"x": "a", "y": "b", "negatives": [], "negatives": ["c"]}', "negatives stands in it twice"),
        ('{"x": "a", "y": "b"', "is not JSON"),
        ('{"x": "a", "y": "b"} {"x": "c", "y": "d"}', "is not JSON"),
        ('{"query": "a", "document": "b"}', "lacks x and y; it has query, document"),
        ('{"x": "a", "y": "b", "z": ' + "[" * 100_000 + "]" * 100_000 + "}", "is not JSON"),
        ('{"x": "a", "y": "b", "z": ' + "9" * 5_000 + "}", "is not JSON"),
        ('"x"', "is '\"x\"'"),
        ("null", "is 'null'"),
        ("\0\0", "is not JSON"),
    ],
)
def test_more_wrong_lines_are_named(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text('{"x": "a", "y": "b"}\n' + line + "\n")
    with pytest.raises(AdjoinError, match=rf"bad\.jsonl:2:? .*{message}") as error:
        import_labelled(file, tmp_path / "out")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500
    assert [path.name for path in tmp_path.iterdir()] == ["bad.jsonl"]


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    texts = [json.dumps(line) for line in LINES]
    hashes = set()
    for name, content in (
        ("unix", "\n".join(texts)),
        ("windows", "\r\n".join(texts) + "\r\n"),
        ("mark", "\ufeff" + "\n".join(texts)),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pairs.jsonl").write_bytes(content.encode())
        hashes.add(
            import_labelled(tmp_path / name / "pairs.jsonl", tmp_path / name / "out")["shards"][0]["sha256"]
        )
    assert len(hashes) == 1


def test_a_line_over_the_limit_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelled, "LONGEST_LINE", 1 << 20)
    lines: list[object] = [{"x": "a", "y": "b"}, {"x": "a" * (1 << 20), "y": "b"}]
    with pytest.raises(AdjoinError, match=r"pairs\.jsonl:2 is longer than 1 MiB"):
        import_labelled(written(tmp_path / "pairs.jsonl", lines), tmp_path / "out")
