"""Validation: its scores are those of the model at that step, and it does not change the training."""

import json
import random
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from adjoin.errors import AdjoinError
from adjoin.model.description import Description
from adjoin.model.encoder import Encoder
from adjoin.training.contrast import train
from adjoin.training.log import StepReport
from adjoin.training.recipe import Recipe
from adjoin.training.saving import write_model_of
from adjoin.training.validation import BEST, SCORES, Validation

SMALL = {"batch": 16, "vocabulary": 600, "max_tokens": 48, "threads": 1}
RECIPES = {
    "static": Recipe.with_defaults(
        preset="static", dimension=16, steps=7, token_dropout=0.3, average=0.9, **SMALL
    ),
    "nano": Recipe.with_defaults(preset="nano", steps=5, token_budget=300, memory=0.01, **SMALL),
}


def weights(model: Path) -> bytes:
    return (model / "model.safetensors").read_bytes()


class Judge:
    """Measures by a table of scores, and meddles with everything that a training could depend on."""

    def __init__(self, by_step: Mapping[int, float] | None = None) -> None:
        self.by_step = by_step or {}
        self.seen: dict[int, bytes] = {}

    def __call__(self, model: Path, report: Path, facts: Mapping[str, str | int]) -> dict[str, float]:
        random.random()
        np.random.random()  # noqa: NPY002
        torch.manual_seed(99)
        torch.set_num_threads(2)
        assert Encoder.load(model).encode_query(["sort a table"]).shape[0] == 1
        step = int(facts["step"])
        self.seen[step] = weights(model)
        report.mkdir(parents=True, exist_ok=True)
        return {"code": self.by_step.get(step, 0.0), "code/small": 0.5}

    def validation(self, every: int, keep: str | None = None, settings: str = "") -> Validation:
        return Validation(every, self, ("code", "code/small"), keep, settings)


def scores(out: Path) -> list[tuple[int, float]]:
    lines = [json.loads(line) for line in (out / "training" / SCORES).read_text().splitlines()]
    return [(line["step"], line["scores"]["code"]) for line in lines]


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_training_does_not_notice_that_it_is_measured(name: str, pairs_folder: Path, tmp_path: Path) -> None:
    recipe, judge = RECIPES[name], Judge()
    train(pairs_folder, tmp_path / "alone", recipe)
    train(pairs_folder, tmp_path / "measured", recipe, validation=judge.validation(2))
    assert weights(tmp_path / "measured") == weights(tmp_path / "alone")
    steps = recipe.steps or 0
    assert list(judge.seen) == [*range(2, steps, 2), steps], "and once at the end"
    assert judge.seen[steps] == weights(tmp_path / "alone"), "what was measured last is the model"
    shorter = Recipe.with_defaults(**{**recipe.as_json(), "steps": 4, "schedule": "constant"})
    longer = Recipe.with_defaults(**{**shorter.as_json(), "steps": 5, "warmup": 0.0})
    shorter = Recipe.with_defaults(**{**shorter.as_json(), "warmup": 0.0})
    train(pairs_folder, tmp_path / "four", shorter)
    train(pairs_folder, tmp_path / "five", longer, validation=(watching := Judge()).validation(4))
    assert watching.seen[4] == weights(tmp_path / "four"), "what is measured at step 4 is a model of four steps"


def test_the_best_is_kept_and_becomes_the_model(pairs_folder: Path, tmp_path: Path) -> None:
    judge, messages, out = Judge({2: 0.3, 4: 0.6, 6: 0.6, 7: 0.1}), list[str](), tmp_path / "m"
    description = train(
        pairs_folder, out, RECIPES["static"], validation=judge.validation(2, "code"), say=messages.append
    )
    assert scores(out) == [(2, 0.3), (4, 0.6), (6, 0.6), (7, 0.1)]
    assert weights(out) == judge.seen[4], "of two that are as good the earlier"
    assert description.training["steps"] == 4
    assert description.training["kept"] == {"score": "code", "value": 0.6, "of_steps": 7}
    assert Description.read(out) == description
    assert "after step 4: code 0.600, the best so far" in messages
    assert "the model is that of step 4: code was 0.600, the highest" in messages


