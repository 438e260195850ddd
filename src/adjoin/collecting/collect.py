"""Downloads the packages of a corpus recipe in batches, so that a corpus may be larger than the disk.

The next batch is downloaded while the caller processes the current one. A file gets its final name after its hash
was verified. An interrupted run continues with the files that exist.
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

DownloadProgress = Callable[[int, int, int], None]  # packages processed, packages in total, bytes downloaded
_Batch = list[tuple[Package, Group]]

TOO_LARGE = "larger than half the disk budget"


@dataclass(frozen=True, slots=True)
class Collected:
    """A downloaded package.

    Attributes:
        package: the package, as in the recipe.
        group: its group in the recipe.
        files: its files, in the order of the recipe's hashes.
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
    progress: DownloadProgress | None = None,
) -> Iterator[list[Collected]]:
    """Download the packages of a corpus recipe in order, verify their hashes, and yield them in batches.

    A batch takes at most half of `budget`, because the next one is downloaded at the same time. When the caller
    asks for the next batch, the files of the current one are deleted, even if they existed before the run. A
    package that cannot be downloaded is counted in the tally with a reason, and the run continues.

    Args:
        recipe: a recipe whose rows are all pinned.
        folder: the files are stored here, in one folder per registry. Existing files with the right hash are not
            downloaded again. Only one run at a time may use it.
        tally: counts packages that could not be downloaded, with reasons.
        budget: bytes of disk for the files of two batches; half of it must hold the largest package. The package
            lists of apt (110 MB) and npm's cache of up to 60 packages are not included.
        keep: keep all files. `budget` then limits a batch, not the disk.
        done: ids of packages to skip.
        progress: called after each call of a client, in another thread, with (packages processed, packages in
            total, bytes downloaded).

    Yields:
        The packages of one batch, with their files.

    Raises:
        AdjoinError: the budget is below 2 bytes, or the disk is full.
    """
    if budget < 2:
        raise AdjoinError(f"a disk budget of {budget} bytes; expected room for two batches, such as 2 GB")
    remaining = [(package, group) for package, group in recipe.packages() if package.id not in done]
    batches = _batches(remaining, budget // 2, tally)
    folder.mkdir(parents=True, exist_ok=True)
    remove_unfinished(folder)
    run = _Run(all_clients(folder, recipe.debian), folder, len(remaining), progress, threading.Event())
    run.processed = len(remaining) - sum(map(len, batches))
    with ThreadPoolExecutor(1, "adjoin-collect") as pool:
        try:
            yield from _one_ahead(run, pool, batches, tally, keep)
        finally:
            run.stop.set()  # so that closing the pool does not wait for a download


def _batches(packages: _Batch, limit: int, tally: Tally) -> list[_Batch]:
    """Split the packages into batches of at most `limit` bytes."""
    batches: list[_Batch] = []
    room = 0
    for package, group in packages:
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
    """Yield the batches; the next one is downloaded in a thread meanwhile."""
    waiting = iter(batches)

    def start() -> Future[tuple[list[Collected], Tally]] | None:
        batch = next(waiting, None)
        return None if batch is None else pool.submit(run.collect, batch)

    download = start()
    while download is not None:
        collected, counts = download.result()
        tally.merge(counts)
        download = start()
        if collected:
            yield collected
        if not keep:
            for path in (path for one in collected for path in one.files):
                path.unlink(missing_ok=True)


@dataclass
class _Run:
    """The state that the batches of a run share.

    Attributes:
        clients: the clients by registry.
        folder: the folder of the files.
        total: number of packages in all batches.
        progress: as in `collect`.
        stop: no further download starts once this event is set.
        processed: number of packages that were downloaded or failed.
        bytes: size of the downloaded packages.
    """

    clients: dict[str, Client]
    folder: Path
    total: int
    progress: DownloadProgress | None
    stop: threading.Event
    processed: int = 0
    bytes: int = 0

    def collect(self, batch: _Batch) -> tuple[list[Collected], Tally]:
        """Download the files of a batch. Runs in a second thread."""
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
        """Add the files of one registry's packages: first the existing ones, then downloads."""
        existing = files_by_key(client, self.folder / client.registry)
        for package in packages:
            if paths := verified(package, existing.get(client.key(package), [])):
                files[package] = paths
        missing = [package for package in packages if package not in files]
        self._report([package for package in packages if package in files], len(packages) - len(missing))
        fetcher = Fetcher(self.folder, tally, self.stop)
        for start in range(0, len(missing), client.per_call):
            requested = missing[start : start + client.per_call]
            for package, downloaded in fetcher.fetch(client, requested):
                if paths := verified(package, downloaded):
                    files[package] = fetcher.keep(client, paths)
                else:
                    tally.add(HASH_DIFFERS, package.id)
            if self.stop.is_set():
                return
            self._report([package for package in requested if package in files], len(requested))

    def _report(self, downloaded: list[Package], processed: int) -> None:
        self.processed += processed
        self.bytes += sum(package.size for package in downloaded)
        if self.progress is not None and processed:
            self.progress(self.processed, self.total, self.bytes)
