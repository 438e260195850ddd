"""The work folder of a mining run, and the tasks that the run is cut into. A killed run continues from it.

.pairs.mining/            beside the dataset that it will become
  plan.json               identifies inputs and options, so that another run does not use these parts
  held-out/               the index of evaluation data that must not be trained on
  part-00000.json ...     one part per task, see `adjoin.mining.parts`
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adjoin.corpus import Source
from adjoin.corpus.document import content_hash
from adjoin.errors import AdjoinError
from adjoin.files import read_json, write_json
from adjoin.mining.options import MiningOptions
from adjoin.unfinished import remove_folder, sweep

TASK_BYTES = 16 << 20  # largest size of a task's sources on disk: a few seconds of work, which a kill loses
_LEAST_TASK_BYTES = 2 << 20  # smallest limit; at this size the overhead of a part is 1 %
_SHARES = 64  # a small corpus is cut into this many tasks, so that no worker waits long for the last one
TASK_SOURCES = 512
PLAN = "plan.json"


@dataclass(frozen=True, slots=True)
class Input:
    """One source with its package.

    Attributes:
        source: the file.
        package: the name that caps and counts use: the first folder below the root, the archive, or the name of
            the collected package.
        size: bytes on disk.
        licence: the licence to assume if the source names no known one; may be empty.
    """

    source: Source
    package: str
    size: int
    licence: str = ""


@dataclass(frozen=True, slots=True)
class MiningTask:
    """The unit of work: one worker reads its inputs and writes one part.

    Attributes:
        number: its position among all tasks.
        inputs: its sources, in order.
    """

    number: int
    inputs: tuple[Input, ...]

    @property
    def size(self) -> int:
        """Bytes of all inputs on disk."""
        return sum(given.size for given in self.inputs)


def inputs_of(sources: Sequence[Source]) -> list[Input]:
    """The sources with packages and sizes. A vanished source has size 0 and is counted when it is read."""
    inputs = []
    for source in sources:
        try:
            size = source.path.stat().st_size
        except OSError:
            size = 0
        inputs.append(Input(source, package_of(source.origin), size))
    return inputs


def package_of(origin: str) -> str:
    """The package of an origin: its first folder, or the archive or file itself."""
    return origin.split("/")[0].split("!")[0].split("#")[0]


def tasks_of(inputs: Sequence[Input]) -> list[MiningTask]:
    """Cut the inputs, in order, into tasks of about `TASK_BYTES` at most. The cut depends on the inputs alone."""
    limit = min(TASK_BYTES, max(sum(given.size for given in inputs) // _SHARES, _LEAST_TASK_BYTES))
    tasks: list[MiningTask] = []
    waiting: list[Input] = []
    size = 0
    for given in inputs:
        if waiting and (size + given.size > limit or len(waiting) == TASK_SOURCES):
            tasks.append(MiningTask(len(tasks), tuple(waiting)))
            waiting, size = [], 0
        waiting.append(given)
        size += given.size
    return [*tasks, MiningTask(len(tasks), tuple(waiting))] if waiting else tasks


def plan_of(sources: object, options: MiningOptions, versions: dict[str, str]) -> str:
    """A hash of everything that the parts depend on.

    Args:
        sources: the inputs, as plain values.
        options: the mining options. Caps and duplicates do not count: the merge applies them to finished parts.
        versions: versions of the libraries that read and parse.
    """
    same = dataclasses.replace(options, keep_near_duplicates=False, template_cap=0, package_cap=0)
    stamps = [stamp for folder in options.decontaminate for stamp in _stamps(folder)]
    return content_hash(json.dumps([sources, same.for_manifest(), stamps, versions]))


def stamps_of(tasks: Sequence[MiningTask]) -> list[tuple[int, str, int, int]]:
    """What tells whether sources have changed: task, origin, size and modification time of each."""
    return [
        (task.number, given.source.origin, given.size, _changed(given.source.path))
        for task in tasks
        for given in task.inputs
    ]


def _stamps(folder: Path) -> list[tuple[str, int, int]]:
    """Path, size and modification time of every file below a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(str(path.relative_to(folder)), path.stat().st_size, _changed(path)) for path in paths]


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def open_work(folder: Path, plan: str) -> bool:
    """Prepare the work folder. Parts of another plan are deleted.

    Returns:
        Whether the folder belongs to this plan already.

    Raises:
        AdjoinError: there is a folder of this name with other things in it.
        OSError: the disk is full, or the folder may not be written.
    """
    sweep(folder.parent, folder.name, alone=True)
    sweep(folder, alone=True)
    if (folder / PLAN).exists() and not folder.is_symlink():
        try:
            known = read_json(folder / PLAN, "plan of mining")
        except AdjoinError:  # the machine failed while it was written
            known = None
        if isinstance(known, dict) and known.get("plan") == plan:
            return True
    elif folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise AdjoinError(f"{folder} is no work folder of mining: remove it, or choose another --out")
    remove_folder(folder)
    folder.mkdir(parents=True)
    write_json(folder / PLAN, {"plan": plan})
    return False
