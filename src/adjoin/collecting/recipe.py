"""Corpus recipes: packages of public registries with versions, sizes and hashes, in a TOML file.

A row is "name version bytes sha256:HEX ...": the total size of the package's files, so that a run knows its needs
before it downloads, and one hash per file. A row of a name alone, or of a name and a version, is not pinned;
`adjoin.collecting.pin` completes it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Self

from adjoin.errors import AdjoinError, nearest
from adjoin.files import read_toml

REGISTRIES = ("pypi", "debian", "debian-source", "npm")

_TOP_KEYS = {"name", "about", "debian", "mine", "group"}
_GROUP_KEYS = {"registry", "language", "licence", "leave_out", "packages"}
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~:!_-]*")
_DEBIAN_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
# The names that each registry allows. They become command-line arguments, so nothing else may pass.
_NAMES = {
    "pypi": re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"),
    "debian": _DEBIAN_NAME,
    "debian-source": _DEBIAN_NAME,
    "npm": re.compile(r"(@[a-z0-9_][a-z0-9._-]*/)?[A-Za-z0-9_][A-Za-z0-9._-]*"),
}


@dataclass(frozen=True, slots=True)
class Package:
    """A package of a registry, as one row of a corpus recipe states it.

    Attributes:
        registry: one of `REGISTRIES`.
        name: its name in the registry.
        version: its version; may be empty if the row is not pinned.
        size: total bytes of its files; 0 if the row is not pinned.
        hashes: one "sha256:HEX" per file, in the order of file names; empty if the row is not pinned.
    """

    registry: str
    name: str
    version: str = ""
    size: int = 0
    hashes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Its name in manifests, such as "pypi:networkx 3.5"."""
        return f"{self.registry}:{self.name} {self.version}".rstrip()

    @property
    def row(self) -> str:
        """Its row in a recipe, which `from_row` reads."""
        size = [str(self.size)] if self.hashes else []
        return " ".join(part for part in (self.name, self.version, *size, *self.hashes) if part)

    @classmethod
    def from_row(cls, registry: str, row: str) -> Self:
        """Parse a row of a recipe.

        Raises:
            ValueError: the row is malformed; the message says how.
        """
        name, *rest = row.split() or [""]
        if not _NAMES[registry].fullmatch(name):
            raise ValueError(f"{name!r} is not a package name of {registry}")
        if not rest:
            return cls(registry, name)
        version, *rest = rest
        if not _VERSION.fullmatch(version):
            raise ValueError(f"{version!r} is not a version; expected NAME VERSION BYTES sha256:HEX")
        if not rest:
            return cls(registry, name, version)
        size, *hashes = rest
        if not (size.isascii() and size.isdigit() and len(size) < 16) or not hashes:
            raise ValueError("expected NAME VERSION BYTES sha256:HEX")
        if wrong := next((text for text in hashes if not _HASH.fullmatch(text)), ""):
            raise ValueError(f"{wrong!r:.80} is not a hash; expected sha256: and 64 digits of 0-9 a-f")
        if len(hashes) > 1 and registry != "debian-source":
            raise ValueError(f"{len(hashes)} hashes; expected one, because a package of {registry} is one file")
        return cls(registry, name, version, int(size), tuple(hashes))


@dataclass(frozen=True, slots=True)
class Group:
    """A group of packages of one registry in a corpus recipe.

    Attributes:
        registry: one of `REGISTRIES`.
        language: the language that most of them are written in, for the reader.
        packages: the packages, in the order of collection.
        leave_out: names, or shell patterns of names, of packages that must not be in the group.
        licence: the licence of packages that state no known one, by the rules of their registry; may be empty.
    """

    registry: str
    language: str
    packages: tuple[Package, ...]
    leave_out: tuple[str, ...] = ()
    licence: str = ""

    def leaves_out(self, name: str) -> str:
        """Return the pattern of `leave_out` that matches a package's name; empty if none does.

        Case is ignored. On PyPI hyphens, underscores and full stops are equal.
        """

        def normalized(text: str) -> str:
            return (re.sub(r"[-_.]+", "-", text) if self.registry == "pypi" else text).lower()

        return next(
            (pattern for pattern in self.leave_out if fnmatchcase(normalized(name), normalized(pattern))), ""
        )


@dataclass(frozen=True, slots=True)
class CorpusRecipe:
    """The packages that a corpus is made of, read from a TOML file.

    Attributes:
        name: name of the corpus.
        about: one sentence about it.
        groups: the packages, in groups.
        debian: codename of the Debian release of the groups debian and debian-source; empty if there are none.
        mine: options of `adjoin mine`; they are not checked here.
    """

    name: str
    about: str
    groups: tuple[Group, ...]
    debian: str = ""
    mine: Mapping[str, Any] = field(default_factory=dict)

    def packages(self) -> Iterator[tuple[Package, Group]]:
        """Yield all packages with their groups, in order."""
        for group in self.groups:
            for package in group.packages:
                yield package, group

    @property
    def size(self) -> int:
        """Total bytes of all files."""
        return sum(package.size for package, _ in self.packages())

    @classmethod
    def read(cls, path: Path, *, pinned: bool = True) -> Self:
        """Read and check a corpus recipe.

        Args:
            path: a TOML file.
            pinned: require a version, a size and hashes in every row.

        Raises:
            AdjoinError: the file is missing or not TOML; a key is missing, unknown or of the wrong type; a row is
                malformed, not pinned, repeated or excluded by `leave_out`.
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
            raise ValueError('there are packages of Debian, but no debian = "CODENAME"; name their release')
        if self.debian and not re.fullmatch(r"[a-z]+", self.debian):
            raise ValueError(f'debian is {self.debian!r}; expected the codename of a release, such as "bookworm"')
        seen: set[tuple[str, str]] = set()
        for package, group in self.packages():
            if pinned and not package.hashes:
                raise ValueError(f"{package.id} is not pinned; expected NAME VERSION BYTES sha256:HEX (see --pin)")
            if pattern := group.leaves_out(package.name):
                raise ValueError(f"{package.id} is excluded (leave_out has {pattern!r}); remove its row")
            if (package.registry, package.name) in seen:
                raise ValueError(f"{package.registry}:{package.name} is listed twice; remove one of the rows")
            seen.add((package.registry, package.name))

    def text(self) -> str:
        """Return the recipe as TOML, which `read` reads back as an equal recipe."""
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
    """A value in TOML. Strings, numbers, booleans and lists are written as in JSON."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(key)} = {_toml(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def _check_keys(values: Mapping[str, Any], known: set[str], what: str) -> None:
    if unknown := sorted(values.keys() - known):
        meant = nearest(unknown[0], known)
        expected = ", ".join(sorted(known))
        raise ValueError(f"unknown key {unknown[0]!r:.60} in {what}{meant or ';'} expected {expected}")


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{key} is {value!r:.60}; expected a string")
    return value


def _texts(values: Mapping[str, Any], key: str) -> list[str]:
    value = values.get(key, [])
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ValueError(f"{key} is {value!r:.60}; expected a list of strings")
    return value


def _group(values: Mapping[str, Any], what: str) -> Group:
    try:
        _check_keys(values, _GROUP_KEYS, "a group")
        registry = _text(values, "registry")
        if registry not in REGISTRIES:
            raise ValueError(f"registry is {registry!r:.60}; expected {', '.join(REGISTRIES)}")
        rows = _texts(values, "packages")
        if not rows:
            raise ValueError("packages is empty; expected one row per package")
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
