"""Causal language modelling: the next-token loss in chunks of rows, and the step that computes its gradients.

The logits of a micro-batch (N, V) would take more memory than all else: 412 MB for 2,048 tokens and a vocabulary
of 50,257, twice that with their gradient. So a few rows of logits are computed at a time. Their share of the
gradients is added at once and the logits are freed; nothing is computed twice.
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
from adjoin.objective.oom import clear_gradients, within_memory
from adjoin.ranks import ALONE, Ranks
from adjoin.tokens import Ragged

# Rows of logits at a time. 2,048 tokens, D = 128, V = 8,192 on one core: 0.23 s with 256 rows, 0.32 s with 32,
# 0.25 s with all. Plain cross-entropy takes 0.36 s, chunks under torch's activation checkpointing 0.32 s.
CHUNK_ROWS = {"cpu": 256, "cuda": 2_048}


def next_token_loss(
    states_ND: Tensor,
    head_VD: Tensor,
    labels_N: Tensor,
    *,
    chunk_rows: int | None = None,
    precision: torch.dtype | None = None,
) -> Tensor:
    """Compute the cross-entropy of softmax(states @ head.T) with the labels, summed over all tokens, in nats.

    It is a sum, since a batch consists of micro-batches of different sizes.

    Args:
        states_ND: last hidden states of the body.
        head_VD: matrix of the head, usually the token embedding table.
        labels_N: the token that follows each state, int64.
        chunk_rows: rows of logits in memory at a time; None for `CHUNK_ROWS`.
        precision: dtype of the matrix products; None for the states' dtype. Logits and loss are at least float32.

    Returns:
        The summed loss, a scalar. Its gradient is computed in the forward pass if gradients are enabled.
    """
    rows = chunk_rows or CHUNK_ROWS[states_ND.device.type]
    loss: Tensor = _NextToken.apply(  # type: ignore[no-untyped-call]
        states_ND, head_VD, labels_N, rows, precision or states_ND.dtype, torch.is_grad_enabled()
    )
    return loss


class _NextToken(torch.autograd.Function):
    """The summed cross-entropy; its gradient is softmax - one-hot, so it needs no second pass."""

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
            chunk = slice(first, first + rows)
            narrow_CD, labels_C1 = states_ND[chunk].to(precision), labels_N[chunk, None]
            logits_CV = (narrow_CD @ narrow_VD.T).to(exact)
            norms_C1 = logits_CV.logsumexp(1, keepdim=True)
            loss += (norms_C1 - logits_CV.gather(1, labels_C1)).sum()
            if gradient_ND is not None and gradient_VD is not None:
                errors_CV = logits_CV.sub_(norms_C1).exp_()
                errors_CV.scatter_add_(1, labels_C1, errors_CV.new_full(labels_C1.shape, -1))
                narrow_CV = errors_CV.to(precision)
                gradient_ND[chunk] = narrow_CV @ narrow_VD
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
    """The loss and the token counts of a causal step.

    Attributes:
        loss: mean loss over all predicted tokens of the whole batch, in nats.
        tokens: predicted tokens of this rank.
        padded: tokens of this rank with padding.
    """

    loss: float
    tokens: int
    padded: int


class CausalStep:
    """Computes the next-token loss of a batch and accumulates its gradients in the parameters' `.grad`.

    If memory runs out on one rank, all ranks halve `token_budget` and retry the batch.

    Attributes:
        token_budget: padded tokens per micro-batch; halved each time memory runs out.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - a transformers model, an untyped library
        *,
        token_budget: int,
        autocast: torch.dtype | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        """Wrap a causal language model.

        Args:
            model: a transformers model with a plain linear head, see `check_head`.
            token_budget: maximum number of padded tokens per micro-batch. It changes memory, not the result.
            autocast: bfloat16 to run the model under autocast; logits and loss stay in float32. None for none.
            ranks: the ranks that share each batch.
        """
        self.model, self.token_budget, self.autocast, self.ranks = model, token_budget, autocast, ranks
        self._parameters: list[nn.Parameter] = list(model.parameters())

    def __call__(self, batch: RowBatch) -> CausalResult:
        """Compute the batch's mean loss and leave its gradients in the parameters' `.grad`.

        Call with gradients that are zero or None: a retry after running out of memory clears them.

        Raises:
            AdjoinError: memory runs out even with one row per micro-batch.
        """
        while (
            result := within_memory(lambda: self._nats(batch.rows, share_of=batch.predicted), self.ranks)
        ) is None:
            self._back_off()
        nats, padded = result
        self.ranks.all_reduce_gradients(self._parameters)
        loss = float(self.ranks.all_reduce(nats)) / batch.predicted
        return CausalResult(loss, predicted_in(batch.rows), padded)

    @torch.no_grad()
    def measure(self, rows: Ragged) -> float:
        """Compute the mean loss over the rows of all ranks, in nats, without dropout and gradients.

        Args:
            rows: this rank's rows.

        Raises:
            AdjoinError: memory runs out even with one row per micro-batch.
        """
        self.model.eval()
        while (result := within_memory(lambda: self._nats(rows), self.ranks)) is None:
            self._back_off()
        return float(self.ranks.all_reduce(result[0])) / sum(self.ranks.all_gather(predicted_in(rows)))

    def _nats(self, rows: Ragged, *, share_of: int | None = None) -> tuple[Tensor, int]:
        """The summed loss and the padded tokens of rows; with `share_of`, also the gradients divided by it."""
        nats, padded = torch.zeros((), dtype=torch.float64, device=self.ranks.device), 0
        for group in micro_batches(rows.lengths_B - 1, self.token_budget):
            micro_batch = rows.take(group)
            loss = self._loss(micro_batch)
            if share_of is not None:
                torch.autograd.backward(loss / share_of)
            nats += loss.detach()
            padded += micro_batch.padded()[:, 1:].size
        return nats, padded

    def _loss(self, rows: Ragged) -> Tensor:
        """The loss summed over all tokens of rows but the first of each."""
        ids_BT = rows.padded()
        indices_N = np.flatnonzero(np.arange(ids_BT.shape[1] - 1) < rows.lengths_B[:, None] - 1)
        inputs_BT, labels_N, positions_N = (
            torch.from_numpy(array).to(self.ranks.device)
            for array in (ids_BT[:, :-1].copy(), ids_BT[:, 1:].reshape(-1)[indices_N], indices_N)
        )
        with self._precision():
            states_BTD = self.model.base_model(input_ids=inputs_BT, use_cache=False).last_hidden_state
        states_ND = states_BTD.flatten(0, 1)[positions_N]
        head_VD = self.model.get_output_embeddings().weight
        return next_token_loss(states_ND, head_VD, labels_N, precision=self.autocast)

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast(self.ranks.device.type, self.autocast) if self.autocast else nullcontext()

    def _back_off(self) -> None:
        """Halve the micro-batches for a retry."""
        if self.token_budget <= 1:
            raise AdjoinError("out of memory even with one row per micro-batch: give fewer --max-tokens")
        self.token_budget //= 2
        clear_gradients(self._parameters, self.ranks.device)


def predicted_in(rows: Ragged) -> int:
    """Count the predicted tokens of rows: all but the first of each."""
    return int(rows.lengths_B.sum()) - len(rows)


@torch.no_grad()
def check_head(model: Any, name: str) -> None:  # noqa: ANN401 - a transformers model, an untyped library
    """Check that a language model's logits are its last hidden states times one matrix.

    Args:
        model: a transformers model.
        name: its checkpoint, for the error message.

    Raises:
        AdjoinError: the head has a bias, or the logits are scaled or capped.
    """
    model.eval()
    ids_BT = torch.tensor([[1, 2, 3]])
    states_BTD = model.base_model(input_ids=ids_BT, use_cache=False).last_hidden_state
    logits_BTV = model(input_ids=ids_BT, use_cache=False).logits
    if not torch.allclose(states_BTD @ model.get_output_embeddings().weight.T, logits_BTV, rtol=1e-3, atol=1e-3):
        raise AdjoinError(
            f"{name}: its logits are not its states times one matrix: there is a bias, a scale or a cap;"
            " take another checkpoint"
        )
