"""Finds the licence and repository of a package in its archive's members, or in the folders around it."""

import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from adjoin.corpus.licences import MAX_TEXT, is_expression
from adjoin.corpus.package_metadata import Facts, facts_of, is_licence_file, manifest_reader
from adjoin.corpus.repositories import normal_repository

MAX_EVIDENCE = 64  # files of one archive that are read for its facts

_Rank = tuple[int, int]
_WORST: _Rank = (1 << 30, 0)
SITE_FOLDERS = ("site-packages", "dist-packages")
_MAX_ABOVE = 32  # folders above a root that are searched for .git
_MAX_LIST = 4 << 20  # bytes of an installed package's RECORD
# Files of the package itself that packagers put deep down.
_DEEP_PLACE = re.compile(r"(?:^|/)usr/share/doc/[^/]+/copyright$|(?:^|/)META-INF/maven/[^/]+/[^/]+/pom\.xml$")
_ORIGIN = re.compile(r"\[remote \"origin\"\][^\[]*?\n\s*url\s*=\s*(\S+)")


class Package:
    """Facts about the package in an archive, collected member by member.

    For each fact, the file nearest to the top decides. For the licence, a manifest with an SPDX expression
    precedes a licence text in the same folder. A licence text in that folder or one below precedes a manifest's
    own words ("BSD", "see LICENSE").

    Attributes:
        facts: facts known so far.
    """

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._ranks = dict.fromkeys(("licence", "repository", "name"), _WORST)
        self._read = 0

    def wants(self, path: str, size: int) -> bool:
        """Return whether a member of this path and size, in bytes, could improve the facts."""
        if size > MAX_TEXT or self._read >= MAX_EVIDENCE or manifest_reader(path) is None:
            return False
        depth = _depth(path)
        if is_licence_file(path):
            return (depth, 1) < self._ranks["licence"]
        return any((depth, 0) < rank for rank in self._ranks.values())

    def offer(self, path: str, data: bytes) -> None:
        """Update the facts from the content of a member."""
        self._read += 1
        stated = facts_of(path, data.decode("utf-8", "replace").replace("\r\n", "\n"))
        depth = _depth(path)
        if self._is_better("licence", stated.licence, _licence_rank(path, depth, stated.licence)):
            self.facts = replace(self.facts, licence=stated.licence)
        if self._is_better("repository", stated.repository, (depth, 0)):
            self.facts = replace(self.facts, repository=stated.repository)
        if self._is_better("name", stated.name, (depth, 0)):
            self.facts = replace(self.facts, name=stated.name, version=stated.version)

    def _is_better(self, field: str, value: str, rank: _Rank) -> bool:
        better = bool(value) and rank < self._ranks[field]
        if better:
            self._ranks[field] = rank
        return better


def _licence_rank(path: str, depth: int, licence: str) -> _Rank:
    """Rank of a licence, lower is better. A manifest's own words rank as if one folder deeper."""
    if is_licence_file(path):
        return depth, 1
    return (depth, 0) if is_expression(licence) else (depth + 1, 2)


def _depth(path: str) -> int:
    """How many folders a file is below the top of its package."""
    return 0 if _DEEP_PLACE.search(path) else path.count("/")


def facts_of_folder(folder: Path, names: Collection[str], known: Facts) -> Facts:
    """Return the facts that hold in a folder and below, by the files in it.

    Args:
        folder: path of the folder.
        names: names of its entries.
        known: facts from the folders above; used where the folder itself states nothing.
    """
    package = Package(Facts())
    for name in sorted(names):
        path = folder / name
        if manifest_reader(name) is None and name != "copyright":
            continue
        data = _small_file(path, MAX_TEXT)
        if data and package.wants(name, len(data)):
            package.offer(name, data)
    repository = package.facts.repository
    if ".git" in names:
        repository = _git_origin(folder) or repository
    return Facts(package.facts.licence or known.licence, repository or known.repository)


def facts_above(path: Path) -> Facts:
    """Return the facts that the folders above a file or folder state, up to the one with .git.

    Below `site-packages`, the installed package states them. Elsewhere they are empty.
    """
    above = path.parents[:_MAX_ABOVE]
    for level, folder in enumerate(above):
        if folder.name in SITE_FOLDERS:
            inside = path if level == 0 else above[level - 1]
            return facts_of_installed(folder, _names(folder)).get(inside.name, Facts())
        if (folder / ".git").exists():
            known = Facts()
            for parent in reversed(above[: level + 1]):
                known = facts_of_folder(parent, _names(parent), known)
            return known
    return Facts()


def facts_of_installed(folder: Path, names: Collection[str]) -> dict[str, Facts]:
    """Return the facts of the packages installed in a `site-packages` folder, by the name of its entries.

    An entry that two packages share, such as a namespace package, is left out.
    """
    facts_of_entry: dict[str, Facts] = {}
    shared: set[str] = set()
    for name in sorted(names):
        if not name.endswith((".dist-info", ".egg-info")):
            continue
        facts = _installed(folder / name)
        for entry in {*_top_level(folder / name), name}:
            if facts_of_entry.setdefault(entry, facts) != facts:
                shared.add(entry)
    return {entry: facts for entry, facts in facts_of_entry.items() if entry not in shared}


def _installed(info: Path) -> Facts:
    """The facts that the .dist-info or .egg-info of an installed package states."""
    package = Package(Facts())
    for path in (info / "METADATA", info / "PKG-INFO", info):
        if data := _small_file(path, MAX_TEXT):
            package.offer("METADATA", data)
    for folder in () if is_expression(package.facts.licence) else (info, info / "licenses"):
        for name in filter(is_licence_file, _names(folder)):
            place = (folder / name).relative_to(info).as_posix()
            if package.wants(place, 0) and (data := _small_file(folder / name, MAX_TEXT)):
                package.offer(place, data)
    return replace(package.facts, name="", version="")


def _top_level(info: Path) -> set[str]:
    """The entries of `site-packages` that belong to an installed package."""
    named = _small_file(info / "top_level.txt", MAX_TEXT).decode("utf-8", "replace").split()
    if named:
        return {*named, *(f"{name}.py" for name in named)}
    listed = _small_file(info / "RECORD", _MAX_LIST).decode("utf-8", "replace").split("\n")
    return {line.split(",")[0].split("/")[0] for line in listed}


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return []


def _git_origin(folder: Path) -> str:
    """The repository that a git clone came from, or ""."""
    match = _ORIGIN.search(_small_file(folder / ".git" / "config", MAX_TEXT).decode("utf-8", "replace"))
    return normal_repository(match[1]) if match else ""


def _small_file(path: Path, longest: int) -> bytes:
    """The bytes of a regular file; b"" if it is missing, unreadable or larger than `longest` bytes."""
    try:
        if not path.is_file() or path.stat().st_size > longest:
            return b""
        return path.read_bytes()
    except OSError:
        return b""
