"""The clients of the registries (pip, npm, apt): their command lines, and the package that a file name belongs to.

No command runs code of a package. pip downloads wheels only and resolves no dependencies, npm packs without
scripts, apt downloads without unpacking. apt uses its own state folder, needs no root rights and leaves the
system's package lists unchanged.
"""

import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

from adjoin.collecting.recipe import Package
from adjoin.collecting.running import Outcome, run_client

# Wheels for one platform, whatever this machine is, so that their hashes are the same everywhere.
_PYTHON = "3.12"
_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "any")
_ARCHITECTURE = "amd64"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")  # its path on Debian and its derivatives
_SECONDS = 3600.0  # time limit of one call; 150 packages of 2 MB took 40 s at 8 MB/s

_NOT_FOUND = re.compile(
    r"Unable to (?:locate package|find a source package for) (\S+)"
    r"|Version '[^']*' for '([^']+)' was not found"
    r"|Failed to fetch \S*/([^/_\s]+)_\S+\s+404"
)

Key = tuple[str, str]  # name and version, as file names spell them


class Client(ABC):
    """The client of one registry.

    Attributes:
        registry: one of `adjoin.collecting.recipe.REGISTRIES`.
        per_call: maximum number of packages per call. Each call has an overhead of one to two seconds.
    """

    registry: str
    per_call: int

    def download(self, packages: Sequence[Package], folder: Path, stop: threading.Event) -> Outcome:
        """Download packages into `folder`. A package without a version is downloaded in its newest version.

        Raises:
            AdjoinError: the disk is full.
        """
        return run_client(self.command(packages), folder, stop, _SECONDS)

    def blamed(self, complaints: str) -> set[str]:
        """Return the names of missing packages that the client's standard error names."""
        return set()

    @abstractmethod
    def command(self, packages: Sequence[Package]) -> list[str]:
        """Return the command line that downloads packages into the working directory."""

    @abstractmethod
    def key(self, package: Package) -> Key:
        """Return name and version as the package's file names spell them."""

    @abstractmethod
    def key_of(self, file: str) -> Key | None:
        """Return name and version from a file name; None if it is not a file of this registry."""


class Pip(Client):
    """pip: wheels of PyPI."""

    registry = "pypi"
    per_call = 40  # pip downloads nothing if one of them is missing

    def command(self, packages: Sequence[Package]) -> list[str]:
        """Return the command line that downloads packages into the working directory."""
        flags = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--ignore-requires-python", "--no-input"]
        flags += ["--disable-pip-version-check", "--progress-bar=off", "--quiet", "--dest=."]
        flags += ["--implementation=cp", f"--python-version={_PYTHON}"]
        flags += [f"--abi={abi}" for abi in (f"cp{_PYTHON.replace('.', '')}", "abi3", "none")]
        flags += [f"--platform={platform}" for platform in _PLATFORMS]
        return ["pip", "download", *flags, *(f"{p.name}=={p.version}" if p.version else p.name for p in packages)]

    def key(self, package: Package) -> Key:
        """Return name and version; the name is normalized as in PEP 503, but with underscores, as in wheels."""
        return re.sub(r"[-_.]+", "_", package.name).lower(), package.version

    def key_of(self, file: str) -> Key | None:
        """Return name and version from NAME-VERSION-...-PLATFORM.whl; None for other names."""
        parts = file.removesuffix(".whl").split("-")
        if not file.endswith(".whl") or len(parts) < 5:
            return None
        return re.sub(r"[-_.]+", "_", parts[0]).lower(), parts[1]


class Npm(Client):
    """npm: tarballs of the npm registry."""

    registry = "npm"
    per_call = 60

    def command(self, packages: Sequence[Package]) -> list[str]:
        """Return the command line that downloads packages into the working directory."""
        # The cache keeps a second copy of every file; here it is deleted with the working directory.
        flags = ["--ignore-scripts", "--loglevel=error", "--cache=.npm-cache", "--pack-destination=."]
        return ["npm", "pack", *flags, *(f"{p.name}@{p.version or 'latest'}" for p in packages)]

    def key(self, package: Package) -> Key:
        """Return name and version; a scope becomes part of the name: @babel/core is in babel-core-VERSION.tgz."""
        return package.name.removeprefix("@").replace("/", "-").lower(), package.version

    def key_of(self, file: str) -> Key | None:
        """Return name and version from NAME-VERSION.tgz, where the version begins at the first -N.N.N."""
        match = re.fullmatch(r"(.+?)-(\d+\.\d+\.\d+.*)\.tgz", file)
        return (match[1].lower(), match[2]) if match else None


