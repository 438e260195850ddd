from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from adjoin.training.average import Average


def small_modules(dtype: torch.dtype = torch.float32) -> nn.Module:
    torch.manual_seed(0)
    modules = nn.ModuleDict({"body": nn.Linear(3, 4), "norm": nn.LayerNorm(4), "frozen": nn.Linear(2, 2)})
    modules["frozen"].requires_grad_(False)
    return modules.to(dtype)


@torch.no_grad()
def wander(modules: nn.Module, seed: int) -> None:
    torch.manual_seed(seed)
    for parameter in modules.parameters():
        parameter.add_(torch.randn_like(parameter))


def copies(modules: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in modules.named_parameters()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999])
def test_average_equals_its_formula(decay: float, dtype: torch.dtype) -> None:
    modules = small_modules(dtype)
    average = Average(modules, decay)
    expected = {name: value.double() for name, value in copies(modules).items()}
    for step in range(1, 21):
        wander(modules, step)
        average.update()
        share = min(decay, (1 + step) / (10 + step))
        for name, value in modules.named_parameters():
            expected[name] = share * expected[name] + (1 - share) * value.detach().double()
    tensors = average.tensors()
    assert set(tensors) == {"body.weight", "body.bias", "norm.weight", "norm.bias", "updates"}  # nothing frozen
    for name, value in tensors.items():
        if name != "updates":
            assert value.dtype == torch.float32
            torch.testing.assert_close(value.double(), expected[name], rtol=1e-5, atol=1e-5)


def test_the_start_is_soon_forgotten() -> None:
    modules = small_modules()
    average = Average(modules, 0.9999)
    with torch.no_grad():
        for parameter in modules.parameters():
            parameter.fill_(7.0)
    for _ in range(100):
        average.update()
    # By the full decay 99 % of the start would still be there.
    assert all((value - 7).abs().max() < 1e-3 for name, value in average.tensors().items() if name != "updates")


def test_swapped_in_and_back_to_the_bit() -> None:
    modules = small_modules()
    average = Average(modules, 0.9)
    wander(modules, 1)
    average.update()
    before, averages = copies(modules), average.tensors()
    with average.swapped():
        assert torch.equal(modules.get_parameter("body.weight"), averages["body.weight"])
    assert all(torch.equal(value, before[name]) for name, value in modules.named_parameters())
    with pytest.raises(OSError, match="full"), average.swapped():
        raise OSError("the disk is full")
    assert all(torch.equal(value, before[name]) for name, value in modules.named_parameters())
    assert not torch.equal(before["body.weight"], averages["body.weight"])


def test_restored_equals_uninterrupted_to_the_bit(tmp_path: Path) -> None:
    whole_modules = small_modules()
    whole = Average(whole_modules, 0.99)
    for step in range(10):
        wander(whole_modules, step)
        whole.update()
        if step == 3:
            save_file(whole.tensors(), tmp_path / "average")
            parameters = copies(whole_modules)

    modules = small_modules()
    resumed = Average(modules, 0.99)  # a resumed training makes its average before its weights are restored
    modules.load_state_dict(parameters)
    resumed.restore(load_file(tmp_path / "average"))
    for step in range(4, 10):
        wander(modules, step)
        resumed.update()
    assert resumed.updates == whole.updates == 10
    ours, expected = resumed.tensors(), whole.tensors()
    assert all(torch.equal(ours[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"body.weight": torch.zeros(1)}, "body.weight"),  # it would spread over all numbers
        ({"stranger": torch.zeros(1)}, "stranger"),
        ({"updates": None}, "updates"),
    ],
)
def test_other_tensors_are_refused_and_change_nothing(change: dict[str, Tensor | None], message: str) -> None:
    average = Average(small_modules(), 0.9)
    before = average.tensors()["body.weight"].clone()
    tensors = {**average.tensors(), **change}
    with pytest.raises(ValueError, match=f"other tensors than the model: {message}"):
        average.restore({name: tensor + 1 for name, tensor in tensors.items() if tensor is not None})
    assert torch.equal(average.tensors()["body.weight"], before)
