from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adjoin.errors import AdjoinError
from adjoin.evaluation.data.labelled import ClassificationTask, load_classification, load_similarity

NAMES = "label\tname\n0\tnegative\n1\tpositive\n"
TRAIN = 'label\ttext\n1\ta "good one\n0\tbad\n1\tfine\n'
TEST = "label\ttext\n0\tpoor\n1\tcafé\u2028au lait\n"
PAIRS = "score\ttext1\ttext2\n4.5\ta man\ta person\n0\tone\ttwo\n"


def make(folder: Path, **files: str | bytes) -> Path:
    """A task's folder, from file stem → content."""
    folder.mkdir(parents=True, exist_ok=True)
    for stem, content in files.items():
        (folder / f"{stem}.tsv").write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    return make(tmp_path / "tiny", labels=NAMES, train=TRAIN, test=TEST)


@pytest.fixture
def scored(tmp_path: Path) -> Path:
    return make(tmp_path / "year", news=PAIRS, forum=PAIRS + "2\tx\ty\n")


def message(load: Callable[..., Any], *arguments: object) -> str:
    """The one line that loading fails with."""
    with pytest.raises(AdjoinError) as caught:
        load(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_task_with_a_split_is_read(labelled: Path) -> None:
    (task,) = load_classification(labelled)
    assert task.name == "tiny"
    assert task.texts == ['a "good one', "bad", "fine", "poor", "café\u2028au lait"]
    assert task.seconds == []
    assert task.labels.dtype == np.int64
    assert task.labels.tolist() == [1, 0, 1, 0, 1]
    assert task.names == {0: "negative", 1: "positive"}
    assert task.splits == ["train"] * 3 + ["test"] * 2
    assert (task.rows("train").tolist(), task.rows("dev").tolist(), task.rows("test").tolist()) == (
        [0, 1, 2],
        [],
        [3, 4],
    )
    assert not task.crossed


def test_dev_pairs_and_a_task_without_a_split(tmp_path: Path) -> None:
    pairs = "label\ttext1\ttext2\n1\ta\tb\n0\tc\td\n"
    (task,) = load_classification(make(tmp_path / "p", labels=NAMES, train=pairs, dev=pairs, test=pairs))
    assert (task.texts, task.seconds) == (["a", "c"] * 3, ["b", "d"] * 3)
    assert task.rows("dev").tolist() == [2, 3]
    (task,) = load_classification(make(tmp_path / "a", labels=NAMES, all=TRAIN))
    assert task.crossed
    assert task.rows("all").tolist() == [0, 1, 2]


def test_other_spellings_of_the_layout(labelled: Path) -> None:
    (expected,) = load_classification(labelled)
    moved = "\ufefftext\tsource\tlabel\r\n" + "".join(
        f"{text}\tx\t{label}\r\n\r\n" for label, text in (line.split("\t") for line in TRAIN.splitlines()[1:])
    )
    (task,) = load_classification(make(labelled, train=moved))
    assert (task.texts, task.labels.tolist()) == (expected.texts, expected.labels.tolist())


def test_a_similarity_task_is_read(scored: Path) -> None:
    (task,) = load_similarity(scored)
    assert task.name == "year"
    assert list(task.subsets) == ["forum", "news"]
    assert task.subsets["news"].texts1 == ["a man", "one"]
    assert task.subsets["news"].texts2 == ["a person", "two"]
    assert task.subsets["forum"].scores.tolist() == [4.5, 0, 2]
    assert task.subsets["forum"].scores.dtype == np.float64


def test_folders_of_folders_and_what_is_passed_over(tmp_path: Path) -> None:
    for name in ("B", "A"):
        make(tmp_path / "classification" / name, labels=NAMES, all=TRAIN)
    pairs = "label\ttext1\ttext2\n1\ta\tb\n0\tc\td\n"
    make(tmp_path / "classification" / "MRPC", labels=NAMES, train=pairs, test=pairs)
    make(tmp_path / "sts" / "STSB", train=PAIRS, test=PAIRS)
    make(tmp_path / "retrieval" / "qrels", test="query-id\tcorpus-id\tscore\nq\td\t1\n")
    (tmp_path / "sts" / "notes").mkdir()
    make(tmp_path / "sts" / "notes", prices="item\tprice\n1\t2\n")
    for place in (tmp_path, tmp_path / "classification"):
        assert [task.name for task in load_classification(place)] == ["A", "B", "MRPC"]
    for place in (tmp_path, tmp_path / "sts"):
        assert [task.name for task in load_similarity(place)] == ["STSB"]


@pytest.mark.parametrize("load", [load_classification, load_similarity])
def test_no_folder_and_no_task(load: Callable[..., Any], tmp_path: Path) -> None:
    assert message(load, tmp_path / "absent").startswith("no evaluation data at")
    assert message(load, make(tmp_path / "other", x="item\tprice\n")).startswith("no evaluation data in")
    other = load_similarity if load is load_classification else load_classification
    made = (
        make(tmp_path / "STSB", test=PAIRS)
        if other is load_similarity
        else make(tmp_path / "MR", labels=NAMES, all=TRAIN)
    )
    assert len(other(made)) == 1
    assert message(load, made).startswith("no evaluation data in")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"train": ""}, "train.tsv is empty: expected a header line with label, text"),
        ({"labels": ""}, "labels.tsv is empty: expected a header line with label, name"),
        ({"train": "label\ttext\n"}, "train.tsv has a header and nothing else"),
        ({"train": "class\ttext\n1\ta\n"}, "train.tsv, line 1 has the columns 'class, text' and not label"),
        ({"train": "label\tsentence\n1\ta\n"}, "line 1 has the columns 'label, sentence' and not text"),
        ({"labels": "label\n0\n"}, "labels.tsv, line 1 has the columns 'label' and not name"),
        ({"train": TRAIN + "1\n"}, "train.tsv, line 5 has 1 columns: expected 2, tab-separated (label, text)"),
        ({"train": TRAIN + "1\ta\tb\n"}, "train.tsv, line 5 has 3 columns: expected 2"),
        ({"train": TRAIN + "1\t \n"}, "train.tsv, line 5 has no text"),
        (
            {"train": TRAIN + "\n7\ta\n"},
            "train.tsv, line 6 has label 7, which labels.tsv lacks: expected one of 0, 1",
        ),
        ({"test": TEST + "yes\ta\n"}, "test.tsv, line 4 has label 'yes': expected a whole number"),
        ({"test": TEST + "1.0\ta\n"}, "test.tsv, line 4 has label '1.0'"),
        ({"test": TEST.encode() + b"1\t\xff\n"}, "test.tsv, line 4 is not UTF-8"),
        ({"labels": NAMES + "1\tother\n"}, "labels.tsv, line 4 names label 1 again"),
        ({"labels": NAMES + "2\t\n"}, "labels.tsv, line 4 has no name"),
        (
            {"train": "label\ttext\n1\ta\n1\tb\n"},
            "train.tsv has only the label 1 (positive): expected at least two",
        ),
        (
            {"labels": NAMES + "2\tmixed\n", "test": TEST + "2\ta\n"},
            "test.tsv has the label 2 (mixed) that train.tsv lacks",
        ),
        ({"all": TRAIN}, "has train.tsv, test.tsv, all.tsv: expected train.tsv and test.tsv"),
        ({"test": "label\ttext1\ttext2\n0\ta\tb\n"}, "test.tsv has pairs and another split of"),
    ],
)
def test_every_damage_to_labels_is_one_clear_line(labelled: Path, files: dict[str, str], expected: str) -> None:
    assert expected in message(load_classification, make(labelled, **files))


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("labels", "tiny has no labels.tsv: add the file"),
        ("train", "has test.tsv: expected train.tsv and test.tsv"),
        ("test", "has train.tsv: expected train.tsv and test.tsv"),
    ],
)
def test_missing_files(labelled: Path, file: str, expected: str) -> None:
    (labelled / f"{file}.tsv").unlink()
    assert expected in message(load_classification, labelled)
    assert expected in message(load_classification, labelled.parent)


