import json
import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from adjoin.errors import AdjoinError
from adjoin.interrupts import interrupts_noted
from adjoin.model.encoder import Encoder
from adjoin.ranks import ALONE
from adjoin.training import checkpoint
from adjoin.training.contrast import train
from adjoin.training.execution import ExecutionConfig
from adjoin.training.log import StepReport, TrainingLog, whole_lines
from adjoin.training.prepare import prepare
from adjoin.training.recipe import Recipe
from training.signalled import COMMAND, signalled

SMALL = {"batch": 16, "vocabulary": 600, "max_tokens": 48, "threads": 1}
RECIPES = {
    "static": Recipe.with_defaults(preset="static", dimension=16, steps=12, token_dropout=0.3, **SMALL),
    "nano": Recipe.with_defaults(preset="nano", steps=6, token_budget=300, memory=0.01, **SMALL),
}


def weights(model: Path) -> bytes:
    return (model / "model.safetensors").read_bytes()


class Stop(Exception):  # noqa: N818 - not an error
    pass


def stop_at(step: int, out: Path, recipe: Recipe, pairs: Path) -> None:
    """Train until `step` is done and a checkpoint holds it, then vanish as a kill would."""

    def watch(report: StepReport) -> None:
        if report.step == step + 1:  # the checkpoint of `step` is on the disk, this step is not
            raise Stop

    with pytest.raises(Stop):
        train(pairs, out, recipe, watch=watch)


@pytest.mark.parametrize("name", RECIPES)
def test_resumed_equals_uninterrupted_to_the_bit(name: str, pairs_folder: Path, tmp_path: Path) -> None:
    recipe = RECIPES[name]
    every_step = Recipe.with_defaults(**{**recipe.as_json(), "checkpoint_minutes": 0.0})
    train(pairs_folder, tmp_path / "whole", every_step)
    stop_at(4, tmp_path / "cut", every_step, pairs_folder)
    with pytest.raises(AdjoinError, match="did not finish"):
        Encoder.load(tmp_path / "cut")
    train(pairs_folder, tmp_path / "cut", every_step, resume=True)
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")

    def losses(out: Path) -> list[float]:
        return [json.loads(line)["loss"] for line in (out / "training" / "log.jsonl").read_text().splitlines()]

    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    assert len(losses(tmp_path / "cut")) == recipe.steps


def test_a_checkpoint_of_the_first_version_is_resumed(pairs_folder: Path, tmp_path: Path) -> None:
    """Version 0.1.0 had other names for some keys of its log, its execution config and its recipe."""
    recipe = replace(RECIPES["nano"], checkpoint_minutes=0.0, local_negatives=4)
    train(pairs_folder, tmp_path / "whole", recipe)
    stop_at(3, tmp_path / "cut", recipe, pairs_folder)
    folder = tmp_path / "cut" / "training"
    newest = checkpoint.latest(folder)
    assert newest is not None
    state = json.loads((newest / checkpoint.STATE).read_text())
    del state["facts"]
    state["settled"] = state.pop("execution")
    state["settled"]["memory_tokens"] = state["settled"].pop("kept_tokens")
    state["identity"]["recipe"]["neighbours"] = state["identity"]["recipe"].pop("local_negatives")
    (newest / checkpoint.STATE).write_text(json.dumps(state))
    log = (folder / "log.jsonl").read_text()
    for former, current in (("scale", "logit_scale"), ("rate", "lr_scale"), ("norm", "grad_norm")):
        log = log.replace(f'"{current}"', f'"{former}"')
    (folder / "log.jsonl").write_text(log)
    train(pairs_folder, tmp_path / "cut", recipe, resume=True)
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    lines, expected = (whole_lines(tmp_path / name / "training" / "log.jsonl") for name in ("cut", "whole"))
    for key in ("loss", "logit_scale", "lr_scale", "grad_norm"):
        assert [line[key] for line in lines] == [line[key] for line in expected]


