"""The loss against its plain twin, written out sum by sum from the paper's formula."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from adjoin.objective.contrastive import MAX_SCALE, Temperature, contrastive_loss, false_negatives


def plain_loss(x: Tensor, y: Tensor, scale: Tensor, identity: np.ndarray) -> Tensor:
    """For each pair and each direction: minus its own logit, plus the log of the sum over what it may see."""
    total = torch.zeros((), dtype=x.dtype)
    for i in range(len(x)):
        for mine, others in ((x[i], y), (y[i], x)):
            seen = [mine @ others[i] * scale]
            for j in range(len(x)):
                if j != i and not any(identity[k, i] == identity[k, j] for k in range(3)):
                    seen.append(mine @ others[j] * scale)
            total = total - seen[0] + torch.logsumexp(torch.stack(seen), 0)
    return total / (2 * len(x))


def vectors(rows: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x, y = (functional.normalize(torch.randn(rows, 5, dtype=torch.float64, generator=generator)) for _ in range(2))
    return x.requires_grad_(), y.requires_grad_()


identities = st.integers(2, 7).flatmap(
    lambda m: st.lists(st.lists(st.integers(0, 9), min_size=m, max_size=m), min_size=3, max_size=3)
)


@given(identities, st.integers(0, 99), st.floats(0.5, 90))
@settings(deadline=None)
def test_equals_the_plain_loss_in_value_and_every_gradient(
    identity: list[list[int]], seed: int, scale: float
) -> None:
    array = np.array(identity)
    found = []
    for loss_of in ("ours", "plain"):
        x, y = vectors(array.shape[1], seed)
        tau = torch.tensor(math.log(scale), dtype=torch.float64, requires_grad=True)
        if loss_of == "ours":
            loss = contrastive_loss(x, y, tau.exp(), false_negatives(array))
        else:
            loss = plain_loss(x, y, tau.exp(), array)
        loss.backward()
        found.append((loss.detach(), x.grad, y.grad, tau.grad))
    for ours, plain in zip(*found, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-9, atol=1e-9)


def test_both_directions_count() -> None:
    x, y = vectors(4, 0)
    y = torch.cat([y[:1]] * 4).detach()  # all columns alike: rows cannot tell, columns still can
    loss = contrastive_loss(x, y, torch.tensor(10.0, dtype=torch.float64))
    rows = functional.cross_entropy(x @ y.T * 10.0, torch.arange(4))
    assert rows.item() == pytest.approx(math.log(4))
    assert loss.item() != pytest.approx(rows.item(), abs=1e-3)


def test_false_negatives_share_x_or_y_or_group() -> None:
    identity = np.array([[1, 2, 3, 1], [5, 6, 6, 8], [10, 11, 12, 13]])
    mask = false_negatives(identity)
    assert mask is not None
    assert torch.nonzero(mask).tolist() == [[0, 3], [1, 2], [2, 1], [3, 0]]
    assert false_negatives(np.arange(9).reshape(3, 3)) is None


def test_a_pair_whose_every_other_is_masked_has_no_loss_and_no_nan() -> None:
    x, y = vectors(3, 1)
    tau = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    loss = contrastive_loss(x, y, tau.exp(), false_negatives(np.zeros((3, 3), np.int64)))
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert x.grad is not None
    assert tau.grad is not None
    assert torch.isfinite(x.grad).all()
    assert torch.isfinite(tau.grad)


def test_temperature_is_clamped_and_comes_back() -> None:
    temperature = Temperature(scale=99.0)
    with torch.no_grad():
        temperature.tau += 1.0
    temperature.clamp()
    assert temperature.scale.item() == pytest.approx(MAX_SCALE)
    temperature.scale.backward()
    assert temperature.tau.grad is not None
    assert temperature.tau.grad.item() > 0  # at the bound it still has a gradient