def test_names_alone(tmp_path: Path) -> None:
    assert "has no split: expected" in message(load_classification, make(tmp_path / "t", labels=NAMES))


def test_a_folder_in_a_file_s_place(labelled: Path) -> None:
    (labelled / "labels.tsv").unlink()
    (labelled / "labels.tsv").mkdir()
    assert "has no labels.tsv" in message(load_classification, labelled)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "news.tsv is empty: expected a header line with score, text1, text2"),
        ("score\ttext1\ttext2\n", "news.tsv has a header and nothing else"),
        ("score\ttext1\n1\ta\n", "news.tsv, line 1 has the columns 'score, text1' and not text2"),
        ("text1\ttext2\na\tb\n", "news.tsv, line 1 has the columns 'text1, text2' and not score"),
        (PAIRS + "much\ta\tb\n", "news.tsv, line 4 has score 'much': expected a number"),
        (PAIRS + "nan\ta\tb\n", "news.tsv, line 4 has score 'nan'"),
        (PAIRS + "inf\ta\tb\n", "news.tsv, line 4 has score 'inf'"),
        (PAIRS + "\ta\tb\n", "news.tsv, line 4 has no score"),
        (PAIRS + "1\t\tb\n", "news.tsv, line 4 has no text1"),
        (PAIRS + "1\ta\n", "news.tsv, line 4 has 2 columns: expected 3"),
        (PAIRS.encode() + b"1\ta\t\xe9\n", "news.tsv, line 4 is not UTF-8"),
        ("score\ttext1\ttext2\n1\ta\tb\n1\tc\td\n", "news.tsv has only the score 1, of 2 pairs"),
    ],
)
def test_every_damage_to_scores_is_one_clear_line(scored: Path, content: str | bytes, expected: str) -> None:
    make(scored, news=content)
    assert expected in message(load_similarity, scored)
    assert expected in message(load_similarity, scored.parent)


