"""A transformer's weights to pass on: files of at most 15 MB, int8 or bfloat16; read back as float32.

packed-00001-of-00003.safetensors ...    beside config.json, in place of model.safetensors

A table of token vectors alone may be larger than a file, so tensors are cut into runs of rows: NAME:FIRST_ROW. Of
int8, NAME:FIRST_ROW:scales has what each 64 numbers (or each row, where 64 do not divide it) are multiplied by: of
six layers of SmolLM2 that turns vectors to a cosine of .9999, a scale a row to .9991.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from adjoin.errors import AdjoinError
from adjoin.files import write_atomically
from adjoin.model.locations import quantized_files

if TYPE_CHECKING:
    from torch import Tensor

LARGEST_FILE = 15_000_000  # bytes
PRECISIONS = ("int8", "bfloat16")
SCALES = ":scales"
_RUN = 4_000_000  # bytes: small beside a file, so that files are full
_GROUP = 64  # numbers of one scale
_ENTRY = 256  # bytes of a file's header that a tensor may take


def write_quantized(folder: Path, weights: "Mapping[str, Tensor]", precision: str) -> int:
    """Write weights into a folder that has no packed ones yet.

    Args:
        folder: the model's.
        weights: of the body, by their names in its state dict.
        precision: "int8" for matrices as int8 and all else as bfloat16, or "bfloat16" for all.

    Returns:
        The bytes of the files.
    """
    from safetensors.torch import save

    files: list[dict[str, Tensor]] = [{}]
    room = LARGEST_FILE - _ENTRY
    for name, weight in weights.items():
        for run in _runs(name, weight, precision):
            size = sum(tensor.nbytes + _ENTRY for tensor in run.values())
            if size > room:
                files.append({})
                room = LARGEST_FILE - _ENTRY
            files[-1] |= run
            room -= size
    total = 0
    for number, tensors in enumerate(files, 1):
        content = save(tensors)
        write_atomically(folder / f"packed-{number:05d}-of-{len(files):05d}.safetensors", content)
        total += len(content)
    return total


def _runs(name: str, weight: "Tensor", precision: str) -> "Iterator[dict[str, Tensor]]":
    """The tensors of each run of rows of a weight."""
    import torch

    weight = weight.detach().cpu()
    is_matrix = weight.ndim > 1 and weight.is_floating_point()
    rows = max(1, _RUN // max(1, 2 * weight[:1].numel())) if is_matrix else max(1, len(weight))
    for first in range(0, len(weight), rows):
        run, key = weight[first : first + rows], f"{name}:{first}"
        if is_matrix and precision == "int8":
            groups_RGN = _grouped(run.float())
            scales_RG = (groups_RGN.abs().amax(dim=2) / 127).clamp(min=1e-7).to(torch.float16)
            whole_RGN = (groups_RGN / scales_RG.float()[..., None]).round().clamp(-127, 127).to(torch.int8)
            yield {key: whole_RGN.reshape(run.shape).contiguous(), key + SCALES: scales_RG}
        else:
            yield {key: (run.to(torch.bfloat16) if run.is_floating_point() else run).contiguous()}


def _grouped(rows_RC: "Tensor") -> "Tensor":
    """Rows (R, ...) as groups of numbers with one scale (R, G, N)."""
    flat_RC = rows_RC.reshape(len(rows_RC), -1)
    return flat_RC.reshape(len(flat_RC), -1, _GROUP if flat_RC.shape[1] % _GROUP == 0 else flat_RC.shape[1])


def read_quantized(folder: Path) -> "dict[str, Tensor]":
    """The weights of a packed model, in float32.

    Raises:
        AdjoinError: a file is missing or damaged.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    files = quantized_files(folder)
    told = {int(found[1]) for path in files if (found := re.search(r"-of-(\d+)\.", path.name))}
    if told != {len(files)}:
        raise AdjoinError(
            f"{folder} has {len(files)} of {max(told, default=0)} packed files: copy the model again"
        )
    runs: dict[str, dict[int, Tensor]] = defaultdict(dict)
    try:
        for path in files:
            tensors = load_file(path)
            for key, tensor in tensors.items():
                if not key.endswith(SCALES):
                    name, _, first = key.rpartition(":")
                    runs[name][int(first)] = _whole(tensor, tensors.get(key + SCALES))
    except (SafetensorError, ValueError, RuntimeError, OSError) as error:
        raise AdjoinError(f"{path} is damaged or cut short: {error}; copy the model again") from None
    return {name: torch.cat([run for _, run in sorted(parts.items())]) for name, parts in runs.items()}


def _whole(run: "Tensor", scales_RG: "Tensor | None") -> "Tensor":
    if scales_RG is not None:
        return (_grouped(run.float()) * scales_RG.float()[..., None]).reshape(run.shape)
    return run.float() if run.is_floating_point() else run
