"""The processes of training.py: one per implementation, which measures its own steps and memory."""

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any, Self

import numpy as np
import torch
from peers import IMPLEMENTATIONS, SentenceTransformersCached, Setting, Trainer, batch_of

from adjoin.tokens import Ragged
from adjoin.training.hardware import peak_memory, reset_peak_memory


@dataclass(frozen=True, slots=True)
class Task:
    """The tokenized pairs, and how they are split into batches.

    Attributes:
        x, y: both sides of all pairs, in mixed order.
        batch: pairs per batch.
        threads: threads per process.
    """

    x: Ragged
    y: Ragged
    batch: int
    threads: int

    def rows(self, number: int, pairs: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The rows of batch `number` with this many pairs. Starts again from the beginning after the last pair."""
        place = number % (len(self.x) // pairs)
        return np.arange(place * pairs, (place + 1) * pairs)

    def sequences(self, number: int, pairs: int) -> Ragged:
        """Both sides of that batch."""
        rows = self.rows(number, pairs)
        return Ragged.concatenate([self.x.take(rows), self.y.take(rows)])


@dataclass(frozen=True, slots=True)
class Stretch:
    """One measured step.

    Attributes:
        seconds: wall time.
        loss: in nats, before the step.
        tokens: tokens of both sides without padding.
        padding: share of the tokens that were padding.
        peak_memory: peak memory of the process so far in bytes (of the device, on CUDA).
        at_rest: memory before the first step: interpreter, libraries, weights and data.
    """

    seconds: float
    loss: float
    tokens: int
    padding: float
    peak_memory: int
    at_rest: int


def held_now(device: torch.device) -> int:
    """Bytes that this process holds now."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    return int(import_module("psutil").Process().memory_info().rss)


def synchronize(device: torch.device) -> None:
    """Wait until the device is idle."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Serving:
    """An implementation in its process; each method answers one kind of question."""

    def __init__(self, name: str, setting: Setting, task: Task) -> None:
        torch.set_num_threads(task.threads)
        torch.manual_seed(0)
        self.task, self.device = task, torch.device(setting.device)
        self.implementation = IMPLEMENTATIONS[name](setting)
        self.trainer = Trainer(self.implementation)
        self.at_rest = held_now(self.device)
        reset_peak_memory(self.device)

    def prepared(self, number: int, pairs: int) -> Any:  # noqa: ANN401 - the implementation's own
        """Batch `number` as the implementation's data loader would give it."""
        return self.implementation.prepare(batch_of(self.task.x, self.task.y, self.task.rows(number, pairs)))

    def step(self, number: int, pairs: int) -> Stretch:
        """Train on batch `number`."""
        prepared, tokens = self.prepared(number, pairs), int(self.task.sequences(number, pairs).lengths_B.sum())
        synchronize(self.device)
        began = time.perf_counter()
        loss = self.trainer.step(prepared)
        synchronize(self.device)
        seconds = time.perf_counter() - began
        peak = peak_memory(self.device)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()  # the next implementation's turn
        return Stretch(seconds, loss, tokens, self.implementation.padding, peak, self.at_rest)

    def try_size(self, pairs: int, mini_batch: int, tokens: int | None) -> float:
        """Seconds for the gradients of some pairs with this mini-batch size. Weights do not change."""
        assert isinstance(self.implementation, SentenceTransformersCached)  # only this one has sizes to try
        self.implementation.resize(mini_batch, tokens)
        prepared = self.prepared(0, pairs)
        synchronize(self.device)
        began = time.perf_counter()
        self.implementation.gradients(prepared)
        synchronize(self.device)
        return time.perf_counter() - began

    def memory_of(self, pairs: int) -> int:
        """Peak memory of the gradients of some pairs."""
        prepared = self.prepared(0, pairs)
        reset_peak_memory(self.device)
        self.implementation.gradients(prepared)
        return peak_memory(self.device)


def serve(pipe: Connection, name: str, setting: Setting, task: Task) -> None:
    """Answer requests until None arrives."""
    serving = Serving(name, setting, task)
    answers: dict[str, Callable[..., object]] = {
        "step": serving.step,
        "try": serving.try_size,
        "memory": serving.memory_of,
    }
    while question := pipe.recv():
        pipe.send(answers[question[0]](*question[1:]))


class Worker:
    """The parent's end of such a process."""

    def __init__(self, name: str, setting: Setting, task: Task) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, name, setting, task), daemon=True)
        self._process.start()
        theirs.close()  # so that a process that dies ends our waiting

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, *question: object) -> Any:  # noqa: ANN401 - each question has its own answer
        """Send a request and wait for the answer.

        Raises:
            EOFError: the process died. It has printed the reason itself.
        """
        self._pipe.send(question)
        return self._pipe.recv()

    def close(self) -> None:
        """Stop the process."""
        if self._process.is_alive():
            self._pipe.send(None)
        self._process.join()