def test_an_empty_file_alone_is_damage(tmp_path: Path) -> None:
    assert "x.tsv is empty" in message(load_similarity, make(tmp_path / "STS", x=""))


def many(labels: list[int]) -> str:
    return "label\ttext\n" + "".join(f"{label}\ttext {number}\n" for number, label in enumerate(labels))


def test_a_limit_keeps_the_proportions_and_every_label(tmp_path: Path) -> None:
    names = NAMES + "2\tother\n"
    labels = [0] * 600 + [1] * 390 + [2] * 10
    folder = make(tmp_path / "t", labels=names, train=many(labels), test=many(labels[::10]))
    (task,) = load_classification(folder, 50)
    for split in ("train", "test"):
        kept = Counter(task.labels[task.rows(split)].tolist())
        assert sum(kept.values()) == 50
        assert kept[2] >= 1
        assert abs(kept[0] - 30) <= 1
    numbers = [int(task.texts[row].split()[1]) for row in task.rows("train")]
    assert numbers == sorted(set(numbers))
    assert task.labels[task.rows("train")].tolist() == [labels[number] for number in numbers]


def test_a_limit_is_drawn_by_seed(tmp_path: Path) -> None:
    folder = make(tmp_path / "t", labels=NAMES, all=many([0, 1] * 100))
    drawn = [load_classification(folder, 20, seed)[0].texts for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    (whole,) = load_classification(folder, 200)
    assert len(whole.texts) == 200
    pairs = "score\ttext1\ttext2\n" + "".join(f"{n}\ta{n}\tb{n}\n" for n in range(40))
    folder = make(tmp_path / "s", x=pairs, y=PAIRS)
    subsets = [load_similarity(folder, 10, seed)[0].subsets for seed in (0, 0, 1)]
    assert [len(subset.scores) for subset in subsets[0].values()] == [10, 2]
    assert subsets[0]["x"].texts1 == subsets[1]["x"].texts1 != subsets[2]["x"].texts1
    for first, second, score in zip(*vars(subsets[0]["x"]).values(), strict=True):
        assert (first, second) == (f"a{score:.0f}", f"b{score:.0f}")


@pytest.mark.parametrize("limit", [1, 0, -3])
def test_a_limit_too_low(labelled: Path, limit: int) -> None:
    assert f"a limit of {limit} items is too low" in message(load_classification, labelled, limit)
    assert "raise it" in message(load_classification, labelled, limit)


@pytest.mark.parametrize("limit", [0, -3])
def test_no_pairs_asked_for(scored: Path, limit: int) -> None:
    assert f"a limit of {limit} items is too low" in message(load_similarity, scored, limit)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"texts": ["a"]}, "has 1 texts, 0 second texts, 4 labels and 4 splits"),
        ({"seconds": ["a"]}, "has 4 texts, 1 second texts"),
        ({"splits": ["train"] * 4}, r"has the splits ['train']"),
        ({"splits": ["all", "all", "all", "test"]}, r"has the splits ['all', 'test']"),
        ({"names": {0: "negative"}}, "has no name for label 1"),
        ({"splits": ["train", "test", "train", "test"]}, "trains on the label 0 (negative) alone"),
        (
            {"labels": np.array([0, 1, 2, 1]), "names": {0: "a", 1: "b", 2: "c"}},
            "has label 2 (c) outside of train only",
        ),
    ],
)
def test_tasks_that_contradict_themselves(change: dict[str, Any], expected: str) -> None:
    whole: dict[str, Any] = {
        "name": "t",
        "texts": ["a", "b", "c", "d"],
        "seconds": [],
        "labels": np.array([0, 1, 0, 1]),
        "names": {0: "negative", 1: "positive"},
        "splits": ["train", "train", "test", "test"],
    }
    ClassificationTask(**whole)
    assert expected in message(lambda: ClassificationTask(**whole | change))
