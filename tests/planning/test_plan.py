"""The plan against a real training: the counted bytes are allocated, and the execution config is the same."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from adjoin.cli import main
from adjoin.errors import AdjoinError
from adjoin.model.presets import PRESETS
from adjoin.objective.step import ContrastiveStep
from adjoin.planning.costs import any_tokens, layout_of, sizes_of, untrained_body
from adjoin.planning.lengths import Lengths, lengths_for
from adjoin.planning.plan import Plan, plan
from adjoin.tokens import Ragged, Tokenizer
from adjoin.training.contrast import train
from adjoin.training.execution import ExecutionConfig, fit_execution
from adjoin.training.memory import graph_bytes_per_token, measure_pass
from adjoin.training.recipe import Recipe
from model.small_checkpoints import ARCHITECTURES, generative

NANO = {"preset": "nano", "vocabulary": 600, "max_tokens": 48, "batch": 32, "steps": 2, "threads": 1}
GIGABYTE = 1 << 30


def of_one_length(rows: int, tokens: int) -> Ragged:
    return any_tokens(np.full(rows, tokens, np.int64), 600)


def nano(**more: object) -> tuple[Recipe, torch.nn.Module]:
    recipe = Recipe.with_defaults(**{**NANO, **more})
    return recipe, untrained_body(recipe, 600)


def test_a_pass_holds_what_its_graph_keeps_and_fake_tensors_tell_the_same() -> None:
    recipe, body = nano()
    few, many = (measure_pass(body, of_one_length(rows, 64)) for rows in (8, 16))
    assert (many.graph_bytes - few.graph_bytes) / (8 * 64) == pytest.approx(graph_bytes_per_token(body), rel=0.02)
    assert many.peak_bytes >= many.graph_bytes
    with FakeTensorMode(allow_non_fake_inputs=True):
        fake = measure_pass(untrained_body(recipe, 600), of_one_length(16, 64))
    assert fake.graph_bytes == pytest.approx(many.graph_bytes, rel=0.05)  # one (B, T, D) more
    assert fake.peak_bytes == pytest.approx(many.peak_bytes, rel=0.05)
    assert (fake.forward_flops, fake.backward_flops) == (many.forward_flops, many.backward_flops)


def test_products_are_counted_as_the_layers_have_them() -> None:
    linear = torch.nn.Linear(8, 5, bias=False)
    linear.forward = lambda tokens, inner=linear.forward: inner(torch.ones(len(tokens), 8))  # type: ignore[method-assign]
    cost = measure_pass(linear, of_one_length(3, 4))
    assert cost.forward_flops == 2 * 3 * 8 * 5
    assert cost.backward_flops == 2 * 3 * 8 * 5  # the weights' gradient; the input needs none


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_checkpoints_of_any_kind_are_counted_without_their_weights(
    architecture: str, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    folder = generative(architecture, tokenizer, tmp_path / "lm")
    (folder / "model.safetensors").write_bytes(b"")  # never opened
    planned = plan([], Recipe.with_defaults(init=str(folder), max_tokens=32, batch=8), gpus=1)
    assert planned.sizes.parameters > planned.sizes.table > 0
    assert planned.sizes.layers == 3
    assert planned.executed > 0


@pytest.mark.parametrize("options", [{}, {"token_budget": 100}, {"memory": 0.0005, "token_budget": 100}])
def test_the_plan_has_the_execution_config_of_the_training(
    options: dict[str, float], pairs_folder: Path, tmp_path: Path
) -> None:
    recipe = Recipe.with_defaults(**{**NANO, **options})
    planned = plan([pairs_folder], recipe)
    trained = train(pairs_folder, tmp_path / "m", recipe)
    assert planned.execution.as_json() == trained.training["execution"]
    assert planned.steps == trained.training["steps"]
    if options:
        assert planned.micro_batches > 1


def test_the_shape_is_the_steps_own() -> None:
    _, body = nano()
    lengths_B = np.random.default_rng(0).integers(3, 48, 64)
    execution = ExecutionConfig("float32", 1, 200, 700)
    layout = layout_of(body, execution, lengths_B)  # type: ignore[arg-type]
    step = ContrastiveStep(body, None, token_budget=200, kept_tokens=700)  # type: ignore[arg-type]
    groups = step.groups(lengths_B)
    assert [list(rows) for rows in layout.groups] == [list(rows) for rows in groups]
    assert layout.kept == step.kept_groups(lengths_B, groups) > 1
    assert layout.padded_G.max() <= 200
    assert layout.padded_B.sum() == layout.padded_G.sum()
    assert 0 < layout.kept_tokens <= 700
    assert layout.recomputed == pytest.approx(1 - layout.kept_tokens / layout.padded_G.sum())


def test_memory_bounds_the_micro_batch() -> None:
    recipe, body = nano()
    a_token = graph_bytes_per_token(body)
    roomy, narrow, none = (
        fit_execution(recipe, body, "cuda", room, "float32", 1)  # type: ignore[arg-type]
        for room in (1e12, 2_000 * a_token, -1e9)
    )
    assert roomy.token_budget == 32_768
    assert roomy.kept_tokens > 32_768
    assert narrow.token_budget == 1_000  # half of what is free
    assert none.token_budget == none.kept_tokens == recipe.max_tokens


def peak(*arguments: object) -> tuple[str, int]:
    """The output of `adjoin`, and the most bytes its process held."""
    code = (  # by itself: the system's account of a child begins with its parent's size
        "import sys, torch; from adjoin.cli import main; from adjoin.training.hardware import peak_memory;"
        "status = main(sys.argv[1:]); print(peak_memory(torch.device('cpu')), file=sys.stderr); sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=True
    )
    return done.stdout, int(done.stderr.split()[-1])


@pytest.mark.slow
def test_a_trainings_process_takes_the_memory_that_was_planned(pairs_folder: Path, tmp_path: Path) -> None:
    recipe, fixed = tmp_path / "recipe.toml", {**NANO, "precision": "float32"}  # whatever the machine is fast in
    recipe.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in fixed.items()))
    options = [pairs_folder, "--recipe", recipe, "--batch", 64, "--steps", 3, "--out", tmp_path / "m"]
    planned = json.loads(peak("plan", *options, "--json")[0])
    assert not (tmp_path / "m").exists()
    _, taken = peak("train", *options)
    assert planned["memory_total"] == pytest.approx(taken, rel=0.15)


@pytest.mark.slow
def test_large_bodies_are_counted_and_never_made() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with FakeTensorMode(allow_non_fake_inputs=True):
        recipe = Recipe.with_defaults(preset="XL")
        sizes = sizes_of(untrained_body(recipe, 50_257), recipe)
    assert sizes.parameters == PRESETS["XL"].parameters
    planned = plan([], Recipe.with_defaults(preset="M", batch=6912, max_tokens=512), gpus=8)
    assert planned.sizes.parameters == PRESETS["M"].parameters
    assert planned.memory["weights"] == 4 * PRESETS["M"].parameters
    assert planned.total_memory > 20 * GIGABYTE
    assert planned.useful > 6 * (planned.sizes.parameters - planned.sizes.table) * 200  # tokens a pair
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    assert grown < GIGABYTE


def on_paper(**options: object) -> Plan:
    return plan([], Recipe.with_defaults(**{**NANO, "batch": 64, **options}), gpus=4, gpu="A100")


def test_weights_cut_over_gpus_take_a_share_each() -> None:
    whole, cut = on_paper(), on_paper(shard=True)
    for part in ("weights", "gradients", "optimiser's moments"):
        assert cut.memory[part] == pytest.approx(whole.memory[part] / 4, abs=1)
    assert whole.least_gpus == {"whole": 1, "sharded": 1}
    assert whole.batch == 64
    assert whole.memory["vectors and their gradients"] == 2 * 4 * 128 * (2 * 64 // 4)


def test_typical_lengths_are_those_that_it_says(tokenizer: Tokenizer) -> None:
    lengths = lengths_for([], Recipe.with_defaults(preset="nano", max_tokens=1024))
    for side, (median, high) in ((lengths.x_N, (14, 41)), (lengths.y_N, (165, 602))):
        assert np.percentile(side, [50, 90]) == pytest.approx([median, high], rel=0.02)
    assert lengths_for([], Recipe.with_defaults(preset="nano", max_tokens=64)).y_N.max() == 64
    assert "typical of public code" in lengths.source
    static = lengths_for([], Recipe.with_defaults())  # distinct tokens, of which three in ten are dropped
    assert static.y_N.mean() < 0.5 * lengths.y_N.mean()
    cut = lengths_for([], Recipe.with_defaults(crop_y=1.0))  # stretches of 48 tokens at most
    assert cut.y_N.max() <= 50
    assert cut.x_N.tolist() == static.x_N.tolist()


def test_texts_that_are_cut_to_stretches_are_counted_as_cut(pairs_folder: Path) -> None:
    whole = lengths_for([pairs_folder], Recipe.with_defaults(vocabulary=600))
    cut = lengths_for([pairs_folder], Recipe.with_defaults(vocabulary=600, crop_y=1.0))
    assert whole.y_N.max() > 50 >= cut.y_N.max()
    assert whole.x_N.tolist() == cut.x_N.tolist()


def test_a_tables_layer_and_the_precision_of_the_loss_are_counted() -> None:
    sizes = {"batch": 64, "dimension": 16}
    narrow, wide = (plan([], Recipe.with_defaults(**sizes, hidden=hidden), gpus=1) for hidden in (None, 32))
    assert wide.useful - narrow.useful == 6 * 2 * (2 * 32 * 16)  # a pair has two sequences, the layer two matrices
    halved = plan([], Recipe.with_defaults(**sizes, loss_precision="bfloat16"), gpus=1)
    assert halved.seconds["loss"] == pytest.approx(narrow.seconds["loss"] / 16)


def test_lengths_are_measured_on_the_pairs(pairs_folder: Path) -> None:
    recipe = Recipe.with_defaults(**{**NANO, "max_tokens": 20})
    lengths = lengths_for([pairs_folder], recipe)
    assert lengths.pairs == len(lengths.x_N) > 100
    assert lengths.y_N.max() == 20
    assert lengths.vocabulary <= 600
    assert len(lengths.batch(7, seed=0)) == 14


def test_explicit_negatives_are_sequences_too(tmp_path: Path) -> None:
    rows = [{"x": f"what is {i}", "y": f"it is number {i}", "negatives": ["no", "never"]} for i in range(40)]
    file = tmp_path / "labelled.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    lengths = lengths_for([file], Recipe.with_defaults(**NANO))
    assert len(lengths.negatives_K) == 80
    assert len(lengths.batch(10, seed=0)) == 40
    assert isinstance(lengths, Lengths)
    assert [path.name for path in tmp_path.iterdir()] == ["labelled.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gpu", "Abacus"], "--gpu Abacus: expected one of H200"),
        (["--gpus", "0"], "--gpus 0: expected 1 or more"),
        (["--gpus", "3", "--batch", "64"], "--gpus 3: a batch of 64 pairs is not divisible by it"),
        (["--preset", "huge"], "unknown preset"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_a_plan_is_a_table_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    paper = ["plan", "--preset", "nano", "--batch", "64", "--gpus", "2", "--steps", "100"]
    assert main(paper) == 0
    table = capsys.readouterr().out
    for words in (
        "2 x H200",
        "gradients",
        "kept activations",
        "micro-batches",
        "100 steps",
        "lengths are assumed",
    ):
        assert words in table
    assert main([*paper, "--json"]) == 0
    plan_json = json.loads(capsys.readouterr().out)
    assert plan_json["memory_total"] == sum(plan_json["memory"].values())
    assert plan_json["training_seconds"] == pytest.approx(100 * plan_json["step_seconds"])


def test_a_batch_larger_than_the_pairs_is_refused(pairs_folder: Path) -> None:
    with pytest.raises(AdjoinError, match="do not fill one batch of 5,000"):
        plan([pairs_folder], Recipe.with_defaults(**{**NANO, "batch": 5_000}))
