"""Sharded training (FSDP2), for bodies whose gradients and moments fit on no single GPU.

A block's weights are gathered while it computes, and freed afterwards. torch does the work: `fully_shard`, and
torch.distributed.checkpoint, whose files any number of ranks can read.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from adjoin.errors import AdjoinError, first_line
from adjoin.model.bodies import TransformerBody
from adjoin.ranks import Ranks


def shard(body: TransformerBody, ranks: Ranks, matmul_dtype: torch.dtype | None = None) -> TransformerBody:
    """Shard the weights of a body over the ranks, in place. Before, each rank holds the same whole weights.

    Args:
        body: the body to shard.
        ranks: the processes that share the weights.
        matmul_dtype: bfloat16 to hand the blocks their weights in it. Autocast alone would make copies that each
            graph keeps, 348 GB of XL's on each rank. The vectors are the same to the bit.

    Raises:
        AdjoinError: there is only one rank.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    if ranks.size == 1:
        raise AdjoinError(
            "shard = true needs several ranks: start with torchrun --nproc-per-node N -m adjoin train"
        )
    mesh = init_device_mesh(ranks.device.type, (ranks.size,))
    # Hidden states between the blocks, and gradients, stay in float32.
    policy = MixedPrecisionPolicy(matmul_dtype, reduce_dtype=torch.float32, cast_forward_inputs=False)
    for stack in (module for module in body.model.modules() if isinstance(module, nn.ModuleList)):
        for block in stack:
            if matmul_dtype is None:
                fully_shard(block, mesh=mesh)
            else:
                fully_shard(block, mesh=mesh, mp_policy=policy)
    fully_shard(body.model, mesh=mesh)
    body.sharded = True
    return body


def is_shard(tensor: Tensor) -> bool:
    """Whether this rank holds only a part of a tensor."""
    return any(placement.is_shard() for placement in getattr(tensor, "placements", ()))  # DTensor's


def save(folder: Path, modules: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Write the parts of all ranks into a new folder; all ranks take part.

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
        raise OSError(f"{folder} could not be written: {first_line(error)}") from None


def restore(folder: Path, modules: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Load what `save` wrote, on the same or another number of ranks.

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
        raise ValueError(first_line(error)) from None
    set_state_dict(modules, optimizer, model_state_dict=weights, optim_state_dict=moments)


def whole_weights(body: TransformerBody) -> dict[str, Any]:
    """Gather all weights of a sharded body on the main rank's CPU; all ranks take part, the others get none."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    weights: dict[str, Any] = get_model_state_dict(body.model, options=options)
    return weights
