"""Memory and FLOPs of a forward and a backward pass, counted on the tensors that PyTorch makes."""

import weakref
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import FlopCounterMode

from adjoin.tokens import Ragged

# Without the fused attention kernels, which are not counted on every device: plans add attention themselves.
_MATMULS = {torch.ops.aten.mm, torch.ops.aten.bmm, torch.ops.aten.addmm}
_ROWS, _TOKENS = 2, 64  # of the sample pass; activations grow in proportion to the tokens


@dataclass(frozen=True, slots=True)
class PassCost:
    """The cost of a forward and a backward pass of one micro-batch.

    Attributes:
        graph_bytes: bytes held from the forward until the backward pass, besides weights and their gradients.
        peak_bytes: the most bytes held at once in both passes, besides weights and their gradients.
        forward_flops, backward_flops: FLOPs of matrix products, without those of fused attention kernels.
    """

    graph_bytes: int
    peak_bytes: int
    forward_flops: int
    backward_flops: int


def measure_pass(body: Any, tokens: Ragged, autocast: torch.dtype | None = None) -> PassCost:  # noqa: ANN401
    """Run sequences forward and backward through a body, and count bytes and FLOPs.

    Memory that kernels use internally is not seen. Leaves gradients in the parameters' `.grad`.

    Args:
        body: an encoder body. One of fake tensors (`torch._subclasses.FakeTensorMode`) computes and holds
            nothing, so any size will do.
        tokens: the sequences of the micro-batch.
        autocast: matmul dtype of the body; None for the dtype of its weights.
    """
    for parameter in body.parameters():
        if parameter.requires_grad and parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)  # as after the first micro-batch
    alive, counter = _LiveTensors(body), FlopCounterMode(display=False)
    with alive, counter:
        with torch.autocast(next(body.parameters()).device.type, autocast) if autocast else nullcontext():
            vectors_BD = body(tokens)
        graph, forward = alive.bytes, _matmul_flops(counter)
        torch.autograd.backward(vectors_BD, torch.ones_like(vectors_BD))
    return PassCost(graph, alive.peak, forward, _matmul_flops(counter) - forward)


def _matmul_flops(counter: FlopCounterMode) -> int:
    counts = counter.get_flop_counts().get("Global", {})
    return sum(flops for operation, flops in counts.items() if operation in _MATMULS)


class _LiveTensors(TorchDispatchMode):
    """Counts the bytes of all tensors that operations make, each storage once, until they are freed."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = self.peak = 0
        lasting = [*body.parameters(), *(p.grad for p in body.parameters() if p.grad is not None), *body.buffers()]
        self._known = {tensor.untyped_storage()._cdata for tensor in lasting}

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 - PyTorch's own signature
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        made = func(*args, **(kwargs or {}))
        for tensor in tree_iter(made):
            if isinstance(tensor, Tensor):
                self._add(tensor.untyped_storage())
        return made

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self._known.add(key)
        self.bytes += size
        self.peak = max(self.peak, self.bytes)
        weakref.finalize(storage, self._remove, key, size)

    def _remove(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.bytes -= size


def graph_bytes_per_token(body: Any, autocast: torch.dtype | None = None) -> float:  # noqa: ANN401 - a padding body
    """Bytes that the graph of one more padded token keeps until its backward pass.

    Counted on the tensors that autograd saves in a small forward pass, without the weights. A body of fake tensors
    will do.
    """
    small, large = (_saved_bytes(body, rows, autocast) for rows in (_ROWS, 2 * _ROWS))
    return (large - small) / (_ROWS * _TOKENS)


def _saved_bytes(body: nn.Module, rows: int, autocast: torch.dtype | None) -> int:
    weights = {parameter.untyped_storage()._cdata for parameter in body.parameters()}
    sizes: dict[int, int] = {}
    alive = []  # else a freed storage could lend its address to the next

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            alive.append(storage)
            sizes[storage._cdata] = storage.nbytes()
        return tensor

    tokens = Ragged(np.zeros(rows * _TOKENS, np.int32), np.full(rows, _TOKENS, np.int64))
    device = next(body.parameters()).device.type
    with (
        torch.random.fork_rng(),
        torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor),
        torch.autocast(device, autocast) if autocast else nullcontext(),
    ):
        body(tokens)
    return sum(sizes.values())