class AptFolder:
    """A private state of apt: package lists and caches below one folder, from the system's mirror.

    Attributes:
        folder: the folder.
        release: codename of the Debian release.
    """

    def __init__(self, folder: Path, release: str) -> None:
        self.folder = folder.resolve()
        self.release = release
        self._updated: Outcome | None = None

    @property
    def options(self) -> list[str]:
        """The options of every call of apt."""
        values = {
            "APT::Architecture": _ARCHITECTURE,
            "APT::Sandbox::User": "root",  # as root, apt would otherwise drop the right to write here
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
        """Download the package lists, once per object.

        Raises:
            AdjoinError: the disk is full.
        """
        if self._updated is None:
            self._updated = self._update(stop)
        return self._updated

    def _update(self, stop: threading.Event) -> Outcome:
        for name in ("state/lists/partial", "cache/archives/partial"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
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
        """The system's mirror of this release, or of another release of Debian; empty if there is none."""
        uris = run_client(["apt-get", "--print-uris", "update"], self.folder, stop, _SECONDS).output
        suites = re.findall(r"^'(\S+?)/?/dists/([a-z]+)/InRelease'", uris, re.MULTILINE)
        debian = {suite: uri for uri, suite in reversed(suites) if "debian" in uri}
        return debian.get(self.release) or next(iter(debian.values()), "")


class Apt(Client):
    """apt: binary packages of Debian for one architecture."""

    registry = "debian"
    per_call = 150

    def __init__(self, state: AptFolder) -> None:
        self.state = state

    def download(self, packages: Sequence[Package], folder: Path, stop: threading.Event) -> Outcome:
        """Download packages into `folder`, after the package lists if these are not there yet."""
        outcome = self.state.update(stop)
        return outcome if outcome.reason else super().download(packages, folder, stop)

    def blamed(self, complaints: str) -> set[str]:
        """Return the names of packages that apt does not know or whose files the mirror lacks."""
        return {name for groups in _NOT_FOUND.findall(complaints) for name in groups if name}

    def command(self, packages: Sequence[Package]) -> list[str]:
        """Return the command line that downloads packages into the working directory."""
        return ["apt-get", *self.state.options, "download", *_with_versions(packages)]

    def key(self, package: Package) -> Key:
        """Return name and version, unchanged."""
        return package.name, package.version

    def key_of(self, file: str) -> Key | None:
        """Return name and version from NAME_VERSION_ARCHITECTURE.deb, where %3a stands for a colon."""
        parts = file.removesuffix(".deb").split("_")
        return (parts[0], unquote(parts[1])) if file.endswith(".deb") and len(parts) == 3 else None


class AptSource(Apt):
    """apt: source packages of Debian, the upstream tarballs without Debian's own files."""

    registry = "debian-source"
    per_call = 50

    def command(self, packages: Sequence[Package]) -> list[str]:
        """Return the command line that downloads packages into the working directory."""
        flags = ["source", "--download-only", "--tar-only"]
        return ["apt-get", *self.state.options, *flags, *_with_versions(packages)]

    def key(self, package: Package) -> Key:
        """Return name and upstream version, without epoch and Debian revision."""
        version = package.version.partition(":")[2] or package.version
        return package.name, version.rpartition("-")[0] or version

    def key_of(self, file: str) -> Key | None:
        """Return name and version from one of the forms below; None for other names.

        NAME_VERSION.orig.tar.xz, NAME_VERSION.orig-COMPONENT.tar.gz, or NAME_VERSION.tar.xz of a native package.
        """
        match = re.fullmatch(r"([^_]+)_(.+?)(\.orig(-[A-Za-z0-9-]+)?)?\.tar\.[a-z0-9]+", file)
        return (match[1], match[2]) if match and not match[2].endswith(".debian") else None

    def versions(self, names: Sequence[str], stop: threading.Event) -> tuple[dict[str, str], Outcome]:
        """Look up the newest versions of source packages; file names lack the epoch and the revision.

        Returns:
            Name to version, without packages that do not exist, and the outcome of the call.

        Raises:
            AdjoinError: the disk is full.
        """
        outcome = self.state.update(stop)
        if outcome.reason:
            return {}, outcome
        command = ["apt-cache", *self.state.options, "showsrc", "--only-source", *names]
        outcome = run_client(command, self.state.folder, stop, _SECONDS)
        versions: dict[str, str] = {}
        for stanza in outcome.output.split("\n\n"):
            fields = dict(re.findall(r"^([A-Z][A-Za-z-]*): *(.*)$", stanza, re.MULTILINE))
            # Extra sources are older ones, kept because other packages were built with them.
            if {"Package", "Version"} <= fields.keys() and fields.get("Extra-Source-Only") != "yes":
                versions[fields["Package"]] = fields["Version"]
        return versions, outcome


def _with_versions(packages: Sequence[Package]) -> list[str]:
    return [f"{package.name}={package.version}" if package.version else package.name for package in packages]


def all_clients(folder: Path, release: str) -> dict[str, Client]:
    """Create the clients of all registries, by registry. Nothing is run or written yet.

    Args:
        folder: apt's state is kept below it.
        release: codename of the Debian release.
    """
    state = AptFolder(folder / f".apt-{release}", release)
    return {client.registry: client for client in (Pip(), Apt(state), AptSource(state), Npm())}
