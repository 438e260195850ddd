"""Mining packages of public registries: download, mine and delete in batches, within a budget of disk space."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from adjoin.collecting import Collected, CorpusRecipe, collect
from adjoin.corpus import Source, find_sources
from adjoin.mining.engines import Engine
from adjoin.mining.manifest import versions
from adjoin.mining.options import MiningOptions
from adjoin.mining.parts import PartFiles
from adjoin.mining.run import open_mining
from adjoin.mining.work import Input, MiningTask, inputs_of, plan_of, stamps_of, tasks_of
from adjoin.outputs import filled_folder, replaced_folder
from adjoin.pairs.dataset import DATASET
from adjoin.tally import Tally

PackageProgress = Callable[[int, int, int], None]  # packages done, packages in total, pairs so far


def mine_packages(
    recipe: CorpusRecipe,
    out: Path,
    options: MiningOptions,
    *,
    downloads: Path,
    budget: int,
    keep: bool = False,
    also: Sequence[Path] = (),
    engine: Engine | None = None,
    progress: PackageProgress | None = None,
) -> dict[str, Any]:
    """Download the packages of a recipe and mine them into the dataset `out`.

    After an interruption the same call continues. A package whose part is done is not downloaded again.

    Args:
        recipe: the packages with versions and hashes.
        out: folder of the dataset.
        options: what to mine and what to leave out.
        downloads: folder for packages until they are mined.
        budget: bytes that packages may take there at a time.
        keep: whether to keep the downloads.
        also: further folders and files of the corpus, mined after the packages.
        engine: where the work runs; None for one worker process per CPU core.
        progress: called after each batch.

    Returns:
        The manifest. It counts the packages that could not be fetched, with reasons.

    Raises:
        AdjoinError: `out` is something else than a dataset, or no pair was found.
        OSError: the disk is full.
    """
    with replaced_folder(out, DATASET, inputs=[*also, *options.decontaminate]) as folder, filled_folder(downloads):
        tally = Tally()
        numbers = {package.id: number for number, (package, _) in enumerate(recipe.packages())}
        inputs = inputs_of(find_sources(also, tally, exclude=options.exclude, own=[folder, downloads]))
        tasks = [MiningTask(len(numbers) + task.number, task.inputs) for task in tasks_of(inputs)]
        licences = [group.licence for group in recipe.groups]
        plan_inputs = [list(numbers), *([licences] if any(licences) else []), stamps_of(tasks)]
        plan = plan_of(plan_inputs, options, versions())
        with open_mining(folder, options, plan, engine or Engine()) as mining:
            parts = {name: PartFiles(mining.context.folder, number) for name, number in numbers.items()}
            done = {name for name, part in parts.items() if part.done}
            mining.take({numbers[name]: parts[name] for name in done})

            def show(*_: int) -> None:
                if progress:
                    progress(min(len(mining.parts), len(numbers)), len(numbers), mining.pairs)

            for batch in collect(recipe, downloads, tally, budget=budget, keep=keep, done=done):
                mining.make([_task(numbers[package.package.id], package) for package in batch], show)
            mining.make(tasks, show)
            return mining.finish(folder, tally, [recipe.name, *(path.resolve().name for path in also)])


def _task(number: int, collected: Collected) -> MiningTask:
    package, licence = collected.package.name, collected.group.licence
    inputs = (Input(Source(path, path.name), package, path.stat().st_size, licence) for path in collected.files)
    return MiningTask(number, tuple(inputs))
