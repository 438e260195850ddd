"""The folder of a mining that is under way: what is to be done, what has been, for whoever goes on after a kill.

.pairs.mining/            beside the dataset that it will become
  plan.json               what is mined, so that another mining does not take these parts for its own
  held-out/               the index of what must not be trained on
  part-00000.json ...     one part a task, see `adjoin.mining.parts`
"""

import dataclasses
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adjoin.corpus import Source
from adjoin.corpus.document import content_hash
from adjoin.files import read_json, write_json
from adjoin.mining.options import MiningOptions

TASK_BYTES = 16 << 20  # of sources as they lie on the disk, at most: a few seconds of work, lost by a kill
_LEAST_TASK_BYTES = 2 << 20  # of a task that is cut small, where a part of its own costs 1 % more
_SHARES = 64  # small inputs are cut into so many tasks: at the end all workers but one wait for the last
TASK_SOURCES = 512
PLAN = "plan.json"


@dataclass(frozen=True, slots=True)
class Input:
    """One source, and the package that it counts for.

    Attributes:
        source: the file.
        package: what caps and counts know it by: the first folder below the root, the archive, or the name under
            which it was collected.
        size: bytes on the disk.
        licence: what it has if it names none that is known; empty for none.
    """

    source: Source
    package: str
    size: int
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """What one worker does at a time, and one part holds.

    Attributes:
        number: its place in the order of all tasks.
        inputs: what it reads, in order.
    """

    number: int
    inputs: tuple[Input, ...]

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return sum(given.size for given in self.inputs)


def inputs_of(sources: Sequence[Source]) -> list[Input]:
    """The sources with their packages and sizes; one that is gone by now has size 0 and is counted when read."""
    found = []
    for source in sources:
        try:
            size = source.path.stat().st_size
        except OSError:
            size = 0
        found.append(Input(source, package_of(source.origin), size))
    return found


def package_of(origin: str) -> str:
    """The first folder of an origin, or the archive or file that it is."""
    return origin.split("/")[0].split("!")[0].split("#")[0]


def tasks_of(inputs: Sequence[Input]) -> list[Task]:
    """Cut the inputs, in order, into tasks of at most some `TASK_BYTES`; the cut depends on nothing but them."""
    limit = min(TASK_BYTES, max(sum(given.size for given in inputs) // _SHARES, _LEAST_TASK_BYTES))
    tasks: list[Task] = []
    waiting: list[Input] = []
    size = 0
    for given in inputs:
        if waiting and (size + given.size > limit or len(waiting) == TASK_SOURCES):
            tasks.append(Task(len(tasks), tuple(waiting)))
            waiting, size = [], 0
        waiting.append(given)
        size += given.size
    return [*tasks, Task(len(tasks), tuple(waiting))] if waiting else tasks


def plan_of(given: object, options: MiningOptions, versions: dict[str, str]) -> str:
    """A hash of everything that the parts depend on.

    Args:
        given: what is mined, as plain values.
        options: how; only what a worker applies matters, caps and duplicates are decided over finished parts.
        versions: of what reads and parses.
    """
    same = dataclasses.replace(options, keep_near_duplicates=False, template_cap=0, package_cap=0)
    held_out = [stamp for folder in options.decontaminate for stamp in _stamps(folder)]
    return content_hash(json.dumps([given, same.for_manifest(), held_out, versions]))


def stamps_of(tasks: Sequence[Task]) -> list[tuple[int, str, int, int]]:
    """What tells whether a source is still the same: its task, origin, size and time of change."""
    return [
        (task.number, given.source.origin, given.size, _changed(given.source.path))
        for task in tasks
        for given in task.inputs
    ]


def _stamps(folder: Path) -> list[tuple[str, int, int]]:
    """The same of every file below a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(str(path.relative_to(folder)), path.stat().st_size, _changed(path)) for path in paths]


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def open_work(folder: Path, plan: str) -> bool:
    """Make the work folder ready; whether parts of this very plan are in it already.

    What another plan left there is thrown away.
    """
    if (folder / PLAN).exists():
        found = read_json(folder / PLAN, "plan of mining")
        if isinstance(found, dict) and found.get("plan") == plan:
            return True
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_json(folder / PLAN, {"plan": plan})
    return False
