"""Causal language modelling: each token foretold from those before it, and the step that leaves the gradients.

The logits of a micro-batch (N tokens, V in the vocabulary) would take more memory than all else: 2,048 tokens and
a vocabulary of 50,257 make 412 MB, twice that with their gradient. So they are made some rows at a time, turned
into that chunk's share of the gradients at once, and forgotten; nothing is computed twice.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from adjoin.batches.batch import micro_batches
from adjoin.batches.rows import RowBatch
from adjoin.errors import AdjoinError
from adjoin.objective.oom import forget_gradients, within_memory
from adjoin.ranks import ALONE, Ranks
from adjoin.tokens import Ragged

# Rows of logits at a time. 2,048 tokens, D = 128, V = 8,192 on one core: 0.23 s at 256 rows, 0.32 at 32, 0.25 at
# all; plain cross-entropy takes 0.36, a chunk that torch's checkpointing computes twice 0.32.
CHUNK_ROWS = {"cpu": 256, "cuda": 2_048}


def next_token_loss(
    states_ND: Tensor,
    head_VD: Tensor,
    labels_N: Tensor,
    *,
    chunk_rows: int | None = None,
    precision: torch.dtype | None = None,
) -> Tensor:
    """The cross-entropy of softmax(states · headᵀ) with the labels, summed over all tokens.

    A sum, because a batch is made of several micro-batches, whose means would not have the batch's mean.

    Args:
        states_ND: the body's last states (N, D).
        head_VD: the head's matrix (V, D); as a rule the table of token vectors itself.
        labels_N: the token that follows each (N,), int64.
        chunk_rows: rows of logits that exist at a time; None for `CHUNK_ROWS`.
        precision: of the matrix products; None for the states' own. Logits and loss are at least float32.

    Returns:
        In nats, a scalar. Its gradient was computed on the way if gradients are enabled.
    """
    rows = chunk_rows or CHUNK_ROWS[states_ND.device.type]
    loss: Tensor = _NextToken.apply(  # type: ignore[no-untyped-call]
        states_ND, head_VD, labels_N, rows, precision or states_ND.dtype, torch.is_grad_enabled()
    )
    return loss


class _NextToken(torch.autograd.Function):
    """The sum of cross-entropies; with d/dlogits = softmax - one-hot the gradients need no second pass."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch's own
        states_ND: Tensor,
        head_VD: Tensor,
        labels_N: Tensor,
        rows: int,
        precision: torch.dtype,
        with_gradient: bool,
    ) -> Tensor:
        exact = torch.promote_types(precision, torch.float32)
        loss = states_ND.new_zeros((), dtype=exact)
        gradient_ND = torch.empty_like(states_ND) if with_gradient else None
        gradient_VD = torch.zeros_like(head_VD) if with_gradient else None
        narrow_VD = head_VD.to(precision)
        for first in range(0, len(states_ND), rows):
            some = slice(first, first + rows)
            narrow_CD, labels_C1 = states_ND[some].to(precision), labels_N[some, None]
            logits_CV = (narrow_CD @ narrow_VD.T).to(exact)
            norms_C1 = logits_CV.logsumexp(1, keepdim=True)
            loss += (norms_C1 - logits_CV.gather(1, labels_C1)).sum()
            if gradient_ND is not None and gradient_VD is not None:
                errors_CV = logits_CV.sub_(norms_C1).exp_()
                errors_CV.scatter_add_(1, labels_C1, errors_CV.new_full(labels_C1.shape, -1))
                narrow_CV = errors_CV.to(precision)
                gradient_ND[some] = narrow_CV @ narrow_VD
                gradient_VD += narrow_CV.T @ narrow_CD
        ctx.save_for_backward(gradient_ND, gradient_VD)
        return loss

    @staticmethod
    def backward(ctx: Any, *above: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 - torch's own
        gradient_ND, gradient_VD = ctx.saved_tensors
        return (
            *((gradient * above[0]).to(gradient.dtype) for gradient in (gradient_ND, gradient_VD)),
            *[None] * 4,
        )


@dataclass(frozen=True, slots=True)
class CausalResult:
    """What a step measured.

    Attributes:
        loss: mean over all tokens of the whole batch, in nats.
        tokens: tokens that this rank predicted.
        padded: tokens that went through its body, padding among them.
    """

    loss: float
    tokens: int
    padded: int


class CausalStep:
    """Computes a batch's loss and leaves its gradients in the parameters' `.grad`.

    Attributes:
        token_budget: as given, or less after memory ran out.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - a transformers model, an untyped library
        *,
        token_budget: int,
        autocast: torch.dtype | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        """Prepare steps.

        Args:
            model: a causal language model with a plain head, see `check_head`.
            token_budget: padded tokens of a micro-batch; memory depends on it, the result does not.
            autocast: bfloat16 to run the matrix products in it; logits and loss stay in float32.
            ranks: with whom each batch is shared.
        """
        self.model, self.token_budget, self.autocast, self.ranks = model, token_budget, autocast, ranks
        self._parameters: list[nn.Parameter] = list(model.parameters())

    def __call__(self, batch: RowBatch) -> CausalResult:
        """Add the gradients of the batch's mean loss to the parameters' `.grad`, which are zero or None before.

        Raises:
            AdjoinError: memory runs out even with one row at a time.
        """
        while (
            done := within_memory(lambda: self._nats(batch.rows, share_of=batch.predicted), self.ranks)
        ) is None:
            self._back_off()
        nats, padded = done
        self.ranks.all_reduce_gradients(self._parameters)
        loss = float(self.ranks.all_reduce(nats)) / batch.predicted
        return CausalResult(loss, predicted_in(batch.rows), padded)

    @torch.no_grad()
    def measure(self, rows: Ragged) -> float:
        """The mean loss in nats over the rows of all ranks, without dropout and without gradients.

        Raises:
            AdjoinError: as a step.
        """
        self.model.eval()
        while (done := within_memory(lambda: self._nats(rows), self.ranks)) is None:
            self._back_off()
        return float(self.ranks.all_reduce(done[0])) / sum(self.ranks.all_gather(predicted_in(rows)))

    def _nats(self, rows: Ragged, *, share_of: int | None = None) -> tuple[Tensor, int]:
        """The loss summed over rows, and their padded tokens; with `share_of` its gradients too, divided by it."""
        nats, padded = torch.zeros((), dtype=torch.float64, device=self.ranks.device), 0
        for group in micro_batches(rows.lengths_B - 1, self.token_budget):
            some = rows.take(group)
            loss = self._loss(some)
            if share_of is not None:
                torch.autograd.backward(loss / share_of)
            nats += loss.detach()
            padded += some.padded()[:, 1:].size
        return nats, padded

    def _loss(self, rows: Ragged) -> Tensor:
        """The loss summed over some rows, each token of which but the first is predicted."""
        ids_BT = rows.padded()
        real_N = np.flatnonzero(np.arange(ids_BT.shape[1] - 1) < rows.lengths_B[:, None] - 1)
        inputs_BT, labels_N, positions_N = (
            torch.from_numpy(array).to(self.ranks.device)
            for array in (ids_BT[:, :-1].copy(), ids_BT[:, 1:].reshape(-1)[real_N], real_N)
        )
        with self._precision():
            states_BTD = self.model.base_model(input_ids=inputs_BT, use_cache=False).last_hidden_state
        states_ND = states_BTD.flatten(0, 1)[positions_N]
        head_VD = self.model.get_output_embeddings().weight
        return next_token_loss(states_ND, head_VD, labels_N, precision=self.autocast)

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast(self.ranks.device.type, self.autocast) if self.autocast else nullcontext()

    def _back_off(self) -> None:
        """Make ready for another attempt with half the memory."""
        if self.token_budget <= 1:
            raise AdjoinError("out of memory even with one row at a time: take fewer --max-tokens")
        self.token_budget //= 2
        forget_gradients(self._parameters, self.ranks.device)


def predicted_in(rows: Ragged) -> int:
    """How many tokens are predicted in rows: all but the first of each."""
    return int(rows.lengths_B.sum()) - len(rows)


@torch.no_grad()
def check_head(model: Any, name: str) -> None:  # noqa: ANN401 - a transformers model, an untyped library
    """Refuse a language model whose logits are anything else than its last states times one matrix.

    Raises:
        AdjoinError: naming the checkpoint; it has a bias, a scale or a cap on its logits.
    """
    model.eval()
    ids_BT = torch.tensor([[1, 2, 3]])
    states_BTD = model.base_model(input_ids=ids_BT, use_cache=False).last_hidden_state
    logits_BTV = model(input_ids=ids_BT, use_cache=False).logits
    if not torch.allclose(states_BTD @ model.get_output_embeddings().weight.T, logits_BTV, rtol=1e-3, atol=1e-3):
        raise AdjoinError(
            f"{name}: its logits are not its states times a matrix (a bias, a scale or a cap); take another"
            " checkpoint"
        )
