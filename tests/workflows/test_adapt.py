"""`adapt` on a small stand-in for a repository: the whole way, what it keeps, and what it refuses."""

import json
from pathlib import Path

import pytest
from small_repository import RecordingReporter, write_modules

from adjoin import Encoder, load_index
from adjoin.cli import main
from adjoin.errors import AdjoinError
from adjoin.files import read_json
from adjoin.mining import Engine, MiningOptions, mine
from adjoin.pairs.dataset import PairDataset
from adjoin.training.contrast import train
from adjoin.training.recipe import Recipe
from adjoin.workflows.adapt import Adaptation, adapt
from adjoin.workflows.held_out import file_of, split_files
from small_sources import NOUNS, VERBS, function_source

SIZES = {"dimension": 32, "vocabulary": 600, "hidden": 16, "max_tokens": 96}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Thirty modules of ten documented functions each."""
    return write_modules(tmp_path / "repository")


@pytest.fixture(scope="module")
def small_model(pairs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A static model that has learned next to nothing, so that any training on a repository improves it."""
    out = tmp_path_factory.mktemp("models") / "static"
    train(pairs_folder, out, Recipe.with_defaults(**SIZES, batch=32, steps=5, dense_weight=0.7))
    return out


def task_files(folder: Path) -> set[str]:
    """The files that the queries of a task are from."""
    (queries,) = folder.glob("*/queries.jsonl")
    ids = [json.loads(line)["_id"] for line in queries.read_text().splitlines()]
    return {file_of(identity.removeprefix("x of ")) for identity in ids}


