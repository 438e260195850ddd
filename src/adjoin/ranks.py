"""The processes of one training, and what they know together; a process alone is one rank.

torchrun starts W processes. Each embeds its share of a batch; vectors are gathered, gradients are summed. Nothing
is ever divided by W: the loss is the whole batch's, each rank adds its share of the gradient, and the sum is the
gradient.
"""

import gc
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import torch
from torch import Tensor, distributed

from adjoin.errors import AdjoinError

PATIENCE = timedelta(hours=12)  # the others wait while the first rank tokenizes; one that fails ends at once


def default_device() -> torch.device:
    """This process's GPU (the one that LOCAL_RANK numbers, as torchrun sets it), or the processor.

    Raises:
        AdjoinError: LOCAL_RANK names no GPU of this machine.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    rank, number = os.environ.get("LOCAL_RANK", "0"), torch.cuda.device_count()
    if not rank.isdecimal() or int(rank) >= number:
        raise AdjoinError(f"LOCAL_RANK is {rank!r}, this machine has {number} GPUs: start one process a GPU")
    return torch.device("cuda", int(rank))


@dataclass(frozen=True)
class Ranks:
    """This process among the others.

    Attributes:
        index: its number, from 0.
        size: W, the number of processes.
        device: where it computes.
    """

    index: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @classmethod
    def of_environment(cls) -> "Ranks":
        """The ranks that torchrun has started, joined; one alone if it has not.

        Raises:
            AdjoinError: as `default_device`.
        """
        device = default_device()
        has_gpu = device.type == "cuda"
        if has_gpu:
            torch.cuda.set_device(device)
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls(device=device)
        if not distributed.is_initialized():
            # Both: tensors on the CPU, such as counts, go by gloo, those on a GPU by NCCL.
            distributed.init_process_group("cpu:gloo,cuda:nccl" if has_gpu else "gloo", timeout=PATIENCE)
        return cls(distributed.get_rank(), distributed.get_world_size(), device)

    @property
    def is_main(self) -> bool:
        """Whether this is the rank that writes files and talks."""
        return self.index == 0

    def on_cpu(self) -> "Ranks":
        """The same processes computing on the processor, for what gains nothing from a GPU."""
        return replace(self, device=torch.device("cpu"))

    def close(self) -> None:
        """Part from the other ranks, at the end."""
        if self.size > 1 and distributed.is_initialized():
            if (
                sys.exc_info()[0] is None
            ):  # after an error the others may be elsewhere: they fail when this one is gone
                self.barrier()  # or a peer that still listens would fail
            distributed.destroy_process_group()
            gc.collect()  # left to the interpreter's end, what it holds aborted a process now and then

    def barrier(self) -> None:
        """Until all ranks are here."""
        if self.size > 1:
            self.all_reduce(torch.zeros(1))

    def all_gather(self, number: int) -> list[int]:
        """What each rank says its number is, such as of its rows."""
        if self.size == 1:
            return [number]
        said = [torch.zeros(1, dtype=torch.int64) for _ in range(self.size)]
        distributed.all_gather(said, torch.tensor([number]))
        return [int(share) for share in said]

    def any(self, condition: bool) -> bool:
        """Whether the condition holds on at least one rank."""
        return any(self.all_gather(int(condition)))

    def broadcast(self, number: float) -> float:
        """The first rank's number, on all."""
        if self.size == 1:
            return number
        told = torch.tensor([number], dtype=torch.float64)
        distributed.broadcast(told, 0)
        return float(told)

    def gather_rows(self, local_BD: Tensor, row_counts: Sequence[int]) -> Tensor:
        """All ranks' rows, in the ranks' order, without a graph.

        Args:
            local_BD: this rank's rows.
            row_counts: the number of rows of each rank; they may differ.
        """
        if self.size == 1:
            return local_BD
        most = max(row_counts)
        padded = local_BD.new_zeros(most, *local_BD.shape[1:])
        padded[: len(local_BD)] = local_BD
        parts = [torch.empty_like(padded) for _ in row_counts]
        distributed.all_gather(parts, padded)
        return torch.cat([part[:share] for part, share in zip(parts, row_counts, strict=True)])

    def all_reduce(self, tensor: Tensor) -> Tensor:
        """Replace a tensor by its sum over all ranks."""
        if self.size > 1:
            distributed.all_reduce(tensor)
        return tensor

    def all_reduce_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace the gradients by their sums over all ranks, in one reduction for each dtype.

        A parameter that got no gradient on this rank may have got one on another: it counts as zero.
        """
        if self.size == 1:
            return
        by_dtype: dict[torch.dtype, list[torch.nn.Parameter]] = {}
        for parameter in parameters:
            if parameter.requires_grad:
                by_dtype.setdefault(parameter.dtype, []).append(parameter)
        for alike in by_dtype.values():
            gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in alike]
            flat = self.all_reduce(torch.cat([gradient.reshape(-1) for gradient in gradients]))
            start = 0
            for parameter in alike:
                parameter.grad = flat[start : start + parameter.numel()].view_as(parameter)
                start += parameter.numel()

    def on_main_rank(self, work: Callable[[], None]) -> None:
        """Let the first rank do something while the others wait; what goes wrong there ends all of them."""
        failed: BaseException | None = None
        if self.is_main:
            try:
                work()
            except BaseException as error:  # Ctrl-C and the checkpoint engine's own are no Exceptions
                failed = error
        if self.any(failed is not None):
            raise failed or AdjoinError("rank 0 could not go on; see its message")


ALONE = Ranks()
