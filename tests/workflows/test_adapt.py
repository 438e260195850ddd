"""`adapt` and the demo on small stand-ins for repositories: the whole way, and what they refuse."""

import json
import sysconfig
from pathlib import Path

import pytest

from adjoin import Encoder, load_index
from adjoin.cli import main
from adjoin.training.contrast import train
from adjoin.training.recipe import Recipe
from adjoin.workflows import demo
from small_sources import NOUNS, VERBS, function_source


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Thirty modules of ten documented functions each, in a folder of its own."""
    root = tmp_path / "repository"
    root.mkdir()
    for number in range(3):
        for noun in NOUNS:
            source = "\n\n".join(function_source(verb, f"{noun}{number}") for verb in VERBS)
            (root / f"{noun}{number}.py").write_text(source)
    return root


@pytest.fixture(scope="module")
def small_model(pairs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "static"
    sizes = {"dimension": 32, "vocabulary": 600, "hidden": 16, "max_tokens": 96}
    train(pairs_folder, out, Recipe.with_defaults(**sizes, batch=32, steps=5, dense_weight=0.7))
    return out


def test_adapt_from_end_to_end(
    repository: Path, small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, index = tmp_path / "adapted", tmp_path / "index"
    command = ["adapt", str(repository), "--model", str(small_model), "--out", str(out), "--index", str(index)]
    assert main(command) == 0
    report = json.loads((out / "report" / "report.json").read_text())
    assert {"before", "bm25", "hybrid"} <= set(report["baselines"])
    assert report["environment"]["dense weight"] == "0.7"
    adapted = Encoder.load(out / "model")
    assert (adapted.dense_weight, adapted.description.max_tokens) == (0.7, 96)
    kept_out = [file.name for file in repository.iterdir() if _is_held_out(file, out)]
    assert 1 <= len(kept_out) <= 3
    manifest = json.loads((out / "pairs" / "manifest.json").read_text())
    assert not {entry["origin"] for entry in manifest["inputs"]} & set(kept_out)
    measured = {result["metric"]: result for result in report["results"]}
    assert measured["mrr@1000"]["n"] == len(kept_out) * len(VERBS)
    said = capsys.readouterr().out
    assert "before" in said
    assert "adjoin search" in said
    (hit,) = load_index(index).search("close the socket", limit=1)
    assert (repository / hit.path).is_file()
    assert main(command) == 0  # again, in the place of the first


def _is_held_out(file: Path, out: Path) -> bool:
    queries = (out / "eval" / "held-out" / "queries.jsonl").read_text()
    return f"x of {file.name}:" in queries


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


def test_the_demo_from_end_to_end(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.rename(tmp_path / demo.ASKED)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    out = tmp_path / "runs" / "demo"
    assert main(["demo", "--out", str(out), "--minutes", "0.05"]) == 0
    assert (out / "curve.png").read_bytes().startswith(b"\x89PNG")
    said = capsys.readouterr().out
    assert all(question in said for question in demo.QUESTIONS)
    assert "adjoin adapt PATH/TO/REPOSITORY" in said
    (tmp_path / demo.ASKED).rename(tmp_path / "gone")
    assert main(["demo", "--out", str(tmp_path / "d")]) == 1
    assert "not installed here: pip install" in capsys.readouterr().err
