"""Measures of work that do not depend on the wall clock."""

import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

FACTOR = 8  # between the two sizes: linear work grows as much, quadratic work 64-fold
ALLOWED = 24.0
NOISE = 0.05  # seconds of the CPU
TRIES = 3


def lines_run(work: Callable[[], object]) -> int:
    """Lines of Python run: what NumPy does at once counts once."""
    count = 0

    def trace(frame: FrameType, event: str, given: Any) -> Any:  # noqa: ANN401 - as sys.settrace has it
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def assert_linear(work: Callable[[int], object], size: int) -> None:
    """Work on `size` takes at most `ALLOWED` times the CPU time of work on an eighth of it.

    Regular expressions and parsers in C leave nothing to count but time: that of this process, of which a busy
    machine takes nothing away. The margin is three times what is linear; the best of three tries counts.
    """
    for _ in range(TRIES):
        small, large = _seconds(work, size // FACTOR), _seconds(work, size)
        if large <= ALLOWED * small + NOISE:
            return
    raise AssertionError(f"{large:.2f} s of the CPU for {size}, {small:.2f} s for an eighth: more than linear")


def _seconds(work: Callable[[int], object], size: int) -> float:
    began = time.process_time()
    work(size)
    return time.process_time() - began
