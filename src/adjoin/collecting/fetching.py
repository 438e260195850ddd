"""Downloads packages of one registry into a private folder, with retries. Failures are counted with reasons."""

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
# Failures that a single package may cause. All others would repeat for every package.
_PACKAGE_FAILURES = (NOT_THERE, FAILED)


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a file as recipes spell it, "sha256:HEX"."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def files_by_key(client: Client, folder: Path) -> dict[Key, list[Path]]:
    """Find the files of a folder that belong to a registry, by name and version, sorted by file name."""
    files: dict[Key, list[Path]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        key = client.key_of(path.name)
        if key is not None and path.is_file() and not path.is_symlink():
            files.setdefault(key, []).append(path)
    return files


def verified(package: Package, paths: Sequence[Path]) -> tuple[Path, ...] | None:
    """Return the files that have the package's hashes, in the order of the hashes; None if one is missing."""
    by_hash = {hash_of(path): path for path in paths if path.stat().st_size <= package.size}
    if not package.hashes or any(text not in by_hash for text in package.hashes):
        return None
    return tuple(by_hash[text] for text in package.hashes)


def remove_unfinished(folder: Path) -> None:
    """Remove the folders that a killed run left below `folder`."""
    for unfinished in folder.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(unfinished, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Downloads packages of a registry.

    Attributes:
        folder: the folder of the downloads; private folders are created below it.
        tally: counts packages that could not be downloaded, with reasons.
        stop: no further download starts once this event is set.
    """

    folder: Path
    tally: Tally
    stop: threading.Event

    def fetch(self, client: Client, packages: Sequence[Package]) -> Iterator[tuple[Package, list[Path]]]:
        """Download packages, and yield each with its files.

        The files are in a private folder that is deleted at the next iteration. Hashes are not checked here. If
        one package makes a call fail, the others are retried, in halves. A network error is retried once.

        Raises:
            AdjoinError: the disk is full.
        """
        for start in range(0, len(packages), client.per_call):
            yield from self._fetch(client, packages[start : start + client.per_call], again=False)

    def keep(self, client: Client, paths: Sequence[Path]) -> tuple[Path, ...]:
        """Move files from their private folder to the folder of the registry, and return their new paths.

        Raises:
            AdjoinError: the disk is full.
        """
        kept = self.folder / client.registry
        kept.mkdir(exist_ok=True)
        return tuple(path.replace(kept / path.name) for path in paths)

    def _fetch(
        self, client: Client, packages: Sequence[Package], *, again: bool
    ) -> Iterator[tuple[Package, list[Path]]]:
        missing: list[Package] = []
        try:
            with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=self.folder) as name:
                outcome = client.download(packages, Path(name), self.stop)
                downloaded = files_by_key(client, Path(name))
                for package in packages:
                    if paths := _files_of(client, package, downloaded):
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
        """Retry the packages that a failed call did not download, or count them."""
        blamed = client.blamed(outcome.complaints)
        self._count([package for package in missing if package.name in blamed], NOT_THERE, outcome.detail)
        missing = [package for package in missing if package.name not in blamed]
        if not missing:
            return
        if outcome.reason == NETWORK_ERROR and not again:
            yield from self._fetch(client, missing, again=True)
        elif outcome.reason in _PACKAGE_FAILURES and len(missing) < len(tried):
            yield from self._fetch(client, missing, again=again)
        elif outcome.reason in _PACKAGE_FAILURES and len(missing) > 1:
            middle = len(missing) // 2
            for half in (missing[:middle], missing[middle:]):
                yield from self._fetch(client, half, again=again)
        else:
            self._count(missing, outcome.reason or FAILED, outcome.detail or "no file was downloaded")

    def _count(self, packages: Sequence[Package], reason: str, detail: str) -> None:
        for package in packages:
            self.tally.add(reason, f"{package.id}: {detail}")


def _files_of(client: Client, package: Package, downloaded: dict[Key, list[Path]]) -> list[Path]:
    """The files of a package, in any version if it has none; empty if files are missing."""
    name, version = client.key(package)
    if version:
        paths = downloaded.get((name, version), [])
    else:
        paths = [path for key, files in downloaded.items() if key[0] == name for path in files]
    return paths if len(paths) >= max(1, len(package.hashes)) else []
