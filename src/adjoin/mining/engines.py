"""Who does the work: worker processes of this machine, or the machines of a Ray cluster; with the same result."""

import json
import logging
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from adjoin.errors import AdjoinError
from adjoin.workers import Pool

Task = TypeVar("Task")
Result = TypeVar("Result")

LOCAL, RAY = "local", "ray"
ENGINES = (LOCAL, RAY)
_THREADS = 8  # more wait for the memory


@dataclass(frozen=True, slots=True)
class Engine:
    """How the tasks of a mining are done.

    Attributes:
        name: `LOCAL` or `RAY`. With Ray the work folder must be one that all machines see under the same path.
        workers: at a time; None for one a processor, with Ray for as many as the cluster has.
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
        """Of this process, between the rounds of tasks, when no other is at work on this machine."""
        here = os.cpu_count() or 1
        return min(self.workers or here, here, _THREADS)

    @contextmanager
    def crew(self) -> "Iterator[Crew]":
        """Those who do the work, for as many rounds of tasks as there are."""
        if self.name == RAY:
            yield _OnRay(self.workers)
            return
        with Pool(self.workers) as pool:
            yield pool


class Crew(Protocol):
    """Who does the tasks of a mining."""

    def as_done(
        self, function: Callable[[Task], Result], tasks: Sequence[Task]
    ) -> Generator[tuple[Task, Result], None, None]:
        """Do all tasks; gives each with its result, in an order that does not matter.

        Args:
            function: importable; what it reads and writes lies on the disk, what it gives is JSON.
            tasks: picklable; give the largest first, so that none is waited for at the end.

        Raises:
            AdjoinError: a worker was killed, or Ray is not there.
        """
        ...


@dataclass(frozen=True, slots=True)
class _OnRay:
    workers: int | None

    def as_done(
        self, function: Callable[[Task], Result], tasks: Sequence[Task]
    ) -> Generator[tuple[Task, Result], None, None]:
        return _on_ray(function, tasks, self.workers)


def _on_ray(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int | None
) -> Generator[tuple[Task, Result], None, None]:
    if not tasks:
        return
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise AdjoinError(f"--engine ray needs the package {error.name}: pip install 'adjoin[ray]'") from None
    if not ray.is_initialized():
        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)

    def one(row: dict[str, Any]) -> dict[str, Any]:
        result = json.dumps(function(tasks[int(row["id"])]))  # columns would lend each other's keys
        return {"number": row["id"], "result": result}

    # A block a task: Ray gives each to whatever machine is free, and again to another if that one dies.
    rows = ray.data.range(len(tasks), override_num_blocks=len(tasks)).map(one, concurrency=workers)
    try:
        for row in rows.iter_rows():
            yield tasks[int(row["number"])], json.loads(row["result"])
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        raise cause if isinstance(cause, OSError | AdjoinError) else AdjoinError(f"Ray: {cause}") from None
