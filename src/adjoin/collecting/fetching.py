"""One registry's packages into a private folder, whatever fails on the way counted with its reason."""

import errno
import hashlib
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from adjoin.collecting.clients import Client, Key
from adjoin.collecting.recipe import Package
from adjoin.collecting.running import FAILED, NETWORK_ERROR, NOT_THERE, Outcome
from adjoin.errors import AdjoinError
from adjoin.tally import Tally

HASH_DIFFERS = "hash differs"

_UNFINISHED = ".unfinished-"
# Reasons that may be one package's; the others are the machine's or the network's, and would be each package's.
_ONE_PACKAGES = (NOT_THERE, FAILED)


def hash_of(path: Path) -> str:
    """The hash of a file as recipes have it."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def files_by_key(client: Client, folder: Path) -> dict[Key, list[Path]]:
    """The files of a folder that are packages of the client's registry, by name and version, each in order."""
    found: dict[Key, list[Path]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        key = client.key_of(path.name)
        if key is not None and path.is_file() and not path.is_symlink():
            found.setdefault(key, []).append(path)
    return found


def verified(package: Package, paths: Sequence[Path]) -> tuple[Path, ...] | None:
    """The files among `paths` that have the package's hashes, in their order; None if one is not there."""
    found = {hash_of(path): path for path in paths if path.stat().st_size <= package.size}
    if not package.hashes or any(text not in found for text in package.hashes):
        return None
    return tuple(found[text] for text in package.hashes)


def remove_unfinished(folder: Path) -> None:
    """Remove what a run that was killed has left below `folder`."""
    for left in folder.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(left, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Downloads into private folders below one.

    Attributes:
        folder: below which they are made; files are moved out of them within it.
        tally: where what cannot be had is counted.
        stop: once set, nothing more is downloaded.
    """

    folder: Path
    tally: Tally
    stop: threading.Event

    def fetch(self, client: Client, packages: Sequence[Package]) -> Iterator[tuple[Package, list[Path]]]:
        """Download packages; the files that came lie in a private folder until the next step.

        Their hashes are not looked at here. If a call fails for one package of many, the others are tried again,
        in halves; a network error is given a second chance.

        Raises:
            AdjoinError: the disk is full.
        """
        for start in range(0, len(packages), client.per_call):
            yield from self._fetch(client, packages[start : start + client.per_call], again=False)

    def keep(self, client: Client, paths: Sequence[Path]) -> tuple[Path, ...]:
        """Move files out of their private folder to where they stay.

        Raises:
            AdjoinError: the disk is full.
        """
        place = self.folder / client.registry
        place.mkdir(exist_ok=True)
        return tuple(path.replace(place / path.name) for path in paths)

    def _fetch(
        self, client: Client, packages: Sequence[Package], *, again: bool
    ) -> Iterator[tuple[Package, list[Path]]]:
        missing: list[Package] = []
        try:
            with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=self.folder) as name:
                outcome = client.download(packages, Path(name), self.stop)
                came = files_by_key(client, Path(name))
                for package in packages:
                    if paths := _files_of(client, package, came):
                        yield package, paths
                    else:
                        missing.append(package)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise AdjoinError(
                    f"the disk of {self.folder} is full: make room, or give a smaller disk budget"
                ) from None
            raise AdjoinError(f"cannot write to {self.folder}: {error}") from None
        if missing and not self.stop.is_set():
            yield from self._retry(client, packages, missing, outcome, again)

    def _retry(
        self, client: Client, tried: Sequence[Package], missing: list[Package], outcome: Outcome, again: bool
    ) -> Iterator[tuple[Package, list[Path]]]:
        """Try once more what a failed call did not bring, or count it."""
        blamed = client.blamed(outcome.complaints)
        self._count([package for package in missing if package.name in blamed], NOT_THERE, outcome.said)
        missing = [package for package in missing if package.name not in blamed]
        if not missing:
            return
        if outcome.reason == NETWORK_ERROR and not again:
            yield from self._fetch(client, missing, again=True)
        elif outcome.reason in _ONE_PACKAGES and len(missing) < len(tried):
            yield from self._fetch(client, missing, again=again)
        elif outcome.reason in _ONE_PACKAGES and len(missing) > 1:
            middle = len(missing) // 2
            for half in (missing[:middle], missing[middle:]):
                yield from self._fetch(client, half, again=again)
        else:
            self._count(missing, outcome.reason or FAILED, outcome.said or "no file came")

    def _count(self, packages: Sequence[Package], reason: str, said: str) -> None:
        for package in packages:
            self.tally.add(reason, f"{package.id}: {said}")


def _files_of(client: Client, package: Package, came: dict[Key, list[Path]]) -> list[Path]:
    """The files that came for a package: none if fewer than it has. Without a version, those of its name."""
    name, version = client.key(package)
    if version:
        paths = came.get((name, version), [])
    else:
        paths = [path for key, found in came.items() if key[0] == name for path in found]
    return paths if len(paths) >= max(1, len(package.hashes)) else []
