"""The registries' own clients: the exact command of each, and which package a file is of, by its name.

None of these commands runs code of a package: pip takes wheels only and resolves nothing, npm packs without
scripts, apt downloads without unpacking. apt works in folders of its own, needs no root and leaves the system's
lists alone.
"""

import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

from adjoin.collecting.recipe import Package
from adjoin.collecting.running import Outcome, run_client

# The wheel of one kind of machine, whatever machine this is: so that its hash is the same everywhere.
_PYTHON = "3.12"
_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "any")
_ARCHITECTURE = "amd64"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")  # where Debian and its derivatives have it
_SECONDS = 3600.0  # for one call; 150 packages of 2 MB took 40 s at 8 MB/s

_NOT_HAD = re.compile(
    r"Unable to (?:locate package|find a source package for) (\S+)"
    r"|Version '[^']*' for '([^']+)' was not found"
    r"|Failed to fetch \S*/([^/_\s]+)_\S+\s+404"
)

Key = tuple[str, str]


class Client(ABC):
    """One registry's client.

    Attributes:
        registry: one of `adjoin.collecting.recipe.REGISTRIES`.
        per_call: how many packages one call is given; each call costs a second or two by itself.
    """

    registry: str
    per_call: int

    def download(self, packages: Sequence[Package], folder: Path, stop: threading.Event) -> Outcome:
        """Download packages into `folder`: those without a version in their newest one.

        Raises:
            AdjoinError: the disk is full.
        """
        return run_client(self.command(packages), folder, stop, _SECONDS)

    def blamed(self, complaints: str) -> set[str]:
        """The names of packages that are not there, if the client's complaints tell them."""
        return set()

    @abstractmethod
    def command(self, packages: Sequence[Package]) -> list[str]:
        """The command that downloads packages into the working directory."""

    @abstractmethod
    def key(self, package: Package) -> Key:
        """Name and version as the names of the package's files have them."""

    @abstractmethod
    def key_of(self, file: str) -> Key | None:
        """Name and version in a file's name; None if it is not a file of this registry."""


class Pip(Client):
    """Wheels of PyPI."""

    registry = "pypi"
    per_call = 40  # pip downloads nothing if one of them is missing

    def command(self, packages: Sequence[Package]) -> list[str]:
        """The command that downloads packages into the working directory."""
        flags = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--ignore-requires-python", "--no-input"]
        flags += ["--disable-pip-version-check", "--progress-bar=off", "--quiet", "--dest=."]
        flags += ["--implementation=cp", f"--python-version={_PYTHON}"]
        flags += [f"--abi={abi}" for abi in (f"cp{_PYTHON.replace('.', '')}", "abi3", "none")]
        flags += [f"--platform={platform}" for platform in _PLATFORMS]
        return ["pip", "download", *flags, *(f"{p.name}=={p.version}" if p.version else p.name for p in packages)]

    def key(self, package: Package) -> Key:
        """The name normalised, as in PEP 503, but with the underscores of wheels."""
        return re.sub(r"[-_.]+", "_", package.name).lower(), package.version

    def key_of(self, file: str) -> Key | None:
        """NAME-VERSION-...-PLATFORM.whl."""
        parts = file.removesuffix(".whl").split("-")
        if not file.endswith(".whl") or len(parts) < 5:
            return None
        return re.sub(r"[-_.]+", "_", parts[0]).lower(), parts[1]


class Npm(Client):
    """Tarballs of the npm registry."""

    registry = "npm"
    per_call = 60

    def command(self, packages: Sequence[Package]) -> list[str]:
        """The command that downloads packages into the working directory."""
        # Its cache would keep a second copy of every file; it goes with the working directory.
        flags = ["--ignore-scripts", "--loglevel=error", "--cache=.npm-cache", "--pack-destination=."]
        return ["npm", "pack", *flags, *(f"{p.name}@{p.version or 'latest'}" for p in packages)]

    def key(self, package: Package) -> Key:
        """A scope becomes part of the name: @babel/core is in babel-core-VERSION.tgz."""
        return package.name.removeprefix("@").replace("/", "-").lower(), package.version

    def key_of(self, file: str) -> Key | None:
        """NAME-VERSION.tgz, where the version begins with the first -N.N.N."""
        found = re.fullmatch(r"(.+?)-(\d+\.\d+\.\d+.*)\.tgz", file)
        return (found[1].lower(), found[2]) if found else None


