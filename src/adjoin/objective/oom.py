"""Work that memory may not be enough for: all ranks learn of it together, and try again with less."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import torch
from torch import nn

from adjoin.ranks import Ranks

T = TypeVar("T")


def within_memory(work: Callable[[], T], ranks: Ranks) -> T | None:
    """What `work` gives, which is not None; None on all ranks if memory ran out on one."""
    done: T | None = None
    try:
        done = work()
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
    return None if ranks.any(done is None) else done


def forget_gradients(parameters: Iterable[nn.Parameter], device: torch.device) -> None:
    """Make ready for another attempt: no half-added gradients, no memory that the allocator holds back."""
    for parameter in parameters:
        parameter.grad = None
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _is_out_of_memory(error: Exception) -> bool:
    """Whether an error is an allocator's; the processor's raises a bare RuntimeError."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
