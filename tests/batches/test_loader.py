import itertools
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from adjoin.batches import loader
from adjoin.batches.batch import Batch
from adjoin.batches.loader import AHEAD, Loader
from adjoin.tokens import Ragged
from patience import wait_until


class Numbered:
    """Batches that hold their step; one of them may fail."""

    def __init__(self, fails_at: int = -1) -> None:
        self.fails_at, self.made = fails_at, 0

    def batch(self, step: int) -> Batch:
        if step == self.fails_at:
            raise ValueError(f"no batch {step}")
        self.made += 1
        empty = Ragged.concatenate([])
        return Batch(empty, empty, np.zeros((3, 0), np.int64), source=str(step))


def test_batches_come_in_order_from_the_start_step_on() -> None:
    with Loader(Numbered(), 7) as batches:
        assert [batches.next().source for _ in range(20)] == [str(step) for step in range(7, 27)]


class Clocked(Numbered):
    """Each batch takes a second of a clock that stands still otherwise, and begins when it is allowed to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.seconds, self.allowed = 0.0, threading.Semaphore(0)
        self.when_read = lambda: None
        monkeypatch.setattr(loader.time, "perf_counter", self.read)

    def read(self) -> float:
        seconds = self.seconds
        self.when_read()
        return seconds

    def batch(self, step: int) -> Batch:
        self.allowed.acquire()
        self.seconds += 1
        return super().batch(step)


def test_a_slow_step_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = Clocked(monkeypatch)
    with Loader(sampler, 0) as batches:
        for step in range(10):
            sampler.allowed.release()
            wait_until(lambda made=step + 1: sampler.made == made)  # during a step
            wait_until(lambda: not batches._ready.empty())
            batches.next()
        assert batches.waited == 0
        sampler.allowed.release(AHEAD + 2)  # for the thread's end


def test_a_slow_sampler_shows_as_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = Clocked(monkeypatch)
    reads = itertools.count()
    # A batch begins when the step has begun to wait for it.
    sampler.when_read = lambda: sampler.allowed.release() if next(reads) % 2 == 0 else None
    with Loader(sampler, 0) as batches:
        for _ in range(10):
            batches.next()
        assert batches.waited == 10
        sampler.allowed.release(AHEAD + 2)  # for the thread's end


def test_no_more_is_prepared_than_may_wait() -> None:
    sampler = Numbered()
    with Loader(sampler, 0):
        wait_until(lambda: sampler.made >= AHEAD)
        time.sleep(0.1)  # for more that must not come
        assert AHEAD <= sampler.made <= AHEAD + 1  # one in the thread's hand


def test_an_error_comes_out_where_the_batch_is_asked_for() -> None:
    with Loader(Numbered(fails_at=2), 0) as batches:
        assert [batches.next().source for _ in range(2)] == ["0", "1"]
        for _ in range(2):  # and again for whoever asks again
            with pytest.raises(ValueError, match="no batch 2"):
                batches.next()


def test_closing_ends_the_thread() -> None:
    before = set(threading.enumerate())
    batches = Loader(Numbered(), 0)
    batches.next()
    batches.close()
    batches.close()
    assert set(threading.enumerate()) <= before


FORGOTTEN = """
import time
from adjoin.batches.loader import Loader
class Slow:
    def batch(self, step):
        time.sleep(1_000_000 if step else 0)
loader = Loader(Slow(), 0)
loader.next()
"""


def test_a_forgotten_loader_keeps_no_process_alive() -> None:
    subprocess.run([sys.executable, "-c", FORGOTTEN], check=True)
