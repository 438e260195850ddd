"""The processes of training.py: a contestant in each, its steps timed, its memory its own."""

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from peers import CONTESTANTS, SentenceTransformersCached, Setting, Trainer, batch_of

from adjoin.tokens import Ragged

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_SQUARE = {"cpu": 2_048, "cuda": 8_192}  # rows of the matrices whose product is the machine's peak
_PRODUCTS = {"cpu": 8, "cuda": 50}


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


def memory(device: str, field: str) -> int:
    """Bytes that this process holds now ("VmRSS") or held at most ("VmHWM")."""
    if device == "cuda":
        return torch.cuda.memory_allocated() if field == "VmRSS" else torch.cuda.max_memory_allocated()
    if _STATUS.exists():
        lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
        return int(lines[field].split()[0]) * 1024
    import resource  # elsewhere than on Linux only the peak is known

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts in bytes


def forget_peak(device: str) -> None:
    """Count the peak from now on, where the system can."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    elif _RESET.exists():
        _RESET.write_text("5")


def free_memory(device: str) -> int:
    """Bytes that a process could still take."""
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    return int(import_module("psutil").virtual_memory().available)


def synchronize(device: str) -> None:
    """Wait for what was given to the device."""
    if device == "cuda":
        torch.cuda.synchronize()


def matmul_peak(device: str, *, bfloat16: bool) -> float:
    """FLOP/s of the fastest of several products of large square matrices."""
    rows, dtype = _SQUARE[device], torch.bfloat16 if bfloat16 else torch.float32
    left, right = (torch.randn(rows, rows, device=device).to(dtype) for _ in range(2))
    seconds = []
    for _ in range(_PRODUCTS[device]):
        synchronize(device)
        began = time.perf_counter()
        left @ right
        synchronize(device)
        seconds.append(time.perf_counter() - began)
    return float(2 * rows**3 / min(seconds))


class Serving:
    """A contestant in its process; each method answers one kind of question."""

    def __init__(self, name: str, setting: Setting, task: Task) -> None:
        torch.set_num_threads(task.threads)
        torch.manual_seed(0)
        self.task, self.device = task, setting.device
        self.contestant = CONTESTANTS[name](setting)
        self.trainer = Trainer(self.contestant)
        self.at_rest = memory(self.device, "VmRSS")
        forget_peak(self.device)

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
        peak = memory(self.device, "VmHWM")
        if self.device == "cuda":
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
        forget_peak(self.device)
        self.contestant.gradients(prepared)
        return memory(self.device, "VmHWM")


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