@pytest.mark.slow
def test_an_interrupted_training_goes_on_with_its_evaluations(pairs_folder: Path, tmp_path: Path) -> None:
    table = {1: 0.2, 3: 0.9, 5: 0.4}
    recipe = Recipe.with_defaults(**{**RECIPES["nano"].as_json(), "checkpoint_minutes": 0.0})
    whole = Judge(table)
    train(pairs_folder, tmp_path / "whole", recipe, validation=whole.validation(1, "code"))

    class Stop(Exception):  # noqa: N818 - not an error
        pass

    def stop(report: StepReport) -> None:
        if report.step == 5:  # 4 is on the disk, with its evaluation
            raise Stop

    out = tmp_path / "cut"
    with pytest.raises(Stop):
        train(pairs_folder, out, recipe, validation=Judge(table).validation(1, "code"), watch=stop)
    assert weights(out / "training" / BEST) == whole.seen[3]
    with (out / "training" / SCORES).open("a") as file:
        file.write(json.dumps({"step": 5, "elapsed": 1.0, "settings": "", "scores": {"code": 9}}) + '\n{"step": 6')
    train(pairs_folder, out, recipe, validation=(second := Judge(table)).validation(1, "code"), resume=True)
    assert list(second.seen) == [5]
    assert scores(out) == scores(tmp_path / "whole")
    assert weights(out) == weights(tmp_path / "whole") == whole.seen[3]


def test_scores_on_other_data_are_not_compared(pairs_folder: Path, tmp_path: Path) -> None:
    out, high = tmp_path / "m", Judge(dict.fromkeys(range(9), 0.9))
    train(pairs_folder, out, RECIPES["static"], validation=high.validation(3, "code", "these data"))
    low = Judge(dict.fromkeys(range(9), 0.1))
    train(pairs_folder, out, RECIPES["static"], validation=low.validation(3, "code", "others"), resume=True)
    assert list(low.seen) == [7], "the finished training is measured anew, as it is"
    assert weights(out) == low.seen[7]


@pytest.mark.parametrize("name", RECIPES)
def test_a_checkpoint_gives_the_model_of_its_step(name: str, pairs_folder: Path, tmp_path: Path) -> None:
    out, recipe = tmp_path / "m", RECIPES[name]
    train(pairs_folder, out, recipe)
    state = next((out / "training").glob("step-*"))
    write_model_of(state, tmp_path / "made")
    assert weights(tmp_path / "made") == weights(out)
    assert Description.read(tmp_path / "made") == Description.read(out)
    one, two = (Encoder.load(folder).encode_query(["sort a table"]) for folder in (out, tmp_path / "made"))
    assert (one == two).all()
    (state / "state.safetensors").write_bytes(b"cut")
    with pytest.raises(AdjoinError, match="damaged or cut short"):
        write_model_of(state, tmp_path / "other")
    content = {"step": int(state.name.removeprefix("step-")), "elapsed": 1.0, "identity": {}, "execution": {}}
    (state / "state.json").write_text(json.dumps(content))
    with pytest.raises(AdjoinError, match="does not say what it is of"):
        write_model_of(state, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_wrong_wishes_are_one_line() -> None:
    with pytest.raises(AdjoinError, match="every 0 steps: expected 1 or more"):
        Judge().validation(0)
    with pytest.raises(AdjoinError, match=r"no score 'search' .*: expected one of code, code/small"):
        Judge().validation(1, "search")


@pytest.mark.slow
def test_adapters_are_measured_merged_and_train_on(pairs_folder: Path, tmp_path: Path) -> None:
    train(pairs_folder, tmp_path / "base", RECIPES["nano"])
    recipe = Recipe.with_defaults(init=str(tmp_path / "base"), lora=4, steps=4, **{"batch": 16, "max_tokens": 48})
    train(pairs_folder, tmp_path / "alone", recipe)
    train(pairs_folder, tmp_path / "measured", recipe, validation=(judge := Judge()).validation(2))
    assert weights(tmp_path / "measured") == weights(tmp_path / "alone") == judge.seen[4] != judge.seen[2]
