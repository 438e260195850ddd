"""The training's state on disk: whole or absent, and exact to the bit on the CPU.

training/step-00001200/
  state.safetensors   the body, tau, the optimiser's moments, the random generator's state
  state.json          step, seconds spent, the recipe's and the data's identity
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from adjoin.errors import AdjoinError
from adjoin.files import folder_in_one_piece, read_json, write_json, wrong_types

TENSORS, STATE = "state.safetensors", "state.json"


@dataclass
class Progress:
    """Where a training stands.

    Attributes:
        step: steps done.
        elapsed: seconds spent in them, over all sessions.
        identity: what the training is (recipe, data): a checkpoint of another one is refused.
    """

    step: int
    elapsed: float
    identity: dict[str, Any]


def save(folder: Path, modules: nn.ModuleDict, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
    """Write a checkpoint below `folder`, then forget the older ones.

    Raises:
        OSError: the disk is full; the last checkpoint still stands.
    """
    tensors: dict[str, Tensor] = {f"module.{name}": tensor for name, tensor in modules.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors.update({f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in moments.items()})
    tensors["random"] = torch.get_rng_state()
    target = folder / f"step-{progress.step:08d}"
    with folder_in_one_piece(target) as unfinished:
        with full_disk_is_os_error(target):
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, unfinished / TENSORS)
        write_json(
            unfinished / STATE, {"step": progress.step, "elapsed": progress.elapsed, "identity": progress.identity}
        )
    for older in _all(folder)[:-1]:
        shutil.rmtree(older)


@contextmanager
def full_disk_is_os_error(path: Path) -> Iterator[None]:
    """Turn the weights library's own error, which it raises when the disk is full, into what it is."""
    try:
        yield
    except SafetensorError as error:
        raise OSError(f"{path} could not be written: {str(error).splitlines()[0]}") from None


def latest(folder: Path) -> Path | None:
    """The newest checkpoint below `folder`, or None."""
    found = _all(folder)
    return found[-1] if found else None


def _all(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-*") if re.fullmatch(r"step-\d{8}", path.name))


def restore(
    checkpoint: Path, modules: nn.ModuleDict, optimizer: torch.optim.Optimizer, identity: dict[str, Any]
) -> Progress:
    """Put a checkpoint's state into modules, optimiser and random generator.

    Raises:
        AdjoinError: the checkpoint is damaged, or belongs to another recipe or other data.
    """
    state = read_json(checkpoint / STATE, "checkpoint state")
    declared = {"step": int, "elapsed": float, "identity": dict[str, Any]}
    if not isinstance(state, dict) or state.keys() < declared.keys() or wrong_types(state, declared):
        raise AdjoinError(
            f"the checkpoint state {checkpoint / STATE} is damaged: expected {', '.join(declared)};"
            " take another --out and start afresh"
        )
    for name, value in identity.items():
        if state["identity"].get(name) != value:
            raise AdjoinError(
                f"the checkpoint {checkpoint} belongs to another training: its {name} is"
                f" {state['identity'].get(name)}, this one's is {value}; take the same options or another --out"
            )
    try:
        tensors = load_file(checkpoint / TENSORS)
        _restore_tensors(tensors, modules, optimizer)
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise AdjoinError(f"the checkpoint {checkpoint} is damaged or cut short: {reason}") from None
    return Progress(state["step"], state["elapsed"], state["identity"])


def _restore_tensors(tensors: dict[str, Tensor], modules: nn.ModuleDict, optimizer: torch.optim.Optimizer) -> None:
    modules.load_state_dict({n.removeprefix("module."): t for n, t in tensors.items() if n.startswith("module.")})
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, moment = name.split(".", 2)
            moments.setdefault(int(index), {})[moment] = tensor
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    torch.set_rng_state(tensors["random"])
