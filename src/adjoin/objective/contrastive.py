"""Symmetric InfoNCE with a trained temperature, masked false negatives and no M x M matrix (paper, section 2).

    logits = x @ y.T * exp(tau)
    loss = (cross_entropy(logits, diagonal) + cross_entropy(logits.T, diagonal)) / 2

Where two pairs of a batch share their x, their y or their group, neither is a negative of the other: those logits
are left out of both sums. Explicit negatives are columns of their own: every query is told from them, and no query
is looked for from them.

The logits are computed a few rows at a time, once for the two log-sum-exps, R over rows and C over columns, and
once more for the gradient, which needs nothing else:

    d loss / d logits[i, j] = (exp(logits[i, j] - R[i]) + exp(logits[i, j] - C[j]) - 2 [i = j]) / 2M

Over ranks, each computes the rows of its own queries. What is exchanged: the documents' vectors, C, and the
gradients of the documents' vectors.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from adjoin.ranks import ALONE, Ranks

MAX_LOGIT_SCALE = 100.0  # exp(tau) stays below it, as in CLIP (arXiv 2103.00020, section 2.5)
START_LOGIT_SCALE = 20.0  # the paper gives none; our choice
LOGITS_AT_ONCE = (
    1 << 21
)  # 8 MB in float32: about the processor's cache; 1 << 19 to 1 << 23 cost the same within 5 %


class Temperature(nn.Module):
    """The trained scalar tau; logits are cosines times exp(tau)."""

    def __init__(self, logit_scale: float = START_LOGIT_SCALE) -> None:
        super().__init__()
        self.tau = nn.Parameter(torch.tensor(math.log(logit_scale)))

    @property
    def logit_scale(self) -> Tensor:
        """exp(tau), with gradient."""
        return self.tau.exp()

    @torch.no_grad()
    def clamp(self) -> None:
        """Bring tau back under its bound; called after each optimiser step, so that it never gets stuck there."""
        self.tau.clamp_(max=math.log(MAX_LOGIT_SCALE))


@dataclass(frozen=True, slots=True)
class Identity:
    """Which queries and documents of a batch must not serve as each other's negatives, as integers to compare.

    Attributes:
        rows_3M: small numbers for each query's x, its document's y, and its group.
        columns_3N: the same for the M documents; of the explicit negatives after them only the text can be known.
        shared_M: the queries that have a number in common with a column other than their own.
    """

    rows_3M: Tensor
    columns_3N: Tensor
    shared_M: Tensor

    @classmethod
    def of(cls, identity_3M: NDArray[np.int64], negative_hash_K: NDArray[np.int64] | None = None) -> "Identity":
        """Number the hashes of a batch (see `Batch`)."""
        pairs = identity_3M.shape[1]
        negatives = np.zeros(0, np.int64) if negative_hash_K is None else negative_hash_K
        columns_3N = np.full((3, pairs + len(negatives)), -1, np.int32)
        shared_M = np.zeros(pairs, np.bool_)
        for key, hashes in enumerate(identity_3M):
            known = np.concatenate([hashes, negatives]) if key == 1 else hashes  # key 1 is the hash of y
            _, numbers, counts = np.unique(known, return_inverse=True, return_counts=True)
            columns_3N[key, : len(known)] = numbers
            shared_M |= counts[numbers[:pairs]] > 1
        columns = torch.from_numpy(columns_3N)
        return cls(columns[:, :pairs], columns, torch.from_numpy(shared_M))

    def to(self, device: torch.device) -> "Identity":
        """The same on a device."""
        return Identity(self.rows_3M.to(device), self.columns_3N.to(device), self.shared_M.to(device))

    def hide(self, logits_RN: Tensor, first: int) -> None:
        """Set the logits of false negatives to -inf, in place.

        Args:
            logits_RN: a few rows of logits, scaled: -inf times a scale has a NaN for its gradient.
            first: the number of the first of these rows.
        """
        rows = torch.nonzero(self.shared_M[first : first + len(logits_RN)]).flatten()
        if not len(rows):
            return
        same = (self.rows_3M[:, first + rows, None] == self.columns_3N[:, None, :]).any(0)
        same[torch.arange(len(rows), device=rows.device), first + rows] = False
        logits_RN[rows] = logits_RN[rows].masked_fill_(same, float("-inf"))


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
    """Mean of the row-wise and the column-wise cross-entropy over all ranks, in nats.

    Its gradients are this rank's share: that of its own vectors, and of the scale what its own rows say.

    Args:
        x_MD: unit vectors of this rank's queries.
        y_MD: unit vectors of their documents, in the same order.
        logit_scale: exp(tau), a scalar.
        identity: of the whole batch; what must not be a negative.
        negatives_KD: unit vectors of explicit negatives.
        dimensions: the mean of the losses over the first so many dimensions each, scaled to length 1 again, in
            place of all D (Matryoshka, arXiv 2205.13147).
        ranks: with whom the batch is shared; each has the same number of pairs.
        logits_at_once: bounds the memory; the result does not depend on it.
        matmul_dtype: bfloat16 to round what goes into the three matrix products to it; sums, exponentials and
            gradients stay as precise as the vectors. None for products as precise as those.
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
    """This rank's rows of the logits, a few at a time, false negatives hidden."""

    def __init__(
        self,
        x_mD: Tensor,
        columns_ND: Tensor,
        logit_scale: Tensor,
        first: int,
        identity: Identity | None,
        at_once: int,
    ) -> None:
        """Take vectors in the precision of the products; the scale's is that of the logits."""
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
        """A view of the rows' own places."""
        return values_RN[:, self.first + rows.start : self.first + rows.stop].diagonal()


class _InfoNCE(torch.autograd.Function):
    """The loss of one set of vectors, and its gradients, in chunks of rows."""

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
        own, theirs = ranks.all_gather(len(x_mD)), ranks.all_gather(len(z_kD))
        pairs, first = sum(own), sum(own[: ranks.index])
        columns_ND = ranks.gather_rows(y_mD, own)
        if sum(theirs):
            columns_ND = torch.cat([columns_ND, ranks.gather_rows(z_kD, theirs)])
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
        ctx.first_negative, ctx.negatives = pairs + sum(theirs[: ranks.index]), len(z_kD)
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
        # sum over i, j of pull[i, j] * cos(i, j), without the matrix: each x times its own gradient.
        scale_gradient = (x_mD * x_gradient).sum() / logit_scale
        return x_gradient, y_gradient, z_gradient, scale_gradient, None, None, None, None
