"""Chunked = plain, micro-batches = one row at a time, 2 ranks = 1 rank: in float64, value and every gradient."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from adjoin.errors import AdjoinError
from adjoin.objective.causal import CausalStep, check_head, next_token_loss
from objective.causal_rank import CASES
from objective.small_models import VOCABULARY, double_model, gradients, plain, row_batch
from objective.small_steps import assert_close
from objective.test_ranks import run_ranks


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return double_model()


@given(st.integers(1, 40), st.integers(1, 9), st.integers(2, 30), st.integers(1, 50), st.integers(0, 99))
def test_chunked_equals_plain_in_value_and_gradients(
    tokens: int, dimension: int, vocabulary: int, chunk_rows: int, seed: int
) -> None:
    torch.manual_seed(seed)
    states = (3 * torch.randn(tokens, dimension, dtype=torch.float64)).requires_grad_()
    head = torch.randn(vocabulary, dimension, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(vocabulary, (tokens,))
    scale = torch.rand((), dtype=torch.float64) + 0.5  # what comes from above is not always one

    expected = functional.cross_entropy(states @ head.T, labels, reduction="sum")
    expected_gradients = torch.autograd.grad(expected * scale, (states, head))
    loss = next_token_loss(states, head, labels, chunk_rows=chunk_rows)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-9, abs=1e-9)
    loss_gradients = torch.autograd.grad(loss * scale, (states, head))
    assert_close(list(loss_gradients), list(expected_gradients))
    with torch.no_grad():
        assert next_token_loss(states, head, labels, chunk_rows=chunk_rows).item() == loss.item()


def test_no_matrix_of_all_logits_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sizes(torch.overrides.TorchFunctionMode):
        def __torch_function__(
            self, function: Callable[..., object], types: object, arguments: tuple = (), named: dict | None = None
        ) -> object:
            result = function(*arguments, **(named or {}))
            if isinstance(result, torch.Tensor):
                sizes.append(result.numel())
            return result

    sizes: list[int] = []
    states, head = torch.randn(64, 4, requires_grad=True), torch.randn(1_000, 4, requires_grad=True)
    with Sizes():
        next_token_loss(states, head, torch.zeros(64, dtype=torch.int64), chunk_rows=8).backward()
    assert max(sizes) == 8 * 1_000


def test_huge_logits_stay_finite() -> None:
    states = torch.tensor([[1e4, 0.0], [0.0, 1e4]], requires_grad=True)
    head = torch.eye(2, requires_grad=True)
    loss = next_token_loss(states, head, torch.tensor([0, 0]), chunk_rows=1)
    loss.backward()
    assert loss.item() == pytest.approx(1e4)
    assert torch.isfinite(states.grad).all()  # type: ignore[arg-type]


@pytest.mark.slow
@given(st.integers(2, 60), st.integers(1, 15), st.integers(1, 50), st.integers(0, 99))
@settings(max_examples=20)
def test_a_step_equals_every_row_alone_through_the_whole_model(
    tokens: int, length: int, budget: int, seed: int
) -> None:
    model = double_model()
    batch = row_batch(tokens, length, seed)
    loss, expected = plain(model, batch)
    result, computed = gradients(model, batch, budget)
    assert result.loss == pytest.approx(loss, abs=1e-9)
    assert (result.tokens, batch.predicted) == (tokens - 1, tokens - 1)
    assert result.tokens <= result.padded
    assert_close(computed, expected)
    assert CausalStep(model, token_budget=budget).measure(batch.rows) == pytest.approx(loss, abs=1e-9)


@pytest.mark.slow
def test_one_rank_equals_two(model: nn.Module, tmp_path: Path) -> None:
    run_ranks(2, Path(__file__).with_name("causal_rank.py"), str(tmp_path / "found.npz"))
    arrays = np.load(tmp_path / "found.npz")
    for case, (tokens, length, seed, _) in enumerate(CASES):
        result, expected = gradients(model, row_batch(tokens, length, seed))
        assert arrays[f"{case} loss"] == pytest.approx([result.loss] * 2, abs=1e-9)
        names = sorted(name for name in arrays.files if name.startswith(f"{case} ") and "loss" not in name)
        assert_close([torch.from_numpy(arrays[name]) for name in names], expected)


def test_a_head_of_its_own_gets_its_gradient() -> None:
    model = double_model()
    model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.lm_head.weight))
    batch = row_batch(40, 9, 0)
    loss, expected = plain(model, batch)
    result, computed = gradients(model, batch, 20)
    assert result.loss == pytest.approx(loss, abs=1e-9)
    assert_close(computed, expected)


def test_bfloat16_runs_the_products_and_leaves_gradients_in_float32() -> None:
    model = double_model().float()
    batch = row_batch(60, 9, 0)
    losses = []
    for precision in (None, torch.bfloat16):
        model.zero_grad()
        losses.append(CausalStep(model, token_budget=30, autocast=precision)(batch).loss)
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    assert {parameter.grad.dtype for parameter in model.parameters()} == {torch.float32}


def test_a_measurement_has_neither_dropout_nor_gradients() -> None:
    model = double_model()
    batch = row_batch(40, 9, 0)
    loss, _ = plain(model.eval(), batch)
    for layer in model.base_model.layers:
        layer.self_attn.attention_dropout = 0.9
    model.zero_grad()
    step = CausalStep(model.train(), token_budget=20)
    assert step(batch).loss != pytest.approx(loss, abs=1e-6)
    model.zero_grad()
    assert step.measure(batch.rows) == pytest.approx(loss, abs=1e-9)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_out_of_memory_halves_the_micro_batch_and_leaves_no_half_gradient(
    model: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = row_batch(80, 10, 0)
    _, expected = gradients(model, batch)
    forward, calls = model.base_model.forward, []

    def exhausted(input_ids: torch.Tensor, **named: object) -> object:
        calls.append(input_ids.numel())
        if input_ids.numel() > 20 or len(calls) == 4:  # also once after some gradients were added
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(input_ids=input_ids, **named)

    monkeypatch.setattr(model.base_model, "forward", exhausted)
    step = CausalStep(model, token_budget=64)
    model.zero_grad()
    step(batch)
    assert step.token_budget <= 16
    assert_close([parameter.grad for parameter in model.parameters()], expected)


def test_out_of_memory_to_the_end_is_one_line_and_other_errors_are_not_hidden(
    model: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[Exception] = [MemoryError(), RuntimeError("shapes do not match")]

    def fails(**_: object) -> object:
        raise errors[0]

    monkeypatch.setattr(model.base_model, "forward", fails)
    step = CausalStep(model, token_budget=64)
    with pytest.raises(AdjoinError, match="one row per micro-batch"):
        step(row_batch(80, 10, 0))
    errors.pop(0)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        step.measure(row_batch(80, 10, 0).rows)


def test_a_head_that_is_no_plain_product_is_refused(model: nn.Module) -> None:
    check_head(model, "here")
    scaled = double_model()
    scaled.lm_head.bias = torch.nn.Parameter(torch.ones(VOCABULARY, dtype=torch.float64))
    with pytest.raises(AdjoinError, match="there: its logits are not its states times one matrix"):
        check_head(scaled, "there")
