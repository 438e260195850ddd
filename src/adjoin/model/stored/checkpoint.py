"""The weight files of a transformers checkpoint: all headers, and a bound of what is built for them.

check_checkpoint   config.json and the headers of model.safetensors or its shards, before anything is built
building_bounded   ends the building of a model that grows far beyond its weights
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoin.errors import AdjoinError, first_line
from adjoin.model.locations import WEIGHTS_FILE, quantized_files
from adjoin.model.stored.config import check_layers, read_config
from adjoin.model.stored.safetensors_header import FLOATS, StoredTensor, read_header

if TYPE_CHECKING:
    from torch import Tensor, nn

INDEX_FILE = WEIGHTS_FILE + ".index.json"
_ADAPTER = "adapter_config.json"  # transformers would open the checkpoint that it names
_MOST_INDEX_BYTES = 50_000_000
_ROOM = 256 << 20  # bytes that a model may have beyond its weights: masks, tables of positions
_BYTES_A_NUMBER = 16  # of stored weights: float32, set once when built and once when loaded
_PARTS_A_TENSOR, _PARTS = 64, 10_000  # modules and parameters of a model


def check_checkpoint(folder: Path) -> dict[str, StoredTensor]:
    """Check config.json and the headers of the weight files of a transformers folder. No weight is read.

    Args:
        folder: a transformers folder with safetensors, or a transformer of ours, quantized or not.

    Returns:
        The tensors of all files by name.

    Raises:
        AdjoinError: a file is missing or damaged, a tensor stands in two files or has a type that weights do not
            have, or config.json declares more layers than there are tensors. The message names file and tensor.
    """
    config, tensors = read_config(folder), dict[str, StoredTensor]()
    if (folder / _ADAPTER).exists():
        raise AdjoinError(
            f"the checkpoint {folder} cannot be opened: {_ADAPTER} makes it an adapter of another checkpoint;"
            " merge it into that one first"
        )
    for path in quantized_files(folder) or _files(folder):
        for name, tensor in read_header(path).items():
            if name in tensors:
                raise AdjoinError(
                    f"the checkpoint {folder} cannot be opened: the tensor {name!r:.100} is in"
                    f" {tensors[name].path.name} and in {path.name}; copy it again"
                )
            tensors[name] = tensor
    if not tensors:
        raise AdjoinError(f"the checkpoint {folder} cannot be opened: its weight files hold no tensor")
    check_layers(folder, config, len(tensors))
    return tensors


def _files(folder: Path) -> list[Path]:
    """The weight files: one, or those that an index names. Pickles are not read."""
    index = folder / INDEX_FILE
    if (folder / WEIGHTS_FILE).exists() or not index.is_file():
        return [folder / WEIGHTS_FILE]
    prefix = f"the checkpoint {folder} cannot be opened: {INDEX_FILE}"
    try:
        if index.stat().st_size > _MOST_INDEX_BYTES:
            raise ValueError(f"it has more than {_MOST_INDEX_BYTES:,} bytes")
        content = json.loads(index.read_bytes().decode())
    except (OSError, ValueError, RecursionError) as error:
        raise AdjoinError(f"{prefix} is not JSON: {first_line(error)}; copy it again") from None
    places = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(places, dict) or not places or not all(isinstance(file, str) for file in places.values()):
        raise AdjoinError(f"{prefix} has no weight_map of names to files; copy it again")
    for name, file in places.items():
        if not file.endswith(".safetensors") or Path(file).name != file:
            raise AdjoinError(f"{prefix} has {name!r:.60} in {file!r:.60}, expected a safetensors file beside it")
    files = [folder / file for file in sorted(set(places.values()))]
    stored = {name: file.name for file in files for name in read_header(file)}
    for name, file in places.items():
        if stored.get(name) is None:
            raise AdjoinError(f"{prefix} has {name!r:.60} in {file}, where it is missing; copy it again")
    return files


def check_types(folder: Path, tensors: Mapping[str, StoredTensor], parameters: Mapping[str, "Tensor"]) -> None:
    """Check that the weights of a model are stored as floating-point numbers.

    Args:
        folder: the checkpoint, for the message.
        tensors: from `check_checkpoint`.
        parameters: the model's parameters by name. Names may differ in what stands before the first full stops.

    Raises:
        AdjoinError: naming the tensor and its type.
    """
    trained = {ending for name in parameters for ending in _endings(name)}
    for name, tensor in tensors.items():
        if tensor.dtype not in FLOATS and not trained.isdisjoint(_endings(name)):
            raise AdjoinError(
                f"the checkpoint {folder} cannot be opened: {tensor.path.name} has the weight {name!r:.100} in"
                f" {tensor.dtype}, expected {', '.join(FLOATS)}"
            )


def _endings(name: str) -> list[str]:
    """A tensor's name, and what is left of it without its first one or two parts, if that is long enough."""
    parts = name.split(".")
    return [".".join(parts[first:]) for first in range(3) if first == 0 or len(parts) - first > 1]


@contextmanager
def building_bounded(path: Path, tensors: int, numbers: int) -> Iterator[None]:
    """Bound what is built meanwhile by the weights on the disk.

    Args:
        path: the checkpoint, for the message.
        tensors: how many tensors it has.
        numbers: how many numbers they have.

    Raises:
        AdjoinError: the model has far more modules, parameters or buffers than the weights allow.
    """
    from torch.nn.modules import module as hooks

    most_bytes, most_parts = _BYTES_A_NUMBER * numbers + _ROOM, _PARTS_A_TENSOR * tensors + _PARTS
    built = {"bytes": 0, "parts": 0}

    def add(_: "nn.Module", name: str, part: Any) -> None:  # noqa: ANN401 - a module, a tensor or None
        built["parts"] += 1
        built["bytes"] += part.numel() * part.element_size() if hasattr(part, "element_size") else 0
        if built["bytes"] > most_bytes or built["parts"] > most_parts:
            raise AdjoinError(
                f"the checkpoint {path} cannot be opened: config.json declares a model that is larger than its"
                f" weights: {tensors:,} tensors of {numbers:,} numbers (seen at {name!r:.60}); copy it again"
            )

    handles = [
        hooks.register_module_module_registration_hook(add),
        hooks.register_module_parameter_registration_hook(add),
        hooks.register_module_buffer_registration_hook(add),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
