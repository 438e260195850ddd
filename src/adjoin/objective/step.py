"""ContrastiveStep: the gradients of a large batch in the memory of a micro-batch, by gradient caching.

Gradient caching (Gao et al. 2021, arXiv 2101.06983):
  1. embed all sequences without a graph, one micro-batch at a time;
  2. compute the loss from the embeddings, and its gradient with respect to each embedding;
  3. embed each micro-batch again with a graph, and backpropagate the gradients of its embeddings.
The sum over micro-batches is exactly the gradient of the batch. Queries and documents go through the body
together, since 2M sequences sorted by length need less padding than M and M.

Unlike the original, the last micro-batches of pass 1 keep their graph and are not embedded again, as many as
`kept_tokens` allows. A batch that fits into memory is embedded once. The peak of memory stays the same.
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
from adjoin.objective.contrastive import Temperature, contrastive_loss
from adjoin.objective.identity import Identity
from adjoin.objective.oom import clear_gradients, within_memory
from adjoin.objective.replicas import Replicas
from adjoin.ranks import ALONE, Ranks
from adjoin.tokens import Ragged

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StepResult:
    """The loss and the token counts of a contrastive step on this rank.

    Attributes:
        loss: loss of the whole batch, in nats.
        tokens: tokens of this rank's sequences, without padding.
        padded: tokens with padding, each counted once.
        recomputed: share of `padded` that was embedded a second time.
        has_negatives: whether some query of the batch has a negative. If not, the loss is 0 and teaches nothing.
    """

    loss: float
    tokens: int
    padded: int
    recomputed: float
    has_negatives: bool


class _RandomState:
    """A snapshot of the random generators, so that a second forward pass draws the same dropout."""

    def __init__(self, device: torch.device) -> None:
        self._devices = [device] if device.type == "cuda" else []
        self._states = [torch.get_rng_state(), *(torch.cuda.get_rng_state(device) for device in self._devices)]

    def restore(self) -> None:
        torch.set_rng_state(self._states[0])
        for device, state in zip(self._devices, self._states[1:], strict=True):
            torch.cuda.set_rng_state(state, device)

    @contextmanager
    def replayed(self) -> Iterator[None]:
        """Use the snapshot within the context; restore the present state afterwards."""
        with torch.random.fork_rng(self._devices):
            self.restore()
            yield


@dataclass(slots=True)
class _Embedded:
    """The result of pass 1: all embeddings; rows, graph and random state of each micro-batch."""

    vectors_BD: Tensor
    groups: list[NDArray[np.int64]]
    graphs: list[Tensor | None]
    states: list[_RandomState | None]


class ContrastiveStep:
    """Computes the contrastive loss of a batch and accumulates its gradients in the parameters' `.grad`.

    If memory runs out on one rank, all ranks halve `token_budget` and retry the batch.

    Attributes:
        token_budget: padded tokens per micro-batch; halved each time memory runs out.
        kept_tokens: padded tokens whose graphs are kept; reduced each time memory runs out.
        without_negatives: batches so far in which no query had a negative.
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
        """Wrap a body and a temperature.

        Args:
            body: the model that embeds sequences.
            temperature: the temperature, trained with the body.
            token_budget: maximum number of padded tokens per micro-batch. A body that does not pad embeds the
                whole batch at once.
            kept_tokens: maximum number of padded tokens whose graphs are kept; the others are recomputed.
            autocast: bfloat16 to run the body under autocast; embeddings and loss stay in float32. None for none.
            dimensions: Matryoshka dimensions, see `contrastive_loss`.
            matmul_dtype: dtype of the loss's matrix products, see `contrastive_loss`.
            workers: micro-batches at a time on the CPU. Use 1 for a body with dropout, since threads share the
                random generator.
            ranks: the ranks that share each batch.
        """
        self.body, self.temperature = body, temperature
        self.token_budget, self.kept_tokens, self.autocast = token_budget, kept_tokens, autocast
        self.dimensions, self.matmul_dtype, self.ranks = dimensions, matmul_dtype, ranks
        self.without_negatives = 0
        self._replicas = Replicas(body, workers)

    def __call__(self, batch: Batch) -> StepResult:
        """Compute the batch's loss and leave its gradients in the parameters' `.grad`.

        Call with gradients that are zero or None: a retry after running out of memory clears them.

        Raises:
            AdjoinError: memory runs out even with one sequence per micro-batch.
        """
        random_state = _RandomState(self.ranks.device)
        while (result := self._run_step(batch)) is None:
            self._back_off()
            random_state.restore()
        self.without_negatives += not result.has_negatives
        return result

    def _run_step(self, batch: Batch) -> StepResult | None:
        """Run the three passes; None on all ranks if memory ran out on one."""
        sequences = batch.sequences
        groups = self.groups(sequences.lengths_B)
        kept = self.kept_groups(sequences.lengths_B, groups)
        embedded = self._within_memory(lambda: self.embed_all(sequences, groups, kept))
        if embedded is None:
            return None
        identity = Identity.of(batch.identity_3M, batch.negative_hash_K)
        loss, gradient_BD = self.gradient_of_vectors(embedded.vectors_BD, batch, identity)
        if self._within_memory(lambda: self.backpropagate(sequences, embedded, gradient_BD)) is None:
            return None
        self._reduce()
        padded = [self._padded(sequences.lengths_B, rows) for rows in groups]
        return StepResult(
            loss,
            int(sequences.lengths_B.sum()),
            sum(padded),
            sum(padded[: len(groups) - kept]) / sum(padded),
            identity.has_negatives(),
        )

    def groups(self, lengths_B: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Split sequences into micro-batches; all ranks have the same number if the body is sharded.

        Args:
            lengths_B: tokens of each sequence.

        Returns:
            The row numbers of each micro-batch.
        """
        if not self.body.pads:
            return [np.arange(len(lengths_B))]
        groups = list(micro_batches(lengths_B, self.token_budget))
        if self.body.sharded:
            groups = _cut_into(groups, max(self.ranks.all_gather(len(groups))))
        return groups

    def kept_groups(self, lengths_B: NDArray[np.int64], groups: Sequence[NDArray[np.int64]]) -> int:
        """Return how many of the last micro-batches keep their graph, see `groups`."""
        if not self.body.pads:
            return len(groups)
        sizes = np.cumsum([self._padded(lengths_B, rows) for rows in reversed(groups)])
        kept = int(np.searchsorted(sizes, self.kept_tokens, side="right"))
        return min(kept, 1) if self.body.sharded else kept  # a sharded body can hold one graph at a time

    def _padded(self, lengths_B: NDArray[np.int64], rows: NDArray[np.int64]) -> int:
        return len(rows) * int(lengths_B[rows].max()) if self.body.pads else int(lengths_B[rows].sum())

    def embed_all(self, sequences: Ragged, groups: Sequence[NDArray[np.int64]], kept: int) -> _Embedded:
        """Pass 1: compute all embeddings (B, D); the last `kept` micro-batches keep their graph."""
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

    def gradient_of_vectors(self, vectors_BD: Tensor, batch: Batch, identity: Identity) -> tuple[float, Tensor]:
        """Pass 2: compute the loss and its gradient for each embedding (B, D); tau gets its `.grad`."""
        pairs = len(batch.x)
        # Each part is a leaf: the gradient of a slice would be as large as the whole.
        parts = (vectors_BD[:pairs], vectors_BD[pairs : 2 * pairs], vectors_BD[2 * pairs :])
        sides = [part.requires_grad_() for part in parts]
        loss = contrastive_loss(
            sides[0],
            sides[1],
            self.temperature.logit_scale,
            identity=identity.to(vectors_BD.device),
            negatives_KD=sides[2],
            dimensions=self.dimensions,
            ranks=self.ranks,
            matmul_dtype=self.matmul_dtype,
        )
        torch.autograd.backward(loss)
        return float(loss.detach()), torch.cat([side.grad for side in sides if side.grad is not None])

    def backpropagate(self, sequences: Ragged, embedded: _Embedded, gradient_BD: Tensor) -> bool:
        """Pass 3: backpropagate the embeddings' gradients, through kept graphs or by embedding again.

        Returns:
            True, so that the result is not None.
        """
        if self.body.sharded:
            gradient_BD = gradient_BD * self.ranks.size  # its reduction takes the mean, we need the sum
        # Kept graphs go first, so that they are freed.
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
        """All-reduce the gradients once; a sharded body reduces its own in the backward pass."""
        own = [] if self.body.sharded else list(self.body.parameters())
        self.ranks.all_reduce_gradients([*own, self.temperature.tau])

    def _embed(self, body: Body, tokens: Ragged) -> Tensor:
        with self._precision():
            return body(tokens)

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast(self.ranks.device.type, self.autocast) if self.autocast else nullcontext()

    def _within_memory(self, work: Callable[[], T]) -> T | None:
        """As `within_memory`; running out of memory ends the training of a sharded body."""
        return work() if self.body.sharded else within_memory(work, self.ranks)

    def _back_off(self) -> None:
        """Halve the micro-batches for a retry."""
        if self.token_budget <= 1:
            raise AdjoinError("out of memory even with one sequence per micro-batch: give fewer --max-tokens")
        self.kept_tokens = min(self.kept_tokens, self.token_budget) // 2
        self.token_budget //= 2
        self._replicas.clear_gradients()
        clear_gradients([*self.body.parameters(), self.temperature.tau], self.ranks.device)


def _cut_into(groups: list[NDArray[np.int64]], number: int) -> list[NDArray[np.int64]]:
    """Split the largest groups in half until there are `number` groups."""
    groups = list(groups)
    while len(groups) < number:
        largest = max(range(len(groups)), key=lambda index: len(groups[index]))
        rows = groups[largest]
        if len(rows) == 1:
            raise AdjoinError(
                f"a rank has {len(groups)} sequences for {number} micro-batches: give a larger --batch"
            )
        groups[largest : largest + 1] = [rows[: len(rows) // 2], rows[len(rows) // 2 :]]
    return groups