def test_smaller_micro_batches_after_memory_ran_out_are_kept(pairs_folder: Path, tmp_path: Path) -> None:
    recipe = RECIPES["nano"]
    training = prepare(
        [pairs_folder],
        tmp_path / "m",
        recipe,
        ranks=ALONE,
        resume=False,
        tokens=None,
        hold=ExitStack(),
        say=lambda _: None,
    )
    step = training.run.step
    step.token_budget, step.kept_tokens = 100, 50  # type: ignore[attr-defined]
    training.run.batches.close()
    training.run.save()
    newest = checkpoint.latest(tmp_path / "m" / "training")
    assert newest is not None
    execution = checkpoint.read_progress(newest, {}).execution
    assert (execution["token_budget"], execution["kept_tokens"]) == (100, 50)
    assert ExecutionConfig.from_json(execution).kept_tokens == 50


def test_tokens_that_are_kept_serve_the_next_training_on_the_same_pairs(
    pairs_folder: Path, tmp_path: Path
) -> None:
    recipe, tokens = RECIPES["static"], tmp_path / "tokens"
    train(pairs_folder, tmp_path / "alone", recipe)
    train(pairs_folder, tmp_path / "first", recipe, tokens=tokens)
    made = {path: path.stat().st_mtime_ns for path in tokens.iterdir()}
    train(pairs_folder, tmp_path / "second", replace(recipe, seed=1), tokens=tokens)
    assert weights(tmp_path / "first") == weights(tmp_path / "alone") != weights(tmp_path / "second")
    assert made
    assert {path: path.stat().st_mtime_ns for path in tokens.iterdir()} == made
    train(pairs_folder, tmp_path / "shorter", replace(recipe, max_tokens=24), tokens=tokens)
    train(pairs_folder, tmp_path / "shorter-alone", replace(recipe, max_tokens=24))
    assert weights(tmp_path / "shorter") == weights(tmp_path / "shorter-alone") != weights(tmp_path / "alone")


def test_training_learns(pairs_folder: Path, tmp_path: Path) -> None:
    reports: list[StepReport] = []
    recipe = Recipe.with_defaults(
        dimension=64, batch=32, epochs=20, vocabulary=600, learning_rate=1e-2, token_dropout=0.0
    )
    train(pairs_folder, tmp_path / "m", recipe, watch=reports.append)
    assert reports[-1].loss < reports[0].loss / 20  # 100 to 250 times less, by the seed
    assert reports[-1].step == 60
    assert reports[-1].left == 0
    assert reports[0].padding == 0
    assert (tmp_path / "m" / "training" / "curve.png").read_bytes().startswith(b"\x89PNG")
    encoder = Encoder.load(tmp_path / "m")
    x = encoder.encode_query(["Merge a table and give what came of it."])
    y = encoder.encode_document(
        [
            "def merge_table(table, retries=3):\n    return table.merge(retries)",
            "def sort_image(image):\n    return image.sort()",
        ]
    )
    assert np.argmax(Encoder.similarity(x, y)) == 0


def test_a_time_budget_ends_the_training(pairs_folder: Path, tmp_path: Path) -> None:
    recipe = Recipe.with_defaults(preset="static", dimension=8, minutes=0.02, epochs=1e6, **SMALL)
    reports: list[StepReport] = []
    description = train(pairs_folder, tmp_path / "m", recipe, watch=reports.append)
    assert [report.elapsed < 1.2 for report in reports] == [True] * (len(reports) - 1) + [False]
    assert description.training["seconds"] == pytest.approx(reports[-1].elapsed, abs=0.051)  # rounded


