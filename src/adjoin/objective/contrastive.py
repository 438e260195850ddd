"""Symmetric InfoNCE with a trained temperature and masked false negatives (paper, section 2).

    logits = x @ y.T * exp(tau)
    loss = (cross_entropy(logits, diagonal) + cross_entropy(logits.T, diagonal)) / 2

Where two pairs of a batch share their x, their y or their group, neither is a negative of the other: those
logits are left out of both sums.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

MAX_SCALE = 100.0  # exp(tau) stays below it, as in CLIP (arXiv 2103.00020, section 2.5)
START_SCALE = 20.0  # the paper gives none; our choice


class Temperature(nn.Module):
    """The trained scalar tau; logits are cosines times exp(tau)."""

    def __init__(self, scale: float = START_SCALE) -> None:
        super().__init__()
        self.tau = nn.Parameter(torch.tensor(math.log(scale)))

    @property
    def scale(self) -> Tensor:
        """exp(tau), with gradient."""
        return self.tau.exp()

    @torch.no_grad()
    def clamp(self) -> None:
        """Bring tau back under its bound; called after each optimiser step, so that it never gets stuck there."""
        self.tau.clamp_(max=math.log(MAX_SCALE))


def false_negatives(identity_3M: NDArray[np.int64]) -> Tensor | None:
    """Which pairs of a batch must not serve as each other's negatives.

    Args:
        identity_3M: the hash of x, the hash of y and the group of each pair.

    Returns:
        Symmetric mask (M, M), its diagonal False; None if no two pairs share anything.
    """
    if all(len(np.unique(row)) == len(row) for row in identity_3M):
        return None
    mask_MM = torch.zeros(identity_3M.shape[1], identity_3M.shape[1], dtype=torch.bool)
    for row in torch.from_numpy(identity_3M):
        mask_MM |= row[:, None] == row[None, :]
    return mask_MM.fill_diagonal_(False)


def contrastive_loss(x_MD: Tensor, y_MD: Tensor, scale: Tensor, mask_MM: Tensor | None = None) -> Tensor:
    """Mean of the row-wise and the column-wise cross-entropy, in nats.

    Args:
        x_MD: unit vectors of the queries.
        y_MD: unit vectors of their documents, in the same order.
        scale: exp(tau), a scalar.
        mask_MM: True where a pair of row and column is a false negative; never on the diagonal.
    """
    logits_MM = x_MD @ y_MD.T * scale
    if mask_MM is not None:
        # Scaled first, then masked: -inf times a scale has a NaN for its gradient.
        logits_MM = logits_MM.masked_fill(mask_MM, float("-inf"))
    diagonal = torch.arange(len(x_MD), device=logits_MM.device)
    return (functional.cross_entropy(logits_MM, diagonal) + functional.cross_entropy(logits_MM.T, diagonal)) / 2
