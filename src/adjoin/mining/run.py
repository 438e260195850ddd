"""The whole way from folders to a dataset: sources → parts, made by workers → the merge's verdict → shards.

Everything a worker does depends on its task alone, and everything else is decided over all parts in their order:
the result does not depend on who did the work, nor on how often it was interrupted.
"""

import shutil
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
from adjoin.mining.engines import Crew, Engine
from adjoin.mining.making import Workshop, make_part
from adjoin.mining.manifest import counts_of, versions
from adjoin.mining.merging import decide
from adjoin.mining.options import MiningOptions
from adjoin.mining.parts import PartFiles
from adjoin.mining.sharding import add_definition_pairs, make_shard, shard_tasks
from adjoin.mining.work import Task, inputs_of, open_work, plan_of, stamps_of, tasks_of
from adjoin.pairs.dataset import MANIFEST, write_manifest
from adjoin.pairs.definitions import KIND as DEFINITION_DEFINITION
from adjoin.tally import Tally

Progress = Callable[[int, int, int], None]  # bytes of sources done, bytes in all, pairs found


def mine(
    roots: Sequence[Path],
    out: Path,
    options: MiningOptions,
    *,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Mine the pairs of everything below `roots` into the dataset `out`.

    A dataset that stands at `out` is replaced when the new one is complete; a failure or an interruption leaves
    it as it was. What was done until then stays in a hidden folder beside it, and the same call goes on from
    there.

    Args:
        roots: folders, files and archives.
        out: the dataset's folder.
        options: what to mine and what to leave out.
        engine: who does the work; None for a process a processor.
        progress: called after each task.

    Returns:
        The manifest.

    Raises:
        AdjoinError: a root is missing, `out` is something else than a dataset, or no pair was found.
        OSError: the disk is full or `out` may not be written.
    """
    tally = Tally()
    check_out(out)
    sources = find_sources(roots, tally, exclude=options.exclude)
    tasks = tasks_of(inputs_of(sources))
    plan = plan_of(stamps_of(tasks), options, versions())
    with mining_under_way(out, options, plan, engine or Engine()) as mining:
        mining.make(tasks, progress)
        return mining.finish(out, tally, [root.resolve().name for root in roots])


def check_out(out: Path) -> None:
    """See that a dataset may be put at `out`.

    Raises:
        AdjoinError: something else is there.
    """
    if out.exists() and not (out / MANIFEST).exists() and (not out.is_dir() or any(out.iterdir())):
        raise AdjoinError(f"{out} exists and is not a dataset of pairs; choose another --out")


@dataclass
class Mining:
    """A mining that is under way.

    Attributes:
        shop: what its tasks are done with.
        crew: who does them.
        threads: of this process, when nobody else is at work.
        parts: those that are done, by the number of their task.
        pairs: in all of them, before the merge.
    """

    shop: Workshop
    crew: Crew
    threads: int = 1
    parts: dict[int, PartFiles] = field(default_factory=dict)
    pairs: int = 0

    def take(self, parts: Mapping[int, PartFiles]) -> None:
        """Take parts that are there already as they are."""
        self.parts |= parts
        self.pairs += sum(int(part.read_report()["rows"]) for part in parts.values())

    def make(self, tasks: Sequence[Task], progress: Progress | None = None) -> None:
        """Make the parts of some tasks, but for those that are there already."""
        found = {task.number: PartFiles(self.shop.folder, task.number) for task in tasks}
        self.take({number: part for number, part in found.items() if part.done and number not in self.parts})
        remaining = [_ToDo(task, self.shop) for task in tasks if task.number not in self.parts]
        remaining.sort(key=lambda todo: -todo.task.size)  # a large one at the end would be waited for
        total = sum(task.size for task in tasks)
        done = total - sum(todo.task.size for todo in remaining)
        if progress:
            progress(done, total, self.pairs)
        for todo, rows in self.crew.as_done(_make, remaining):
            self.parts[todo.task.number] = found[todo.task.number]
            self.pairs += rows
            done += todo.task.size
            if progress:
                progress(done, total, self.pairs)

    def finish(self, out: Path, found: Tally, roots: list[str]) -> dict[str, Any]:
        """Decide over all parts, write the dataset and give its manifest.

        Args:
            out: the dataset's folder.
            found: what was passed over before any source was read.
            roots: names of what was mined.

        Raises:
            AdjoinError: no pair is left.
        """
        parts = [self.parts[number] for number in sorted(self.parts)]
        reports = [part.read_report() for part in parts]
        options = self.shop.options
        held_out = Decontaminator.open(self.shop.held_out) if self.shop.held_out else None
        verdict = decide(parts, reports, options, held_out, self.threads)
        counted = counts_of(parts, reports, verdict, found)
        if not verdict.kept:
            tally = Tally(Counter({name: n for name, n in counted["counts"].items() if name != "sources"}))
            raise AdjoinError(f"no pairs in {', '.join(roots)} ({tally.summary() or 'nothing to read'})")
        with folder_in_one_piece(out) as folder:
            made = [shard for _, shard in self.crew.as_done(make_shard, shard_tasks(parts, verdict, folder))]
            made.sort(key=lambda shard: str(shard["file"]))
            if DEFINITION_DEFINITION in options.kinds:
                made += add_definition_pairs(folder, made)
            kinds = sum((Counter(shard.pop("kinds")) for shard in made), Counter[str]())
            manifest = {
                "pairs": sum(shard["rows"] for shard in made),
                "bytes": counted["bytes"],
                "kinds": dict(sorted(kinds.items())),
                **{name: counted[name] for name in ("places", "counts", "rules", "examples")},
                "roots": roots,
                "options": options.for_manifest(),
                **({"held_out": held_out.digest} if held_out else {}),
                "versions": versions(),
                "shards": made,
                "inputs": counted["inputs"],
            }
            write_manifest(folder, manifest)
        return manifest


@dataclass(frozen=True, slots=True)
class _ToDo:
    task: Task
    shop: Workshop


def _make(todo: _ToDo) -> int:
    return make_part(todo.task, todo.shop)


@contextmanager
def mining_under_way(out: Path, options: MiningOptions, plan: str, engine: Engine) -> Iterator[Mining]:
    """Give a mining whose parts lie beside `out`, in a hidden folder that is removed with its end.

    After an interruption, or with a full disk, the parts that are done stay for the next try.
    """
    folder = out.parent / f".{out.name}.mining"
    held_out = folder / "held-out" if options.decontaminate else None
    try:
        open_work(folder, plan)
        if held_out and not held_out.exists():
            Decontaminator.build(options.decontaminate, held_out, Tally())
        with engine.crew() as crew:
            shop = Workshop(folder.resolve(), options, held_out.resolve() if held_out else None)
            yield Mining(shop, crew, engine.threads)
    except AdjoinError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except BaseException:
        if not any(folder.glob("part-*.json")):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
