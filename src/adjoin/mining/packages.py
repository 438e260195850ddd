"""A corpus out of package registries: download, mine and delete, batch by batch, within a budget of disk space."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from adjoin.collecting import Collected, CorpusRecipe, collect
from adjoin.corpus import Source, find_sources
from adjoin.mining.engines import Engine
from adjoin.mining.manifest import versions
from adjoin.mining.options import MiningOptions
from adjoin.mining.parts import PartFiles
from adjoin.mining.run import check_out, mining_under_way
from adjoin.mining.work import Input, Task, inputs_of, plan_of, stamps_of, tasks_of
from adjoin.tally import Tally

PackageProgress = Callable[[int, int, int], None]  # packages done, packages in all, pairs found


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
    """Collect the packages of a recipe and mine them into the dataset `out`.

    Interrupted, the same call goes on: a package whose part is done is not downloaded again.

    Args:
        recipe: packages with versions and hashes.
        out: the dataset's folder.
        options: what to mine and what to leave out.
        downloads: where packages lie until they are mined.
        budget: bytes that may lie there at a time.
        keep: whether to leave them there.
        also: folders and files that belong to the corpus besides, mined after the packages.
        engine: who does the work.
        progress: called after each batch.

    Returns:
        The manifest. Packages that could not be had are counted in it, each with its reason.

    Raises:
        AdjoinError: `out` is something else than a dataset, or no pair was found.
        OSError: the disk is full.
    """
    check_out(out)
    tally = Tally()
    numbers = {package.id: number for number, (package, _) in enumerate(recipe.packages())}
    inputs = inputs_of(find_sources(also, tally, exclude=options.exclude))
    tasks = [Task(len(numbers) + task.number, task.inputs) for task in tasks_of(inputs)]
    licences = [group.licence for group in recipe.groups]
    given = [list(numbers), *([licences] if any(licences) else []), stamps_of(tasks)]
    with mining_under_way(out, options, plan_of(given, options, versions()), engine or Engine()) as mining:
        parts = {name: PartFiles(mining.shop.folder, number) for name, number in numbers.items()}
        done = {name for name, part in parts.items() if part.done}
        mining.take({numbers[name]: parts[name] for name in done})

        def show(*_: int) -> None:
            if progress:
                progress(min(len(mining.parts), len(numbers)), len(numbers), mining.pairs)

        for batch in collect(recipe, downloads, tally, budget=budget, keep=keep, done=done):
            mining.make([_task(numbers[given.package.id], given) for given in batch], show)
        mining.make(tasks, show)
        return mining.finish(out, tally, [recipe.name, *(path.resolve().name for path in also)])


def _task(number: int, collected: Collected) -> Task:
    package, licence = collected.package.name, collected.group.licence
    inputs = (Input(Source(path, path.name), package, path.stat().st_size, licence) for path in collected.files)
    return Task(number, tuple(inputs))
