"""The processes of training.py: a contestant in each, its steps timed, its memory its own."""

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any, Self

import numpy as np
import torch
from peers import CONTESTANTS, SentenceTransformersCached, Setting, Trainer, batch_of

from adjoin.tokens import Ragged
from adjoin.training.hardware import peak_memory, reset_peak_memory


@dataclass(frozen=True, slots=True)
class Task:
    """The pairs, tokenized, and how they are cut into batches.

    Attributes:
        x, y: both sides of all pairs, in a mixed order.
        batch: pairs a batch.
        threads: of each process.
    """

    x: Ragged
    y: Ragged
    batch: int
    threads: int

    def rows(self, number: int, pairs: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The rows of batch `number`, of so many pairs; from the beginning again when they are used up."""
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
        tokens: real ones of both sides.
        padding: share of the tokens that were padding.
        peak_memory: of the process so far (the device's, on CUDA), in bytes.
        at_rest: before its first step: interpreter, libraries, weights, data.
    """

    seconds: float
    loss: float
    tokens: int
    padding: float
    peak_memory: int
    at_rest: int


def held_now(device: torch.device) -> int:
    """Bytes that this process holds at this moment."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    return int(import_module("psutil").Process().memory_info().rss)


def synchronize(device: torch.device) -> None:
    """Wait for what was given to the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Serving:
    """A contestant in its process; each method answers one kind of question."""

    def __init__(self, name: str, setting: Setting, task: Task) -> None:
        torch.set_num_threads(task.threads)
        torch.manual_seed(0)
        self.task, self.device = task, torch.device(setting.device)
        self.contestant = CONTESTANTS[name](setting)
        self.trainer = Trainer(self.contestant)
        self.at_rest = held_now(self.device)
        reset_peak_memory(self.device)

    def prepared(self, number: int, pairs: int) -> Any:  # noqa: ANN401 - the contestant's own
        """Batch `number` as the contestant's data loader would give it."""
        return self.contestant.prepare(batch_of(self.task.x, self.task.y, self.task.rows(number, pairs)))

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
            torch.cuda.empty_cache()  # the next contestant's turn
        return Stretch(seconds, loss, tokens, self.contestant.padding, peak, self.at_rest)

    def try_size(self, pairs: int, mini_batch: int, tokens: int | None) -> float:
        """Seconds for the gradients of so many pairs in mini-batches of this size; changes no weight."""
        assert isinstance(self.contestant, SentenceTransformersCached)  # no other is asked
        self.contestant.resize(mini_batch, tokens)
        prepared = self.prepared(0, pairs)
        synchronize(self.device)
        began = time.perf_counter()
        self.contestant.gradients(prepared)
        synchronize(self.device)
        return time.perf_counter() - began

    def memory_of(self, pairs: int) -> int:
        """Peak memory of the gradients of so many pairs."""
        prepared = self.prepared(0, pairs)
        reset_peak_memory(self.device)
        self.contestant.gradients(prepared)
        return peak_memory(self.device)


def serve(pipe: Connection, name: str, setting: Setting, task: Task) -> None:
    """Answer until told to stop (None)."""
    serving = Serving(name, setting, task)
    answers: dict[str, Callable[..., object]] = {
        "step": serving.step,
        "try": serving.try_size,
        "memory": serving.memory_of,
    }
    while question := pipe.recv():
        pipe.send(answers[question[0]](*question[1:]))


class Worker:
    """The other end of such a process's pipe."""

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
        """Wait for the answer.

        Raises:
            EOFError: the process died; it has said why itself.
        """
        self._pipe.send(question)
        return self._pipe.recv()

    def close(self) -> None:
        """End the process."""
        if self._process.is_alive():
            self._pipe.send(None)
        self._process.join()
