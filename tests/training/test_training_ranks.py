"""A whole training over several real processes: the same weights, resumed too, and with the weights cut up."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from adjoin.model.encoder import Encoder
from adjoin.training.contrast import train
from adjoin.training.recipe import Recipe
from objective.test_ranks import run_ranks

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("rank.py")
OPTIONS = {
    "preset": "nano",
    "steps": 4,
    "batch": 16,
    "vocabulary": 600,
    "max_tokens": 48,
    "threads": 1,
    "token_budget": 300,
    "memory": 0.0,
    "learning_rate": 1e-3,
    "checkpoint_minutes": 0.0,
}


def trained(ranks: int, pairs: Path, out: Path, *stop: str, **options: object) -> dict[str, torch.Tensor]:
    recipe = out.with_suffix(".json")
    recipe.write_text(json.dumps({**OPTIONS, **options}))
    run_ranks(ranks, SCRIPT, str(pairs), str(out), str(recipe), *stop)
    return {} if stop else load_file(out / "model.safetensors")


@pytest.fixture(scope="module")
def alone(pairs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, torch.Tensor]]:
    """The weights after one process' training, by precision."""
    weights = {}
    for precision in ("float64", "float32"):
        out = tmp_path_factory.mktemp("alone") / precision
        train(pairs_folder, out, Recipe.with_defaults(**OPTIONS, precision=precision))
        weights[precision] = load_file(out / "model.safetensors")
    return weights


def norms(out: Path) -> list[float]:
    """Of the gradients, before clipping: AdamW would not mind a wrong factor, but these do."""
    return [json.loads(line)["grad_norm"] for line in (out / "training" / "log.jsonl").read_text().splitlines()]


def distance(weights: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> float:
    assert weights.keys() == expected.keys()
    return max(float((weights[name] - expected[name]).abs().max()) for name in expected)


def test_two_ranks_train_the_same_weights_as_one(
    alone: dict[str, dict[str, torch.Tensor]], pairs_folder: Path, tmp_path: Path
) -> None:
    weights = trained(2, pairs_folder, tmp_path / "two", precision="float64", token_dropout=0.2)
    train(
        pairs_folder,
        tmp_path / "one",
        Recipe.with_defaults(**OPTIONS, precision="float64", token_dropout=0.2),
    )
    assert distance(weights, load_file(tmp_path / "one" / "model.safetensors")) < 1e-6  # saved in float32
    assert distance(weights, alone["float64"]) > 1e-4  # tokens were dropped
    assert norms(tmp_path / "two") == pytest.approx(norms(tmp_path / "one"), rel=1e-7)


def test_cut_up_weights_train_as_whole_ones_and_resume(
    alone: dict[str, dict[str, torch.Tensor]], pairs_folder: Path, tmp_path: Path
) -> None:
    whole = trained(2, pairs_folder, tmp_path / "sharded", shard=True, precision="float32")
    assert distance(whole, alone["float32"]) < 2e-4  # a rate of 1e-3, four steps of about that size
    train(pairs_folder, tmp_path / "one", Recipe.with_defaults(**OPTIONS, precision="float32"))
    assert norms(tmp_path / "sharded") == pytest.approx(norms(tmp_path / "one"), rel=1e-3)
    trained(2, pairs_folder, tmp_path / "cut", "2", shard=True, precision="float32")
    assert not (tmp_path / "cut" / "adjoin.json").exists()
    assert distance(trained(2, pairs_folder, tmp_path / "cut", shard=True, precision="float32"), whole) == 0
    assert Encoder.load(tmp_path / "cut").encode_query(["merge a table"]).shape == (1, 128)


def test_torchrun_starts_it_and_one_rank_talks(pairs_folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("\n".join(f"{name} = {json.dumps(value)}" for name, value in OPTIONS.items()))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    done = subprocess.run(
        [*torchrun, "adjoin", "train", pairs_folder, "--out", tmp_path / "m", "--recipe", recipe],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    output = " ".join(done.stdout.split())  # a line may end anywhere, by the length of the path
    assert output.count("learning the vocabulary") == 1
    assert output.count("4 steps") == 1
    assert json.loads((tmp_path / "m" / "adjoin.json").read_text())["training"]["ranks"] == 2


def test_a_mistake_on_the_first_rank_ends_all_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no pairs at"):
        trained(2, tmp_path / "missing", tmp_path / "m")


@pytest.mark.slow
@pytest.mark.parametrize("shard", [False, True])
def test_ranks_are_measured_on_the_way_and_give_the_best(shard: bool, pairs_folder: Path, tmp_path: Path) -> None:
    """The first of two ranks measures, the other waits. At a constant rate, two steps of four equal two steps."""
    same = {"schedule": "constant", "warmup": 0.0, "shard": shard}
    best = trained(2, pairs_folder, tmp_path / "best", best_step=2, **same)
    two = trained(2, pairs_folder, tmp_path / "two", **{**same, "steps": 2})
    assert best.keys() == two.keys()
    assert all(torch.equal(best[name], two[name]) for name in best)
    assert json.loads((tmp_path / "best" / "adjoin.json").read_text())["training"]["kept"]["of_steps"] == 4
