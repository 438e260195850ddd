"""The trial of a body before a training: each way in which an architecture can be of no use is one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_checkpoints import random_model
from torch import Tensor, nn

from adjoin.errors import AdjoinError
from adjoin.model.adapters import with_lora
from adjoin.model.bodies import TransformerBody
from adjoin.model.trial import check_body, check_training, sample_tokens


def small_body(architecture: str = "llama") -> TransformerBody:
    return TransformerBody(random_model(architecture).base_model)


def broken(change: Callable[[TransformerBody, Tensor], Tensor], architecture: str = "llama") -> TransformerBody:
    """A body whose last hidden states are changed by a function of the body and the states."""
    body = small_body(architecture)

    def hook(_: nn.Module, inputs: Any, output: Any) -> Any:  # noqa: ANN401 - torch's own
        output["last_hidden_state"] = change(body, output["last_hidden_state"])
        return output

    body.model.register_forward_hook(hook)
    return body


def failing(_: TransformerBody, states_BTD: Tensor) -> Tensor:
    raise ValueError("no such\nkernel")


def random(_: TransformerBody, states_BTD: Tensor) -> Tensor:
    random.calls = getattr(random, "calls", 0) + 1  # type: ignore[attr-defined]
    return states_BTD + random.calls * torch.arange(states_BTD.shape[-1])  # type: ignore[attr-defined]


def writing(body: TransformerBody, states_BTD: Tensor) -> Tensor:
    with torch.no_grad():
        next(body.parameters()).mul_(1.0)
    return states_BTD


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (failing, "ValueError no such kernel"),
        (lambda _, states_BTD: states_BTD * float("nan"), "its vectors are not finite"),
        (lambda _, states_BTD: states_BTD * 0, "its vectors are zero"),
        (lambda _, states_BTD: states_BTD + states_BTD.mean(1, keepdim=True), "is not a causal model"),
        (lambda _, states_BTD: states_BTD + 3 * states_BTD[:1, :1], "depends on the other texts of its batch"),
        (random, "the same texts get other vectors|is not a causal model|depends on the other texts"),
        (writing, "it changes its weights while it computes"),
        (
            lambda body, states_BTD: states_BTD + body.training * torch.randn(1, generator=GENERATOR),
            "a training step cannot be repeated",
        ),
        (lambda _, states_BTD: states_BTD[:, :20], "a text of 64 tokens, as --max-tokens allows, fails"),
    ],
)
def test_a_body_of_no_use_is_one_line(change: Callable[[TransformerBody, Tensor], Tensor], reason: str) -> None:
    with pytest.raises(AdjoinError, match=reason) as error:
        check_body(broken(change), "some/checkpoint", 64)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("some/checkpoint (llama) ")


GENERATOR = torch.Generator().manual_seed(1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda _, states_BTD: states_BTD.detach().requires_grad_(), "it cannot be trained: no gradient reaches"),
        (
            lambda body, states_BTD: states_BTD + body.model.embed_tokens.padding * states_BTD.roll(1, -1),
            "could not be saved and loaded again: it gives other vectors",
        ),
    ],
)
def test_a_body_that_would_lose_a_training_is_one_line(
    change: Callable[[TransformerBody, Tensor], Tensor], reason: str, tmp_path: Path
) -> None:
    body = small_body()
    body.model.embed_tokens.padding = 1.0  # no weight, so it is not saved
    handle = body.model.register_forward_hook(
        lambda _, inputs, output: output.__setitem__(
            "last_hidden_state", change(body, output["last_hidden_state"])
        )
    )
    with pytest.raises(AdjoinError, match=reason) as error:
        check_training(body, "some/checkpoint", tmp_path)
    handle.remove()
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("some/checkpoint (llama) cannot be used: ")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("lora", [None, 2])
@pytest.mark.parametrize("training", [True, False])
def test_a_good_body_passes_unchanged(lora: int | None, training: bool, tmp_path: Path) -> None:
    body = small_body("gpt2")
    body = body if lora is None else with_lora(body, lora)
    body.train(training)
    state, tokens = torch.get_rng_state(), sample_tokens(body.vocabulary_size, [4, 2])
    before = {name: tensor.clone() for name, tensor in body.state_dict().items()}
    check_body(body, "some/checkpoint", 64)
    check_training(body, "some/checkpoint", tmp_path)
    assert torch.equal(torch.get_rng_state(), state)
    assert body.training is training
    assert all(torch.equal(tensor, before[name]) for name, tensor in body.state_dict().items())
    assert all(parameter.grad is None for parameter in body.parameters())
    assert body.embed(tokens).shape == (2, 16)
    assert not list(tmp_path.iterdir())


def test_a_faint_look_ahead_is_seen() -> None:
    assert small_body().is_causal()
    faint = broken(lambda _, states_BTD: states_BTD + 1e-3 * states_BTD.mean(1, keepdim=True))
    assert not faint.is_causal()


def test_the_last_block_runs_whole_where_its_parts_need_it() -> None:
    body = small_body("gpt2")
    tokens = sample_tokens(body.vocabulary_size, [5, 3])
    expected = body.embed(tokens)
    block = body.model.h[-1]
    mlp = block.mlp.forward
    block.mlp.forward = lambda states_BTD: (
        mlp(states_BTD) + states_BTD.mean(1, keepdim=True) * 0
    )  # needs no length
    assert np.allclose(TransformerBody(body.model).embed(tokens), expected, atol=1e-5)
    block.mlp.forward = lambda states_BTD: mlp(states_BTD) + states_BTD[:, :1]  # the first token, which EOS is not
    plain = body.model(torch.from_numpy(tokens.take(np.array([0])).padded())).last_hidden_state[:, -1]
    unit = torch.nn.functional.normalize(plain).detach().numpy()
    assert np.allclose(TransformerBody(body.model).embed(tokens.take(np.array([0]))), unit, atol=1e-5)
