"""A tiny transformer in float64 and batches for it, the same in every process with the same seed."""

import numpy as np
import torch
from torch import Tensor

from adjoin.batches.batch import Batch
from adjoin.model.bodies import StaticBody, TransformerBody
from adjoin.model.build import random_transformer
from adjoin.model.start import Start
from adjoin.objective.contrastive import Temperature
from adjoin.objective.step import ContrastiveStep, StepResult
from adjoin.ranks import ALONE, Ranks
from adjoin.tokens import Ragged

VOCABULARY = 50
EVERYTHING = 100_000  # tokens: no batch here has as many


def double_body() -> TransformerBody:
    return random_transformer(Start(preset="nano"), VOCABULARY, 32).double()


def random_ragged(rows: int, longest: int, random: np.random.Generator) -> Ragged:
    lengths = random.integers(2, longest + 1, rows)
    return Ragged(random.integers(0, VOCABULARY, lengths.sum(), dtype=np.int32), lengths)


def random_batch(pairs: int, longest: int, seed: int, *, most_negatives: int = 0, ranks: Ranks = ALONE) -> Batch:
    """A rank's share of a batch; some pairs share something, each has 0 to `most_negatives` explicit negatives."""
    random = np.random.default_rng(seed)
    identity = random.integers(0, 3 * pairs, (3, pairs))
    x, y = random_ragged(pairs, longest, random), random_ragged(pairs, longest, random)
    numbers = random.integers(0, most_negatives + 1, pairs)
    negatives = random_ragged(int(numbers.sum()), longest, random)
    hashes = random.integers(0, 3 * pairs, len(negatives))
    own = np.array_split(np.arange(pairs), ranks.size)[ranks.index]
    first_negative = int(numbers[: own[0]].sum())
    own_negatives = np.arange(first_negative, first_negative + int(numbers[own].sum()))
    return Batch(
        x.take(own), y.take(own), identity, int(own[0]), negatives.take(own_negatives), hashes, first_negative
    )


def gradients(
    body: TransformerBody | StaticBody,
    batch: Batch,
    token_budget: int = EVERYTHING,
    kept_tokens: int = 0,
    dimensions: tuple[int, ...] = (),
    ranks: Ranks = ALONE,
    workers: int = 1,
) -> tuple[StepResult, list[Tensor]]:
    """A step's result, and all gradients, tau's last."""
    temperature = Temperature().double()
    parameters = [*body.parameters(), *temperature.parameters()]
    for parameter in parameters:
        parameter.grad = None
    step = ContrastiveStep(
        body,
        temperature,
        token_budget=token_budget,
        kept_tokens=kept_tokens,
        dimensions=dimensions,
        ranks=ranks,
        workers=workers,
    )
    result = step(batch)
    return result, [p.grad.clone() for p in parameters if p.grad is not None]


def assert_close(actual: list[Tensor], expected: list[Tensor], tolerance: float = 1e-9) -> None:
    assert len(actual) == len(expected) > 1
    for ours, theirs in zip(actual, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)
