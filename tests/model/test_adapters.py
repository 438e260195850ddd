"""LoRA: untrained adapters change nothing, only adapters are trained, and merging keeps the vectors."""

import copy
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from small_checkpoints import ARCHITECTURES, random_model

from adjoin.batches.batch import Batch
from adjoin.errors import AdjoinError
from adjoin.model.adapters import merged, with_lora
from adjoin.model.bodies import TransformerBody
from adjoin.objective.contrastive import Temperature
from adjoin.objective.step import ContrastiveStep
from adjoin.tokens import Ragged

LINEAR = (torch.nn.Linear, transformers.pytorch_utils.Conv1D)


def small_body(architecture: str, dtype: torch.dtype = torch.float64) -> TransformerBody:
    return TransformerBody(random_model(architecture).base_model.to(dtype)).eval()


def ragged(rows: int, seed: int) -> Ragged:
    random = np.random.default_rng(seed)
    lengths = random.integers(2, 12, rows)
    return Ragged(random.integers(0, 600, lengths.sum(), dtype=np.int32), lengths)


def adapters(body: TransformerBody) -> list[torch.nn.Parameter]:
    return [parameter for parameter in body.parameters() if parameter.requires_grad]


def changed(body: TransformerBody) -> TransformerBody:
    """As after a training: no adapter is zero any more."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in adapters(body):
            parameter += 0.1 * torch.randn_like(parameter)
    return body


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_linear_layer_gets_an_adapter_and_no_vector_changes(architecture: str) -> None:
    body = small_body(architecture)
    layers = sum(isinstance(module, LINEAR) for module in body.modules())
    vectors = body(ragged(5, 0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lora = with_lora(body, rank=2).eval()
    assert torch.equal(lora(ragged(5, 0)), vectors)
    names = [name for name, parameter in lora.named_parameters() if parameter.requires_grad]
    assert len(names) == 2 * layers
    assert all("lora_" in name for name in names)
    assert not torch.allclose(changed(lora)(ragged(5, 0)), vectors, atol=1e-2)
    assert (lora.vocabulary_size, lora.dimension, lora.is_causal()) == (600, 16, True)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_the_merged_model_is_an_ordinary_one_with_the_same_vectors(
    architecture: str, dtype: torch.dtype, tolerance: float, tmp_path: Path
) -> None:
    untouched = small_body(architecture, dtype)
    lora = changed(with_lora(copy.deepcopy(untouched), rank=2))
    vectors = lora(ragged(5, 0)).detach()
    model = merged(lora)
    assert type(model) is type(untouched.model)
    torch.testing.assert_close(TransformerBody(model)(ragged(5, 0)).detach(), vectors, rtol=0, atol=tolerance)

    model.save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    opened, info = transformers.AutoModel.from_pretrained(tmp_path, output_loading_info=True, dtype=dtype)
    assert (info["missing_keys"], info["unexpected_keys"]) == (set(), set())
    torch.testing.assert_close(TransformerBody(opened)(ragged(5, 0)).detach(), vectors, rtol=0, atol=tolerance)


@pytest.mark.parametrize(("alpha", "scale"), [(None, 2.0), (6, 3.0)])
def test_merging_adds_the_product_of_the_small_matrices(alpha: int | None, scale: float) -> None:
    body = small_body("llama")
    name = "layers.0.self_attn.q_proj"
    before = body.model.get_submodule(name).weight.detach().clone()
    lora = changed(with_lora(body, rank=2, alpha=alpha))
    layer = lora.model.get_submodule(f"base_model.model.{name}")
    down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    assert down.shape == (2, 16)
    expected = before + scale * (up @ down)
    torch.testing.assert_close(merged(lora).get_submodule(name).weight, expected)


def test_the_seed_decides_the_start_and_the_global_random_state_stays() -> None:
    state = torch.get_rng_state()

    def start(seed: int) -> list[torch.Tensor]:
        body = small_body("gpt2")
        torch.set_rng_state(state)
        weights = adapters(with_lora(body, rank=2, seed=seed))
        assert torch.equal(torch.get_rng_state(), state)
        torch.rand(1)
        return weights

    assert all(map(torch.equal, start(0), start(0)))
    assert not all(map(torch.equal, start(0), start(1)))


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_a_cached_step_trains_adapters_only(architecture: str) -> None:
    body = changed(with_lora(small_body(architecture), rank=2)).eval()  # or once and twice draw other dropout
    batch = Batch(ragged(6, 1), ragged(6, 2), np.arange(18).reshape(3, 6))
    gradients = {}
    for memory in (0, 100_000):
        body.zero_grad()
        result = ContrastiveStep(body, Temperature().double(), token_budget=40, kept_tokens=memory)(batch)
        assert result.recomputed == (memory == 0)
        gradients[memory] = {n: p.grad.clone() for n, p in body.named_parameters() if p.grad is not None}
    assert len(gradients[0]) == len(adapters(body))
    assert all("lora_" in name and gradient.any() for name, gradient in gradients[0].items())
    torch.testing.assert_close(gradients[0], gradients[100_000], rtol=1e-9, atol=1e-9)

    before = {name: parameter.detach().clone() for name, parameter in body.named_parameters()}
    torch.optim.AdamW(
        body.parameters(), lr=0.1, weight_decay=0.1
    ).step()  # all of them, as a training may hand over
    for name, parameter in body.named_parameters():
        assert torch.equal(parameter, before[name]) == ("lora_" not in name)


def test_wrong_numbers_and_a_missing_peft_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    body = small_body("gpt2")
    with pytest.raises(AdjoinError, match="LoRA of rank 0 and alpha 0: expected 1 or more"):
        with_lora(body, rank=0)
    with pytest.raises(AdjoinError, match="LoRA of rank 2 and alpha -1"):
        with_lora(body, rank=2, alpha=-1)
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(AdjoinError, match=r"LoRA needs peft.*pip install 'adjoin\[train\]'"):
        with_lora(body, rank=2)
