"""Checkpoints that are damaged or of another training: one line that names what differs, and what to do."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from adjoin.cli import main
from adjoin.errors import AdjoinError
from adjoin.training import checkpoint
from adjoin.training.contrast import train
from adjoin.training.recipe import Recipe
from adjoin.training.saving import write_model_of

OPTIONS: dict[str, Any] = {"dimension": 16, "batch": 16, "vocabulary": 600, "threads": 1, "steps": 3}
Json = dict[str, Any]
Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def trained(pairs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "m"
    train(pairs_folder, out, Recipe.with_defaults(**OPTIONS, average=0.9))
    return out


def resumed(trained: Path, place: Path, pairs: Path, **options: Any) -> str:  # noqa: ANN401
    """The message of a resumed training that must fail, in a copy of a folder, or in itself."""
    if place != trained:
        shutil.copytree(trained, place)
    with pytest.raises(AdjoinError) as caught:
        train(pairs, place, Recipe.with_defaults(**{**OPTIONS, "average": 0.9, **options}), resume=True)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"seed": 4}, "--seed was 0, is 4"),
        ({"learning_rate": 0.1}, "--learning-rate was 0.0005, is 0.1"),
        ({"steps": 9, "epochs": 2.0}, "--steps was 3, is 9; --epochs was not given, is 2.0"),
        ({"average": None}, "--average was 0.9, is not given"),
        ({"dimensions": [4, 8]}, r"--dimensions was not given, is [4, 8]"),
        ({"precision": "float64", "clip": 2.0}, "--clip was 1.0, is 2.0; --precision was auto, is float64"),
    ],
)
def test_the_options_that_differ_are_named(
    options: dict[str, Any], difference: str, trained: Path, pairs_folder: Path, tmp_path: Path
) -> None:
    message = resumed(trained, tmp_path / "m", pairs_folder, **options)
    assert f"belongs to another training: {difference}: resume it with what it had, or take" in message


def test_of_many_differences_six_are_named(trained: Path, pairs_folder: Path, tmp_path: Path) -> None:
    rates = {f"{name}learning_rate": 0.5 for name in ("", "weight_", "tau_")}
    more = {"weight_decay": 0.5, "warmup": 0.5, "decay": 0.5, "clip": 0.5, "crop_x": 0.5}
    message = resumed(trained, tmp_path / "m", pairs_folder, **rates, **more)
    assert message.count(" was ") == 6
    assert "; and 2 more: resume it" in message


def test_the_data_that_differ_are_named(trained: Path, pairs_folder: Path, tmp_path: Path) -> None:
    lines = [json.dumps({"x": f"open {number}", "y": f"def f{number}(): pass"}) for number in range(40)]
    (tmp_path / "pairs.jsonl").write_text("\n".join(lines) + "\n")
    message = resumed(trained, tmp_path / "m", tmp_path / "pairs.jsonl")
    assert "input 1 has other data (hash " in message
    with pytest.raises(AdjoinError, match="it had 1 inputs of data, there are 2: resume"):
        train(
            [pairs_folder, tmp_path / "pairs.jsonl"],
            shutil.copytree(trained, tmp_path / "n"),
            Recipe.with_defaults(**OPTIONS, average=0.9),
            resume=True,
        )


def test_the_command_line_names_the_option(
    pairs_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [
        str(pairs_folder),
        "--out",
        str(tmp_path / "m"),
        "--dimension",
        "8",
        "--batch",
        "16",
        "--vocabulary",
        "600",
    ]
    assert main(["train", *options, "--steps", "1"]) == 0
    capsys.readouterr()
    assert main(["train", *options, "--steps", "2", "--resume"]) == 1
    assert "--steps was 1, is 2: resume it" in " ".join(capsys.readouterr().err.split())


STATES: dict[str, tuple[Callable[[Json], object], str]] = {
    "another step": (lambda state: state.update(step=7), "step is 7, the folder is step-00000003"),
    "negative time": (lambda state: state.update(elapsed=-1.0), "elapsed is -1.0"),
    "no step": (lambda state: state.pop("step"), "expected step, elapsed, identity"),
    "step in words": (lambda state: state.update(step="3"), "is damaged"),
    "a list of options": (lambda state: state["identity"].update(recipe=[1]), "recipe is [1], expected an object"),
    "no option": (lambda state: state.update(identity={}), "recipe was not given"),
    "no precision": (lambda state: state["execution"].pop("precision"), "'precision' is missing"),
    "another precision": (
        lambda state: state["execution"].update(precision="int3"),
        "precision is 'int3', expected",
    ),
    "one more": (lambda state: state["execution"].update(speed=1), "'speed' is unknown"),
    "no threads": (lambda state: state["execution"].update(threads=0), "threads is 0, expected 1 or more"),
    "threads in words": (lambda state: state["execution"].update(threads="x"), "threads is 'x', expected int"),
}


@pytest.mark.parametrize("name", STATES)
def test_a_damaged_state_is_one_line(name: str, trained: Path, pairs_folder: Path, tmp_path: Path) -> None:
    change, message = STATES[name]
    folder = shutil.copytree(trained, tmp_path / "m")
    path = folder / "training" / "step-00000003" / checkpoint.STATE
    state = json.loads(path.read_text())
    change(state)
    path.write_text(json.dumps(state))
    shown = resumed(folder, folder, pairs_folder)
    assert message in shown
    assert "another --out" in shown


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"step": 3', "[" * 99_999])
def test_a_state_that_is_cut_is_one_line(content: str, trained: Path, pairs_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(trained, tmp_path / "m")
    path = folder / "training" / "step-00000003" / checkpoint.STATE
    path.write_text(content)
    message = resumed(folder, folder, pairs_folder)
    assert str(path) in message
    assert "take another --out and start afresh" in message


VECTORS = "module.body.vectors"
DAMAGED: dict[str, tuple[Callable[[Tensors], object], str]] = {
    "no weights": (lambda t: t.pop(VECTORS), f"{VECTORS} is missing"),
    "one more": (lambda t: t.update({"module.body.x": torch.ones(1)}), "module.body.x is unknown"),
    "integers": (lambda t: t.update({VECTORS: t[VECTORS].int()}), f"{VECTORS} is torch.int32 of shape"),
    "another shape": (lambda t: t.update({VECTORS: t[VECTORS][1:].clone()}), f"{VECTORS} is torch.float32 of shape"),  # noqa: E501
    "not finite": (lambda t: t.update({VECTORS: t[VECTORS] * torch.nan}), f"{VECTORS} has numbers that are not"),
    "moments": (lambda t: t.update({"optimizer.0.exp_avg": torch.ones(3)}), "optimizer.0.exp_avg is"),
    "moments of nothing": (lambda t: t.update({"optimizer.99.exp_avg": torch.ones(3)}), "optimizer.99.exp_avg is"),
    "moments without number": (lambda t: t.update({"optimizer.x.exp_avg": torch.ones(3)}), "invalid literal"),
    "no average": (lambda t: t.pop("average.body.vectors"), "average has other tensors"),
    "no random state": (lambda t: t.pop("random"), "random"),
    "another random state": (lambda t: t.update(random=torch.ones(1, 9)), "RNG state"),
    "a short random state": (lambda t: t.update(random=t["random"][:, :9].clone()), "RNG state"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_tensors_are_one_line(name: str, trained: Path, pairs_folder: Path, tmp_path: Path) -> None:
    change, message = DAMAGED[name]
    folder = shutil.copytree(trained, tmp_path / "m")
    state = folder / "training" / "step-00000003"
    tensors = load_file(state / checkpoint.TENSORS)
    change(tensors)
    save_file(tensors, state / checkpoint.TENSORS)
    shown = resumed(folder, folder, pairs_folder)
    assert f"{state} is damaged or cut short" in shown
    assert message in shown
    if name in ("no weights", "integers", "another shape", "not finite", "no average"):
        with pytest.raises(AdjoinError, match="damaged or cut short"):
            write_model_of(state, tmp_path / "evaluated")


@pytest.mark.parametrize("cut", [0, 5, 400, -9])
def test_cut_tensors_are_one_line(cut: int, trained: Path, pairs_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(trained, tmp_path / "m")
    path = folder / "training" / "step-00000003" / checkpoint.TENSORS
    os.truncate(path, cut % path.stat().st_size)
    assert "is damaged or cut short" in resumed(folder, folder, pairs_folder)
