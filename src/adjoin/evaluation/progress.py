"""Progress within a task: the measurements say how far they are, and whoever runs them may listen.

A probe of 77 labels has a hundred fits, and a search task 100,000 documents. Each says so step by step, without
knowing who listens: `step("fits", 3, 110)`. Nobody listens by default.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str, int, int], None]  # what is counted, how many are done, how many there are

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def step(what: str, done: int, total: int) -> None:
    """Say how far a measurement is.

    Args:
        what: what is counted, in the plural: "fits", "queries".
        done: how many are done.
        total: how many there are at most.
    """
    if (listener := _listener.get()) is not None:
        listener(what, done, total)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Hear the steps of what runs in this block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
