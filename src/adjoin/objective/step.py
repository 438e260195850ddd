"""One training step's gradients: the whole batch as negatives, the memory of a micro-batch.

Cached gradients (Gao et al. 2021, arXiv 2101.06983):
  1. embed all 2M sequences without a graph, micro-batch by micro-batch;
  2. compute the loss on those vectors alone, and its gradient for each vector;
  3. embed each micro-batch again with a graph and push its vectors' gradient through.
The sum over micro-batches is exactly the batch's gradient. A batch that fits the budget is embedded once, with its
graph. Both sides go through the body together: 2M sequences sorted by length pad less than M and M.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adjoin.batches.batch import Batch, micro_batches
from adjoin.model.bodies import Body
from adjoin.objective.contrastive import Temperature, contrastive_loss, false_negatives
from adjoin.tokens import Ragged


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step measured.

    Attributes:
        loss: of the whole batch, in nats.
        tokens: real tokens of both sides.
        padded: tokens that went through the body, padding among them.
        cached: whether the batch was embedded twice.
    """

    loss: float
    tokens: int
    padded: int
    cached: bool


class ContrastiveStep:
    """Computes a batch's loss and leaves its gradients in the parameters' `.grad`."""

    def __init__(
        self,
        body: Body,
        temperature: Temperature,
        *,
        token_budget: int,
        memory_tokens: int,
        autocast: torch.dtype | None = None,
    ) -> None:
        """Prepare steps.

        Args:
            body: what embeds sequences.
            temperature: its tau is trained along.
            token_budget: padded tokens of a micro-batch. A body that does not pad takes any batch at once.
            memory_tokens: padded tokens whose graphs may be kept together: a batch within it is embedded once,
                a larger one twice.
            autocast: bfloat16 to run the body's matrix products in it; vectors and loss stay in float32.
        """
        self.body, self.temperature = body, temperature
        self.token_budget, self.memory_tokens, self.autocast = token_budget, memory_tokens, autocast

    def __call__(self, batch: Batch) -> StepResult:
        """Add the gradients of the batch's loss to the parameters' `.grad`."""
        sequences = Ragged.concatenate([batch.x, batch.y])
        groups = self.groups(sequences)
        padded = sum(len(rows) * int(sequences.lengths_B[rows].max()) for rows in groups) if self.body.pads else 0
        mask_MM = false_negatives(batch.identity_3M)
        cached = self.body.pads and padded > self.memory_tokens
        step = self.backward_cached if cached else self.backward_at_once
        loss = step(sequences, groups, mask_MM)
        tokens = int(sequences.lengths_B.sum())
        return StepResult(loss, tokens, padded or tokens, cached)

    def groups(self, sequences: Ragged) -> list[NDArray[np.int64]]:
        """The micro-batches' rows."""
        if not self.body.pads:
            return [np.arange(len(sequences))]
        return list(micro_batches(sequences.lengths_B, self.token_budget))

    def backward_at_once(
        self, sequences: Ragged, groups: list[NDArray[np.int64]], mask_MM: Tensor | None
    ) -> float:
        """Embed all with their graph, and go back through it."""
        vectors = torch.cat([self._embed(sequences.take(rows)) for rows in groups])
        order = torch.from_numpy(np.argsort(np.concatenate(groups)))
        loss = self._loss(vectors[order.to(vectors.device)], mask_MM)
        torch.autograd.backward(loss)
        return float(loss.detach())

    def backward_cached(self, sequences: Ragged, groups: list[NDArray[np.int64]], mask_MM: Tensor | None) -> float:
        """The three passes of the cached gradient; equal to `backward_at_once` up to rounding."""
        vectors, random_states = self.embed_without_graph(sequences, groups)
        loss, gradients = self.gradient_of_vectors(vectors, mask_MM)
        for rows, state in zip(groups, random_states, strict=True):
            self.embed_and_push_back(sequences.take(rows), gradients[torch.from_numpy(rows)], state)
        return loss

    @torch.no_grad()
    def embed_without_graph(
        self, sequences: Ragged, groups: list[NDArray[np.int64]]
    ) -> tuple[Tensor, list[Tensor]]:
        """Pass 1: all vectors (2M, D), and the random state before each micro-batch, so that dropout repeats."""
        states: list[Tensor] = []
        vectors: Tensor | None = None
        for rows in groups:
            states.append(torch.get_rng_state())
            embedded = self._embed(sequences.take(rows))
            if vectors is None:
                vectors = embedded.new_empty(len(sequences), embedded.shape[1])
            vectors[torch.from_numpy(rows)] = embedded
        assert vectors is not None  # a batch has at least two pairs
        return vectors, states

    def gradient_of_vectors(self, vectors: Tensor, mask_MM: Tensor | None) -> tuple[float, Tensor]:
        """Pass 2: the loss, and its gradient (2M, D) for each vector; tau's goes to its `.grad`."""
        leaves = vectors.requires_grad_()
        loss = self._loss(leaves, mask_MM)
        torch.autograd.backward(loss)
        assert leaves.grad is not None  # backward has just filled it
        return float(loss.detach()), leaves.grad

    def embed_and_push_back(self, micro_batch: Ragged, gradient_BD: Tensor, random_state: Tensor) -> None:
        """Pass 3, for one micro-batch: the same forward as in pass 1, this time with a graph."""
        with torch.random.fork_rng():
            torch.set_rng_state(random_state)
            vectors = self._embed(micro_batch)
        torch.autograd.backward(vectors, gradient_BD)

    def _embed(self, tokens: Ragged) -> Tensor:
        with self._precision():
            return self.body(tokens)

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast("cpu", self.autocast) if self.autocast else nullcontext()

    def _loss(self, vectors: Tensor, mask_MM: Tensor | None) -> Tensor:
        x_MD, y_MD = vectors.chunk(2)
        return contrastive_loss(x_MD, y_MD, self.temperature.scale, mask_MM)
