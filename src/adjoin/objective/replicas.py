"""Workers that embed micro-batches at the same time: a thread and a processor each, the weights shared.

A product that two processors share has to wait for the slower one; two micro-batches have not. On a quiet machine
that gains 6 %; where another process takes a part of a processor, all that OpenMP loses by waiting (docs/LOG.md).
"""

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from adjoin.model.bodies import Body


class Replicas:
    """A body and its replicas: the weights are shared, the gradients are each replica's own.

    Attributes:
        bodies: one a worker, the first the body itself.
    """

    def __init__(self, body: Body, workers: int) -> None:
        """Make the replicas; with one worker all is done in the caller's thread, by all its processors."""
        self.bodies: list[Body] = [body, *(_replica_of(body) for _ in range(workers - 1))]
        self._pool = ThreadPoolExecutor(workers, "micro-batch", _one_processor) if workers > 1 else None

    @property
    def size(self) -> int:
        """The number of workers."""
        return len(self.bodies)

    def each(self, numbers: Sequence[int], work: Callable[[Body, int], object]) -> None:
        """Call `work` with a body and a number, for all numbers in order; a number always meets the same body.

        What it raises is raised when all workers have ended.
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
            del errors, shares  # or the failed graphs would live as long as this frame, which the error holds

    def gather_gradients(self) -> None:
        """Add the replicas' gradients to the body's, in order, and forget them."""
        for replica in self.bodies[1:]:
            for own, other in zip(self.bodies[0].parameters(), replica.parameters(), strict=True):
                if other.grad is not None:
                    own.grad = other.grad if own.grad is None else own.grad.add_(other.grad)
                    other.grad = None

    def forget_gradients(self) -> None:
        """Of the replicas, after a failure."""
        for replica in self.bodies[1:]:
            for parameter in replica.parameters():
                parameter.grad = None


def _replica_of(body: Any) -> Any:  # noqa: ANN401 - a body that is a module
    """A body on the same weights, which therefore follows every step of the optimiser."""
    replica = copy.deepcopy(body)
    for own, other in zip(body.parameters(), replica.parameters(), strict=True):
        other.data, other.grad = own.data, None
    return replica


def _one_processor() -> None:
    """A worker's products run in its own thread; the number is each thread's own."""
    torch.set_num_threads(1)
