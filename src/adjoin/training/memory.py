"""What a body keeps for its backward pass, counted rather than estimated: the planner's and the step's measure."""

from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from adjoin.tokens import Ragged

_ROWS, _TOKENS = 2, 64  # of the trial; what is kept grows in proportion to the tokens


def graph_bytes_per_token(body: Any, autocast: torch.dtype | None = None) -> float:  # noqa: ANN401 - a padding body
    """Bytes that the graph of one more padded token keeps until its backward pass.

    Counted on the tensors that autograd saves in a small forward, each storage once and the weights not at all; on
    the device "meta" nothing is computed, and a body of any size will do.
    """
    few, many = (_saved_bytes(body, rows, autocast) for rows in (_ROWS, 2 * _ROWS))
    return (many - few) / (_ROWS * _TOKENS)


def _saved_bytes(body: nn.Module, rows: int, autocast: torch.dtype | None) -> int:
    weights = {parameter.untyped_storage()._cdata for parameter in body.parameters()}
    seen: dict[int, int] = {}
    alive = []  # a storage that were freed could lend its address to the next

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            alive.append(storage)
            seen[storage._cdata] = storage.nbytes()
        return tensor

    tokens = Ragged(np.zeros(rows * _TOKENS, np.int32), np.full(rows, _TOKENS, np.int64))
    device = next(body.parameters()).device.type
    with (
        torch.random.fork_rng(),
        torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor),
        torch.autocast(device, autocast) if autocast else nullcontext(),
    ):
        body(tokens)
    return sum(seen.values())
