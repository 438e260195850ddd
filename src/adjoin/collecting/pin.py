"""Completes a recipe: the version that a registry gives today, the size and the hashes of its files."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from adjoin.collecting.clients import AptSource, Client, all_clients
from adjoin.collecting.fetching import Fetcher, files_by_key, hash_of, remove_unfinished
from adjoin.collecting.recipe import CorpusRecipe, Group, Package
from adjoin.collecting.running import NOT_THERE
from adjoin.tally import Tally


def pin(
    recipe: CorpusRecipe,
    folder: Path,
    tally: Tally,
    *,
    afresh: bool = False,
    progress: Callable[[int, int, int], None] | None = None,
) -> CorpusRecipe:
    """Find the versions, sizes and hashes of a recipe's packages by downloading them.

    Rows that are pinned stay as they are. A package that cannot be had is counted in the tally and left out. A
    group of which nothing is left is left out as well.

    Args:
        recipe: some of its rows without a version, or without hashes.
        folder: where the files are kept, so that `collect` need not download them again; one that is there
            already is taken as what the registry gives.
        tally: where what cannot be had is counted.
        afresh: forget the versions of all rows and take today's.
        progress: told, package by package, how many are settled, of how many, and the bytes of those had.

    Raises:
        AdjoinError: the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    remove_unfinished(folder)
    work = _Pinning(folder, tally, all_clients(folder, recipe.debian), sum(1 for _ in recipe.packages()), progress)
    groups = tuple(work.pin_group(group, afresh) for group in recipe.groups)
    return replace(recipe, groups=tuple(group for group in groups if group.packages))


class _Pinning:
    """What the groups share."""

    def __init__(
        self,
        folder: Path,
        tally: Tally,
        clients: dict[str, Client],
        total: int,
        progress: Callable[[int, int, int], None] | None,
    ) -> None:
        self.folder = folder
        self.tally = tally
        self.clients = clients
        self.total = total
        self.progress = progress
        self.settled = 0
        self.taken = 0

    def pin_group(self, group: Group, afresh: bool) -> Group:
        """The group with all its rows pinned."""
        client = self.clients[group.registry]
        rows = [replace(p, version="", size=0, hashes=()) if afresh else p for p in group.packages]
        asked = self._with_source_versions(client, [package for package in rows if not package.hashes])
        pinned = {package.name: package for package in rows if package.hashes}
        self._tell(len(rows) - len(asked), 0)
        there = files_by_key(client, self.folder / client.registry)
        missing = []
        for package in asked:
            name, version = client.key(package)
            keys = [key for key in there if key[0] == name and version in ("", key[1])]
            if len(keys) == 1:  # of two versions, none is plainly the registry's
                self._take(client, package, there[keys[0]], pinned)
            else:
                missing.append(package)
        fetcher = Fetcher(self.folder, self.tally, threading.Event())
        for package, paths in fetcher.fetch(client, missing):
            self._take(client, package, list(fetcher.keep(client, paths)), pinned)
        self._tell(sum(package.name not in pinned for package in asked), 0)
        return replace(group, packages=tuple(pinned[p.name] for p in rows if p.name in pinned))

    def _with_source_versions(self, client: Client, packages: list[Package]) -> list[Package]:
        """Packages with the version that their files' names do not tell; those that there are not are counted."""
        if not isinstance(client, AptSource):
            return packages
        bare = [package for package in packages if not package.version]
        if not bare:
            return packages
        versions, outcome = client.versions([package.name for package in bare], threading.Event())
        for package in bare:
            if package.name not in versions:
                self.tally.add(outcome.reason or NOT_THERE, f"{package.id}: {outcome.said or 'no such source'}")
        named = [replace(p, version=p.version or versions.get(p.name, "")) for p in packages]
        return [package for package in named if package.version]

    def _take(self, client: Client, package: Package, paths: list[Path], pinned: dict[str, Package]) -> None:
        """Pin a package to the files that it has."""
        key = client.key_of(paths[0].name)
        version = package.version or (key[1] if key else "")
        size = sum(path.stat().st_size for path in paths)
        hashes = tuple(hash_of(path) for path in paths)
        pinned[package.name] = replace(package, version=version, size=size, hashes=hashes)
        self._tell(1, size)

    def _tell(self, settled: int, size: int) -> None:
        self.settled += settled
        self.taken += size
        if self.progress is not None and settled:
            self.progress(self.settled, self.total, self.taken)
