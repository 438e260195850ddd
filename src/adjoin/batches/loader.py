"""Loader: a thread prepares the next batches while the current one is trained on."""

import queue
import threading
import time
from types import TracebackType
from typing import Generic, Protocol, TypeVar

AHEAD = 2  # prepared batches that may wait; 1 would suffice if all took equally long

B = TypeVar("B", covariant=True)  # the type of a batch


class Batches(Protocol[B]):
    """What a Loader reads from: a `Sampler` of pairs, or a `RowSampler` of packed rows."""

    def batch(self, step: int) -> B:
        """Return the batch of a step, counted from 0."""


class Loader(Generic[B]):
    """Returns a sampler's batches in order and prepares the next ones in a background thread.

    Most of the work of preparing a batch, and of a step, releases the interpreter lock. The thread is a daemon, so
    it does not keep the process alive. Use as a context manager, or call `close`.

    Attributes:
        waited: total seconds spent in `next`; divided by the training time, the share that loading costs.
    """

    def __init__(self, sampler: Batches[B], start_step: int) -> None:
        """Start preparing the batches from `start_step` on."""
        self.waited = 0.0
        self._sampler = sampler
        self._ready: queue.Queue[B | BaseException] = queue.Queue(AHEAD)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._prepare, args=(start_step,), name="loader", daemon=True)
        self._thread.start()

    def next(self) -> B:
        """Return the next step's batch; an exception of `sampler.batch` is raised here."""
        assert not self._closed.is_set(), "the loader is closed"
        began = time.perf_counter()
        batch = self._ready.get()
        self.waited += time.perf_counter() - began
        if isinstance(batch, BaseException):
            self._ready.put(batch)  # no batch follows, so the next call raises again
            raise batch
        return batch

    def close(self) -> None:
        """Stop the thread after the batch it is preparing."""
        self._closed.set()
        while self._thread.is_alive():
            try:
                self._ready.get(timeout=0.01)  # a full queue would block the thread
            except queue.Empty:
                continue

    def __enter__(self) -> "Loader[B]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self, step: int) -> None:
        try:
            while not self._closed.is_set():
                self._ready.put(self._sampler.batch(step))
                step += 1
        except BaseException as error:  # raised again by `next`
            self._ready.put(error)
