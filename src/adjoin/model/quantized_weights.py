"""Quantized weights of a transformer: files of at most 15 MB in int8 or bfloat16, read back as float32.

    packed-00001-of-00003.safetensors ...    beside config.json, instead of model.safetensors

The token embedding table may be larger than a file, so tensors are split into blocks of rows, NAME:FIRST_ROW. An
int8 block has scales in NAME:FIRST_ROW:scales, one per 64 numbers, or one per row where 64 does not divide it.
With scales per 64 numbers, the embeddings of six layers of SmolLM2 have a cosine of 0.9999 with the original; with
scales per row 0.9991.
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

MAX_FILE_BYTES = 15_000_000  # bytes
PRECISIONS = ("int8", "bfloat16")
SCALES = ":scales"
_BLOCK = 4_000_000  # bytes: small compared to a file, so that files are full
_GROUP = 64  # numbers per scale
_ENTRY = 256  # bytes that a tensor may take in a file's header


def write_quantized(folder: Path, weights: "Mapping[str, Tensor]", precision: str) -> int:
    """Write quantized weights into a model folder that has none yet.

    Args:
        folder: folder of the model.
        weights: state dict of the body.
        precision: "int8" for matrices as int8 and all else as bfloat16, or "bfloat16" for all.

    Returns:
        The total size of the files in bytes.
    """
    from safetensors.torch import save

    files: list[dict[str, Tensor]] = [{}]
    room = MAX_FILE_BYTES - _ENTRY
    for name, weight in weights.items():
        for block in _blocks(name, weight, precision):
            size = sum(tensor.nbytes + _ENTRY for tensor in block.values())
            if size > room:
                files.append({})
                room = MAX_FILE_BYTES - _ENTRY
            files[-1] |= block
            room -= size
    total = 0
    for number, tensors in enumerate(files, 1):
        content = save(tensors)
        write_atomically(folder / f"packed-{number:05d}-of-{len(files):05d}.safetensors", content)
        total += len(content)
    return total


def _blocks(name: str, weight: "Tensor", precision: str) -> "Iterator[dict[str, Tensor]]":
    """The quantized tensors of each block of rows of a weight."""
    import torch

    weight = weight.detach().cpu()
    is_matrix = weight.ndim > 1 and weight.is_floating_point()
    rows = max(1, _BLOCK // max(1, 2 * weight[:1].numel())) if is_matrix else max(1, len(weight))
    for first in range(0, len(weight), rows):
        block, key = weight[first : first + rows], f"{name}:{first}"
        if is_matrix and precision == "int8":
            groups_RGN = _grouped(block.float())
            scales_RG = (groups_RGN.abs().amax(dim=2) / 127).clamp(min=1e-7).to(torch.float16)
            integers_RGN = (groups_RGN / scales_RG.float()[..., None]).round().clamp(-127, 127).to(torch.int8)
            yield {key: integers_RGN.reshape(block.shape).contiguous(), key + SCALES: scales_RG}
        else:
            yield {key: (block.to(torch.bfloat16) if block.is_floating_point() else block).contiguous()}


def _grouped(rows_RC: "Tensor") -> "Tensor":
    """Rows (R, ...) as G groups of N numbers that share a scale (R, G, N)."""
    flat_RC = rows_RC.reshape(len(rows_RC), -1)
    return flat_RC.reshape(len(flat_RC), -1, _GROUP if flat_RC.shape[1] % _GROUP == 0 else flat_RC.shape[1])


def read_quantized(folder: Path) -> "dict[str, Tensor]":
    """Read the weights of a quantized model, in float32.

    Returns:
        The state dict of the body.

    Raises:
        AdjoinError: a file is missing or damaged.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    files = quantized_files(folder)
    totals = {int(match[1]) for path in files if (match := re.search(r"-of-(\d+)\.", path.name))}
    if totals != {len(files)}:
        raise AdjoinError(
            f"{folder} has {len(files)} of {max(totals, default=0)} quantized files: copy the model again"
        )
    blocks: dict[str, dict[int, Tensor]] = defaultdict(dict)
    try:
        for path in files:
            tensors = load_file(path)
            for key, tensor in tensors.items():
                if not key.endswith(SCALES):
                    name, _, first = key.rpartition(":")
                    blocks[name][int(first)] = _dequantized(tensor, tensors.get(key + SCALES))
    except (SafetensorError, ValueError, RuntimeError, OSError) as error:
        raise AdjoinError(f"{path} is damaged or cut short: {error}; copy the model again") from None
    return {name: torch.cat([block for _, block in sorted(parts.items())]) for name, parts in blocks.items()}


def _dequantized(block: "Tensor", scales_RG: "Tensor | None") -> "Tensor":
    if scales_RG is not None:
        return (_grouped(block.float()) * scales_RG.float()[..., None]).reshape(block.shape)
    return block.float() if block.is_floating_point() else block
