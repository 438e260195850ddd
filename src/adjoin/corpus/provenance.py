"""Licence and repository of a package, gathered from its archive's members or from the folders it lies in."""

import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from adjoin.corpus.licences import MAX_TEXT, is_expression
from adjoin.corpus.package_metadata import Facts, facts_of, is_licence_file, manifest_reader
from adjoin.corpus.repositories import normal_repository

MAX_EVIDENCE = 64  # files of one archive that are read for this

_Rank = tuple[int, int]
_WORST: _Rank = (1 << 30, 0)
SITE_FOLDERS = ("site-packages", "dist-packages")
_MAX_ABOVE = 32  # folders above a root that are looked through for the one with .git
_MAX_LIST = 4 << 20  # bytes of a list of an installed package's files
# Where packagers put a package's own files, at whatever depth.
_DEEP_PLACE = re.compile(r"(?:^|/)usr/share/doc/[^/]+/copyright$|(?:^|/)META-INF/maven/[^/]+/[^/]+/pom\.xml$")
_ORIGIN = re.compile(r"\[remote \"origin\"\][^\[]*?\n\s*url\s*=\s*(\S+)")


class Package:
    """What an archive says of the package in it, gathered member by member.

    The file nearest to the top decides each question. For the licence, a manifest that names one of SPDX goes
    before the text of a licence in the same folder, and that, there or one folder below, before a manifest's own
    words ("BSD", "see LICENSE").

    Attributes:
        facts: what is known so far.
    """

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._ranks = dict.fromkeys(("licence", "repository", "name"), _WORST)
        self._read = 0

    def wants(self, path: str, size: int) -> bool:
        """Whether a member of this path and size, in bytes, could tell more than is known."""
        if size > MAX_TEXT or self._read >= MAX_EVIDENCE or manifest_reader(path) is None:
            return False
        depth = _depth(path)
        if is_licence_file(path):
            return (depth, 1) < self._ranks["licence"]
        return any((depth, 0) < rank for rank in self._ranks.values())

    def offer(self, path: str, data: bytes) -> None:
        """Take in what a member says."""
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
    """How near to the question an answer is; that of a manifest in its own words is one folder further off."""
    if is_licence_file(path):
        return depth, 1
    return (depth, 0) if is_expression(licence) else (depth + 1, 2)


def _depth(path: str) -> int:
    """How many folders a file lies below the top of its package."""
    return 0 if _DEEP_PLACE.search(path) else path.count("/")


def facts_of_folder(folder: Path, names: Collection[str], known: Facts) -> Facts:
    """What the files of a folder say of what lies in it and below.

    Args:
        folder: where they are.
        names: of its entries.
        known: what is known from above; it holds where the folder itself says nothing.
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
    """What is known of a file or folder from the folders above it, up to one with .git.

    Below `site-packages` it is what the installed package that it belongs to says; elsewhere nothing.
    """
    above = path.parents[:_MAX_ABOVE]
    for level, folder in enumerate(above):
        if folder.name in SITE_FOLDERS:
            inside = path if level == 0 else above[level - 1]
            return facts_of_installed(folder, _names(folder)).get(inside.name, Facts())
        if (folder / ".git").exists():
            known = Facts()
            for one in reversed(above[: level + 1]):
                known = facts_of_folder(one, _names(one), known)
            return known
    return Facts()


def facts_of_installed(folder: Path, names: Collection[str]) -> dict[str, Facts]:
    """What the packages installed in a `site-packages` say: name of an entry of it → facts.

    An entry that two packages share, such as a namespace, is left out.
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
    """What an installed package's own files say."""
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
    """The entries of `site-packages` that an installed package has put there."""
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
    """The repository that a working copy was cloned from."""
    match = _ORIGIN.search(_small_file(folder / ".git" / "config", MAX_TEXT).decode("utf-8", "replace"))
    return normal_repository(match[1]) if match else ""


def _small_file(path: Path, longest: int) -> bytes:
    """The bytes of a regular file; none if it is missing, may not be read, or is larger than `longest`."""
    try:
        if not path.is_file() or path.stat().st_size > longest:
            return b""
        return path.read_bytes()
    except OSError:
        return b""
