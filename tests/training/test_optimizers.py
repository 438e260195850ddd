from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, distributed, nn

from adjoin.errors import AdjoinError
from adjoin.model.bodies import StaticBody, TransformerBody
from adjoin.model.build import random_transformer
from adjoin.model.start import Start
from adjoin.objective.contrastive import Temperature
from adjoin.training import optimizers
from adjoin.training.average import Average
from adjoin.training.optimizers import make_optimizer, orthogonalize
from adjoin.training.recipe import Recipe

VOCABULARY = 50


def static() -> StaticBody:
    random = np.random.default_rng(0)
    vectors_VD = random.standard_normal((VOCABULARY, 8), np.float32)
    return StaticBody(vectors_VD, np.ones(VOCABULARY, np.float32))


def transformer() -> TransformerBody:
    return random_transformer(Start("nano"), VOCABULARY, 16)


CASES: list[tuple[str, Callable[[], nn.Module]]] = [
    ("adamw", static),
    ("adamw", transformer),
    ("muon", transformer),
]


def optimizer_of(body: nn.Module, temperature: Temperature, name: str) -> torch.optim.Optimizer:
    return make_optimizer(
        body,
        temperature,
        name=name,
        learning_rate=1e-3,
        weight_learning_rate=2e-3,
        tau_learning_rate=3e-3,
        weight_decay=0.1,
    )


def give_gradients(parameters: Iterator[nn.Parameter], step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape, generator=generator)


@pytest.mark.parametrize(("name", "make_body"), CASES)
def test_every_trained_parameter_is_in_one_group(name: str, make_body: Callable[[], nn.Module]) -> None:
    body, temperature = make_body(), Temperature()
    frozen = next(parameter for parameter in body.parameters() if parameter.ndim > 1)
    frozen.requires_grad_(False)
    optimizer = optimizer_of(body, temperature, name)
    grouped = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    trained = [parameter for parameter in (*body.parameters(), temperature.tau) if parameter is not frozen]
    assert sorted(map(id, grouped)) == sorted(map(id, trained))
    for group in optimizer.param_groups:
        assert group["initial_lr"] == group["lr"]
        assert group["hidden"] or group["fused"] is True
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.1 if parameter.ndim > 1 else 0.0)
            if parameter is temperature.tau:
                assert group["lr"] == 3e-3
            elif parameter.ndim <= 1 and isinstance(body, StaticBody):
                assert group["lr"] == 2e-3
            else:
                assert group["lr"] == 1e-3


def test_muon_takes_the_matrices_in_blocks_only() -> None:
    body = transformer()
    hidden, *others = optimizer_of(body, Temperature(), "muon").param_groups
    names = {parameter: name for name, parameter in body.named_parameters()}
    assert hidden["hidden"]
    assert not any(group["hidden"] for group in others)
    assert all(".layers." in names[parameter] and "proj" in names[parameter] for parameter in hidden["params"])
    assert len(hidden["params"]) == 2 * 7  # layers; q, k, v, o, gate, up, down
    assert sum(len(group["params"]) for group in others) == 1 + 2 * 2 + 1 + 1  # table, norms, last norm, tau


@pytest.mark.parametrize(("name", "make_body"), CASES)
def test_resumed_equals_uninterrupted_to_the_bit(
    name: str, make_body: Callable[[], nn.Module], tmp_path: Path
) -> None:
    def start() -> tuple[nn.ModuleDict, torch.optim.Optimizer]:
        modules = nn.ModuleDict({"body": make_body(), "temperature": Temperature()})
        return modules, optimizer_of(modules["body"], modules["temperature"], name)

    def go(modules: nn.ModuleDict, optimizer: torch.optim.Optimizer, first: int, last: int) -> None:
        for step in range(first, last):
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] / (1 + step)
            optimizer.zero_grad(set_to_none=True)
            give_gradients(modules.parameters(), step)
            optimizer.step()

    whole, optimizer = start()
    go(whole, optimizer, 0, 4)
    # As training/checkpoint.py keeps it: flat, all values tensors.
    flat = {
        f"{index}.{moment}": torch.as_tensor(value)
        for index, moments in optimizer.state_dict()["state"].items()
        for moment, value in moments.items()
    }
    save_file({**flat, **{f"m.{key}": value for key, value in whole.state_dict().items()}}, tmp_path / "state")
    go(whole, optimizer, 4, 7)

    resumed, optimizer = start()
    state: dict[int, dict[str, Tensor]] = {}
    weights: dict[str, Tensor] = {}
    for key, tensor in load_file(tmp_path / "state").items():
        index, rest = key.split(".", 1)
        if index == "m":
            weights[rest] = tensor
        else:
            state.setdefault(int(index), {})[rest] = tensor
    assert sorted(state) == list(range(len(list(resumed.parameters()))))
    resumed.load_state_dict(weights)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    go(resumed, optimizer, 4, 7)
    expected = dict(whole.named_parameters())
    assert all(torch.equal(value, expected[key]) for key, value in resumed.named_parameters())


