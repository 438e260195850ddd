"""Out-of-memory retry: if memory runs out on one rank, all ranks learn it and retry with smaller micro-batches."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import torch
from torch import nn

from adjoin.ranks import Ranks

T = TypeVar("T")


def within_memory(work: Callable[[], T], ranks: Ranks) -> T | None:
    """Run `work` on all ranks.

    Args:
        work: a function that does not return None.
        ranks: the ranks that run it.

    Returns:
        What `work` returned; None on all ranks if memory ran out on one of them.
    """
    result: T | None = None
    try:
        result = work()
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
    return None if ranks.any(result is None) else result


def clear_gradients(parameters: Iterable[nn.Parameter], device: torch.device) -> None:
    """Prepare a retry: drop partly added gradients and free the memory that the allocator caches."""
    for parameter in parameters:
        parameter.grad = None
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _is_out_of_memory(error: Exception) -> bool:
    """Whether an error is an allocator's; the CPU's raises a bare RuntimeError."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
