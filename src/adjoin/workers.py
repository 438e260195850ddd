"""Work shared among processes, its results in order or as they come.

Neither Ctrl-C nor a killed parent leaves a process behind.
"""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from multiprocessing import resource_tracker
from queue import SimpleQueue
from typing import Any, TypeVar

from adjoin.errors import AdjoinError
from adjoin.interrupts import interrupts_noted

_PR_SET_PDEATHSIG = 1  # of Linux's prctl

Task = TypeVar("Task")
Result = TypeVar("Result")


def in_order(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int | None
) -> Generator[Result, None, None]:
    """The function's result of each task, in order, at most a few of them waiting, so that memory stays flat.

    Args:
        function: importable, as its tasks and results must be picklable.
        tasks: what to do.
        workers: processes; None for one a processor. With one, or one task, all is done in this process.

    Raises:
        AdjoinError: a worker was killed.
    """
    workers = min(workers or os.cpu_count() or 1, len(tasks))
    if workers <= 1:
        yield from map(function, tasks)
        return
    with _pool(workers) as submit, _deaths_told(workers):
        waiting: list[Future[Result]] = []
        for task in tasks:
            waiting.append(submit(function, task))
            if len(waiting) > 2 * workers:
                yield waiting.pop(0).result()
        while waiting:
            yield waiting.pop(0).result()


class Pool:
    """Worker processes that stay for several rounds of tasks, since each takes a second to start.

    The first round of more than one task starts them. With one worker, and for a round of one task, all is done in
    this process.
    """

    def __init__(self, workers: int | None = None) -> None:
        """Start nothing yet.

        Args:
            workers: processes; None for one a processor.
        """
        self._workers = workers or os.cpu_count() or 1
        self._started = 0
        self._submit: Callable[..., Future[Any]] | None = None
        self._stack = ExitStack()

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def as_done(
        self, function: Callable[[Task], Result], tasks: Sequence[Task]
    ) -> Generator[tuple[Task, Result], None, None]:
        """Each task with its result, as they come: nobody waits for a long one. Otherwise as `in_order`."""
        remaining, done = deque(tasks), SimpleQueue[tuple[Task, Future[Result]]]()
        children = min(self._workers, len(tasks)) - 1
        submit = self._processes(children) if children > 0 else None

        def give() -> None:
            """Give a child its next task; when it is done, the executor's thread gives the one after that."""
            if submit is None or (task := _taken(remaining)) is None:
                return
            try:
                future = submit(function, task)
            except RuntimeError as error:  # the pool is broken, or closed by now
                future = Future()
                future.set_exception(error)
            future.add_done_callback(lambda finished: take(task, finished))

        def take(task: Task, finished: "Future[Result]") -> None:
            done.put((task, finished))
            if not finished.cancelled() and not finished.exception():
                give()

        left = len(tasks)
        try:
            with _deaths_told(self._workers):
                for _ in range(children):
                    give()
                while left:
                    if (task := _taken(remaining)) is not None:
                        left -= 1
                        yield task, function(task)
                    while left and not (remaining and done.empty()):
                        finished_task, finished = done.get()
                        left -= 1
                        yield finished_task, finished.result()
        finally:
            remaining.clear()

    def _processes(self, wanted: int) -> Callable[..., "Future[Any]"]:
        """What hands one of at least so many processes a task."""
        if self._submit is None or self._started < wanted:
            self._stack.close()
            self._submit = self._stack.enter_context(_pool(wanted))
            self._started = wanted
        return self._submit


def _taken(tasks: "deque[Task]") -> Task | None:
    """The next task, or None: another thread may have taken the last one."""
    try:
        return tasks.popleft()
    except IndexError:
        return None


@contextmanager
def _pool(workers: int) -> Iterator[Callable[..., "Future[Any]"]]:
    """Worker processes; gives the function that hands one of them a task."""
    # "spawn": the parent may hold threads (a tokenizer's, a table's), which a fork would copy half-way.
    context = multiprocessing.get_context("spawn")
    with interrupts_noted() as interrupted:
        resource_tracker.ensure_running()  # it would take the mask off again, amid the start of the first worker
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)

    def submit(function: Callable[[Any], Any], task: object) -> "Future[Any]":
        # Amid its start a worker would be left with half of what it is told: wait for its end.
        with interrupts_noted() as noted, _interrupts_blocked():
            future = pool.submit(function, task)
        if noted:
            raise KeyboardInterrupt
        return future

    with pool:
        if interrupted:
            raise KeyboardInterrupt
        try:
            yield submit
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _deaths_told(workers: int) -> Iterator[None]:
    """Say in one line that a worker was killed."""
    try:
        yield
    except BrokenProcessPool:
        raise AdjoinError(
            f"one of {workers} workers was killed, by a lack of memory as a rule: give fewer --workers"
        ) from None


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block Ctrl-C in this thread: a worker started in it never sees one, not even while it imports."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's matter
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the processes are the parallelism; threads would fight
    if sys.platform == "linux":  # it ends us with our parent, even amid a regex that no thread can interrupt
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed cannot tell its workers, which would wait for their next task for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
