"""Ranks: the processes of one training, and their collectives over torch.distributed.

torchrun starts W processes. Each embeds its share of a batch; embeddings are all-gathered, gradients are summed by
all-reduce. Nothing is divided by W: the loss is that of the whole batch, and each rank computes its share of the
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

TIMEOUT = timedelta(hours=12)  # the others wait while the main rank tokenizes; a rank that fails ends at once


def default_device() -> torch.device:
    """Return this process's device: the GPU of index LOCAL_RANK, which torchrun sets, or the CPU if it has none.

    Raises:
        AdjoinError: this machine has no GPU of the number LOCAL_RANK.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    rank, number = os.environ.get("LOCAL_RANK", "0"), torch.cuda.device_count()
    if not rank.isdecimal() or int(rank) >= number:
        raise AdjoinError(f"LOCAL_RANK is {rank!r}, this machine has {number} GPUs: start one process per GPU")
    return torch.device("cuda", int(rank))


@dataclass(frozen=True)
class Ranks:
    """This process's rank in a training, and the collectives among all ranks.

    All ranks must call the same collectives in the same order. With one rank they do nothing.

    Attributes:
        index: rank of this process, from 0.
        size: W, the world size.
        device: device of this rank.
    """

    index: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @classmethod
    def of_environment(cls) -> "Ranks":
        """Join the process group that torchrun started; without torchrun, return a single rank.

        Raises:
            AdjoinError: this machine has no GPU of the number LOCAL_RANK.
        """
        device = default_device()
        has_gpu = device.type == "cuda"
        if has_gpu:
            torch.cuda.set_device(device)
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls(device=device)
        if not distributed.is_initialized():
            # Gloo for tensors on the CPU, such as counts; NCCL for those on a GPU.
            distributed.init_process_group("cpu:gloo,cuda:nccl" if has_gpu else "gloo", timeout=TIMEOUT)
        return cls(distributed.get_rank(), distributed.get_world_size(), device)

    @property
    def is_main(self) -> bool:
        """Whether this is the main rank (rank 0), which writes files and reports progress."""
        return self.index == 0

    def on_cpu(self) -> "Ranks":
        """Return the same ranks on the CPU, for models that gain nothing from a GPU."""
        return replace(self, device=torch.device("cpu"))

    def close(self) -> None:
        """Destroy the process group. After an error, do not wait for the other ranks."""
        if self.size > 1 and distributed.is_initialized():
            # After an error the others may be in another collective: they fail when this process is gone.
            if sys.exc_info()[0] is None:
                self.barrier()  # else a peer that still listens would fail
            distributed.destroy_process_group()
            gc.collect()  # freed at interpreter exit, the group sometimes aborted the process

    def barrier(self) -> None:
        """Wait until all ranks have called this."""
        if self.size > 1:
            self.all_reduce(torch.zeros(1))

    def all_gather(self, number: int) -> list[int]:
        """Return every rank's integer, in rank order.

        Args:
            number: this rank's integer, such as its number of rows.
        """
        if self.size == 1:
            return [number]
        gathered = [torch.zeros(1, dtype=torch.int64) for _ in range(self.size)]
        distributed.all_gather(gathered, torch.tensor([number]))
        return [int(value) for value in gathered]

    def any(self, condition: bool) -> bool:
        """Return on all ranks whether the condition holds on at least one."""
        return any(self.all_gather(int(condition)))

    def broadcast(self, number: float) -> float:
        """Return the main rank's number on all ranks."""
        if self.size == 1:
            return number
        tensor = torch.tensor([number], dtype=torch.float64)
        distributed.broadcast(tensor, 0)
        return float(tensor)

    def gather_rows(self, local_BD: Tensor, rows_per_rank: Sequence[int]) -> Tensor:
        """All-gather the rows of a tensor, in rank order, without gradients.

        Args:
            local_BD: this rank's rows.
            rows_per_rank: number of rows of each rank; they may differ.

        Returns:
            The rows of all ranks (sum of rows_per_rank, D).
        """
        if self.size == 1:
            return local_BD
        padded = local_BD.new_zeros(max(rows_per_rank), *local_BD.shape[1:])
        padded[: len(local_BD)] = local_BD
        parts = [torch.empty_like(padded) for _ in rows_per_rank]
        distributed.all_gather(parts, padded)
        return torch.cat([part[:rows] for part, rows in zip(parts, rows_per_rank, strict=True)])

    def all_reduce(self, tensor: Tensor) -> Tensor:
        """Sum a tensor over all ranks, in place, and return it."""
        if self.size > 1:
            distributed.all_reduce(tensor)
        return tensor

    def all_reduce_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Sum the gradients over all ranks, in place, with one all-reduce per dtype.

        A parameter without a gradient on this rank counts as zero, since another rank may have one.
        """
        if self.size == 1:
            return
        by_dtype: dict[torch.dtype, list[torch.nn.Parameter]] = {}
        for parameter in parameters:
            if parameter.requires_grad:
                by_dtype.setdefault(parameter.dtype, []).append(parameter)
        for same_dtype in by_dtype.values():
            gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in same_dtype]
            flat = self.all_reduce(torch.cat([gradient.reshape(-1) for gradient in gradients]))
            start = 0
            for parameter in same_dtype:
                parameter.grad = flat[start : start + parameter.numel()].view_as(parameter)
                start += parameter.numel()

    def on_main_rank(self, work: Callable[[], None]) -> None:
        """Run `work` on the main rank while the others wait; an exception there is raised on all ranks.

        Raises:
            AdjoinError: on the other ranks, if `work` failed on the main rank.
        """
        failed: BaseException | None = None
        if self.is_main:
            try:
                work()
            except BaseException as error:  # Ctrl-C and those of the checkpoint engine are not Exceptions
                failed = error
        if self.any(failed is not None):
            raise failed or AdjoinError("rank 0 could not go on; see its message")


ALONE = Ranks()
