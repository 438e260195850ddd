"""Thread replicas: several micro-batches at a time on the CPU, one thread and one core each, with shared weights.

A matrix product that two cores share waits for the slower core; two micro-batches do not. This gains 6 % on a
quiet machine, and more where another process takes part of a core (docs/LOG.md).
"""

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from adjoin.model.bodies import Body


class Replicas:
    """A body and its replicas, which share its weights and have gradients of their own.

    The assignment of micro-batches to replicas is fixed, so the sum of gradients is reproducible bit by bit.

    Attributes:
        bodies: one body per worker; the first is the original.
    """

    def __init__(self, body: Body, workers: int) -> None:
        """Make workers - 1 replicas; with one worker, all work runs in the caller's thread on all its cores."""
        self.bodies: list[Body] = [body, *(_replica_of(body) for _ in range(workers - 1))]
        self._pool = ThreadPoolExecutor(workers, "micro-batch", _use_one_core) if workers > 1 else None

    @property
    def size(self) -> int:
        """Number of workers, the original included."""
        return len(self.bodies)

    def each(self, numbers: Sequence[int], work: Callable[[Body, int], object]) -> None:
        """Call `work(body, number)` for all numbers, in parallel; a number always gets the same body.

        The first exception is raised after all workers have ended.

        Args:
            numbers: such as the indices of micro-batches.
            work: called from several threads.
        """
        if self._pool is None:
            for number in numbers:
                work(self.bodies[0], number)
            return

        def share(worker: int) -> None:
            for number in numbers:
                if number % self.size == worker:
                    work(self.bodies[worker], number)

        shares = [self._pool.submit(share, worker) for worker in range(self.size)]
        errors = [error for error in (share.exception() for share in shares) if error is not None]
        try:
            if errors:
                raise errors[0]
        finally:
            del errors, shares  # else the error, which holds this frame, would keep the failed graphs alive

    def gather_gradients(self) -> None:
        """Add the replicas' gradients to the original's, in order, and clear them."""
        for replica in self.bodies[1:]:
            for own, other in zip(self.bodies[0].parameters(), replica.parameters(), strict=True):
                if other.grad is not None:
                    own.grad = other.grad if own.grad is None else own.grad.add_(other.grad)
                    other.grad = None

    def clear_gradients(self) -> None:
        """Clear the replicas' gradients after a failure."""
        for replica in self.bodies[1:]:
            for parameter in replica.parameters():
                parameter.grad = None


def _replica_of(body: Any) -> Any:  # noqa: ANN401 - a body that is a module
    """A copy of a body that shares its weights, so that it follows every optimizer step."""
    replica = copy.deepcopy(body)
    for own, other in zip(body.parameters(), replica.parameters(), strict=True):
        other.data, other.grad = own.data, None
    return replica


def _use_one_core() -> None:
    """Run a worker's matrix products in its own thread only; torch keeps this number per thread."""
    torch.set_num_threads(1)
