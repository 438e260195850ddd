"""A few micro-batches on this machine: the time of a step, and what the allocator takes beside tensors."""

import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from adjoin.batches.batch import Batch
from adjoin.model.bodies import TransformerBody
from adjoin.planning.costs import AnyBody, Shape, any_tokens, step_of
from adjoin.planning.estimate import AGAIN, BACKWARD, FORWARD, LOSS, OPTIMIZER
from adjoin.tokens import Ragged
from adjoin.training.execution import Settled, loss_matmul_dtype
from adjoin.training.hardware import peak_memory, reset_peak_memory, seconds_of
from adjoin.training.loop import clip_gradients
from adjoin.training.memory import Pass, memory_of_pass
from adjoin.training.optimizers import optimizer_for
from adjoin.training.recipe import Recipe

SECONDS = 4.0  # for the timed micro-batches; at least two
_MOST_GROUPS, _IN_A_ROW = 6, 4  # micro-batches of different lengths; of each length, for each worker
_MOST_PAIRS = 2_048  # of the timed loss, which grows with their square


@dataclass(frozen=True)
class Trial:
    """What was found.

    Attributes:
        seconds: of one step by part.
        largest: what the largest micro-batch's pass holds.
        slack: bytes for each worker that the process held at most beside all that is counted.
    """

    seconds: dict[str, float]
    largest: Pass
    slack: int


def try_out(body: AnyBody, recipe: Recipe, settled: Settled, shape: Shape, *, held: int, lasting: int) -> Trial:
    """Run a real step's parts, on random tokens, and scale them to the step.

    Args:
        body: where it computes; it is changed.
        recipe: what is trained.
        settled: for this machine.
        shape: of this rank's step.
        held: bytes that the process held before the body was made.
        lasting: bytes of weights, gradients and moments.
    """
    device = next(body.parameters()).device
    reset_peak_memory(device)
    tokens = any_tokens(shape.lengths_B, _rows_of_table(body))
    optimizer = optimizer_for(recipe, body, step_of(body, settled).temperature)
    largest = memory_of_pass(body, tokens.take(shape.groups[0]), settled.autocast)  # the warm-up, too
    parameters = [p for p in body.parameters() if p.requires_grad]

    def update() -> None:
        clip_gradients(parameters, recipe.clip)
        optimizer.step()

    seconds_of(update, device)  # makes the moments
    seconds = _passes(body, settled, shape, tokens)
    seconds[LOSS] = _loss(body, recipe, settled, len(shape.lengths_B) // 2)
    seconds[OPTIMIZER] = seconds_of(update, device)
    workers = settled.workers
    gradients = sum(p.numel() * p.element_size() for p in parameters)
    counted = lasting + (workers - 1) * gradients + workers * largest.most
    return Trial(seconds, largest, max(0, peak_memory(device) - held - counted) // workers)


def _rows_of_table(body: AnyBody) -> int:
    return body.vocabulary_size if isinstance(body, TransformerBody) else len(body.vectors)


def _passes(body: AnyBody, settled: Settled, shape: Shape, tokens: Ragged) -> dict[str, float]:
    """Seconds of a step's passes 1 and 3, out of some of its micro-batches, from the longest to the shortest."""
    step, number = step_of(body, settled, workers=settled.workers), len(shape.groups)
    device = next(body.parameters()).device
    gradient_BD = torch.full((len(tokens), body.dimension), 1e-3, device=device)
    largest = [shape.groups[0]] * settled.workers  # all at their worst at once, for the peak of memory
    step.push_back(tokens, step.embed_all(tokens, largest, len(largest)), gradient_BD)
    totals = {FORWARD: 0.0, AGAIN: 0.0}
    ends = time.perf_counter() + SECONDS
    done: list[int] = []
    for place in _spread(number):
        if len(done) >= 2 and time.perf_counter() > ends:
            break
        groups = [shape.groups[place]] * (_IN_A_ROW * settled.workers)  # all workers at a time, as in a training
        for name in (FORWARD, AGAIN):

            def embed(groups: list[NDArray[np.int64]] = groups, name: str = name) -> None:
                embedded = step.embed_all(tokens, groups, 0)
                if name == AGAIN:
                    step.push_back(tokens, embedded, gradient_BD)

            totals[name] += seconds_of(embed, device)
        done.append(place)
    padded = int(shape.padded_G.sum())
    embedded = _IN_A_ROW * settled.workers * int(shape.padded_G[done].sum())
    a_token = {name: total / embedded for name, total in totals.items()}
    twice = shape.recomputed * padded
    return {
        FORWARD: a_token[FORWARD] * padded,
        AGAIN: a_token[FORWARD] * twice,
        BACKWARD: max(0.0, a_token[AGAIN] - 2 * a_token[FORWARD]) * padded,
    }


def _spread(number: int) -> list[int]:
    """Some of so many micro-batches: the outer ones of an even spread last, as time may run out before them."""
    places = [
        round((number - 1) * (i + 0.5) / min(number, _MOST_GROUPS)) for i in range(min(number, _MOST_GROUPS))
    ]
    middle = (len(places) - 1) / 2
    return [places[i] for i in sorted(range(len(places)), key=lambda i: abs(i - middle))]


def _loss(body: AnyBody, recipe: Recipe, settled: Settled, pairs: int) -> float:
    few = max(2, min(pairs, _MOST_PAIRS))
    parameter = next(body.parameters())
    random_BD = torch.randn(2 * few, body.dimension, generator=torch.Generator().manual_seed(0))
    vectors_BD = functional.normalize(random_BD).to(parameter.device)
    empty = Ragged(np.zeros(0, np.int32), np.zeros(few, np.int64))
    batch = Batch(empty, empty, np.arange(3 * few).reshape(3, few))
    step = step_of(body, settled, recipe.dimensions or (), matmul_dtype=loss_matmul_dtype(recipe))
    dtype = torch.promote_types(parameter.dtype, torch.float32)

    def work() -> None:
        step.gradient_of_vectors(vectors_BD.to(dtype, copy=True), batch)

    seconds_of(work, parameter.device)
    return seconds_of(work, parameter.device) * (pairs / few) ** 2
