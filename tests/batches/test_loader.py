import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from adjoin.batches.batch import Batch
from adjoin.batches.loader import AHEAD, Loader
from adjoin.tokens import Ragged


class Numbered:
    """Batches that say their step, each `seconds` in the making; one of them may fail."""

    def __init__(self, seconds: float = 0.0, fails_at: int = -1) -> None:
        self.seconds, self.fails_at, self.made = seconds, fails_at, 0

    def batch(self, step: int) -> Batch:
        time.sleep(self.seconds)
        if step == self.fails_at:
            raise ValueError(f"no batch {step}")
        self.made += 1
        empty = Ragged.concatenate([])
        return Batch(empty, empty, np.zeros((3, 0), np.int64), source=str(step))


def test_batches_come_in_order_from_the_start_step_on() -> None:
    with Loader(Numbered(), 7) as loader:
        assert [loader.next().source for _ in range(20)] == [str(step) for step in range(7, 27)]


def test_a_slow_step_does_not_wait() -> None:
    with Loader(Numbered(0.005), 0) as loader:
        loader.next()
        first = loader.waited
        for _ in range(10):
            time.sleep(0.05)
            loader.next()
        assert loader.waited - first < 0.05  # of 0.5 s


def test_a_slow_sampler_shows_as_a_wait() -> None:
    with Loader(Numbered(0.03), 0) as loader:
        began = time.perf_counter()
        for _ in range(10):
            loader.next()
        assert loader.waited == pytest.approx(time.perf_counter() - began, rel=0.1)
        assert loader.waited > 0.2


def test_no_more_is_prepared_than_may_wait() -> None:
    sampler = Numbered()
    with Loader(sampler, 0):
        time.sleep(0.2)
        assert AHEAD <= sampler.made <= AHEAD + 1  # one in the thread's hand


def test_an_error_comes_out_where_the_batch_is_asked_for() -> None:
    with Loader(Numbered(fails_at=2), 0) as loader:
        assert [loader.next().source for _ in range(2)] == ["0", "1"]
        for _ in range(2):  # and again for whoever asks again
            with pytest.raises(ValueError, match="no batch 2"):
                loader.next()


def test_closing_ends_the_thread() -> None:
    before = set(threading.enumerate())
    loader = Loader(Numbered(), 0)
    loader.next()
    loader.close()
    loader.close()
    assert set(threading.enumerate()) <= before


FORGOTTEN = """
import time
from adjoin.batches.loader import Loader
class Slow:
    def batch(self, step):
        time.sleep(60 if step else 0)
loader = Loader(Slow(), 0)
loader.next()
"""


def test_a_forgotten_loader_keeps_no_process_alive() -> None:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", FORGOTTEN], check=True, timeout=50)
    assert time.perf_counter() - began < 30
