"""Pins a corpus recipe: adds the current version, the size and the hashes of every package."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from adjoin.collecting.clients import AptSource, Client, all_clients
from adjoin.collecting.fetching import Fetcher, files_by_key, hash_of, remove_unfinished
from adjoin.collecting.recipe import CorpusRecipe, Group, Package
from adjoin.collecting.running import NOT_THERE
from adjoin.outputs import filled_folder
from adjoin.tally import Tally


def pin(
    recipe: CorpusRecipe,
    folder: Path,
    tally: Tally,
    *,
    afresh: bool = False,
    progress: Callable[[int, int, int], None] | None = None,
) -> CorpusRecipe:
    """Complete a corpus recipe: download its packages and add their versions, sizes and hashes.

    Pinned rows stay unchanged. A package that cannot be downloaded is counted in the tally and dropped, and so is
    a group that becomes empty.

    Args:
        recipe: the recipe; some of its rows lack a version or hashes.
        folder: the files are kept here, so that `collect` need not download them again. A file that exists is
            taken as the registry's.
        tally: counts packages that could not be downloaded, with reasons.
        afresh: replace the versions of all rows by the current ones.
        progress: called with (packages processed, packages in total, bytes downloaded).

    Returns:
        The recipe with every row pinned.

    Raises:
        AdjoinError: the disk is full, or another process uses the folder.
    """
    with filled_folder(folder) as held:
        remove_unfinished(held)
        number = sum(1 for _ in recipe.packages())
        work = _Pinning(held, tally, all_clients(held, recipe.debian), number, progress)
        groups = tuple(work.pin_group(group, afresh) for group in recipe.groups)
    return replace(recipe, groups=tuple(group for group in groups if group.packages))


class _Pinning:
    """The state that the groups of a recipe share while they are pinned."""

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
        self.processed = 0
        self.bytes = 0

    def pin_group(self, group: Group, afresh: bool) -> Group:
        """Pin all rows of a group."""
        client = self.clients[group.registry]
        rows = [replace(p, version="", size=0, hashes=()) if afresh else p for p in group.packages]
        unpinned = self._with_source_versions(client, [package for package in rows if not package.hashes])
        pinned = {package.name: package for package in rows if package.hashes}
        self._report(len(rows) - len(unpinned), 0)
        present = files_by_key(client, self.folder / client.registry)
        missing = []
        for package in unpinned:
            name, version = client.key(package)
            keys = [key for key in present if key[0] == name and version in ("", key[1])]
            if len(keys) == 1:  # with two versions it is unclear which one the registry has now
                self._pin(client, package, present[keys[0]], pinned)
            else:
                missing.append(package)
        fetcher = Fetcher(self.folder, self.tally, threading.Event())
        for package, paths in fetcher.fetch(client, missing):
            self._pin(client, package, list(fetcher.keep(client, paths)), pinned)
        self._report(sum(package.name not in pinned for package in unpinned), 0)
        return replace(group, packages=tuple(pinned[p.name] for p in rows if p.name in pinned))

    def _with_source_versions(self, client: Client, packages: list[Package]) -> list[Package]:
        """Look up the versions of Debian source packages, which file names do not state in full."""
        if not isinstance(client, AptSource):
            return packages
        unversioned = [package for package in packages if not package.version]
        if not unversioned:
            return packages
        versions, outcome = client.versions([package.name for package in unversioned], threading.Event())
        for package in unversioned:
            if package.name not in versions:
                self.tally.add(
                    outcome.reason or NOT_THERE, f"{package.id}: {outcome.detail or 'no such source package'}"
                )
        versioned = [replace(p, version=p.version or versions.get(p.name, "")) for p in packages]
        return [package for package in versioned if package.version]

    def _pin(self, client: Client, package: Package, paths: list[Path], pinned: dict[str, Package]) -> None:
        """Pin a package to its files."""
        key = client.key_of(paths[0].name)
        version = package.version or (key[1] if key else "")
        size = sum(path.stat().st_size for path in paths)
        hashes = tuple(hash_of(path) for path in paths)
        pinned[package.name] = replace(package, version=version, size=size, hashes=hashes)
        self._report(1, size)

    def _report(self, processed: int, size: int) -> None:
        self.processed += processed
        self.bytes += size
        if self.progress is not None and processed:
            self.progress(self.processed, self.total, self.bytes)
