"""Causal architectures of transformers: each trains and loads with equal vectors, or is refused in one line."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from adjoin.errors import AdjoinError
from adjoin.model.build import checkpoint_body
from adjoin.model.encoder import Encoder
from adjoin.model.start import Start
from adjoin.planning.plan import plan
from adjoin.tokens import Tokenizer
from adjoin.training.contrast import train
from adjoin.training.recipe import Recipe
from architecture_trials import check_cached_step, check_encoding, trained
from architectures import CONFIGS, made

# A dozen that differ most: parallel and sequential blocks, narrow states, patterns of layers, states in
# place of attention, mixtures of experts, windows, and other parts than text.
UNLIKE = (
    "falcon",
    "opt-narrow",
    "gpt_neo",
    "mellum",
    "jamba",
    "gemma3-vision",
    "mamba",
    "rwkv",
    "mixtral",
    "bloom",
    "llama4_text",
    "modernbert-decoder",
)
REFUSED = {
    "roformer": r"\(roformer\) is not a causal model",
    "bert-decoder": r"\(bert\) cannot be used: trained, it could not be saved .*weights are missing",
}
# peft refuses some, since their kernels read the matrices themselves; others would merge to other vectors.
NO_LORA = {
    "mamba": "takes no adapters",
    "jamba": "merging its adapters changes the vectors",
    "llama4_text": r"\(llama4_text\) cannot be used: it cannot be trained",
}
NO_FIRST_LAYER = {"rwkv": "--layers 1: .* cannot be built: division by zero"}  # it divides by layers - 1
ALL = [
    *(name for name in CONFIGS if name in UNLIKE),
    *(pytest.param(name, marks=pytest.mark.slow) for name in CONFIGS if name not in UNLIKE),
]
CUT: tuple[dict[str, Any], ...] = ({}, {"layers": 1, "prune": True, "lora": 2})
EACH: tuple[dict[str, Any], ...] = ({"layers": 1}, {"layers": 2}, {"prune": True}, {"lora": 2})


@pytest.mark.parametrize("architecture", ALL)
def test_an_architecture_trains_and_loads_with_equal_vectors_or_is_refused(
    architecture: str, tokenizer: Tokenizer, pairs_folder: Path, tmp_path: Path
) -> None:
    checkpoint = made(architecture, tokenizer, tmp_path / "checkpoint")
    for options in CUT if architecture in UNLIKE else (*CUT, *EACH):
        line = trained(checkpoint, pairs_folder, tmp_path / "model", **options)
        reason = REFUSED.get(architecture, "")
        if options.get("layers") == 1:
            reason = reason or NO_FIRST_LAYER.get(architecture, "")
        if "lora" in options:
            reason = reason or NO_LORA.get(architecture, "")
        assert bool(line) == bool(reason), (options, line)
        assert re.search(reason, line)
    if architecture not in REFUSED:
        check_cached_step(checkpoint_body(Start(None, str(checkpoint)))[0])


@pytest.mark.parametrize("architecture", ALL)
def test_an_architecture_is_planned_or_refused(architecture: str, tokenizer: Tokenizer, tmp_path: Path) -> None:
    checkpoint = made(architecture, tokenizer, tmp_path / "checkpoint")
    for options in ({}, {"lora": 2}, {"layers": 1}):
        recipe = Recipe.with_defaults(init=str(checkpoint), batch=64, **options)
        refused = architecture in ("mamba", "llama4_text") and "lora" in options
        if refused or (architecture in NO_FIRST_LAYER and "layers" in options):
            with pytest.raises(
                AdjoinError, match=r"cannot be planned|takes no adapters|division by zero"
            ) as error:
                plan([], recipe, gpus=1)
            assert "\n" not in str(error.value)
        else:
            layers = int(str(options.get("layers", 4 if architecture == "gpt_neo" else 3)))
            assert plan([], recipe, gpus=1).sizes.layers == layers


def test_the_text_part_of_a_multimodal_checkpoint_is_trained(
    tokenizer: Tokenizer, pairs_folder: Path, tmp_path: Path
) -> None:
    checkpoint = made("gemma3-vision", tokenizer, tmp_path / "checkpoint")
    whole = transformers.AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
    body, _ = checkpoint_body(Start(None, str(checkpoint)))
    ids_BT = torch.tensor([[5, 9, 2, 77]])
    with torch.no_grad():
        torch.testing.assert_close(body.eval().states(ids_BT), whole.get_decoder()(input_ids=ids_BT)[0])
    assert not trained(checkpoint, pairs_folder, tmp_path / "model")
    assert json.loads((tmp_path / "model" / "config.json").read_text())["model_type"] == "gemma3_text"


def test_states_narrower_than_the_hidden_size_give_the_dimension(
    tokenizer: Tokenizer, pairs_folder: Path, tmp_path: Path
) -> None:
    checkpoint = made("opt-narrow", tokenizer, tmp_path / "checkpoint")
    assert not trained(checkpoint, pairs_folder, tmp_path / "model")
    assert Encoder.load(tmp_path / "model").dimension == 16


@pytest.mark.parametrize("architecture", ["falcon", "opt-narrow", "llama4_text", "gemma3-vision"])
def test_a_trained_model_is_a_start_too(
    architecture: str, tokenizer: Tokenizer, pairs_folder: Path, tmp_path: Path
) -> None:
    checkpoint = made(architecture, tokenizer, tmp_path / "checkpoint")
    assert not trained(checkpoint, pairs_folder, tmp_path / "first")
    assert not trained(tmp_path / "first", pairs_folder, tmp_path / "second")


def test_a_configuration_that_asks_for_more_than_states_is_overruled(
    tokenizer: Tokenizer, pairs_folder: Path, tmp_path: Path
) -> None:
    checkpoint = made("llama", tokenizer, tmp_path / "checkpoint")
    path = checkpoint / "config.json"
    asked = {"return_dict": False, "output_hidden_states": True, "output_attentions": True, "use_cache": True}
    path.write_text(json.dumps({**json.loads(path.read_text()), **asked}))
    assert not trained(checkpoint, pairs_folder, tmp_path / "model")


def test_a_resumed_training_of_the_first_layers_ends_as_an_uninterrupted_one(
    tokenizer: Tokenizer, pairs_folder: Path, tmp_path: Path
) -> None:
    checkpoint = made("gpt_neo", tokenizer, tmp_path / "checkpoint")
    recipe = Recipe.with_defaults(
        init=str(checkpoint), layers=1, batch=8, steps=4, max_tokens=32, threads=1, precision="float32"
    )
    train(pairs_folder, tmp_path / "whole", recipe)
    steps = []

    def stop(report: object) -> None:
        steps.append(report)
        if len(steps) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(pairs_folder, tmp_path / "stopped", recipe, watch=stop)
    train(pairs_folder, tmp_path / "stopped", recipe, resume=True)
    whole, stopped = (Encoder.load(tmp_path / name) for name in ("whole", "stopped"))
    check_encoding(stopped)
    texts = ["open a file", "read"]
    np.testing.assert_allclose(stopped.encode_query(texts), whole.encode_query(texts), atol=1e-5)