@pytest.mark.slow
def test_adapt_from_end_to_end(
    repository: Path, small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, index = repository / "models" / "adapted", tmp_path / "index"
    command = ["adapt", str(repository), "--model", str(small_model), "--out", str(out), "--index", str(index)]
    assert main(command) == 0
    report = json.loads((out / "report" / "report.json").read_text())
    assert {"before", "bm25", "hybrid 0.7"} <= set(report["baselines"])
    assert report["environment"]["dense weight"] == "0.7"
    adapted = Encoder.load(out / "model")
    assert (adapted.dense_weight, adapted.description.max_tokens) == (0.7, 96)
    held_out, validation = task_files(out / "eval"), task_files(out / "validation")
    assert 1 <= len(held_out) <= 3
    assert 1 <= len(validation) <= 3
    assert not held_out & validation
    manifest = json.loads((out / "pairs" / "manifest.json").read_text())
    trained_on = {entry["origin"] for entry in manifest["inputs"]}
    assert len(trained_on) == 30 - len(held_out) - len(validation)
    assert not trained_on & (held_out | validation)
    measured = {result["metric"]: result for result in report["results"]}
    assert measured["mrr@1000"]["n"] == len(held_out) * len(VERBS)
    printed = capsys.readouterr().out
    assert "before training: code" in printed
    assert "Kept: the checkpoint after step" in printed
    assert f'\n  adjoin search "what you look for" --index {index}\n' in printed
    (hit,) = load_index(index).search("close the socket", limit=1)
    assert (repository / hit.path).is_file()
    assert main(command) == 0  # again, in the place of the first; what that wrote is neither mined nor indexed
    manifest = json.loads((out / "all" / "manifest.json").read_text())
    assert len(manifest["inputs"]) == 30
    hits = load_index(index).search("validation", limit=1000)
    assert {Path(hit.path).suffix for hit in hits} == {".py"}


def test_adapt_keeps_the_best_point_by_the_validation_files(
    repository: Path, small_model: Path, tmp_path: Path
) -> None:
    reporter = RecordingReporter()
    report = adapt(Adaptation(repository, tmp_path / "out", str(small_model), tmp_path / "index"), reporter)
    assert len(report.points) > 4
    assert [point.step for point in report.points] == sorted({point.step for point in report.points})
    assert report.points[0].step == 0
    assert report.kept.score == max(point.score for point in report.points) > report.points[0].score
    assert report.adapted
    trained = read_json(tmp_path / "out" / "model" / "adjoin.json", "description")["training"]
    assert trained["steps"] == report.kept.step
    assert report.model == str((tmp_path / "out" / "model").resolve())
    kept = [line for line in reporter.lines if line.startswith("Kept: ")]
    assert kept == [
        f"Kept: the checkpoint after step {report.kept.step}, the best of {len(report.points) - 1}. On the"
        f" 3 validation files it scores {report.kept.score:.3f}, and {small_model} {report.points[0].score:.3f}."
    ]
    (result,) = [line for line in reporter.lines if line.startswith("On held-out files")]
    assert f"is {report.before:.3f} before and {report.after:.3f} after" in result


def test_a_training_that_destroys_the_model_is_not_kept(
    repository: Path, pairs_folder: Path, tmp_path: Path
) -> None:
    good = tmp_path / "good"
    train(pairs_folder, good, Recipe.with_defaults(**SIZES, batch=32, steps=60, dense_weight=0.7))
    destroying = {"learning_rate": 1.0, "weight_learning_rate": 1.0, "epochs": 2}
    adaptation = Adaptation(repository, tmp_path / "out", str(good), tmp_path / "index", recipe=destroying)
    reporter = RecordingReporter()
    report = adapt(adaptation, reporter)
    assert max(point.score for point in report.points[1:]) < report.points[0].score
    assert not report.adapted
    assert report.kept == report.points[0]
    assert report.before == report.after
    assert report.model == str(good.resolve())
    assert not (tmp_path / "out" / "model").exists()
    assert load_index(tmp_path / "index").encoder.fingerprint == Encoder.load(good).fingerprint
    assert sum(line.startswith(f"Kept: {good}, unchanged.") for line in reporter.lines) == 1


def test_equal_scores_keep_the_unchanged_model(repository: Path, small_model: Path, tmp_path: Path) -> None:
    still = {"learning_rate": 0.0, "weight_learning_rate": 0.0, "epochs": 1}
    report = adapt(Adaptation(repository, tmp_path / "out", str(small_model), tmp_path / "index", recipe=still))
    assert len({point.score for point in report.points}) == 1
    assert not report.adapted


def test_the_split_is_by_file_and_by_seed(repository: Path, tmp_path: Path) -> None:
    mine([repository], tmp_path / "pairs", MiningOptions(), engine=Engine(workers=1))
    dataset = PairDataset.open(tmp_path / "pairs")
    splits = [split_files(dataset, seed) for seed in (0, 0, 1)]
    assert splits[0] == splits[1] != splits[2]
    for split in splits:
        assert (len(split.held_out), len(split.validation)) == (3, 3)
        assert not split.held_out & split.validation


def test_two_files_are_too_few_to_split(tmp_path: Path) -> None:
    repository = tmp_path / "small"
    repository.mkdir()
    for noun in NOUNS[:2]:
        (repository / f"{noun}.py").write_text("\n\n".join(function_source(verb, noun) for verb in VERBS))
    mine([repository], tmp_path / "pairs", MiningOptions(), engine=Engine(workers=1))
    with pytest.raises(AdjoinError, match=r"pairs in 2 files only.*expected at least three"):
        split_files(PairDataset.open(tmp_path / "pairs"), seed=0)


def test_what_cannot_be_adapted_to_is_one_line(
    repository: Path, small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    (small / "one.py").write_text(function_source(VERBS[0], NOUNS[0]))
    model = ["--model", str(small_model)]
    assert main(["adapt", str(small), *model, "--out", str(tmp_path / "a")]) == 1
    assert "too few to adapt to" in capsys.readouterr().err
    assert main(["adapt", str(repository), "--model", "no-such", "--out", str(tmp_path / "b")]) == 1
    assert "no model at no-such" in capsys.readouterr().err
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("precious")
    assert main(["adapt", str(repository), *model, "--out", str(precious)]) == 1
    assert "holds something else than an adaptation" in capsys.readouterr().err
    assert (precious / "thesis.txt").read_text() == "precious"
