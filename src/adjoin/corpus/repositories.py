"""Addresses and file paths → repositories, as "owner/name" at a well-known host."""

import re
from functools import lru_cache

MAX_CHARACTERS = 200  # of an address that is not at a well-known host

_HOSTS = r"(?:github\.com|gitlab\.com|bitbucket\.org|codeberg\.org)"
_PART = r"[A-Za-z0-9_.~-]{1,100}"
# https://github.com/o/n/tree/main, git@github.com:o/n.git, scm:git:git://www.github.com/o/n, github.com/o/n
_ADDRESS = re.compile(rf"(?:^|[/@.:]){_HOSTS}(?::\d+)?[/:]+({_PART})/({_PART})", re.IGNORECASE)
_SHORT = re.compile(rf"(?:(?:github|gitlab|bitbucket):)?({_PART})/({_PART})")  # as package.json has it
_RESERVED_OWNERS = frozenset(
    {"sponsors", "orgs", "users", "apps", "marketplace", "features", "settings", "about", "topics"}
)
_SCHEME = re.compile(r"(?:scm:)?(?:git[:+])?(?:[a-z]+:)?//(?:[^/@\s]*@)?", re.IGNORECASE)

# Go keeps the source of a module under its address. `!x` stands for a capital letter.
_GO_PATH = re.compile(r"(?:^|/)(?:gocode/src|pkg/mod|go/src)/(.+)")
_GO_HOST_PATH = re.compile(rf"{_HOSTS}/({_PART})/({_PART})")
_GO_X = re.compile(r"golang\.org/x/([a-z0-9_-]+)")
_GOPKG = re.compile(r"gopkg\.in/(?:([A-Za-z0-9_-]+)/)?([A-Za-z0-9_-]+)\.v\d+")


@lru_cache(maxsize=4096)
def normal_repository(address: str) -> str:
    """Normalise an address to "owner/name" at a well-known host, or else to the address without its scheme.

    User names and passwords are removed. Text that is neither is returned, truncated to 200 characters.
    """
    address = _without_user(" ".join(address[: 10 * MAX_CHARACTERS].split()))
    if match := _ADDRESS.search(address) or _SHORT.fullmatch(address):
        owner, name = match[1], _without_git_suffix(match[2])
        if name and owner.lower() not in _RESERVED_OWNERS:
            return f"{owner}/{name}"
    if match := _SCHEME.match(address):
        address = _without_git_suffix(address[match.end() :].split("?", 1)[0].split("#", 1)[0].rstrip("/"))
    return address[:MAX_CHARACTERS].rstrip()


def _without_user(address: str) -> str:
    """An address without user name and password, also where a password has an @ or a slash that should be %XX."""
    scheme, separator, rest = address.rpartition("//")
    if " " in rest or "@" not in rest:
        return address
    user, _, place = rest.rpartition("@")
    if separator:
        is_path = "/" in user and ":" not in user.partition("/")[0]  # https://host/@scope/name
        return address if is_path else f"{scheme}{separator}{place}"
    return place if re.match(r"[\w.-]+:(?!\d+(?:/|\Z))", place) and "/" not in user else address


def is_hosted(address: str) -> bool:
    """Return whether an address is at GitHub, GitLab, Bitbucket or Codeberg."""
    match = _ADDRESS.search(address)
    return match is not None and match[1].lower() not in _RESERVED_OWNERS


def repository_of_path(path: str) -> str:
    """Return the repository of a Go file by its path; "" for any other path.

    `usr/share/gocode/src/github.com/o/n/a.go` and `pkg/mod/github.com/o/n@v1.2.0/a.go` belong to "o/n".
    """
    if "go" not in path and "pkg/mod" not in path:
        return ""
    match = _GO_PATH.search(path)
    return _go_module(re.sub(r"!([a-z])", lambda letter: letter[1].upper(), match[1])) if match else ""


def _go_module(path: str) -> str:
    if match := _GO_HOST_PATH.match(path):
        return f"{match[1]}/{match[2].split('@')[0]}"
    if match := _GO_X.match(path):
        return f"golang/{match[1]}"
    if match := _GOPKG.match(path):
        return f"{match[1] or 'go-' + match[2]}/{match[2]}"
    module = path.split("@", 1)[0] if "@" in path else "/".join(path.split("/")[:2])
    return module[:MAX_CHARACTERS] if "." in module.split("/", 1)[0] and "/" in path else ""


def go_module(name: str) -> str:
    """Return the repository of a Go module by its name in go.mod; "" for a name without a slash."""
    return _go_module(name) if "/" in name else ""


def _without_git_suffix(name: str) -> str:
    return name.removesuffix(".git").rstrip(".")
