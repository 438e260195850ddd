"""The cached gradient against the full one, on a real (tiny) causal transformer in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from adjoin.batches.batch import Batch
from adjoin.model.bodies import StaticBody, TransformerBody
from adjoin.model.start import Start, random_transformer
from adjoin.objective.contrastive import Temperature, contrastive_loss, false_negatives
from adjoin.objective.step import ContrastiveStep
from adjoin.tokens import Ragged

VOCABULARY = 50


def random_ragged(rows: int, longest: int, random: np.random.Generator) -> Ragged:
    lengths = random.integers(2, longest + 1, rows)
    return Ragged(random.integers(0, VOCABULARY, lengths.sum(), dtype=np.int32), lengths)


def random_batch(rows: int, longest: int, seed: int) -> Batch:
    random = np.random.default_rng(seed)
    identity = random.integers(0, 3 * rows, (3, rows))  # some pairs share something
    return Batch(random_ragged(rows, longest, random), random_ragged(rows, longest, random), identity)


@pytest.fixture(scope="module")
def body() -> TransformerBody:
    return random_transformer(Start(preset="nano"), VOCABULARY, 32).double()


def gradients(
    body: TransformerBody | StaticBody, batch: Batch, token_budget: int, memory_tokens: int = 0
) -> tuple[float, bool, list[Tensor]]:
    temperature = Temperature().double()
    parameters = [*body.parameters(), *temperature.parameters()]
    for parameter in parameters:
        parameter.grad = None
    result = ContrastiveStep(body, temperature, token_budget=token_budget, memory_tokens=memory_tokens)(batch)
    return result.loss, result.cached, [p.grad.clone() for p in parameters if p.grad is not None]


@given(st.integers(2, 9), st.integers(2, 20), st.integers(0, 99), st.integers(1, 60))
@settings(deadline=None, max_examples=25)
def test_cached_equals_full_in_value_and_every_gradient(rows: int, longest: int, seed: int, budget: int) -> None:
    body = random_transformer(Start(preset="nano"), VOCABULARY, 32).double()
    batch = random_batch(rows, longest, seed)
    full = gradients(body, batch, token_budget=100_000, memory_tokens=100_000)
    one_pass = gradients(body, batch, token_budget=budget, memory_tokens=100_000)
    cached = gradients(body, batch, token_budget=budget)
    assert (full[1], one_pass[1], cached[1]) == (False, False, True)
    for loss, _, found in (one_pass, cached):
        assert loss == pytest.approx(full[0], abs=1e-9)
        for ours, expected in zip(found, full[2], strict=True):
            torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


def test_full_equals_each_sequence_embedded_alone(body: TransformerBody) -> None:
    batch = random_batch(6, 12, 3)

    def alone(side: Ragged) -> Tensor:
        return torch.cat([body(side.take(np.array([row]))) for row in range(len(side))])

    temperature = Temperature().double()
    loss = contrastive_loss(alone(batch.x), alone(batch.y), temperature.scale, false_negatives(batch.identity_3M))
    assert gradients(body, batch, token_budget=100_000, memory_tokens=100_000)[0] == pytest.approx(
        loss.item(), abs=1e-9
    )


def test_dropout_repeats_in_the_second_pass() -> None:
    class Dropping(TransformerBody):
        def forward(self, tokens: Ragged) -> Tensor:
            vectors = super().forward(tokens)
            seen.append((len(tokens), dropped := torch.nn.functional.dropout(vectors, 0.5)))
            return dropped

    seen: list[tuple[int, Tensor]] = []
    body = Dropping(random_transformer(Start(preset="nano"), VOCABULARY, 32).double().model)
    _, cached, _ = gradients(body, random_batch(6, 12, 0), token_budget=30)
    assert cached
    first, second = seen[: len(seen) // 2], seen[len(seen) // 2 :]
    for (_, a), (_, b) in zip(first, second, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert not torch.equal(first[0][1][:1] == 0, first[1][1][:1] == 0)  # each micro-batch its own


def test_the_static_body_takes_any_batch_at_once() -> None:
    random = np.random.default_rng(0)
    table = StaticBody(random.standard_normal((VOCABULARY, 8)).astype(np.float32), np.ones(VOCABULARY, np.float32))
    batch = random_batch(5, 9, 1)
    _, cached, found = gradients(table, batch, token_budget=1)
    assert not cached
    assert len(found) == 4  # vectors, weights, places, tau
    padding_free = ContrastiveStep(table, Temperature(), token_budget=1, memory_tokens=1)(batch)
    assert padding_free.padded == padding_free.tokens == len(batch.x.ids_N) + len(batch.y.ids_N)


def test_padding_is_reported(body: TransformerBody) -> None:
    batch = random_batch(8, 16, 5)
    result = ContrastiveStep(body, Temperature().double(), token_budget=10_000, memory_tokens=0)(batch)
    longest = max(batch.x.lengths_B.max(), batch.y.lengths_B.max())
    assert result.tokens == len(batch.x.ids_N) + len(batch.y.ids_N)
    assert result.padded == 16 * longest


def test_bfloat16_runs_the_body_and_leaves_gradients_in_float32() -> None:
    body = random_transformer(Start(preset="nano"), VOCABULARY, 32)
    batch = random_batch(6, 12, 3)
    losses = []
    for precision in (None, torch.bfloat16):
        body.zero_grad()
        step = ContrastiveStep(body, Temperature(), token_budget=40, memory_tokens=0, autocast=precision)
        losses.append(step(batch).loss)
    assert losses[0] != losses[1]  # it did run in another precision
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    assert {parameter.grad.dtype for parameter in body.parameters() if parameter.grad is not None} == {
        torch.float32
    }