class AptFolder:
    """A state of apt of our own: its lists and caches below `folder`, its mirror the one that the system uses.

    Attributes:
        folder: where it lies.
        release: codename of the Debian release.
    """

    def __init__(self, folder: Path, release: str) -> None:
        self.folder = folder.resolve()
        self.release = release
        self._updated: Outcome | None = None

    @property
    def options(self) -> list[str]:
        """What every call of apt is given."""
        values = {
            "APT::Architecture": _ARCHITECTURE,
            "APT::Sandbox::User": "root",  # so that, run by root, it does not give up the right to write here
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "Dir::Cache": f"{self.folder}/cache",
            "Dir::Cache::pkgcache": "pkgcache.bin",
            "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
            "Dir::Etc::sourcelist": f"{self.folder}/sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::State": f"{self.folder}/state",
            "Dir::State::status": f"{self.folder}/status",
        }
        return ["--quiet", *(f"-o={name}={value}" for name, value in values.items())]

    def update(self, stop: threading.Event) -> Outcome:
        """Fetch the lists of packages, once in the life of this object.

        Raises:
            AdjoinError: the disk is full.
        """
        if self._updated is None:
            self._updated = self._update(stop)
        return self._updated

    def _update(self, stop: threading.Event) -> Outcome:
        for place in ("state/lists/partial", "cache/archives/partial"):
            (self.folder / place).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        mirror = self._mirror(stop)
        if not mirror:
            return Outcome("no mirror of Debian", "apt's sources name none: add a line deb URI CODENAME main")
        signed = f"[signed-by={_KEYRING}] " if _KEYRING.exists() else ""
        lines = [f"{kind} {signed}{mirror} {self.release} main\n" for kind in ("deb", "deb-src")]
        (self.folder / "sources.list").write_text("".join(lines), encoding="utf-8")
        command = ["apt-get", *self.options, "-o=APT::Update::Error-Mode=any", "update"]
        return run_client(command, self.folder, stop, _SECONDS)

    def _mirror(self, stop: threading.Event) -> str:
        """Where the system has its Debian from: the same release if it has that, else any."""
        told = run_client(["apt-get", "--print-uris", "update"], self.folder, stop, _SECONDS).output
        found = re.findall(r"^'(\S+?)/?/dists/([a-z]+)/InRelease'", told, re.MULTILINE)
        debian = {suite: uri for uri, suite in reversed(found) if "debian" in uri}
        return debian.get(self.release) or next(iter(debian.values()), "")


class Apt(Client):
    """Binary packages of Debian, for one architecture."""

    registry = "debian"
    per_call = 150

    def __init__(self, state: AptFolder) -> None:
        self.state = state

    def download(self, packages: Sequence[Package], folder: Path, stop: threading.Event) -> Outcome:
        """Download packages into `folder`, after an update of the lists if there was none."""
        outcome = self.state.update(stop)
        return outcome if outcome.reason else super().download(packages, folder, stop)

    def blamed(self, complaints: str) -> set[str]:
        """The names of packages that apt does not know, or whose files its mirror does not have."""
        return {name for found in _NOT_HAD.findall(complaints) for name in found if name}

    def command(self, packages: Sequence[Package]) -> list[str]:
        """The command that downloads packages into the working directory."""
        return ["apt-get", *self.state.options, "download", *_with_versions(packages)]

    def key(self, package: Package) -> Key:
        """As they are."""
        return package.name, package.version

    def key_of(self, file: str) -> Key | None:
        """NAME_VERSION_ARCHITECTURE.deb, where a colon in the version is %3a."""
        parts = file.removesuffix(".deb").split("_")
        return (parts[0], unquote(parts[1])) if file.endswith(".deb") and len(parts) == 3 else None


class AptSource(Apt):
    """Source packages of Debian: the tarballs of upstream, without Debian's own files."""

    registry = "debian-source"
    per_call = 50

    def command(self, packages: Sequence[Package]) -> list[str]:
        """The command that downloads packages into the working directory."""
        flags = ["source", "--download-only", "--tar-only"]
        return ["apt-get", *self.state.options, *flags, *_with_versions(packages)]

    def key(self, package: Package) -> Key:
        """The version of upstream: without the epoch, and without the revision that Debian adds."""
        version = package.version.partition(":")[2] or package.version
        return package.name, version.rpartition("-")[0] or version

    def key_of(self, file: str) -> Key | None:
        """NAME_VERSION.orig.tar.xz, NAME_VERSION.orig-COMPONENT.tar.gz, or NAME_VERSION.tar.xz of Debian's own."""
        found = re.fullmatch(r"([^_]+)_(.+?)(\.orig(-[A-Za-z0-9-]+)?)?\.tar\.[a-z0-9]+", file)
        return (found[1], found[2]) if found and not found[2].endswith(".debian") else None

    def versions(self, names: Sequence[str], stop: threading.Event) -> tuple[dict[str, str], Outcome]:
        """The newest versions of source packages, which the names of their files tell without epoch and revision.

        Returns:
            name → version, without those that there are not, and how it went.

        Raises:
            AdjoinError: the disk is full.
        """
        outcome = self.state.update(stop)
        if outcome.reason:
            return {}, outcome
        command = ["apt-cache", *self.state.options, "showsrc", "--only-source", *names]
        outcome = run_client(command, self.state.folder, stop, _SECONDS)
        found: dict[str, str] = {}
        for stanza in outcome.output.split("\n\n"):
            fields = dict(re.findall(r"^([A-Z][A-Za-z-]*): *(.*)$", stanza, re.MULTILINE))
            # Sources that only stay for what was built with them are older than the one of the release.
            if {"Package", "Version"} <= fields.keys() and fields.get("Extra-Source-Only") != "yes":
                found[fields["Package"]] = fields["Version"]
        return found, outcome


def _with_versions(packages: Sequence[Package]) -> list[str]:
    return [f"{package.name}={package.version}" if package.version else package.name for package in packages]


def all_clients(folder: Path, release: str) -> dict[str, Client]:
    """The clients by their registries; nothing is run or written before one of them downloads.

    Args:
        folder: where apt may keep its state.
        release: codename of the Debian release, for those of Debian.
    """
    state = AptFolder(folder / f".apt-{release}", release)
    return {client.registry: client for client in (Pip(), Apt(state), AptSource(state), Npm())}
