"""Bodies whose gradients and moments fit no GPU alone: FSDP2 cuts every weight into a part for each rank.

A block's weights are gathered when it computes, and given back. The engine is torch's own: `fully_shard`, and
torch.distributed.checkpoint, whose files any number of ranks can read.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from adjoin.errors import AdjoinError
from adjoin.model.bodies import TransformerBody
from adjoin.ranks import Ranks


def shard(body: TransformerBody, ranks: Ranks, products: torch.dtype | None = None) -> TransformerBody:
    """Cut a body's weights over the ranks, in place; each rank holds the same whole ones before.

    Args:
        body: whose weights.
        ranks: over whom.
        products: bfloat16, if the blocks compute in it: they are handed their weights so. Autocast alone would
            make copies that a graph keeps, 348 GB of XL's on each rank; the vectors are the same to the bit.

    Raises:
        AdjoinError: there is one rank only.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    if ranks.size == 1:
        raise AdjoinError(
            "shard = true needs several ranks: start with torchrun --nproc-per-node N -m adjoin train"
        )
    mesh = init_device_mesh(ranks.device.type, (ranks.size,))
    # States between the blocks, and gradients, stay in float32.
    policy = MixedPrecisionPolicy(products, reduce_dtype=torch.float32, cast_forward_inputs=False)
    for stack in (module for module in body.model.modules() if isinstance(module, nn.ModuleList)):
        for block in stack:
            if products is None:
                fully_shard(block, mesh=mesh)
            else:
                fully_shard(block, mesh=mesh, mp_policy=policy)
    fully_shard(body.model, mesh=mesh)
    body.sharded = True
    return body


def is_shard(tensor: Tensor) -> bool:
    """Whether this rank holds a part of it only."""
    return any(placement.is_shard() for placement in getattr(tensor, "placements", ()))  # DTensor's


def save(folder: Path, modules: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Write the parts of all ranks below `folder`, which is not there yet.

    Raises:
        OSError: the disk is full.
    """
    from torch.distributed.checkpoint import state_dict_saver
    from torch.distributed.checkpoint.api import CheckpointException
    from torch.distributed.checkpoint.state_dict import get_state_dict

    weights, moments = get_state_dict(modules, optimizer)
    try:
        state_dict_saver.save({"modules": weights, "optimizer": moments}, checkpoint_id=folder)
    except CheckpointException as error:  # a BaseException, which nobody else would catch
        raise OSError(f"{folder} could not be written: {_reason(error)}") from None


def restore(folder: Path, modules: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Read what `save` wrote, on as many ranks or on others.

    Raises:
        ValueError: it is damaged.
    """
    from torch.distributed.checkpoint import state_dict_loader
    from torch.distributed.checkpoint.api import CheckpointException
    from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict

    weights, moments = get_state_dict(modules, optimizer)
    try:
        state_dict_loader.load({"modules": weights, "optimizer": moments}, checkpoint_id=folder)  # in place
    except CheckpointException as error:
        raise ValueError(_reason(error)) from None
    set_state_dict(modules, optimizer, model_state_dict=weights, optim_state_dict=moments)


def _reason(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def whole_weights(body: TransformerBody) -> dict[str, Any]:
    """All weights of a sharded body on the first rank's CPU, empty on the others; all ranks take part."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    weights: dict[str, Any] = get_model_state_dict(body.model, options=options)
    return weights
