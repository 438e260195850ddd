"""Checkpoints: the whole state of a training, written atomically and restored bit for bit on the CPU.

training/step-00001200/
  state.safetensors   weights, tau, the optimizer's moments, the average of the weights, random generators
  state.json          steps and seconds done, the execution config, the identity of recipe and data
  shards/             weights and moments of a body that is sharded over several ranks
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

from adjoin.errors import AdjoinError, first_line
from adjoin.files import flush_to_disk, folder_in_one_piece, read_json, write_json, wrong_types
from adjoin.ranks import Ranks
from adjoin.training import shards
from adjoin.training.average import Average
from adjoin.training.recipe import with_current_names
from adjoin.unfinished import remove_folder

MOST_SHOWN = 6  # differences that a message names
TENSORS, STATE, SHARDS = "state.safetensors", "state.json", "shards"


@dataclass
class TrainingProgress:
    """How far a training is, and what it must not change when it is resumed.

    Attributes:
        step: finished steps.
        elapsed: seconds spent in them, over all sessions.
        identity: recipe and data; a checkpoint of another identity is refused.
        execution: the execution config as JSON. It moves the last bits of a result (threads, micro-batches), so a
            resumed training keeps it.
        facts: figures for the model's description (batch, pairs, ranks, texts, labelled); they are not compared.
    """

    step: int
    elapsed: float
    identity: dict[str, Any]
    execution: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingState:
    """The tensors of a training that a checkpoint holds.

    Attributes:
        modules: everything that is trained.
        optimizer: the optimizer, with its moments.
        average: running average of the weights, or None.
        ranks: the processes that share the training; the main rank writes.
    """

    modules: nn.ModuleDict
    optimizer: torch.optim.Optimizer
    average: Average | None
    ranks: Ranks

    @property
    def is_sharded(self) -> bool:
        """Whether each rank holds only a part of the weights."""
        return any(shards.is_shard(parameter) for parameter in self.modules.parameters())


def save(folder: Path, state: TrainingState, progress: TrainingProgress) -> None:
    """Write a checkpoint below `folder`, then remove the older ones. All ranks take part.

    Raises:
        OSError: the disk is full; the previous checkpoint is intact.
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
        tensors.update(_unsharded_tensors(state))
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
            "facts": progress.facts,
        }
        write_json(unfinished / STATE, content)
    flush_to_disk(folder)  # the name of the new checkpoint, before the old ones are removed
    for older in _all(folder)[:-1]:
        remove_folder(older)


def _unsharded_tensors(state: TrainingState) -> dict[str, Tensor]:
    tensors = {f"module.{name}": tensor for name, tensor in state.modules.state_dict().items()}
    for index, moments in state.optimizer.state_dict()["state"].items():
        tensors.update({f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in moments.items()})
    return tensors


def _random_states(ranks: Ranks) -> dict[str, Tensor]:
    """States of the random generators of all ranks (W, ...), so that dropout continues as it would have."""
    states = {"random": ranks.gather_rows(torch.get_rng_state()[None], [1] * ranks.size)}
    if ranks.device.type == "cuda":
        states["random_gpu"] = ranks.gather_rows(torch.cuda.get_rng_state(ranks.device)[None], [1] * ranks.size)
    return states


@contextmanager
def full_disk_is_os_error(path: Path) -> Iterator[None]:
    """Raise OSError in place of safetensors' own error, which it raises when the disk is full."""
    try:
        yield
    except SafetensorError as error:
        raise OSError(f"{path} could not be written: {first_line(error)}") from None


def latest(folder: Path) -> Path | None:
    """The newest checkpoint below `folder`, or None."""
    checkpoints = _all(folder)
    return checkpoints[-1] if checkpoints else None


