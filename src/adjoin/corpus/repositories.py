"""Addresses and paths → the repository they stand for, as "owner/name" where it lies with a well-known host."""

import re
from functools import lru_cache

LONGEST = 200  # characters of an address in its source's own words

_HOSTS = r"(?:github\.com|gitlab\.com|bitbucket\.org|codeberg\.org)"
_PART = r"[A-Za-z0-9_.~-]{1,100}"
# https://github.com/o/n/tree/main, git@github.com:o/n.git, scm:git:git://www.github.com/o/n, github.com/o/n
_ADDRESS = re.compile(rf"(?:^|[/@.:]){_HOSTS}(?::\d+)?[/:]+({_PART})/({_PART})", re.IGNORECASE)
_SHORT = re.compile(rf"(?:(?:github|gitlab|bitbucket):)?({_PART})/({_PART})")  # as package.json has it
_NO_OWNERS = frozenset(
    {"sponsors", "orgs", "users", "apps", "marketplace", "features", "settings", "about", "topics"}
)
_SCHEME = re.compile(r"(?:scm:)?(?:git[:+])?(?:[a-z]+:)?//(?:[^/@\s]*@)?", re.IGNORECASE)

# Where Go keeps the source of a module: its address is its path. `!x` stands for a capital letter.
_GO_PATH = re.compile(r"(?:^|/)(?:gocode/src|pkg/mod|go/src)/(.+)")
_GO_HOST_PATH = re.compile(rf"{_HOSTS}/({_PART})/({_PART})")
_GO_X = re.compile(r"golang\.org/x/([a-z0-9_-]+)")
_GOPKG = re.compile(r"gopkg\.in/(?:([A-Za-z0-9_-]+)/)?([A-Za-z0-9_-]+)\.v\d+")


@lru_cache(maxsize=4096)
def normal_repository(address: str) -> str:
    """The repository at an address: "owner/name" at a well-known host, else the address without its scheme.

    Names and passwords in an address are left out; of what is neither address nor name, the words, cut.
    """
    address = " ".join(address[: 10 * LONGEST].split())
    if found := _ADDRESS.search(address) or _SHORT.fullmatch(address):
        owner, name = found[1], _bare(found[2])
        if name and owner.lower() not in _NO_OWNERS:
            return f"{owner}/{name}"
    if found := _SCHEME.match(address):
        address = _bare(address[found.end() :].split("?", 1)[0].split("#", 1)[0].rstrip("/"))
    return address[:LONGEST].rstrip()


def is_hosted(address: str) -> bool:
    """Whether an address lies with one of the well-known hosts of repositories."""
    found = _ADDRESS.search(address)
    return found is not None and found[1].lower() not in _NO_OWNERS


def repository_of_path(path: str) -> str:
    """The repository of a file by where it lies, as Go's do; the empty string elsewhere.

    `usr/share/gocode/src/github.com/o/n/a.go` and `pkg/mod/github.com/o/n@v1.2.0/a.go` are of "o/n".
    """
    if "go" not in path and "pkg/mod" not in path:
        return ""
    found = _GO_PATH.search(path)
    return _go_module(re.sub(r"!([a-z])", lambda letter: letter[1].upper(), found[1])) if found else ""


def _go_module(path: str) -> str:
    if found := _GO_HOST_PATH.match(path):
        return f"{found[1]}/{found[2].split('@')[0]}"
    if found := _GO_X.match(path):
        return f"golang/{found[1]}"
    if found := _GOPKG.match(path):
        return f"{found[1] or 'go-' + found[2]}/{found[2]}"
    module = path.split("@", 1)[0] if "@" in path else "/".join(path.split("/")[:2])
    return module[:LONGEST] if "." in module.split("/", 1)[0] and "/" in path else ""


def go_module(name: str) -> str:
    """The repository of a Go module by its name, as go.mod has it."""
    return _go_module(name) if "/" in name else ""


def _bare(name: str) -> str:
    return name.removesuffix(".git").rstrip(".")
