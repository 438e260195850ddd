"""A mining run: sources to parts (made by workers), the merge's verdict over all parts, shards and manifest.

A worker's result depends on its task alone. All other decisions are made over all parts, in their order. So the
dataset does not depend on who did the work, nor on how often the run was interrupted.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adjoin.cleaning.decontamination.decontaminate import Decontaminator
from adjoin.corpus import find_sources
from adjoin.errors import AdjoinError
from adjoin.files import folder_in_one_piece
from adjoin.mining.engines import Engine, WorkerPool
from adjoin.mining.making import MiningContext, make_part
from adjoin.mining.manifest import counts_of, versions
from adjoin.mining.merging import decide
from adjoin.mining.options import MiningOptions
from adjoin.mining.parts import PartFiles
from adjoin.mining.sharding import add_definition_pairs, make_shard, shard_tasks
from adjoin.mining.work import PLAN, MiningTask, inputs_of, open_work, plan_of, stamps_of, tasks_of
from adjoin.outputs import replaced_folder
from adjoin.pairs.dataset import DATASET, write_manifest
from adjoin.pairs.definitions import KIND as DEFINITION_DEFINITION
from adjoin.sandbox import PARSERS
from adjoin.tally import Tally
from adjoin.unfinished import remove_folder

MiningProgress = Callable[[int, int, int], None]  # bytes of sources done, bytes in total, pairs so far


def mine(
    roots: Sequence[Path],
    out: Path,
    options: MiningOptions,
    *,
    engine: Engine | None = None,
    own: Sequence[Path] = (),
    progress: MiningProgress | None = None,
) -> dict[str, Any]:
    """Mine pairs from everything below `roots` into the dataset `out`.

    An existing dataset at `out` is replaced when the new one is complete. After a failure or an interruption it
    is unchanged. The parts that are done stay in a hidden folder beside it, and the same call continues there.

    Args:
        roots: folders, files and archives.
        out: folder of the dataset.
        options: what to mine and what to leave out.
        engine: where the work runs; None for one worker process per CPU core.
        own: folders besides `out` that are no input, though they may lie below a root.
        progress: called after each task.

    Returns:
        The manifest.

    Raises:
        AdjoinError: a root is missing, `out` is something else than a dataset or holds a root, another process is
            writing to it, or no pair was found.
        OSError: the disk is full or `out` may not be written.
    """
    tally = Tally()
    with replaced_folder(out, DATASET, inputs=[*roots, *options.decontaminate]) as folder:
        sources = find_sources(roots, tally, exclude=options.exclude, own=[folder, *own])
        tasks = tasks_of(inputs_of(sources))
        plan = plan_of(stamps_of(tasks), options, versions())
        with open_mining(folder, options, plan, engine or Engine()) as mining:
            mining.make(tasks, progress)
            return mining.finish(folder, tally, [root.resolve().name for root in roots])


@dataclass
class Mining:
    """A mining run in progress.

    Attributes:
        context: options and folders that all tasks share.
        pool: the workers.
        threads: threads of this process between the rounds of tasks.
        parts: finished parts by task number.
        pairs: number of pairs in the finished parts, before the merge.
    """

    context: MiningContext
    pool: WorkerPool
    threads: int = 1
    parts: dict[int, PartFiles] = field(default_factory=dict)
    pairs: int = 0

    def take(self, parts: Mapping[int, PartFiles]) -> None:
        """Add parts that an earlier run finished."""
        self.parts |= parts
        self.pairs += sum(part.read_report().rows for part in parts.values())

    def make(self, tasks: Sequence[MiningTask], progress: MiningProgress | None = None) -> None:
        """Make the parts of tasks, except those that are finished already."""
        part_of = {task.number: PartFiles(self.context.folder, task.number) for task in tasks}
        self.take({number: part for number, part in part_of.items() if part.done and number not in self.parts})
        remaining = [_PartJob(task, self.context) for task in tasks if task.number not in self.parts]
        remaining.sort(key=lambda job: -job.task.size)  # largest first: at the end, all others would wait for it
        total = sum(task.size for task in tasks)
        done = total - sum(job.task.size for job in remaining)
        if progress:
            progress(done, total, self.pairs)
        for job, rows in self.pool.as_done(_make, remaining):
            self.parts[job.task.number] = part_of[job.task.number]
            self.pairs += rows
            done += job.task.size
            if progress:
                progress(done, total, self.pairs)
        PARSERS.close()

    def finish(self, out: Path, skipped: Tally, roots: list[str]) -> dict[str, Any]:
        """Merge all parts, write the dataset and return its manifest.

        Args:
            out: folder of the dataset.
            skipped: what was skipped before any source was read.
            roots: names of what was mined.

        Raises:
            AdjoinError: no pair is left.
        """
        parts = [self.parts[number] for number in sorted(self.parts)]
        reports = [part.read_report() for part in parts]
        options = self.context.options
        index = self.context.evaluation_index
        decontaminator = Decontaminator.open(index) if index else None
        verdict = decide(parts, reports, options, decontaminator, self.threads)
        counted = counts_of(parts, reports, verdict, skipped)
        if not verdict.kept:
            tally = Tally(Counter({name: n for name, n in counted["counts"].items() if name != "sources"}))
            raise AdjoinError(f"no pairs in {', '.join(roots)} ({tally.summary() or 'nothing to read'})")
        with folder_in_one_piece(out) as folder:
            shards = [shard for _, shard in self.pool.as_done(make_shard, shard_tasks(parts, verdict, folder))]
            shards.sort(key=lambda shard: str(shard["file"]))
            if DEFINITION_DEFINITION in options.kinds:
                shards += add_definition_pairs(folder, shards)
            kinds = sum((Counter(shard.pop("kinds")) for shard in shards), Counter[str]())
            manifest = {
                "pairs": sum(shard["rows"] for shard in shards),
                "bytes": counted["bytes"],
                "kinds": dict(sorted(kinds.items())),
                **{name: counted[name] for name in ("places", "counts", "rules", "examples")},
                "roots": roots,
                "options": options.for_manifest(),
                **({"held_out": decontaminator.digest} if decontaminator else {}),
                "versions": versions(),
                "shards": shards,
                "inputs": counted["inputs"],
            }
            write_manifest(folder, manifest)
        return manifest


@dataclass(frozen=True, slots=True)
class _PartJob:
    task: MiningTask
    context: MiningContext


def _make(job: _PartJob) -> int:
    return make_part(job.task, job.context)


@contextmanager
def open_mining(out: Path, options: MiningOptions, plan: str, engine: Engine) -> Iterator[Mining]:
    """Open a mining run whose parts lie beside `out`, in a hidden folder that is removed when the run ends.

    After an interruption or with a full disk the finished parts stay for the next run. `out` is held by the caller
    (`outputs.replaced_folder`).
    """
    folder = out.parent / f".{out.name}.mining"
    evaluation_index = folder / "held-out" if options.decontaminate else None
    try:
        open_work(folder, plan)
        if evaluation_index and not evaluation_index.exists():
            Decontaminator.build(options.decontaminate, evaluation_index, Tally())
        with engine.pool() as pool:
            context = MiningContext(
                folder.resolve(), options, evaluation_index.resolve() if evaluation_index else None
            )
            yield Mining(context, pool, engine.threads)
    except AdjoinError:
        if (folder / PLAN).exists():  # else it is not ours
            remove_folder(folder)
        raise
    except BaseException:
        if (folder / PLAN).exists() and not any(folder.glob("part-*.json")):
            remove_folder(folder)
        raise
    remove_folder(folder)
