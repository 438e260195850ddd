"""Pairs that have no negatives, and what labelled pairs had wrong: told at the end, and kept in adjoin.json."""

import json
from pathlib import Path
from typing import Any

import pytest

from adjoin.cli import main
from adjoin.errors import AdjoinError
from adjoin.model.description import Description
from adjoin.training import negatives
from adjoin.training.checkpoint import TrainingProgress
from adjoin.training.contrast import train
from adjoin.training.recipe import Recipe
from small_sources import NOUNS, VERBS

WORDS = [*VERBS, *NOUNS][:16]
RECIPE: dict[str, Any] = {
    "preset": "static",
    "dimension": 8,
    "vocabulary": 600,
    "batch": 4,
    "steps": 6,
    "threads": 1,
}


def text(number: int) -> str:
    return " ".join(WORDS[(number * step) % 16] for step in (1, 3, 5)) + f" {number}"


def pairs(number: int) -> list[dict[str, Any]]:
    return [{"x": text(i), "y": text(100 + i), "negatives": [text(200 + i)]} for i in range(number)]


def write(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def trained(file: Path, out: Path, **options: Any) -> tuple[Description, list[str]]:  # noqa: ANN401
    said: list[str] = []
    return train(file, out, Recipe.with_defaults(**{**RECIPE, **options}), say=said.append), said


def test_what_labelled_pairs_had_wrong_is_told_at_the_end_and_kept(tmp_path: Path) -> None:
    lines = pairs(8)
    lines += [{"x": "", "y": "a"}, {"x": "a", "y": " "}, lines[0], {**lines[1], "y": "another", "votes": 3}]
    lines += [{"x": "p", "y": "r s", "negatives": ["r  s", "", "z", "z"]}, {"x": text(2), "y": text(202)}]
    description, said = trained(write(tmp_path / "mess.jsonl", lines), tmp_path / "model")
    counts = {
        "empty negative": 1,
        "empty side": 2,
        "field votes passed over": 1,
        "lines": 14,
        "negative that is an answer in another line, kept": 1,
        "negative that is its own y": 1,
        "negatives": 11,
        "repeated negative": 1,
        "repeated, kept": 1,
    }
    [kept] = description.training["labelled"]
    assert kept["counts"] == counts
    assert (kept["file"], kept["pairs"]) == ("mess.jsonl", 12)
    assert kept["examples"]["empty side"] == ["mess.jsonl:9", "mess.jsonl:10"]
    assert kept["examples"]["repeated, kept"] == ["mess.jsonl:11"]
    assert Description.read(tmp_path / "model").training["labelled"] == [kept]
    assert said[-1] == (
        "labelled pairs in mess.jsonl: 12 pairs with 11 negatives; 1 empty negative (mess.jsonl:13); 2 empty side"
        " (mess.jsonl:9); 1 field votes passed over (mess.jsonl:12); 1 negative that is an answer in another line,"
        " kept; 1 negative that is its own y (mess.jsonl:13); 1 repeated negative (mess.jsonl:13); 1 repeated,"
        " kept (mess.jsonl:11)"
    )


def test_several_files_are_told_one_by_one_and_mined_pairs_say_nothing(pairs_folder: Path, tmp_path: Path) -> None:
    files = [write(tmp_path / "a.jsonl", pairs(5)), write(tmp_path / "b.jsonl", [*pairs(4), {"x": "", "y": ""}])]
    said: list[str] = []
    recipe = Recipe.with_defaults(**RECIPE)
    training = train([files[0], pairs_folder, files[1]], tmp_path / "m", recipe, say=said.append).training
    assert [(kept["file"], kept["pairs"]) for kept in training["labelled"]] == [("a.jsonl", 5), ("b.jsonl", 4)]
    assert [line[:26] for line in said[-2:]] == ["labelled pairs in a.jsonl:", "labelled pairs in b.jsonl:"]
    alone = train(pairs_folder, tmp_path / "n", recipe).training
    assert not {"labelled", "batches_without_negatives"} & alone.keys()


@pytest.mark.parametrize("name", ["negative", "Negatives", " negatives", "negatvies", "hard_negatives", "negs"])
def test_a_misspelt_field_ends_the_training_in_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [{("x", "y", name)[i]: value for i, value in enumerate(line.values())} for line in pairs(8)]
    file = write(tmp_path / "pairs.jsonl", [*pairs(2), *lines])
    assert main(["train", str(file), "--preset", "static", "--steps", "2", "--out", str(tmp_path / "m")]) != 0
    error = capsys.readouterr().err.strip()
    assert error == (
        f"adjoin: {file}:3: the field {name!r} is unknown, did you mean 'negatives'? Rename it, or remove it"
    )
    assert not (tmp_path / "m" / "adjoin.json").exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"x": "the same"}, "they have the same x"),
        ({"y": "the same"}, "they have the same y"),
        ({"group": 1}, "they have the same group"),
        ({"x": " the  same", "y": "the same"}, "they have the same x and y"),
    ],
)
@pytest.mark.parametrize("at_once", [5, 1 << 15])
def test_pairs_that_are_all_answers_of_each_other_are_refused_before_the_first_step(
    change: dict[str, Any], reason: str, at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(negatives, "_AT_ONCE", at_once)
    lines = [{"x": line["x"], "y": line["y"], **change} for line in pairs(12)]
    with pytest.raises(AdjoinError, match=rf"the 12 pairs are no negatives of each other \({reason}\)") as error:
        trained(write(tmp_path / "pairs.jsonl", lines), tmp_path / "model")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("model/**/step-*"))