def test_a_loss_that_is_not_finite_stops_before_the_weights(
    pairs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from adjoin.objective import step

    monkeypatch.setattr(step, "contrastive_loss", lambda x, y, *_, **__: ((x + y) * torch.nan).sum())
    with pytest.raises(AdjoinError, match=r"loss nan, .* at seed 0, step 0: source .*, epoch 0"):
        train(pairs_folder, tmp_path / "m", RECIPES["static"])
    assert not (tmp_path / "m" / "adjoin.json").exists()


def test_a_second_training_in_the_same_place_is_refused(pairs_folder: Path, tmp_path: Path) -> None:
    train(pairs_folder, tmp_path / "m", RECIPES["static"])
    before = weights(tmp_path / "m")
    with pytest.raises(AdjoinError, match="already holds a training"):
        train(pairs_folder, tmp_path / "m", RECIPES["static"])
    other = Recipe.with_defaults(**{**RECIPES["static"].as_json(), "seed": 1})
    with pytest.raises(AdjoinError, match="another training: --seed was 0, is 1: resume it with"):
        train(pairs_folder, tmp_path / "m", other, resume=True)
    train(pairs_folder, tmp_path / "m", RECIPES["static"], resume=True)  # finished already: nothing left to do
    assert weights(tmp_path / "m") == before


def test_a_damaged_checkpoint_is_one_line(pairs_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "m"
    stop_at(
        3, out, Recipe.with_defaults(**{**RECIPES["static"].as_json(), "checkpoint_minutes": 0.0}), pairs_folder
    )
    newest = checkpoint.latest(out / "training")
    assert newest is not None
    state = newest / checkpoint.TENSORS
    state.write_bytes(state.read_bytes()[:-50])
    with pytest.raises(AdjoinError, match="damaged or cut short"):
        train(
            pairs_folder,
            out,
            Recipe.with_defaults(**{**RECIPES["static"].as_json(), "checkpoint_minutes": 0.0}),
            resume=True,
        )


def run(pairs: Path, out: Path, *more: str, command: str = COMMAND) -> subprocess.CompletedProcess[str]:
    (out.parent / "recipe.toml").write_text("checkpoint_minutes = 0.0\n")
    options = [
        "--recipe",
        str(out.parent / "recipe.toml"),
        "--dimension",
        "16",
        "--batch",
        "16",
        "--vocabulary",
        "600",
    ]
    return subprocess.run(
        [sys.executable, "-c", command, "train", str(pairs), "--out", str(out), "--steps", "20", *options, *more],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_training_resumes_to_the_same_bits(
    sign: signal.Signals, pairs_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "m"
    killed = run(pairs_folder, out, command=signalled(sign, step=7))
    assert checkpoint.latest(out / "training") is not None
    if sign == signal.SIGKILL:
        assert killed.returncode == -sign
    else:
        assert killed.returncode == 130
        assert killed.stderr.strip().splitlines()[-1] == (
            "adjoin: interrupted; the same command with --resume continues after the last finished step"
        )
    again = run(pairs_folder, out, "--resume")
    assert again.returncode == 0, again.stderr
    train(pairs_folder, tmp_path / "whole", Recipe.with_defaults(dimension=16, batch=16, vocabulary=600, steps=20))
    assert weights(out) == weights(tmp_path / "whole")


@pytest.mark.slow
def test_a_full_disk_keeps_the_last_checkpoint(pairs_folder: Path, tmp_path: Path) -> None:
    recipe = Recipe.with_defaults(**{**RECIPES["static"].as_json(), "checkpoint_minutes": 0.0})
    stop_at(3, tmp_path / "m", recipe, pairs_folder)
    limited = (
        "import resource, sys; from adjoin.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)); sys.exit(main(sys.argv[1:]))"
    )
    (tmp_path / "recipe.toml").write_text("\n".join(f"{k} = {json.dumps(v)}" for k, v in recipe.as_json().items()))
    arguments = ["train", str(pairs_folder), "--out", str(tmp_path / "m"), "--resume", "--recipe"]
    done = subprocess.run(
        [sys.executable, "-c", limited, *arguments, str(tmp_path / "recipe.toml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n"), done.stderr[:8]) == (1, 1, "adjoin: "), done.stderr
    train(pairs_folder, tmp_path / "m", recipe, resume=True)  # with room again
    train(pairs_folder, tmp_path / "whole", recipe)
    assert weights(tmp_path / "m") == weights(tmp_path / "whole")


def test_interrupts_wait_for_the_end_of_a_step_but_a_second_one_does_not() -> None:
    with interrupts_noted() as noted:
        signal.raise_signal(signal.SIGINT)
        assert noted == [signal.SIGINT]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_log_forgets_steps_that_are_done_again(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = TrainingLog(path, keep_steps=0)
    for number in range(1, 6):
        log.add(StepReport(number, 0, 1.0, 20, 1, 1, 1, 1, 0, 0, 1, 1))
    log.close()
    path.write_text(path.read_text() + '{"step": 6, "lo')  # a crash amid a line
    TrainingLog(path, keep_steps=3).close()
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2, 3]
