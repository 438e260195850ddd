"""The training's state on disk: whole or absent, and exact to the bit on the CPU.

training/step-00001200/
  state.safetensors   the weights, tau, the optimiser's moments, the average, the random generators' states
  state.json          step, seconds spent, the execution config, the identity of recipe and data
  shards/             in place of weights and moments, those of a body whose parts lie on several ranks
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from adjoin.errors import AdjoinError
from adjoin.files import flush_to_disk, folder_in_one_piece, read_json, write_json, wrong_types
from adjoin.ranks import Ranks
from adjoin.training import shards
from adjoin.training.average import Average

TENSORS, STATE, SHARDS = "state.safetensors", "state.json", "shards"


@dataclass
class TrainingProgress:
    """Where a training stands.

    Attributes:
        step: steps done.
        elapsed: seconds spent in them, over all sessions.
        identity: what the training is (recipe, data): a checkpoint of another one is refused.
        execution: what was chosen for the machine at its start and moves the last bits of the result, such as the
            number of threads: a resumed training keeps to it.
    """

    step: int
    elapsed: float
    identity: dict[str, Any]
    execution: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingState:
    """All that a checkpoint holds besides numbers.

    Attributes:
        modules: what is trained.
        optimizer: with its moments.
        average: of the weights, or None.
        ranks: who share the training; the first one writes.
    """

    modules: nn.ModuleDict
    optimizer: torch.optim.Optimizer
    average: Average | None
    ranks: Ranks

    @property
    def is_sharded(self) -> bool:
        """Whether each rank holds a part of the weights only."""
        return any(shards.is_shard(parameter) for parameter in self.modules.parameters())


def save(folder: Path, state: TrainingState, progress: TrainingProgress) -> None:
    """Write a checkpoint below `folder`, then forget the older ones; all ranks take part.

    Raises:
        OSError: the disk is full; the last checkpoint still stands.
    """
    tensors = _random_states(state.ranks)
    if state.average is not None:
        tensors.update({f"average.{name}": tensor for name, tensor in state.average.tensors().items()})
    parts: Path | None = None
    if state.is_sharded:
        parts = folder / f".{SHARDS}"
        state.ranks.on_main_rank(lambda: shutil.rmtree(parts, ignore_errors=True))  # of a save that was killed
        shards.save(parts, state.modules, state.optimizer)
    elif state.ranks.is_main:
        tensors.update(_whole(state))
    state.ranks.on_main_rank(lambda: _write(folder, tensors, progress, parts))


def _write(folder: Path, tensors: dict[str, Tensor], progress: TrainingProgress, parts: Path | None) -> None:
    target = folder / f"step-{progress.step:08d}"
    for unfinished in folder.glob(".step-*"):  # of a writer that was killed
        shutil.rmtree(unfinished, ignore_errors=True)
    with folder_in_one_piece(target) as unfinished:
        with full_disk_is_os_error(target):
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, unfinished / TENSORS)
        if parts is not None:
            parts.replace(unfinished / SHARDS)
        content = {
            "step": progress.step,
            "elapsed": progress.elapsed,
            "identity": progress.identity,
            "execution": progress.execution,
        }
        write_json(unfinished / STATE, content)
    flush_to_disk(folder)  # the new one's name, before the old ones go
    for older in _all(folder)[:-1]:
        shutil.rmtree(older)


def _whole(state: TrainingState) -> dict[str, Tensor]:
    tensors = {f"module.{name}": tensor for name, tensor in state.modules.state_dict().items()}
    for index, moments in state.optimizer.state_dict()["state"].items():
        tensors.update({f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in moments.items()})
    return tensors


def _random_states(ranks: Ranks) -> dict[str, Tensor]:
    """Of each rank (W, ...), so that dropout goes on as it would have."""
    states = {"random": ranks.gather_rows(torch.get_rng_state()[None], [1] * ranks.size)}
    if ranks.device.type == "cuda":
        states["random_gpu"] = ranks.gather_rows(torch.cuda.get_rng_state(ranks.device)[None], [1] * ranks.size)
    return states


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


def read_progress(checkpoint: Path, identity: dict[str, Any]) -> TrainingProgress:
    """How far a checkpoint is, and what was execution for it.

    Raises:
        AdjoinError: it is damaged, or belongs to another recipe or other data.
    """
    state = read_json(checkpoint / STATE, "checkpoint state")
    if isinstance(state, dict) and "settled" in state:  # the name of version 0.1.0
        state["execution"] = state.pop("settled")
    declared = {"step": int, "elapsed": float, "identity": dict[str, Any], "execution": dict[str, Any]}
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
    return TrainingProgress(state["step"], state["elapsed"], state["identity"], state["execution"])


def restore(checkpoint: Path, state: TrainingState) -> None:
    """Put a checkpoint's tensors into modules, optimiser, average and random generators.

    Raises:
        AdjoinError: the checkpoint is damaged.
    """
    with _damage_told(checkpoint):
        tensors = load_file(checkpoint / TENSORS)
        if state.is_sharded:
            shards.restore(checkpoint / SHARDS, state.modules, state.optimizer)
        else:
            _restore_whole(tensors, state)
        if state.average is not None:
            state.average.restore(_below("average", tensors))
        _restore_random_states(tensors, state.ranks)


def restore_weights(checkpoint: Path, modules: nn.ModuleDict, average: Average | None) -> None:
    """Put a checkpoint's weights, and nothing else of it, into modules and their average.

    Raises:
        AdjoinError: the checkpoint is damaged, or of other modules.
    """
    with _damage_told(checkpoint):
        tensors = load_file(checkpoint / TENSORS)
        modules.load_state_dict(_below("module", tensors))
        if average is not None:
            average.restore(_below("average", tensors))


@contextmanager
def _damage_told(checkpoint: Path) -> Iterator[None]:
    """Say in one line what is wrong with a checkpoint."""
    try:
        yield
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise AdjoinError(f"the checkpoint {checkpoint} is damaged or cut short: {reason}") from None


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(f"{prefix}."): t for n, t in tensors.items() if n.startswith(f"{prefix}.")}


def _restore_whole(tensors: dict[str, Tensor], state: TrainingState) -> None:
    state.modules.load_state_dict(_below("module", tensors))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _below("optimizer", tensors).items():
        index, moment = name.split(".", 1)
        moments.setdefault(int(index), {})[moment] = tensor
    groups = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": moments, "param_groups": groups})


def _restore_random_states(tensors: dict[str, Tensor], ranks: Ranks) -> None:
    """Those of as many ranks as there were; with another number dropout goes on anew, from the recipe's seed."""
    if len(tensors["random"]) != ranks.size:
        return
    # Clones: torch crashes on a state that does not begin its storage.
    torch.set_rng_state(tensors["random"][ranks.index].clone())
    if ranks.device.type == "cuda" and "random_gpu" in tensors:
        torch.cuda.set_rng_state(tensors["random_gpu"][ranks.index].clone(), ranks.device)