def test_each_x_with_each_y_is_refused_and_with_explicit_negatives_it_is_not(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [{"x": text(i), "y": text(9 + j)} for i in range(4) for j in range(3)]
    with pytest.raises(AdjoinError, match="each x goes with each y"):
        trained(write(tmp_path / "pairs.jsonl", lines), tmp_path / "model")
    lines = [{**line, "negatives": [text(9)]} for line in lines]  # an answer of each x
    with pytest.raises(AdjoinError, match="each x goes with each y"):
        trained(write(tmp_path / "pairs.jsonl", lines), tmp_path / "m")
    lines[-1]["negatives"] = ["something else"]
    _, said = trained(write(tmp_path / "pairs.jsonl", lines), tmp_path / "n", batch=12)
    assert not any("no negatives" in line for line in said)


def test_batches_without_negatives_are_told_once_and_counted(tmp_path: Path) -> None:
    lines = [{"x": ("one", "two")[i % 2], "y": text(i)} for i in range(16)]
    description, said = trained(write(tmp_path / "pairs.jsonl", lines), tmp_path / "m", batch=2, steps=24)
    log = (tmp_path / "m" / "training" / "log.jsonl").read_text().splitlines()
    empty = sum(json.loads(line)["loss"] < 1e-6 for line in log)
    assert 0 < empty < 24
    assert description.training["batches_without_negatives"] == empty
    assert sum("no pair of the batch has a negative" in line for line in said) == 1
    assert said[-1] == f"{empty} of 24 batches had no negatives and taught nothing"


def test_the_count_goes_on_after_a_resumption() -> None:
    class Step:
        without_negatives = 0

    said: list[str] = []
    progress = TrainingProgress(7, 0.0, {}, facts={"batches_without_negatives": 3})
    step: Any = Step()
    watch = negatives.NegativesWatch(step, progress, said.append)
    watch.look()
    assert progress.facts == {"batches_without_negatives": 3}
    step.without_negatives += 1
    watch.look()
    assert progress.facts == {"batches_without_negatives": 4}
    assert not said, "it was told before"


def test_a_file_that_is_no_jsonl_is_told_from_a_folder(tmp_path: Path) -> None:
    file = write(tmp_path / "pairs.json", pairs(8))
    with pytest.raises(
        AdjoinError, match=r"pairs\.json is a file: expected a folder .* or labelled pairs in \.jsonl"
    ):
        trained(file, tmp_path / "m")
    assert not (tmp_path / "m").exists()
    trained(write(tmp_path / "PAIRS.JSONL", pairs(8)), tmp_path / "m")
