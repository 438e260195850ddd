"""One training step's gradients: the whole batch as negatives, the memory of a micro-batch.

Cached gradients (Gao et al. 2021, arXiv 2101.06983):
  1. embed all sequences without a graph, micro-batch by micro-batch;
  2. compute the loss on those vectors alone, and its gradient for each vector;
  3. embed each micro-batch again with a graph and push its vectors' gradient through.
The sum over micro-batches is exactly the batch's gradient. Both sides go through the body together: 2M sequences
sorted by length pad less than M and M.

Ours besides: the last micro-batches of pass 1, as many as `kept_tokens` allows, keep their graph and need no
second embedding. A batch that fits altogether is embedded once; a larger one keeps what fits, at the same peak of
memory.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adjoin.batches.batch import Batch, micro_batches
from adjoin.errors import AdjoinError
from adjoin.model.bodies import Body
from adjoin.objective.contrastive import Identity, Temperature, contrastive_loss
from adjoin.objective.oom import forget_gradients, within_memory
from adjoin.objective.replicas import Replicas
from adjoin.ranks import ALONE, Ranks
from adjoin.tokens import Ragged

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step measured on this rank.

    Attributes:
        loss: of the whole batch, in nats.
        tokens: real tokens of all sequences.
        padded: tokens that went through the body, padding among them, each counted once.
        recomputed: the share of `padded` that was embedded a second time.
    """

    loss: float
    tokens: int
    padded: int
    recomputed: float


class _RandomState:
    """The random generators as they stand, so that a second forward draws the same dropout."""

    def __init__(self, device: torch.device) -> None:
        self._devices = [device] if device.type == "cuda" else []
        self._states = [torch.get_rng_state(), *(torch.cuda.get_rng_state(device) for device in self._devices)]

    def restore(self) -> None:
        torch.set_rng_state(self._states[0])
        for device, state in zip(self._devices, self._states[1:], strict=True):
            torch.cuda.set_rng_state(state, device)

    @contextmanager
    def replayed(self) -> Iterator[None]:
        """Within, they stand as they stood; afterwards, as if nothing had been drawn."""
        with torch.random.fork_rng(self._devices):
            self.restore()
            yield


@dataclass(slots=True)
class _Embedded:
    """What pass 1 leaves: all vectors; of each micro-batch its rows, and its graph or how dropout was drawn."""

    vectors_BD: Tensor
    groups: list[NDArray[np.int64]]
    graphs: list[Tensor | None]
    states: list[_RandomState | None]