@pytest.mark.parametrize("shape", [(20, 50), (50, 20), (30, 30), (1, 9)])
def test_orthogonal_equals_the_polynomial_of_the_singular_values(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape, dtype=torch.float64)
    left, values, right = torch.linalg.svd(matrix / matrix.norm(), full_matrices=False)
    for _ in range(5):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    result = orthogonalize(1_000 * matrix, torch.float64)  # whatever its size
    torch.testing.assert_close(result, left @ torch.diag(values) @ right)
    near_one = torch.linalg.svdvals(result)
    assert near_one.min() > 0.68
    assert near_one.max() < 1.21
    assert orthogonalize(torch.zeros(shape), torch.float32).count_nonzero() == 0  # no gradient, no step


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        ("auto", torch.bfloat16),
        ("bfloat16", torch.bfloat16),
        ("float32", torch.float32),
        ("float64", torch.float32),
    ],
)
def test_muon_multiplies_in_bfloat16_only_where_the_recipe_lets_it(
    asked: str, taken: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a processor with bfloat16 a training that asked for float64 once had other weights than elsewhere."""
    seen: set[torch.dtype] = set()

    def spy(matrix: torch.Tensor, precision: torch.dtype) -> torch.Tensor:
        seen.add(precision)
        return orthogonalize(matrix, precision)

    monkeypatch.setattr(optimizers, "half_precision", lambda _: torch.bfloat16)
    monkeypatch.setattr(optimizers, "orthogonalize", spy)
    body = transformer()
    recipe = Recipe.with_defaults(preset="nano", optimizer="muon", precision=asked)
    optimizer = optimizers.optimizer_for(recipe, body, Temperature())
    give_gradients(body.parameters(), 0)
    optimizer.step()
    assert seen == {taken}


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has had its own since 2.9")
def test_muon_equals_torchs_own_with_adamw_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizers, "half_precision", lambda _: torch.bfloat16)  # theirs takes no other
    ours, theirs = transformer(), transformer()
    optimizer = optimizer_of(ours, Temperature(), "muon")
    counterparts = dict(zip(ours.parameters(), theirs.parameters(), strict=True))
    hidden, tables, vectors, _ = (
        [counterparts[parameter] for parameter in group["params"] if parameter in counterparts]
        for group in optimizer.param_groups
    )
    muon = torch.optim.Muon(hidden, lr=1e-3, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    groups = [{"params": tables, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    adamw = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98))
    for step in range(3):
        give_gradients(ours.parameters(), step)
        give_gradients(theirs.parameters(), step)
        optimizer.step()
        muon.step()
        adamw.step()
    start = dict(transformer().named_parameters())
    for name, value in theirs.named_parameters():
        moved = (value - start[name]).abs().mean()
        assert moved > 1e-4
        assert (ours.get_parameter(name) - value).abs().mean() < 0.01 * moved, name


@pytest.mark.parametrize(("name", "make_body"), CASES)
def test_a_parameter_without_gradient_stays(name: str, make_body: Callable[[], nn.Module]) -> None:
    body = make_body()
    optimizer = optimizer_of(body, Temperature(), name)
    before = [parameter.detach().clone() for parameter in body.parameters()]
    optimizer.step()
    assert all(map(torch.equal, before, body.parameters()))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(AdjoinError, match="unknown optimizer 'sgd': expected one of adamw, muon"):
        optimizer_of(static(), Temperature(), "sgd")
    with pytest.raises(AdjoinError, match="no trained matrices in blocks; take adamw"):
        optimizer_of(static(), Temperature(), "muon")


@pytest.fixture
def one_process() -> Iterator[None]:
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.usefixtures("one_process")
def test_sharded_parameters_step_and_average_as_whole_ones() -> None:
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.tensor import DTensor, distribute_tensor

    whole, sharded = transformer(), transformer()
    fully_shard(sharded, mesh=distributed.device_mesh.init_device_mesh("cpu", (1,)))
    with pytest.raises(AdjoinError, match="sharded over processes; take adamw"):
        optimizer_of(sharded, Temperature(), "muon")
    pairs = [(body, optimizer_of(body, Temperature(), "adamw"), Average(body, 0.9)) for body in (whole, sharded)]
    for step in range(3):
        give_gradients(whole.parameters(), step)
        for parameter, plain in zip(sharded.parameters(), whole.parameters(), strict=True):
            assert isinstance(parameter, DTensor)
            assert plain.grad is not None
            parameter.grad = distribute_tensor(plain.grad, parameter.device_mesh, parameter.placements)
        for _, optimizer, average in pairs:
            optimizer.step()
            average.update()
    for name, value in sharded.named_parameters():
        torch.testing.assert_close(value.full_tensor(), whole.get_parameter(name))
    expected = pairs[0][2].tensors()
    for name, tensor in pairs[1][2].tensors().items():
        torch.testing.assert_close(tensor.full_tensor() if isinstance(tensor, DTensor) else tensor, expected[name])