def _all(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-*") if re.fullmatch(r"step-\d{8}", path.name))


def read_progress(checkpoint: Path, identity: dict[str, Any]) -> TrainingProgress:
    """Read the progress and the execution config of a checkpoint.

    Args:
        checkpoint: its folder.
        identity: recipe and data of the training; keys that are missing here are not compared.

    Raises:
        AdjoinError: the checkpoint is damaged, or of another recipe or other data; the message names each option
            that differs, and both values.
    """
    try:
        state = read_json(checkpoint / STATE, "checkpoint state")
    except AdjoinError as error:
        raise AdjoinError(f"{error}; take another --out and start afresh") from None
    if isinstance(state, dict) and "settled" in state:  # the name in version 0.1.0
        state["execution"] = state.pop("settled")
    state = {"facts": {}, **state} if isinstance(state, dict) else state  # version 0.1.0 has none
    mapping = dict[str, Any]
    declared = {"step": int, "elapsed": float, "identity": mapping, "execution": mapping, "facts": mapping}
    if not isinstance(state, dict) or state.keys() < declared.keys() or wrong_types(state, declared):
        raise AdjoinError(
            f"the checkpoint state {checkpoint / STATE} is damaged: expected {', '.join(declared)};"
            " take another --out and start afresh"
        )
    if wrong := _wrong_progress(state, checkpoint):
        raise AdjoinError(
            f"the checkpoint state {checkpoint / STATE} is damaged: {wrong}; take another --out and start afresh"
        )
    differences = [
        difference for name, ours in identity.items() for difference in _differences(name, state["identity"], ours)
    ]
    if differences:
        shown = "; ".join(differences[:MOST_SHOWN])
        more = f"; and {len(differences) - MOST_SHOWN} more" if len(differences) > MOST_SHOWN else ""
        raise AdjoinError(
            f"the checkpoint {checkpoint} belongs to another training: {shown}{more}: resume it with what it had,"
            " or take another --out"
        )
    return TrainingProgress(state["step"], state["elapsed"], state["identity"], state["execution"], state["facts"])


def _wrong_progress(state: dict[str, Any], checkpoint: Path) -> str:
    """What cannot be in a state whose types are right; empty if all can."""
    if f"step-{state['step']:08d}" != checkpoint.name:
        return f"step is {state['step']}, the folder is {checkpoint.name}"
    if state["elapsed"] < 0:
        return f"elapsed is {state['elapsed']}, expected seconds"
    recipe = state["identity"].get("recipe", {})
    return "" if isinstance(recipe, dict) else f"recipe is {recipe!r:.60}, expected an object"


def _differences(name: str, identity: dict[str, Any], ours: object) -> Iterator[str]:
    """How an entry of a checkpoint's identity differs from this training's: one phrase for each key."""
    theirs = identity.get(name)
    if name == "recipe" and isinstance(theirs, dict):
        theirs = with_current_names(theirs)
    if theirs == ours:
        return
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in theirs | ours:
            if theirs.get(key) != ours.get(key):
                option = f"--{key.replace('_', '-')}" if name == "recipe" else key
                yield f"{option} was {_shown(theirs.get(key))}, is {_shown(ours.get(key))}"
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for number, (before, now) in enumerate(zip(theirs, ours, strict=True), 1):
            if before != now:
                yield f"input {number} has other {name} (hash {_shown(before)}, is {_shown(now)})"
    elif isinstance(theirs, list) and isinstance(ours, list):
        yield f"it had {len(theirs)} inputs of {name}, there are {len(ours)}"
    else:
        yield f"{name} was {_shown(theirs)}, is {_shown(ours)}"


def _shown(value: object) -> str:
    """A value in a message: short, a hash by its first digits."""
    if value is None or value is False:
        return "not given"
    text = str(value)
    if re.fullmatch("[0-9a-f]{32,}", text):
        return text[:8]
    return text if len(text) <= 60 else f"{text[:57]}..."


def restore(checkpoint: Path, state: TrainingState) -> None:
    """Load a checkpoint's tensors into modules, optimizer, average and random generators.

    Raises:
        AdjoinError: the checkpoint is damaged.
    """
    with _damage_is_adjoin_error(checkpoint):
        tensors = load_file(checkpoint / TENSORS)
        if state.is_sharded:
            shards.restore(checkpoint / SHARDS, state.modules, state.optimizer)
        else:
            _restore_unsharded(tensors, state)
        if state.average is not None:
            state.average.restore(_with_prefix("average", tensors))
        _restore_random_states(tensors, state.ranks)


def restore_weights(checkpoint: Path, modules: nn.ModuleDict, average: Average | None) -> None:
    """Load only the weights of a checkpoint, and their average.

    Raises:
        AdjoinError: the checkpoint is damaged, or of other modules.
    """
    with _damage_is_adjoin_error(checkpoint):
        tensors = load_file(checkpoint / TENSORS)
        _check_weights(tensors, modules)
        modules.load_state_dict(_with_prefix("module", tensors))
        if average is not None:
            average.restore(_with_prefix("average", tensors))


@contextmanager
def _damage_is_adjoin_error(checkpoint: Path) -> Iterator[None]:
    """Turn errors while a checkpoint is read into an `AdjoinError` of one line."""
    try:
        yield
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError, TypeError, IndexError) as error:
        raise AdjoinError(
            f"the checkpoint {checkpoint} is damaged or cut short: {first_line(error)}; take another --out and"
            " start afresh"
        ) from None


