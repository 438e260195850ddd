"""Batches ahead of the step that needs them: a thread prepares the next while the current one is computed."""

import queue
import threading
import time
from types import TracebackType
from typing import Generic, Protocol, TypeVar

AHEAD = 2  # batches that may wait; one would do if each took equally long


B = TypeVar("B", covariant=True)  # what a batch is


class Batches(Protocol[B]):
    """What a loader takes batches from: a `Sampler` of pairs, a `RowSampler` of packed rows."""

    def batch(self, step: int) -> B:
        """The batch of a step."""


class Loader(Generic[B]):
    """The batches of a sampler in order, each prepared before it is asked for if there is time.

    Most of a batch's preparation is NumPy's work outside the interpreter's lock, and so is a step's. The thread
    is a daemon: it keeps no process alive.

    Attributes:
        waited: seconds that `next` took in all; divided by the training's time, the share that loading costs.
    """

    def __init__(self, sampler: Batches[B], start_step: int) -> None:
        """Begin to prepare the batches from `start_step` on."""
        self.waited = 0.0
        self._sampler = sampler
        self._ready: queue.Queue[B | BaseException] = queue.Queue(AHEAD)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._prepare, args=(start_step,), name="loader", daemon=True)
        self._thread.start()

    def next(self) -> B:
        """The next batch, as `sampler.batch` of its step gives it; what that raised is raised here."""
        assert not self._closed.is_set(), "the loader is closed"
        began = time.perf_counter()
        batch = self._ready.get()
        self.waited += time.perf_counter() - began
        if isinstance(batch, BaseException):
            self._ready.put(batch)  # there is no batch behind it, for whoever asks again
            raise batch
        return batch

    def close(self) -> None:
        """End the thread, which finishes at most the batch that it is at."""
        self._closed.set()
        while self._thread.is_alive():
            try:
                self._ready.get(timeout=0.01)  # a full queue would hold it
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
        except BaseException as error:  # raised again where the batch is asked for
            self._ready.put(error)
