"""Corpus recipes: which packages of which registries, at which versions, with which hashes.

A row of a recipe is "name version bytes sha256:HEX ...": the bytes of its files together, so that a run knows what
it will need before it downloads, and a hash for each file. A row that holds only a name, or a name and a version,
is not pinned yet; `adjoin.collecting.pin` completes it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Self

from adjoin.errors import AdjoinError
from adjoin.files import read_toml

REGISTRIES = ("pypi", "debian", "debian-source", "npm")

_TOP_KEYS = {"name", "about", "debian", "mine", "group"}
_GROUP_KEYS = {"registry", "language", "licence", "leave_out", "packages"}
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~:!_-]*")
_DEBIAN_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
# What each registry calls a name: a row goes into a command line, so nothing else may stand in it.
_NAMES = {
    "pypi": re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"),
    "debian": _DEBIAN_NAME,
    "debian-source": _DEBIAN_NAME,
    "npm": re.compile(r"(@[a-z0-9_][a-z0-9._-]*/)?[A-Za-z0-9_][A-Za-z0-9._-]*"),
}


@dataclass(frozen=True, slots=True)
class Package:
    """A package of a registry, as a row of a recipe names it.

    Attributes:
        registry: one of `REGISTRIES`.
        name: as the registry has it.
        version: empty in a row that is not pinned.
        size: bytes of its files together; 0 in a row that is not pinned.
        hashes: of its files in the order of their names, "sha256:HEX" each; none in a row that is not pinned.
    """

    registry: str
    name: str
    version: str = ""
    size: int = 0
    hashes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """What a manifest calls it: "pypi:networkx 3.5"."""
        return f"{self.registry}:{self.name} {self.version}".rstrip()

    @property
    def row(self) -> str:
        """Its row in a recipe."""
        size = [str(self.size)] if self.hashes else []
        return " ".join(part for part in (self.name, self.version, *size, *self.hashes) if part)

    @classmethod
    def from_row(cls, registry: str, row: str) -> Self:
        """Read a row.

        Raises:
            ValueError: saying what is wrong with it.
        """
        name, *rest = row.split() or [""]
        if not _NAMES[registry].fullmatch(name):
            raise ValueError(f"{name!r} is no name of a package in {registry}")
        if not rest:
            return cls(registry, name)
        version, *rest = rest
        if not _VERSION.fullmatch(version):
            raise ValueError(f"{version!r} is no version; expected NAME VERSION BYTES sha256:HEX")
        if not rest:
            return cls(registry, name, version)
        size, *hashes = rest
        if not (size.isascii() and size.isdigit()) or not hashes:
            raise ValueError("expected NAME VERSION BYTES sha256:HEX")
        if wrong := next((text for text in hashes if not _HASH.fullmatch(text)), ""):
            raise ValueError(f"{wrong!r:.80} is no hash; expected sha256: and 64 digits of 0-9 a-f")
        if len(hashes) > 1 and registry != "debian-source":
            raise ValueError(f"{len(hashes)} hashes; a package of {registry} is one file")
        return cls(registry, name, version, int(size), tuple(hashes))


@dataclass(frozen=True, slots=True)
class Group:
    """Packages of one registry.

    Attributes:
        registry: one of `REGISTRIES`.
        language: what they are mostly written in, for a person.
        packages: in the order in which they are collected.
        leave_out: names, or shell patterns of names, that must never be among them.
        licence: of packages that name none that is known, by the rules of their registry; empty where it has none.
    """

    registry: str
    language: str
    packages: tuple[Package, ...]
    leave_out: tuple[str, ...] = ()
    licence: str = ""

    def leaves_out(self, name: str) -> str:
        """The pattern of `leave_out` that the name of a package matches; empty if none does.

        Capitals do not matter, nor on PyPI whether a hyphen, an underscore or a full stop parts words.
        """

        def plain(text: str) -> str:
            return (re.sub(r"[-_.]+", "-", text) if self.registry == "pypi" else text).lower()

        return next((pattern for pattern in self.leave_out if fnmatchcase(plain(name), plain(pattern))), "")


@dataclass(frozen=True, slots=True)
class CorpusRecipe:
    """What a corpus is made of.

    Attributes:
        name: of the corpus.
        about: one sentence.
        groups: the packages.
        debian: the codename of the Debian release that the groups of debian and debian-source are of.
        mine: options for the mining of pairs; nothing here looks into them.
    """

    name: str
    about: str
    groups: tuple[Group, ...]
    debian: str = ""
    mine: Mapping[str, Any] = field(default_factory=dict)

    def packages(self) -> Iterator[tuple[Package, Group]]:
        """All packages with their groups, in order."""
        for group in self.groups:
            for package in group.packages:
                yield package, group

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(package.size for package, _ in self.packages())

    @classmethod
    def read(cls, path: Path, *, pinned: bool = True) -> Self:
        """Read a recipe.

        Args:
            path: a TOML file.
            pinned: whether every row must have a version, a size and hashes.

        Raises:
            AdjoinError: it is missing or not TOML, a key is missing, unknown or of another type, a row cannot be
                read, is not pinned, stands twice or is to be left out.
        """
        values = read_toml(path, "corpus recipe")
        try:
            recipe = cls._from_values(values)
            recipe._check(pinned)
        except ValueError as error:
            raise AdjoinError(f"the corpus recipe {path}: {error}") from None
        return recipe

    @classmethod
    def _from_values(cls, values: Mapping[str, Any]) -> Self:
        _check_keys(values, _TOP_KEYS, "a recipe")
        groups = values.get("group")
        if not isinstance(groups, list) or not groups or not all(isinstance(group, dict) for group in groups):
            raise ValueError("no [[group]]; expected one or more, each with registry and packages")
        mine = values.get("mine", {})
        if not isinstance(mine, dict):
            raise ValueError(f"mine is {mine!r:.60}; expected a table [mine]")
        return cls(
            name=_text(values, "name"),
            about=_text(values, "about"),
            groups=tuple(_group(group, f"group {number}") for number, group in enumerate(groups, 1)),
            debian=_text(values, "debian") if "debian" in values else "",
            mine=mine,
        )

    def _check(self, pinned: bool) -> None:
        if not self.debian and any(group.registry.startswith("debian") for group in self.groups):
            raise ValueError('packages of Debian and no debian = "CODENAME"; say which release they are of')
        if self.debian and not re.fullmatch(r"[a-z]+", self.debian):
            raise ValueError(f'debian is {self.debian!r}; expected the codename of a release, such as "bookworm"')
        seen: set[tuple[str, str]] = set()
        for package, group in self.packages():
            if pinned and not package.hashes:
                raise ValueError(f"{package.id} is not pinned; expected NAME VERSION BYTES sha256:HEX (see --pin)")
            if pattern := group.leaves_out(package.name):
                raise ValueError(f"{package.id} is to be left out (leave_out has {pattern!r}); take its row away")
            if (package.registry, package.name) in seen:
                raise ValueError(f"{package.registry}:{package.name} stands twice; take one of the rows away")
            seen.add((package.registry, package.name))

    def text(self) -> str:
        """The recipe as a file: what `read` reads gives this recipe again."""
        lines = [f"name = {_toml(self.name)}", f"about = {_toml(self.about)}"]
        lines += [f"debian = {_toml(self.debian)}"] if self.debian else []
        if self.mine:
            lines += ["", "[mine]", *(f"{key} = {_toml(value)}" for key, value in self.mine.items())]
        for group in self.groups:
            lines += ["", "[[group]]"]
            lines += [f"registry = {_toml(group.registry)}", f"language = {_toml(group.language)}"]
            lines += [f"licence = {_toml(group.licence)}"] if group.licence else []
            rows = {"leave_out": group.leave_out, "packages": [package.row for package in group.packages]}
            for key, texts in rows.items():
                lines += [f"{key} = [", *(f"  {_toml(text)}," for text in texts), "]"] if texts else []
        return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    """A value as TOML writes it: texts, numbers, truths and lists as JSON does."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(key)} = {_toml(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def _check_keys(values: Mapping[str, Any], known: set[str], what: str) -> None:
    if unknown := sorted(values.keys() - known):
        raise ValueError(f"unknown key {unknown[0]!r} in {what}; expected {', '.join(sorted(known))}")


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{key} is {value!r:.60}; expected a text")
    return value


def _texts(values: Mapping[str, Any], key: str) -> list[str]:
    value = values.get(key, [])
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ValueError(f"{key} is {value!r:.60}; expected a list of texts")
    return value


def _group(values: Mapping[str, Any], what: str) -> Group:
    try:
        _check_keys(values, _GROUP_KEYS, "a group")
        registry = _text(values, "registry")
        if registry not in REGISTRIES:
            raise ValueError(f"registry is {registry!r:.60}; expected {', '.join(REGISTRIES)}")
        rows = _texts(values, "packages")
        if not rows:
            raise ValueError("packages has no row; expected one a package")
        packages = tuple(_package(registry, row) for row in rows)
        licence = _text(values, "licence") if "licence" in values else ""
        return Group(registry, _text(values, "language"), packages, tuple(_texts(values, "leave_out")), licence)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None


def _package(registry: str, row: str) -> Package:
    try:
        return Package.from_row(registry, row)
    except ValueError as error:
        raise ValueError(f"row {row!r:.60}: {error}") from None