class ContrastiveStep:
    """Computes a batch's loss and leaves its gradients in the parameters' `.grad`.

    Attributes:
        token_budget, kept_tokens: as given, or less after memory ran out.
    """

    def __init__(
        self,
        body: Body,
        temperature: Temperature,
        *,
        token_budget: int,
        kept_tokens: int,
        autocast: torch.dtype | None = None,
        dimensions: tuple[int, ...] = (),
        matmul_dtype: torch.dtype | None = None,
        workers: int = 1,
        ranks: Ranks = ALONE,
    ) -> None:
        """Prepare steps.

        Args:
            body: what embeds sequences.
            temperature: its tau is trained along.
            token_budget: padded tokens of a micro-batch. A body that does not pad takes any batch at once.
            kept_tokens: padded tokens whose graphs may be kept together; what exceeds them is embedded twice.
            autocast: bfloat16 to run the body's matrix products in it; vectors and loss stay in float32.
            dimensions: Matryoshka dimensions; see `contrastive_loss`.
            matmul_dtype: bfloat16 for the loss's matrix products; see `contrastive_loss`.
            workers: micro-batches at a time, on the processor. More than one is not for bodies that draw dropout:
                threads would take each other's random numbers.
            ranks: with whom each batch is shared.
        """
        self.body, self.temperature = body, temperature
        self.token_budget, self.kept_tokens, self.autocast = token_budget, kept_tokens, autocast
        self.dimensions, self.matmul_dtype, self.ranks = dimensions, matmul_dtype, ranks
        self._replicas = Replicas(body, workers)

    def __call__(self, batch: Batch) -> StepResult:
        """Add the gradients of the batch's loss to the parameters' `.grad`, which are zero or None before.

        Raises:
            AdjoinError: memory runs out even with one sequence at a time.
        """
        random_state = _RandomState(self.ranks.device)
        while (result := self._run_step(batch)) is None:
            self._back_off()
            random_state.restore()
        return result

    def _run_step(self, batch: Batch) -> StepResult | None:
        """The step; None, on all ranks, if memory ran out on one."""
        sequences = batch.sequences
        groups = self.groups(sequences.lengths_B)
        kept = self.kept_groups(sequences.lengths_B, groups)
        embedded = self._within_memory(lambda: self.embed_all(sequences, groups, kept))
        if embedded is None:
            return None
        loss, gradient_BD = self.gradient_of_vectors(embedded.vectors_BD, batch)
        if self._within_memory(lambda: self.push_back(sequences, embedded, gradient_BD)) is None:
            return None
        self._reduce()
        padded = [self._padded(sequences.lengths_B, rows) for rows in groups]
        return StepResult(
            loss,
            int(sequences.lengths_B.sum()),
            sum(padded),
            sum(padded[: len(groups) - kept]) / sum(padded),
        )

    def groups(self, lengths_B: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """The micro-batches' rows; under a sharded body as many on each rank, who embed together."""
        if not self.body.pads:
            return [np.arange(len(lengths_B))]
        groups = list(micro_batches(lengths_B, self.token_budget))
        if self.body.sharded:
            groups = _cut_into(groups, max(self.ranks.all_gather(len(groups))))
        return groups

    def kept_groups(self, lengths_B: NDArray[np.int64], groups: Sequence[NDArray[np.int64]]) -> int:
        """How many of the last micro-batches keep their graph."""
        if not self.body.pads:
            return len(groups)
        sizes = np.cumsum([self._padded(lengths_B, rows) for rows in reversed(groups)])
        kept = int(np.searchsorted(sizes, self.kept_tokens, side="right"))
        return min(kept, 1) if self.body.sharded else kept  # a sharded body holds one graph at a time

    def _padded(self, lengths_B: NDArray[np.int64], rows: NDArray[np.int64]) -> int:
        return len(rows) * int(lengths_B[rows].max()) if self.body.pads else int(lengths_B[rows].sum())

    def embed_all(self, sequences: Ragged, groups: Sequence[NDArray[np.int64]], kept: int) -> _Embedded:
        """Pass 1: all vectors (B, D); the last `kept` micro-batches with their graph."""
        weights = next(iter(self.body.parameters()))
        precision = torch.promote_types(weights.dtype, torch.float32)
        vectors_BD = torch.empty(len(sequences), self.body.dimension, dtype=precision, device=self.ranks.device)
        graphs: list[Tensor | None] = [None] * len(groups)
        states: list[_RandomState | None] = [None] * len(groups)

        def embed(body: Body, number: int) -> None:
            keep = number >= len(groups) - kept
            if not keep and self._replicas.size == 1:
                states[number] = _RandomState(self.ranks.device)
            with torch.set_grad_enabled(keep):
                embedded = self._embed(body, sequences.take(groups[number]))
            vectors_BD[torch.from_numpy(groups[number])] = embedded.detach()
            graphs[number] = embedded if keep else None

        self._replicas.each(range(len(groups)), embed)
        return _Embedded(vectors_BD, list(groups), graphs, states)

    def gradient_of_vectors(self, vectors_BD: Tensor, batch: Batch) -> tuple[float, Tensor]:
        """Pass 2: the loss, and its gradient (B, D) for each vector; tau's share goes to its `.grad`."""
        pairs = len(batch.x)
        # Leaves of their own: the gradient of a slice would be as large as what it was cut from.
        parts = (vectors_BD[:pairs], vectors_BD[pairs : 2 * pairs], vectors_BD[2 * pairs :])
        sides = [part.requires_grad_() for part in parts]
        loss = contrastive_loss(
            sides[0],
            sides[1],
            self.temperature.logit_scale,
            identity=Identity.of(batch.identity_3M, batch.negative_hash_K).to(vectors_BD.device),
            negatives_KD=sides[2],
            dimensions=self.dimensions,
            ranks=self.ranks,
            matmul_dtype=self.matmul_dtype,
        )
        torch.autograd.backward(loss)
        return float(loss.detach()), torch.cat([side.grad for side in sides if side.grad is not None])

    def push_back(self, sequences: Ragged, embedded: _Embedded, gradient_BD: Tensor) -> bool:
        """Pass 3: the gradient of each vector through its graph, kept or made again as it was in pass 1."""
        if self.body.sharded:
            gradient_BD = gradient_BD * self.ranks.size  # its reduction takes the mean; the sum is wanted
        # What was kept goes first, and is freed.
        numbers = sorted(range(len(embedded.groups)), key=lambda number: embedded.graphs[number] is None)

        def push(body: Body, number: int) -> None:
            rows, vectors, state = embedded.groups[number], embedded.graphs[number], embedded.states[number]
            embedded.graphs[number] = None
            if vectors is None:
                with nullcontext() if state is None else state.replayed():
                    vectors = self._embed(body, sequences.take(rows))
            body.reduces_gradients(number == numbers[-1])
            torch.autograd.backward(vectors, gradient_BD[torch.from_numpy(rows)])

        self._replicas.each(numbers, push)
        self._replicas.gather_gradients()
        return True

    def _reduce(self) -> None:
        """One reduction of the gradients over the ranks; a sharded body has had its own."""
        own = [] if self.body.sharded else list(self.body.parameters())
        self.ranks.all_reduce_gradients([*own, self.temperature.tau])

    def _embed(self, body: Body, tokens: Ragged) -> Tensor:
        with self._precision():
            return body(tokens)

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast(self.ranks.device.type, self.autocast) if self.autocast else nullcontext()

    def _within_memory(self, work: Callable[[], T]) -> T | None:
        """What `work` gives; None on all ranks if memory ran out on one, which ends a sharded body's training."""
        return work() if self.body.sharded else within_memory(work, self.ranks)

    def _back_off(self) -> None:
        """Make ready for another attempt with half the memory."""
        if self.token_budget <= 1:
            raise AdjoinError("out of memory even with one sequence at a time: take fewer --max-tokens")
        self.kept_tokens = min(self.kept_tokens, self.token_budget) // 2
        self.token_budget //= 2
        self._replicas.forget_gradients()
        forget_gradients([*self.body.parameters(), self.temperature.tau], self.ranks.device)


def _cut_into(groups: list[NDArray[np.int64]], number: int) -> list[NDArray[np.int64]]:
    """As many groups as asked for, by halving the one with the most rows."""
    groups = list(groups)
    while len(groups) < number:
        largest = max(range(len(groups)), key=lambda index: len(groups[index]))
        rows = groups[largest]
        if len(rows) == 1:
            raise AdjoinError(
                f"a rank has {len(groups)} sequences for {number} micro-batches: take a larger --batch"
            )
        groups[largest : largest + 1] = [rows[: len(rows) // 2], rows[len(rows) // 2 :]]
    return groups
