"""The packages of a corpus recipe, batch by batch, so that a corpus may be larger than the disk.

A batch is downloaded while the caller works on the one before it. A file has its own name only once its hash is
found right; a run that was interrupted takes up the files that are there.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from adjoin.collecting.clients import Client, all_clients
from adjoin.collecting.fetching import HASH_DIFFERS, Fetcher, files_by_key, remove_unfinished, verified
from adjoin.collecting.recipe import CorpusRecipe, Group, Package
from adjoin.errors import AdjoinError
from adjoin.tally import Tally

Progress = Callable[[int, int, int], None]
_Batch = list[tuple[Package, Group]]

TOO_LARGE = "larger than half the disk budget"


@dataclass(frozen=True, slots=True)
class Collected:
    """A package that is on the disk.

    Attributes:
        package: as the recipe has it.
        group: of the recipe.
        files: with the hashes of the recipe, in their order.
    """

    package: Package
    group: Group
    files: tuple[Path, ...]


def collect(
    recipe: CorpusRecipe,
    folder: Path,
    tally: Tally,
    *,
    budget: int,
    keep: bool = False,
    done: Collection[str] = (),
    progress: Progress | None = None,
) -> Iterator[list[Collected]]:
    """Download the packages of a recipe in its order, and check their hashes.

    A batch takes at most half of `budget`, since the next one is downloaded beside it. When the caller asks for
    the next batch, the files of the one before are deleted, also those that were in `folder` before the run.
    A package that cannot be had is counted in the tally with its reason, and the run goes on.

    Args:
        recipe: all of it pinned.
        folder: where the files lie, in a folder for each registry; those with the right hash are not downloaded
            again. One run at a time.
        tally: where what cannot be had is counted.
        budget: bytes of disk for the files of two batches; half of it must hold the largest package. On top come
            apt's own lists, 110 MB, and what npm caches of the 60 packages that it is about.
        keep: whether all files stay; then `budget` bounds a batch, not the disk.
        done: ids of packages that are not wanted any more.
        progress: told after each call of a client, in a thread of its own: how many packages are settled, of how
            many, and the bytes of those that were had.

    Raises:
        AdjoinError: the budget is not positive, or the disk is full.
    """
    if budget < 2:
        raise AdjoinError(f"a disk budget of {budget} bytes; expected room for two batches, such as 2 GB")
    wanted = [(package, group) for package, group in recipe.packages() if package.id not in done]
    batches = _batches(wanted, budget // 2, tally)
    folder.mkdir(parents=True, exist_ok=True)
    remove_unfinished(folder)
    run = _Run(all_clients(folder, recipe.debian), folder, len(wanted), progress, threading.Event())
    run.settled = len(wanted) - sum(map(len, batches))
    with ThreadPoolExecutor(1, "adjoin-collect") as pool:
        try:
            yield from _one_ahead(run, pool, batches, tally, keep)
        finally:
            run.stop.set()  # so that leaving the pool waits for no download


def _batches(wanted: _Batch, limit: int, tally: Tally) -> list[_Batch]:
    """Cut the packages into batches of at most `limit` bytes."""
    batches: list[_Batch] = []
    room = 0
    for package, group in wanted:
        if package.size > limit:
            tally.add(TOO_LARGE, f"{package.id}: {package.size:,} bytes")
            continue
        if not batches or package.size > room:
            batches.append([])
            room = limit
        batches[-1].append((package, group))
        room -= package.size
    return batches


def _one_ahead(
    run: "_Run", pool: ThreadPoolExecutor, batches: Sequence[_Batch], tally: Tally, keep: bool
) -> Iterator[list[Collected]]:
    """Give batch by batch, each with the next one under way."""
    waiting = iter(batches)

    def start() -> Future[tuple[list[Collected], Tally]] | None:
        batch = next(waiting, None)
        return None if batch is None else pool.submit(run.collect, batch)

    coming = start()
    while coming is not None:
        collected, counted = coming.result()
        tally.merge(counted)
        coming = start()
        if collected:
            yield collected
        if not keep:
            for path in (path for one in collected for path in one.files):
                path.unlink(missing_ok=True)


@dataclass
class _Run:
    """What the batches of a run share.

    Attributes:
        clients: by their registries.
        folder: of the files.
        total: the packages of all batches.
        progress: as in `collect`.
        stop: once set, nothing more is downloaded.
        settled: how many packages were had, or could not be had.
        taken: bytes of those that were had.
    """

    clients: dict[str, Client]
    folder: Path
    total: int
    progress: Progress | None
    stop: threading.Event
    settled: int = 0
    taken: int = 0

    def collect(self, batch: _Batch) -> tuple[list[Collected], Tally]:
        """Have the files of a batch; it runs in the thread beside the caller's."""
        tally = Tally()
        files: dict[Package, tuple[Path, ...]] = {}
        for registry, client in self.clients.items():
            packages = [package for package, _ in batch if package.registry == registry]
            if packages:
                self._collect_from(client, packages, files, tally)
        return [Collected(package, group, files[package]) for package, group in batch if package in files], tally

    def _collect_from(
        self, client: Client, packages: list[Package], files: dict[Package, tuple[Path, ...]], tally: Tally
    ) -> None:
        """Have the files of one registry's packages: those that are there, then those that are not."""
        there = files_by_key(client, self.folder / client.registry)
        for package in packages:
            if found := verified(package, there.get(client.key(package), [])):
                files[package] = found
        missing = [package for package in packages if package not in files]
        self._tell([package for package in packages if package in files], len(packages) - len(missing))
        fetcher = Fetcher(self.folder, tally, self.stop)
        for start in range(0, len(missing), client.per_call):
            asked = missing[start : start + client.per_call]
            for package, paths in fetcher.fetch(client, asked):
                if right := verified(package, paths):
                    files[package] = fetcher.keep(client, right)
                else:
                    tally.add(HASH_DIFFERS, package.id)
            if self.stop.is_set():
                return
            self._tell([package for package in asked if package in files], len(asked))

    def _tell(self, had: list[Package], settled: int) -> None:
        self.settled += settled
        self.taken += sum(package.size for package in had)
        if self.progress is not None and settled:
            self.progress(self.settled, self.total, self.taken)
