"""The loss against a plain version, written out sum by sum from the paper's formula."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from adjoin.objective.contrastive import MAX_LOGIT_SCALE, Temperature, contrastive_loss
from adjoin.objective.identity import Identity


def plain_loss(
    x: Tensor, y: Tensor, z: Tensor, scale: Tensor, identity: np.ndarray, negative_hash: np.ndarray
) -> Tensor:
    """For each pair and each direction: minus its own logit, plus the log of the sum over what it may see."""
    total = torch.zeros((), dtype=x.dtype)
    for i in range(len(x)):
        rows, columns = [x[i] @ y[i] * scale], [x[i] @ y[i] * scale]
        for j in range(len(x)):
            if j != i and not is_answer(identity, i, identity[1, j], identity[2, j]):
                rows.append(x[i] @ y[j] * scale)
            if j != i and not is_answer(identity, j, identity[1, i], identity[2, i]):
                columns.append(x[j] @ y[i] * scale)
        rows += [x[i] @ z[k] * scale for k in range(len(z)) if not is_answer(identity, i, negative_hash[k], None)]
        for seen in (rows, columns):
            total = total - seen[0] + torch.logsumexp(torch.stack(seen), 0)
    return total / (2 * len(x))


def is_answer(identity: np.ndarray, i: int, text: int, group: int | None) -> bool:
    """Whether the batch knows a text as an answer of query i: some pair ties them, by its texts or its group."""
    return any(
        (same_x == identity[0, i] or same_group == identity[2, i]) and (own_y == text or same_group == group)
        for same_x, own_y, same_group in identity.T
    )


def vectors(rows: int, seed: int, dimension: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(rows, dimension, dtype=torch.float64, generator=generator)
    return functional.normalize(drawn).requires_grad_()


def leaves(pairs: int, negatives: int, seed: int, scale: float) -> list[Tensor]:
    tau = torch.tensor(math.log(scale), dtype=torch.float64, requires_grad=True)
    return [vectors(pairs, seed), vectors(pairs, seed + 1), vectors(negatives, seed + 2), tau]


def value_and_gradients(loss_of: Callable[..., Tensor], inputs: list[Tensor]) -> list[Tensor]:
    loss = loss_of(*inputs)
    loss.backward()
    return [loss.detach(), *(i.grad if i.grad is not None else torch.zeros_like(i) for i in inputs)]


def assert_equal(actual: list[Tensor], expected: list[Tensor]) -> None:
    for ours, plain in zip(actual, expected, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-9, atol=1e-9)


identities = st.integers(2, 7).flatmap(
    lambda m: st.lists(st.lists(st.integers(0, 9), min_size=m, max_size=m), min_size=3, max_size=3)
)


@given(
    identities,
    st.lists(st.integers(0, 9), max_size=4),
    st.integers(0, 99),
    st.floats(0.5, 90),
    st.integers(1, 90),
    st.sampled_from([(), (2,), (3, 5), (1, 2, 5)]),
)
def test_equals_the_plain_loss_in_value_and_every_gradient(
    identity: list[list[int]],
    negatives: list[int],
    seed: int,
    scale: float,
    logits_at_once: int,
    dimensions: tuple[int, ...],
) -> None:
    array, hashes = np.array(identity), np.array(negatives, np.int64)

    def ours(x: Tensor, y: Tensor, z: Tensor, tau: Tensor) -> Tensor:
        return contrastive_loss(
            x,
            y,
            tau.exp(),
            identity=Identity.of(array, hashes),
            negatives_KD=z,
            dimensions=dimensions,
            logits_at_once=logits_at_once,
        )

    def plain(x: Tensor, y: Tensor, z: Tensor, tau: Tensor) -> Tensor:
        losses = []
        for d in dimensions or (5,):
            cut = [functional.normalize(side[:, :d]) if d < 5 else side for side in (x, y, z)]
            losses.append(plain_loss(*cut, tau.exp(), array, hashes))
        return torch.stack(losses).mean()

    def fresh() -> list[Tensor]:
        return leaves(array.shape[1], len(hashes), seed, scale)

    assert_equal(value_and_gradients(ours, fresh()), value_and_gradients(plain, fresh()))


def test_equals_two_cross_entropies_of_the_whole_matrix() -> None:
    def plain(x: Tensor, y: Tensor, z: Tensor, tau: Tensor) -> Tensor:
        logits = torch.cat([x @ y.T, x @ z.T], 1) * tau.exp()
        labels = torch.arange(300)
        columns = functional.cross_entropy(logits[:, :300].T, labels)
        return (functional.cross_entropy(logits, labels) + columns) / 2

    def ours(x: Tensor, y: Tensor, z: Tensor, tau: Tensor) -> Tensor:
        return contrastive_loss(x, y, tau.exp(), negatives_KD=z, logits_at_once=7_000)

    actual = value_and_gradients(ours, leaves(300, 40, 0, 30.0))
    assert_equal(actual, value_and_gradients(plain, leaves(300, 40, 0, 30.0)))


def test_the_gradient_is_scaled_with_the_loss() -> None:
    def ours(x: Tensor, y: Tensor, z: Tensor, tau: Tensor) -> Tensor:
        return contrastive_loss(x, y, tau.exp(), negatives_KD=z)

    once = value_and_gradients(ours, leaves(6, 2, 0, 30.0))
    thrice = value_and_gradients(lambda *inputs: 3 * ours(*inputs), leaves(6, 2, 0, 30.0))
    assert_equal([gradient / 3 for gradient in thrice], once)


def test_both_directions_count() -> None:
    x, y = vectors(4, 0), vectors(4, 1)
    y = torch.cat([y[:1]] * 4).detach()  # all columns alike: rows cannot tell, columns still can
    loss = contrastive_loss(x, y, torch.tensor(10.0, dtype=torch.float64))
    rows = functional.cross_entropy(x @ y.T * 10.0, torch.arange(4))
    assert rows.item() == pytest.approx(math.log(4))
    assert loss.item() != pytest.approx(rows.item(), abs=1e-3)


def test_false_negatives_share_x_or_y_or_group() -> None:
    identity = Identity.of(np.array([[1, 2, 3, 1], [5, 6, 6, 8], [10, 11, 12, 13]]), np.array([8, 9]))
    logits = torch.ones(4, 6)
    identity.hide(logits[1:], 1)  # the first row is of another chunk
    identity.hide(logits[:1], 0)
    assert torch.nonzero(logits.isinf()).tolist() == [[0, 3], [0, 4], [1, 2], [2, 1], [3, 0], [3, 4]]
    assert not Identity.of(np.arange(9).reshape(3, 3)).shared_M.any()


def test_a_group_number_is_no_text_hash() -> None:
    identity = Identity.of(np.array([[1, 2], [3, 4], [5, 6]]), np.array([1, 5]))
    assert not identity.shared_M.any()


def test_a_pair_whose_every_other_is_masked_has_no_loss_and_no_nan() -> None:
    x, y = vectors(3, 1), vectors(3, 2)
    tau = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    loss = contrastive_loss(x, y, tau.exp(), identity=Identity.of(np.zeros((3, 3), np.int64)))
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert x.grad is not None
    assert tau.grad is not None
    assert torch.isfinite(x.grad).all()
    assert torch.isfinite(tau.grad)


def test_logits_far_apart_do_not_underflow() -> None:
    x = torch.eye(3, requires_grad=True)  # float32: exp(-200) is zero in it
    loss = contrastive_loss(x, -torch.eye(3), torch.tensor(200.0))
    loss.backward()
    assert loss.item() == pytest.approx(200 + math.log(2), rel=1e-6)
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def test_no_matrix_of_all_logits_is_kept() -> None:
    sizes: list[int] = []

    class Watched(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # noqa: ANN001, ANN204
            result = function(*args, **(kwargs or {}))
            if isinstance(result, Tensor):
                sizes.append(result.numel())
            return result

    pairs = 512
    x, y = vectors(pairs, 0), vectors(pairs, 1)
    identity = Identity.of(np.random.default_rng(0).integers(0, 600, (3, pairs)))
    with Watched():
        contrastive_loss(x, y, torch.tensor(20.0), identity=identity, logits_at_once=4_096).backward()
    assert max(sizes) <= 3 * 4_096  # three keys are compared for a chunk of rows


def test_temperature_is_clamped_and_comes_back() -> None:
    temperature = Temperature(logit_scale=99.0)
    with torch.no_grad():
        temperature.tau += 1.0
    temperature.clamp()
    assert temperature.logit_scale.item() == pytest.approx(MAX_LOGIT_SCALE)
    temperature.logit_scale.backward()
    assert temperature.tau.grad is not None
    assert temperature.tau.grad.item() > 0  # at the bound it still has a gradient


def test_products_in_bfloat16_give_nearly_the_same_loss_and_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (functional.normalize(torch.randn(256, 64, generator=generator)) for _ in "xy")
    y = functional.normalize(x + 0.6 * y)

    def found(matmul_dtype: torch.dtype | None) -> list[Tensor]:
        sides = [x.clone().requires_grad_(), y.clone().requires_grad_()]
        tau = torch.tensor(math.log(20.0), requires_grad=True)
        loss = contrastive_loss(sides[0], sides[1], tau.exp(), matmul_dtype=matmul_dtype)
        loss.backward()
        return [loss.detach(), sides[0].grad, sides[1].grad, tau.grad]  # type: ignore[list-item]

    narrow, full = found(torch.bfloat16), found(None)
    assert [tensor.dtype for tensor in narrow] == [torch.float32] * 4
    assert float(narrow[0]) == pytest.approx(float(full[0]), rel=0.01)
    assert not torch.equal(narrow[1], full[1])
    for ours, exact in zip(narrow[1:3], full[1:3], strict=True):
        assert float(functional.cosine_similarity(ours.flatten(), exact.flatten(), dim=0)) > 0.999
    assert float(narrow[3]) == pytest.approx(float(full[3]), rel=0.05)
