"""Worker processes: results in the order of the tasks, or as they finish.

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

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")


def in_order(
    function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT], workers: int | None
) -> Generator[ResultT, None, None]:
    """Run a function on tasks in worker processes and yield the results in order, in flat memory.

    Args:
        function: an importable function; its tasks and results are picklable.
        tasks: the arguments, one per call.
        workers: number of processes; None for one per CPU core. One worker or one task runs in this process.

    Raises:
        AdjoinError: a worker was killed.
    """
    workers = min(workers or os.cpu_count() or 1, len(tasks))
    if workers <= 1:
        yield from map(function, tasks)
        return
    with _pool(workers) as submit, _report_killed(workers):
        waiting: list[Future[ResultT]] = []
        for task in tasks:
            waiting.append(submit(function, task))
            if len(waiting) > 2 * workers:
                yield waiting.pop(0).result()
        while waiting:
            yield waiting.pop(0).result()


class Pool:
    """Worker processes for several rounds of tasks. Starting them takes a second each, so they are kept.

    The first round with more than one task starts them. A single worker or a single task runs in this process.
    """

    def __init__(self, workers: int | None = None) -> None:
        """Create the pool without starting processes.

        Args:
            workers: number of processes; None for one per CPU core.
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
        self, function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT]
    ) -> Generator[tuple[TaskT, ResultT], None, None]:
        """Like `in_order`, but yield each task with its result as soon as it is done."""
        remaining, done = deque(tasks), SimpleQueue[tuple[TaskT, Future[ResultT]]]()
        children = min(self._workers, len(tasks)) - 1
        submit = self._processes(children) if children > 0 else None

        def give() -> None:
            """Submit the next task to a child. When it is done, the executor's thread submits the one after it."""
            if submit is None or (task := _taken(remaining)) is None:
                return
            try:
                future = submit(function, task)
            except RuntimeError as error:  # the pool is broken or closed
                future = Future()
                future.set_exception(error)
            future.add_done_callback(lambda finished: take(task, finished))

        def take(task: TaskT, finished: "Future[ResultT]") -> None:
            done.put((task, finished))
            if not finished.cancelled() and not finished.exception():
                give()

        left = len(tasks)
        try:
            with _report_killed(self._workers):
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

    def _processes(self, number: int) -> Callable[..., "Future[Any]"]:
        """Start at least `number` processes, and return the function that submits a task to them."""
        if self._submit is None or self._started < number:
            self._stack.close()
            self._submit = self._stack.enter_context(_pool(number))
            self._started = number
        return self._submit


def _taken(tasks: "deque[TaskT]") -> TaskT | None:
    """The next task, or None: another thread may have taken the last one."""
    try:
        return tasks.popleft()
    except IndexError:
        return None


@contextmanager
def _pool(workers: int) -> Iterator[Callable[..., "Future[Any]"]]:
    """Start worker processes, and yield the function that submits a task to them."""
    # "spawn", because the parent may hold threads (a tokenizer's, for example), and a fork would copy their locks.
    context = multiprocessing.get_context("spawn")
    with interrupts_noted() as interrupted:
        resource_tracker.ensure_running()  # started later, it would unblock signals while the first worker starts
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)

    def submit(function: Callable[[Any], Any], task: object) -> "Future[Any]":
        # Ctrl-C while a worker starts would leave it with half of its input: wait until it has started.
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
def _report_killed(workers: int) -> Iterator[None]:
    """Turn the death of a worker into an `AdjoinError`."""
    try:
        yield
    except BrokenProcessPool:
        raise AdjoinError(
            f"one of {workers} workers was killed, most often for lack of memory: give fewer --workers"
        ) from None


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block SIGINT in this thread. A worker started meanwhile inherits that and never sees Ctrl-C."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles it
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one thread per process: there is one process per core
    if (
        sys.platform == "linux"
    ):  # killed with the parent, even inside a regular expression that no thread can interrupt
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its parent ends: a killed parent cannot tell workers that wait for a task."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