def _with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names start with a prefix and a dot, by the rest of their names."""
    return {n.removeprefix(f"{prefix}."): t for n, t in tensors.items() if n.startswith(f"{prefix}.")}


def _check_weights(tensors: dict[str, Tensor], modules: nn.ModuleDict) -> None:
    """Check that a checkpoint's weights are those of the modules. torch would cast integers, and take NaN.

    Raises:
        ValueError: naming the tensor of `TENSORS`.
    """
    stored, expected = _with_prefix("module", tensors), modules.state_dict()
    if wrong := sorted(stored.keys() ^ expected.keys()):
        problem = "missing" if wrong[0] in expected else "unknown"
        raise ValueError(f"{TENSORS}: module.{wrong[0]} is {problem} ({len(wrong)} such)")
    for name, tensor in stored.items():
        ours = expected[name]
        if (tensor.dtype, tensor.shape) != (ours.dtype, ours.shape):
            raise ValueError(
                f"{TENSORS}: module.{name} is {tensor.dtype} of shape {tuple(tensor.shape)}, expected"
                f" {ours.dtype} of {tuple(ours.shape)}"
            )
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise ValueError(f"{TENSORS}: {name} has numbers that are not finite")


def _check_moments(moments: dict[int, dict[str, Tensor]], optimizer: torch.optim.Optimizer) -> None:
    """Check the shapes of an optimizer's moments, which torch does not.

    Raises:
        ValueError: naming the tensor of `TENSORS`.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for index, named in moments.items():
        shape = parameters[index].shape if 0 <= index < len(parameters) else None
        for name, tensor in named.items():
            if not tensor.is_floating_point() or tensor.shape not in (shape, ()):
                raise ValueError(
                    f"{TENSORS}: optimizer.{index}.{name} is {tensor.dtype} of shape {tuple(tensor.shape)}, which"
                    " fits no weight"
                )


def _restore_unsharded(tensors: dict[str, Tensor], state: TrainingState) -> None:
    _check_weights(tensors, state.modules)
    state.modules.load_state_dict(_with_prefix("module", tensors))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _with_prefix("optimizer", tensors).items():
        index, moment = name.split(".", 1)
        moments.setdefault(int(index), {})[moment] = tensor
    _check_moments(moments, state.optimizer)
    groups = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": moments, "param_groups": groups})


def _restore_random_states(tensors: dict[str, Tensor], ranks: Ranks) -> None:
    """Restore the generators if the number of ranks is the same; otherwise dropout restarts from the seed."""
    if len(tensors["random"]) != ranks.size:
        return
    # Clones: torch crashes on a state that does not begin its storage.
    torch.set_rng_state(tensors["random"][ranks.index].clone())
    if ranks.device.type == "cuda" and "random_gpu" in tensors:
        torch.cuda.set_rng_state(tensors["random_gpu"][ranks.index].clone(), ranks.device)
