"""What a pass through a body holds and computes, counted rather than estimated."""

import weakref
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from adjoin.tokens import Ragged

_PRODUCTS = {torch.ops.aten.mm.default: 0, torch.ops.aten.bmm.default: 0, torch.ops.aten.addmm.default: 1}
_ROWS, _TOKENS = 2, 64  # of the calibration; what is kept grows in proportion to the tokens


@dataclass(frozen=True, slots=True)
class PassCost:
    """A forward and a backward pass of a micro-batch.

    Attributes:
        graph_bytes: bytes held from the forward pass until the backward pass, besides weights and their gradients.
        peak_bytes: bytes held at once besides those, at the worst moment of both.
        forward_flops, backward_flops: FLOPs of matrix products; attention's own kernel is not looked into.
    """

    graph_bytes: int
    peak_bytes: int
    forward_flops: int
    backward_flops: int


def measure_pass(body: Any, tokens: Ragged, autocast: torch.dtype | None = None) -> PassCost:  # noqa: ANN401
    """Send sequences through a body and back, and count the tensors that are alive meanwhile.

    Counted where PyTorch makes them, so what kernels take by themselves is left out. Leaves gradients in the
    parameters' `.grad`. A body of fake tensors (`torch._subclasses.FakeTensorMode`) computes nothing and holds
    nothing: any size will do.
    """
    for parameter in body.parameters():
        if parameter.requires_grad and parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)  # as behind the first micro-batch
    alive = _Alive(body)
    with alive:
        with torch.autocast(next(body.parameters()).device.type, autocast) if autocast else nullcontext():
            vectors_BD = body(tokens)
        graph, forward = alive.bytes, alive.flops
        torch.autograd.backward(vectors_BD, torch.ones_like(vectors_BD))
    return PassCost(graph, alive.most, forward, alive.flops - forward)


class _Alive(TorchDispatchMode):
    """Counts the bytes of all tensors that operations make, each storage once, until they are freed; and FLOPs."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = self.most = self.flops = 0
        lasting = [*body.parameters(), *(p.grad for p in body.parameters() if p.grad is not None), *body.buffers()]
        self._known = {tensor.untyped_storage()._cdata for tensor in lasting}

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,  # noqa: ANN401 - PyTorch's own signature
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        made = func(*args, **(kwargs or {}))
        if func in _PRODUCTS:
            self.flops += 2 * made.numel() * args[_PRODUCTS[func]].shape[-1]
        for tensor in tree_iter(made):
            if isinstance(tensor, Tensor):
                self._note(tensor.untyped_storage())
        return made

    def _note(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self._known.add(key)
        self.bytes += size
        self.most = max(self.most, self.bytes)
        weakref.finalize(storage, self._freed, key, size)

    def _freed(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.bytes -= size


def graph_bytes_per_token(body: Any, autocast: torch.dtype | None = None) -> float:  # noqa: ANN401 - a padding body
    """Bytes that the graph of one more padded token keeps until its backward pass.

    Counted on the tensors that autograd saves in a small forward, each storage once and the weights not at all. As
    for `measure_pass`, a body of fake tensors will do.
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
