"""Every verb that writes a folder, killed at many moments: old or new is there, the next run leaves no litter."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from adjoin.cli import main

SMALL = ["--dimension", "8", "--batch", "16", "--vocabulary", "600", "--steps", "3", "--max-tokens", "32"]
NANO = ["--preset", "nano", "--batch", "4", "--vocabulary", "600", "--steps", "2", "--max-tokens", "32"]
LIMITS = [2_000, 9_000, 30_000, 90_000]  # bytes
TIMES = ["seconds", "date", "pairs_per_second"]
SCRIPT = Path(__file__).with_name("killed_verbs.py")
TRAIN = ["adjoin.training.contrast", "adjoin.cli.verbs", "matplotlib.pyplot"]
MINE = ["adjoin.mining", "adjoin.mining.verify", "pyarrow.parquet", "adjoin.cli.mining_verbs"]


def killed(base: Path, moments: int, **case: Any) -> None:  # noqa: ANN401
    """Run the script on a case, and show what it says if it fails."""
    case |= {"work": str(base / "work"), "moments": moments, "limits": LIMITS if moments > 6 else LIMITS[1:2]}
    (base / "case.json").write_text(json.dumps(case))
    done = subprocess.run(
        [sys.executable, SCRIPT, base / "case.json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]


@pytest.fixture(scope="module")
def models(pairs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small static models, a and b."""
    folder = tmp_path_factory.mktemp("models")
    for name, seed in (("a", "0"), ("b", "1")):
        assert main(["train", str(pairs_folder), "--out", str(folder / name), *SMALL, "--seed", seed]) == 0
        shutil.rmtree(folder / name / "training")
    return folder


def work_with(base: Path, *commands: list[str]) -> Path:
    """A work folder in the state after some commands."""
    (base / "work").mkdir()
    for command in commands:
        assert main(command) == 0
    return base / "work"


@pytest.mark.parametrize(
    "moments", [pytest.param(6, id="some"), pytest.param(60, id="many", marks=pytest.mark.slow)]
)
def test_mine(moments: int, source_tree: Path, tmp_path: Path) -> None:
    """Over an older dataset, with its output inside the input."""
    mine = ["mine", str(tmp_path / "work" / "in"), "--workers", "1", "--out", str(tmp_path / "work" / "in" / "p")]
    shutil.copytree(source_tree, tmp_path / "work" / "in")
    assert main([*mine, "--exclude", "f*.py"]) == 0
    killed(tmp_path, moments, out="in/p", command=mine, result=["*"], **{"import": MINE})


@pytest.mark.parametrize(
    "moments", [pytest.param(4, id="some"), pytest.param(40, id="many", marks=pytest.mark.slow)]
)
def test_train(moments: int, pairs_folder: Path, tmp_path: Path) -> None:
    work = work_with(tmp_path)
    command = ["train", str(pairs_folder), "--out", str(work / "m"), "--resume", *SMALL]
    command += ["--checkpoint-minutes", "0", "--threads", "1"]
    result = ["*.safetensors", "tokenizer.json", "adjoin.json"]
    killed(tmp_path, moments, out="m", command=command, result=result, volatile=TIMES, **{"import": TRAIN})


@pytest.mark.slow
def test_pretrain(source_tree: Path, tmp_path: Path) -> None:
    work = work_with(tmp_path)
    command = ["pretrain", str(source_tree), "--out", str(work / "m"), "--resume", *NANO, "--workers", "1"]
    command += ["--checkpoint-minutes", "0", "--threads", "1"]
    modules = [*TRAIN, "adjoin.training.pretrain", "transformers"]
    result = ["*.safetensors", "*.json"]
    killed(tmp_path, 30, out="m", command=command, result=result, volatile=TIMES, **{"import": modules})


@pytest.mark.parametrize(
    "moments", [pytest.param(5, id="some"), pytest.param(40, id="many", marks=pytest.mark.slow)]
)
def test_embed(moments: int, models: Path, tmp_path: Path) -> None:
    work = work_with(tmp_path)
    (tmp_path / "t.txt").write_text("".join(f"text number {number}\n" for number in range(3000)))
    command = ["embed", str(models / "a"), str(tmp_path / "t.txt"), "--out", str(work / "v")]
    killed(tmp_path, moments, out="v", command=command, result=["*"], **{"import": ["adjoin.embed"]})


@pytest.mark.parametrize("verb", ["pack", "ensemble", pytest.param("grow", marks=pytest.mark.slow)])
def test_models(verb: str, models: Path, tmp_path: Path) -> None:
    """Over a model that is there: the other one, packed."""
    out = str(tmp_path / "work" / "m")
    work_with(tmp_path, ["model", "pack", str(models / "b"), "--out", out])
    given = {"pack": ["a"], "ensemble": ["a", "b"], "grow": ["a"]}[verb]
    command = ["model", verb, *(str(models / name) for name in given), "--out", out]
    command += ["--layers", "3", "--dimension", "128"] if verb == "grow" else []
    modules = ["adjoin.model.quantization", "adjoin.model.ensemble", "safetensors.numpy"]
    modules += ["adjoin.model.growing", "transformers"] if verb == "grow" else []
    killed(tmp_path, 8, out="m", command=command, result=["*"], **{"import": modules})


@pytest.mark.parametrize(
    "moments", [pytest.param(5, id="some"), pytest.param(40, id="many", marks=pytest.mark.slow)]
)
def test_evaluate(moments: int, models: Path, tmp_path: Path) -> None:
    """Over an older report, beside a file of somebody else."""
    data = tmp_path / "data" / "retrieval" / "small"
    (data / "qrels").mkdir(parents=True)
    numbers = range(20)
    (data / "corpus.jsonl").write_text("".join(f'{{"_id": "d{n}", "text": "text {n}"}}\n' for n in numbers))
    (data / "queries.jsonl").write_text("".join(f'{{"_id": "q{n}", "text": "text {n}"}}\n' for n in numbers))
    judgments = "".join(f"q{n}\td{n}\t1\n" for n in numbers)
    (data / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + judgments)
    evaluate = ["evaluate", "bm25", "--data", str(tmp_path / "data"), "--no-cache", "--beside", "lsa"]
    evaluate += ["--report", str(tmp_path / "work" / "r")]
    work = work_with(tmp_path, [*evaluate, "--limit", "5"])
    (work / "r" / "notes.txt").write_text("precious")
    modules = ["adjoin.workflows.evaluate", "adjoin.evaluation.systems.scorers", "matplotlib.figure", "jinja2"]
    killed(tmp_path, moments, out="r", command=evaluate, result=["*"], volatile=TIMES, **{"import": modules})


@pytest.mark.parametrize(
    "moments", [pytest.param(5, id="some"), pytest.param(40, id="many", marks=pytest.mark.slow)]
)
def test_index(moments: int, models: Path, source_tree: Path, tmp_path: Path) -> None:
    """What SQLite writes has its own test (tests/index/test_killed.py); this has the files around it."""
    work = work_with(tmp_path)
    command = ["index", str(source_tree), "--out", str(work / "i"), "--model", str(models / "a")]
    command += ["--exclude", "f*.py"]
    modules = ["adjoin.index.refresh", "adjoin.cli.search_verbs", "adjoin.model.encoder"]
    killed(tmp_path, moments, out="i", command=command, result=["choice.json"], **{"import": modules})
