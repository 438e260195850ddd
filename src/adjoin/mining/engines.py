"""Engines: the worker processes of this machine, or the machines of a Ray cluster. Both give the same result."""

import json
import logging
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from adjoin.errors import AdjoinError
from adjoin.workers import Pool

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")

LOCAL, RAY = "local", "ray"
ENGINES = (LOCAL, RAY)
_THREADS = 8  # more threads wait for memory


@dataclass(frozen=True, slots=True)
class Engine:
    """Where the tasks of a mining run are executed.

    Attributes:
        name: `LOCAL` or `RAY`. With Ray, all machines must see the work folder under the same path.
        workers: number of workers; None for one per CPU core, with Ray for all cores of the cluster.
    """

    name: str = LOCAL
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.name not in ENGINES:
            raise AdjoinError(f"--engine {self.name}: expected {' or '.join(ENGINES)}")
        if self.workers is not None and self.workers < 1:
            raise AdjoinError(f"--workers {self.workers}: expected 1 or more")

    @property
    def threads(self) -> int:
        """Threads that this process may use between the rounds of tasks, while its workers are idle."""
        cores = os.cpu_count() or 1
        return min(self.workers or cores, cores, _THREADS)

    @contextmanager
    def pool(self) -> "Iterator[WorkerPool]":
        """Start the workers. They serve any number of rounds of tasks and stop with the context."""
        if self.name == RAY:
            yield _OnRay(self.workers)
            return
        with Pool(self.workers) as pool:
            yield pool


class WorkerPool(Protocol):
    """Workers that execute tasks."""

    def as_done(
        self, function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT]
    ) -> Generator[tuple[TaskT, ResultT], None, None]:
        """Run a function on all tasks and yield each task with its result, as they finish.

        Args:
            function: an importable function. It reads and writes files and returns a JSON value.
            tasks: picklable tasks, the largest first, so that none is waited for at the end.

        Raises:
            AdjoinError: a worker was killed, or Ray is not installed.
        """
        ...


@dataclass(frozen=True, slots=True)
class _OnRay:
    workers: int | None

    def as_done(
        self, function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT]
    ) -> Generator[tuple[TaskT, ResultT], None, None]:
        return _on_ray(function, tasks, self.workers)


@contextmanager
def _no_dashboard() -> Iterator[None]:
    """Let `ray.init` start no server of the dashboard, not even the part that it starts without a dashboard.

    That part asks the metadata addresses of three clouds where it runs, before it looks whether statistics of use
    are wanted.
    """
    from ray._private import services

    start = services.start_api_server
    services.start_api_server = lambda *_, **__: ("", None)
    try:
        yield
    finally:
        services.start_api_server = start


def _on_ray(
    function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT], workers: int | None
) -> Generator[tuple[TaskT, ResultT], None, None]:
    if not tasks:
        return
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # No call out: Ray would report its use.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise AdjoinError(f"--engine ray needs the package {error.name}: pip install 'adjoin[ray]'") from None
    if not ray.is_initialized():
        with _no_dashboard():
            ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)

    def one(row: dict[str, Any]) -> dict[str, Any]:
        result = json.dumps(function(tasks[int(row["id"])]))  # as columns, Ray would add the keys of other rows
        return {"number": row["id"], "result": result}

    # One block per task: Ray sends it to a free machine, and to another one if that machine dies.
    rows = ray.data.range(len(tasks), override_num_blocks=len(tasks)).map(one, concurrency=workers)
    try:
        for row in rows.iter_rows():
            yield tasks[int(row["number"])], json.loads(row["result"])
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        raise cause if isinstance(cause, OSError | AdjoinError) else AdjoinError(f"Ray: {cause}") from None
