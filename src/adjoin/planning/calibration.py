"""Calibration: run a few micro-batches on this machine to measure the time of a step and unused memory."""

import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from adjoin.batches.batch import Batch
from adjoin.model.bodies import AnyBody, TransformerBody
from adjoin.objective.identity import Identity
from adjoin.planning.costs import BatchLayout, any_tokens, step_of
from adjoin.planning.estimate import BACKWARD, FORWARD, LOSS, OPTIMIZER, RECOMPUTE
from adjoin.tokens import Ragged
from adjoin.training.execution import ExecutionConfig, loss_matmul_dtype
from adjoin.training.hardware import peak_memory, reset_peak_memory, seconds_of
from adjoin.training.loop import clip_gradients
from adjoin.training.memory import PassCost, measure_pass
from adjoin.training.optimizers import optimizer_for
from adjoin.training.recipe import Recipe

SECONDS = 4.0  # for the timed micro-batches; at least two are timed
_MOST_GROUPS, _IN_A_ROW = 6, 4  # timed lengths; micro-batches of each length per worker
_MOST_PAIRS = 2_048  # in the timed loss: its time grows with the square of their number


@dataclass(frozen=True)
class Calibration:
    """Measurements of a training step.

    Attributes:
        seconds: seconds of one step, by part.
        largest: cost of the largest micro-batch.
        slack: bytes per worker that the process held at its peak beyond what is counted.
    """

    seconds: dict[str, float]
    largest: PassCost
    slack: int


def calibrate(
    body: AnyBody, recipe: Recipe, execution: ExecutionConfig, layout: BatchLayout, *, held: int, lasting: int
) -> Calibration:
    """Time the parts of a training step on random tokens, and scale them to the whole step.

    Args:
        body: the encoder on its device; its weights are changed.
        recipe: all options.
        execution: the execution config of this machine.
        layout: micro-batches of the step.
        held: bytes that the process held before the body was made.
        lasting: bytes of weights, gradients and moments.
    """
    device = next(body.parameters()).device
    reset_peak_memory(device)
    tokens = any_tokens(layout.lengths_B, _rows_of_table(body))
    optimizer = optimizer_for(recipe, body, step_of(body, execution).temperature)
    largest = measure_pass(body, tokens.take(layout.groups[0]), execution.autocast)  # also the warm-up
    parameters = [p for p in body.parameters() if p.requires_grad]

    def update() -> None:
        clip_gradients(parameters, recipe.clip)
        optimizer.step()

    seconds_of(update, device)  # the first call allocates the moments
    seconds = _passes(body, execution, layout, tokens)
    seconds[LOSS] = _loss(body, recipe, execution, len(layout.lengths_B) // 2)
    seconds[OPTIMIZER] = seconds_of(update, device)
    workers = execution.workers
    gradients = sum(p.numel() * p.element_size() for p in parameters)
    counted = lasting + (workers - 1) * gradients + workers * largest.peak_bytes
    return Calibration(seconds, largest, max(0, peak_memory(device) - held - counted) // workers)


def _rows_of_table(body: AnyBody) -> int:
    return body.vocabulary_size if isinstance(body, TransformerBody) else len(body.vectors)


def _passes(body: AnyBody, execution: ExecutionConfig, layout: BatchLayout, tokens: Ragged) -> dict[str, float]:
    """Seconds of the forward and backward passes of a step, from a sample of its micro-batches."""
    step, number = step_of(body, execution, workers=execution.workers), len(layout.groups)
    device = next(body.parameters()).device
    gradient_BD = torch.full((len(tokens), body.dimension), 1e-3, device=device)
    largest = [layout.groups[0]] * execution.workers  # all workers at once, for the peak of memory
    step.backpropagate(tokens, step.embed_all(tokens, largest, len(largest)), gradient_BD)
    totals = {FORWARD: 0.0, RECOMPUTE: 0.0}
    ends = time.perf_counter() + SECONDS
    timed: list[int] = []
    for index in _spread(number):
        if len(timed) >= 2 and time.perf_counter() > ends:
            break
        groups = [layout.groups[index]] * (
            _IN_A_ROW * execution.workers
        )  # all workers at a time, as in a training
        for name in (FORWARD, RECOMPUTE):

            def embed(groups: list[NDArray[np.int64]] = groups, name: str = name) -> None:
                embedded = step.embed_all(tokens, groups, 0)
                if name == RECOMPUTE:
                    step.backpropagate(tokens, embedded, gradient_BD)

            totals[name] += seconds_of(embed, device)
        timed.append(index)
    padded = int(layout.padded_G.sum())
    embedded = _IN_A_ROW * execution.workers * int(layout.padded_G[timed].sum())
    per_token = {name: total / embedded for name, total in totals.items()}
    recomputed = layout.recomputed * padded
    return {
        FORWARD: per_token[FORWARD] * padded,
        RECOMPUTE: per_token[FORWARD] * recomputed,
        BACKWARD: max(0.0, per_token[RECOMPUTE] - 2 * per_token[FORWARD]) * padded,
    }


def _spread(number: int) -> list[int]:
    """Indices spread evenly over `number` micro-batches, the middle ones first, as time may run out."""
    indices = [
        round((number - 1) * (i + 0.5) / min(number, _MOST_GROUPS)) for i in range(min(number, _MOST_GROUPS))
    ]
    middle = (len(indices) - 1) / 2
    return [indices[i] for i in sorted(range(len(indices)), key=lambda i: abs(i - middle))]


def _loss(body: AnyBody, recipe: Recipe, execution: ExecutionConfig, pairs: int) -> float:
    timed = max(2, min(pairs, _MOST_PAIRS))
    parameter = next(body.parameters())
    random_BD = torch.randn(2 * timed, body.dimension, generator=torch.Generator().manual_seed(0))
    vectors_BD = functional.normalize(random_BD).to(parameter.device)
    empty = Ragged(np.zeros(0, np.int32), np.zeros(timed, np.int64))
    batch = Batch(empty, empty, np.arange(3 * timed).reshape(3, timed))
    step = step_of(body, execution, recipe.dimensions or (), matmul_dtype=loss_matmul_dtype(recipe))
    dtype = torch.promote_types(parameter.dtype, torch.float32)

    def work() -> None:
        identity = Identity.of(batch.identity_3M, batch.negative_hash_K)
        step.gradient_of_vectors(vectors_BD.to(dtype, copy=True), batch, identity)

    seconds_of(work, parameter.device)
    return seconds_of(work, parameter.device) * (pairs / timed) ** 2
