"""The cached gradient against the full one, on a real (tiny) causal transformer in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from adjoin.errors import AdjoinError
from adjoin.model.bodies import StaticBody, TransformerBody
from adjoin.model.build import random_transformer
from adjoin.model.start import Start
from adjoin.objective.contrastive import Temperature, contrastive_loss
from adjoin.objective.identity import Identity
from adjoin.objective.step import ContrastiveStep
from adjoin.tokens import Ragged
from objective.small_steps import EVERYTHING, VOCABULARY, assert_close, double_body, gradients, random_batch


@pytest.fixture(scope="module")
def body() -> TransformerBody:
    return double_body()


@given(
    st.integers(2, 9),
    st.integers(2, 20),
    st.integers(0, 99),
    st.integers(1, 60),
    st.integers(1, 200),
    st.integers(0, 2),
)
@settings(max_examples=25)
def test_cached_equals_full_in_value_and_every_gradient(
    rows: int, longest: int, seed: int, budget: int, memory: int, most_negatives: int
) -> None:
    body = double_body()
    batch = random_batch(rows, longest, seed, most_negatives=most_negatives)
    full, expected = gradients(body, batch, EVERYTHING, EVERYTHING)
    one_pass = gradients(body, batch, budget, EVERYTHING)
    cached = gradients(body, batch, budget)
    partly = gradients(body, batch, budget, memory)
    assert full.recomputed == one_pass[0].recomputed == 0
    assert cached[0].recomputed == 1
    assert 0 <= partly[0].recomputed <= 1
    replicas = gradients(body, batch, budget, memory, workers=3)
    for result, computed in (one_pass, cached, partly, replicas):
        assert result.loss == pytest.approx(full.loss, abs=1e-9)
        assert_close(computed, expected)


def test_full_equals_each_sequence_embedded_alone(body: TransformerBody) -> None:
    batch = random_batch(6, 12, 3)
    body.zero_grad()

    def alone(side: Ragged) -> Tensor:
        return torch.cat([body(side.take(np.array([row]))) for row in range(len(side))])

    temperature = Temperature().double()
    identity = Identity.of(batch.identity_3M)
    loss = contrastive_loss(alone(batch.x), alone(batch.y), temperature.logit_scale, identity=identity)
    torch.autograd.backward(loss)
    expected = [
        parameter.grad for parameter in (*body.parameters(), temperature.tau) if parameter.grad is not None
    ]
    result, computed = gradients(body, batch, token_budget=30)
    assert result.loss == pytest.approx(loss.item(), abs=1e-9)
    assert_close(computed, expected)


def test_dropout_repeats_in_the_second_pass() -> None:
    class Dropping(TransformerBody):
        def forward(self, tokens: Ragged) -> Tensor:
            vectors = super().forward(tokens)
            seen.append((len(tokens), dropped := torch.nn.functional.dropout(vectors, 0.5)))
            return dropped

    seen: list[tuple[int, Tensor]] = []
    body = Dropping(random_transformer(Start(preset="nano"), VOCABULARY, 32).double().model)
    gradients(body, random_batch(6, 12, 0), token_budget=30)
    first, second = seen[: len(seen) // 2], seen[len(seen) // 2 :]
    for (_, a), (_, b) in zip(first, second, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert not torch.equal(first[0][1][:1] == 0, first[1][1][:1] == 0)  # each micro-batch its own


def test_workers_give_the_same_bits_each_time(body: TransformerBody) -> None:
    batch = random_batch(40, 12, 7)
    first, second = (gradients(body, batch, 60, 200, workers=2)[1] for _ in range(2))
    for once, again in zip(first, second, strict=True):
        assert torch.equal(once, again)


def test_workers_follow_the_optimiser(body: TransformerBody) -> None:
    moved = double_body()
    step = ContrastiveStep(moved, Temperature().double(), token_budget=60, kept_tokens=0, workers=2)
    batch = random_batch(12, 12, 7)
    step(batch)
    torch.optim.SGD(moved.parameters(), lr=0.1).step()
    moved.zero_grad()
    expected, _ = gradients(moved, batch)
    assert step(batch).loss == pytest.approx(expected.loss, abs=1e-9)


def test_the_static_body_takes_any_batch_at_once() -> None:
    random = np.random.default_rng(0)
    table = StaticBody(random.standard_normal((VOCABULARY, 8)).astype(np.float32), np.ones(VOCABULARY, np.float32))
    batch = random_batch(5, 9, 1)
    result, computed = gradients(table, batch, token_budget=1)
    assert result.recomputed == 0
    assert len(computed) == 6  # vectors, weights, places, the tokens before and after, tau
    padding_free = ContrastiveStep(table, Temperature(), token_budget=1, kept_tokens=1)(batch)
    assert padding_free.padded == padding_free.tokens == len(batch.x.ids_N) + len(batch.y.ids_N)


def test_padding_is_reported(body: TransformerBody) -> None:
    batch = random_batch(8, 16, 5)
    result = ContrastiveStep(body, Temperature().double(), token_budget=10_000, kept_tokens=0)(batch)
    longest = max(batch.x.lengths_B.max(), batch.y.lengths_B.max())
    assert result.tokens == len(batch.x.ids_N) + len(batch.y.ids_N)
    assert result.padded == 16 * longest


def test_bfloat16_runs_the_body_and_leaves_gradients_in_float32() -> None:
    body = random_transformer(Start(preset="nano"), VOCABULARY, 32)
    batch = random_batch(6, 12, 3)
    losses = []
    for precision in (None, torch.bfloat16):
        body.zero_grad()
        step = ContrastiveStep(body, Temperature(), token_budget=40, kept_tokens=0, autocast=precision)
        losses.append(step(batch).loss)
    assert losses[0] != losses[1]  # it did run in another precision
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    assert {parameter.grad.dtype for parameter in body.parameters() if parameter.grad is not None} == {
        torch.float32
    }


class Exhausted(TransformerBody):
    """A body on a machine with room for `room` padded tokens at a time, graphs or not."""

    room = 0
    error: Exception = RuntimeError(
        "[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"
    )

    def forward(self, tokens: Ragged) -> Tensor:
        if tokens.padded().size > self.room:
            raise self.error
        return super().forward(tokens)


def test_out_of_memory_halves_the_micro_batch_and_goes_on(body: TransformerBody) -> None:
    batch = random_batch(8, 12, 5)
    expected = gradients(body, batch)[1]
    small = Exhausted(body.model)
    small.room = 40
    temperature = Temperature().double()
    step = ContrastiveStep(small, temperature, token_budget=128, kept_tokens=512)
    small.zero_grad()
    step(batch)
    assert step.token_budget == 32
    assert step.kept_tokens <= 32
    assert_close([p.grad for p in (*small.parameters(), temperature.tau) if p.grad is not None], expected)


def test_memory_that_runs_out_in_the_second_embedding_leaves_no_half_gradient(body: TransformerBody) -> None:
    batch = random_batch(8, 12, 5)
    expected = gradients(body, batch)[1]

    class Late(TransformerBody):
        calls = 0

        def forward(self, tokens: Ragged) -> Tensor:
            self.calls += torch.is_grad_enabled()
            if self.calls == 3:
                self.calls += 1
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().forward(tokens)

    late, temperature = Late(body.model), Temperature().double()
    late.zero_grad()
    ContrastiveStep(late, temperature, token_budget=40, kept_tokens=0)(batch)
    assert late.calls > 3
    assert_close([p.grad for p in (*late.parameters(), temperature.tau) if p.grad is not None], expected)


def test_out_of_memory_to_the_end_is_one_line_and_other_errors_are_not_hidden(body: TransformerBody) -> None:
    small = Exhausted(body.model)
    step = ContrastiveStep(small, Temperature(), token_budget=64, kept_tokens=64)
    with pytest.raises(AdjoinError, match="one sequence per micro-batch"):
        step(random_batch(4, 12, 0))
    small.error = RuntimeError("shapes do not match")
    with pytest.raises(RuntimeError, match="shapes do not match"):
        step(random_batch(4, 12, 0))
