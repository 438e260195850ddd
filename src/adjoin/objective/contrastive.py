"""Symmetric InfoNCE with a trained temperature and masked false negatives, in chunks of rows (paper, section 2).

    logits = x @ y.T * exp(tau)
    loss = (cross_entropy(logits, diagonal) + cross_entropy(logits.T, diagonal)) / 2

Two pairs of a batch that share their x, their y or their group are not negatives of each other, nor is any other
text that the batch knows as an answer of x (identity.py): their logits are masked in both sums. Explicit negatives
are additional columns, so they enter the sums over rows only.

The M x M matrix of logits is never stored. A few rows at a time are computed, first for the log-sum-exps R over
rows and C over columns, and a second time for the gradient:

    d loss / d logits[i, j] = (exp(logits[i, j] - R[i]) + exp(logits[i, j] - C[j]) - 2 [i = j]) / 2M

Each rank computes the rows of its own queries. The ranks exchange the documents' embeddings, C, and the gradients
of the documents' embeddings.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from adjoin.objective.identity import Identity
from adjoin.ranks import ALONE, Ranks

MAX_LOGIT_SCALE = 100.0  # exp(tau) stays below it, as in CLIP (arXiv 2103.00020, section 2.5)
START_LOGIT_SCALE = 20.0  # the paper does not give one
# 8 MB in float32, about the CPU's cache; 1 << 19 to 1 << 23 cost the same within 5 %.
LOGITS_AT_ONCE = 1 << 21


class Temperature(nn.Module):
    """The trained temperature parameter tau, a scalar; logits are cosine similarities times exp(tau).

    Attributes:
        tau: the parameter.
    """

    def __init__(self, logit_scale: float = START_LOGIT_SCALE) -> None:
        super().__init__()
        self.tau = nn.Parameter(torch.tensor(math.log(logit_scale)))

    @property
    def logit_scale(self) -> Tensor:
        """exp(tau), a scalar with gradient."""
        return self.tau.exp()

    @torch.no_grad()
    def clamp(self) -> None:
        """Limit the logit scale to 100; called after each optimizer step, so that tau still gets gradients."""
        self.tau.clamp_(max=math.log(MAX_LOGIT_SCALE))


def contrastive_loss(
    x_MD: Tensor,
    y_MD: Tensor,
    logit_scale: Tensor,
    *,
    identity: Identity | None = None,
    negatives_KD: Tensor | None = None,
    dimensions: tuple[int, ...] = (),
    ranks: Ranks = ALONE,
    logits_at_once: int = LOGITS_AT_ONCE,
    matmul_dtype: torch.dtype | None = None,
) -> Tensor:
    """Compute the symmetric InfoNCE loss of a batch over all ranks, in nats.

    It is the mean of the row-wise and the column-wise cross-entropy.

    The gradients are this rank's share: those of its own embeddings, and the part of the logit scale's gradient
    that comes from its own rows.

    Args:
        x_MD: unit vectors of this rank's queries.
        y_MD: unit vectors of their documents, in the same order.
        logit_scale: exp(tau), a scalar.
        identity: false negatives of the whole batch; None for none.
        negatives_KD: unit vectors of explicit negatives; None for none.
        dimensions: Matryoshka dimensions (arXiv 2205.13147). The result is the mean of the losses over the first d
            dimensions, normalised again, for each d. Empty for all D.
        ranks: the ranks that share the batch, with the same number of pairs each.
        logits_at_once: maximum number of logits in memory. The result does not depend on it.
        matmul_dtype: bfloat16 to round the inputs of the three matrix products; sums, exponentials and gradients
            keep the dtype of the embeddings. None for that dtype throughout.

    Returns:
        The loss of the whole batch, a scalar, the same on all ranks.
    """
    negatives_KD = x_MD[:0] if negatives_KD is None else negatives_KD
    losses = []
    for dimension in dimensions or (x_MD.shape[1],):
        sides = (x_MD, y_MD, negatives_KD)
        if dimension < x_MD.shape[1]:
            sides = tuple(functional.normalize(side[:, :dimension]) for side in sides)  # type: ignore[assignment]
        losses.append(_InfoNCE.apply(*sides, logit_scale, identity, ranks, logits_at_once, matmul_dtype))  # type: ignore[no-untyped-call]
    loss: Tensor = torch.stack(losses).mean() if len(losses) > 1 else losses[0]
    return loss


class _Rows:
    """This rank's rows of the logits, a few at a time, with false negatives masked."""

    def __init__(
        self,
        x_mD: Tensor,
        columns_ND: Tensor,
        logit_scale: Tensor,
        first: int,
        identity: Identity | None,
        at_once: int,
    ) -> None:
        """Wrap embeddings in the dtype of the products; the logits have the dtype of the logit scale."""
        self.x_mD, self.columns_ND, self.logit_scale, self.first = x_mD, columns_ND, logit_scale, first
        self.identity = identity
        self.parts = range(0, len(x_mD), max(1, at_once // len(columns_ND)))

    def part(self, start: int) -> slice:
        return slice(start, min(start + self.parts.step, len(self.x_mD)))

    def logits(self, rows: slice) -> Tensor:
        logits_RN = (self.x_mD[rows] @ self.columns_ND.T).to(self.logit_scale.dtype).mul_(self.logit_scale)
        if self.identity is not None:
            self.identity.hide(logits_RN, self.first + rows.start)
        return logits_RN

    def diagonal(self, rows: slice, values_RN: Tensor) -> Tensor:
        """A view of the rows' diagonal elements, the positives."""
        return values_RN[:, self.first + rows.start : self.first + rows.stop].diagonal()


class _InfoNCE(torch.autograd.Function):
    """The loss of one set of embeddings and its gradients, in chunks of rows."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - autograd's context
        x_mD: Tensor,
        y_mD: Tensor,
        z_kD: Tensor,
        logit_scale: Tensor,
        identity: Identity | None,
        ranks: Ranks,
        at_once: int,
        matmul_dtype: torch.dtype | None,
    ) -> Tensor:
        own_rows, negative_rows = ranks.all_gather(len(x_mD)), ranks.all_gather(len(z_kD))
        pairs, first = sum(own_rows), sum(own_rows[: ranks.index])
        columns_ND = ranks.gather_rows(y_mD, own_rows)
        if sum(negative_rows):
            columns_ND = torch.cat([columns_ND, ranks.gather_rows(z_kD, negative_rows)])
        narrow = matmul_dtype or x_mD.dtype
        rows_of = _Rows(x_mD.to(narrow), columns_ND.to(narrow), logit_scale, first, identity, at_once)
        row_sums_m = x_mD.new_empty(len(x_mD))
        column_sums_M = x_mD.new_full((pairs,), float("-inf"))
        positives_m = x_mD.new_empty(len(x_mD))
        for start in rows_of.parts:
            rows = rows_of.part(start)
            logits_RN = rows_of.logits(rows)
            positives_m[rows] = rows_of.diagonal(rows, logits_RN)
            row_sums_m[rows] = logits_RN.logsumexp(1)
            column_sums_M = torch.logaddexp(column_sums_M, logits_RN[:, :pairs].logsumexp(0))
        if ranks.size > 1:
            column_sums_M = ranks.gather_rows(column_sums_M[None], [1] * ranks.size).logsumexp(0)
        ctx.save_for_backward(x_mD, logit_scale, row_sums_m, column_sums_M)
        ctx.rows_of, ctx.ranks, ctx.pairs, ctx.first = rows_of, ranks, pairs, first
        ctx.first_negative, ctx.negatives = pairs + sum(negative_rows[: ranks.index]), len(z_kD)
        losses_m = row_sums_m + column_sums_M[first : first + len(x_mD)] - 2 * positives_m
        return ranks.all_reduce(losses_m.sum()) / (2 * pairs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x_mD, logit_scale, row_sums_m, column_sums_M = ctx.saved_tensors
        rows_of: _Rows = ctx.rows_of
        factor = gradient * logit_scale / (2 * ctx.pairs)
        x_gradient = torch.empty_like(x_mD)
        column_gradient = x_mD.new_zeros(rows_of.columns_ND.shape)
        for start in rows_of.parts:
            rows = rows_of.part(start)
            logits_RN = rows_of.logits(rows)
            pull_RN = (logits_RN - row_sums_m[rows, None]).exp_()
            pull_RN[:, : ctx.pairs] += logits_RN[:, : ctx.pairs].sub_(column_sums_M).exp_()
            rows_of.diagonal(rows, pull_RN).sub_(2)
            pull_RN *= factor
            narrow_RN = pull_RN.to(rows_of.x_mD.dtype)
            x_gradient[rows] = narrow_RN @ rows_of.columns_ND
            column_gradient += narrow_RN.T @ rows_of.x_mD[rows]
        ctx.ranks.all_reduce(column_gradient)
        y_gradient = column_gradient[ctx.first : ctx.first + len(x_mD)]
        z_gradient = column_gradient[ctx.first_negative : ctx.first_negative + ctx.negatives]
        # The sum over i, j of pull[i, j] * cos(i, j) is the sum over each x times its gradient.
        scale_gradient = (x_mD * x_gradient).sum() / logit_scale
        return x_gradient, y_gradient, z_gradient, scale_gradient, None, None, None, None
