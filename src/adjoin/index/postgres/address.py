"""The URL of an index in PostgreSQL, postgresql://USER@HOST/DATABASE?index=NAME, shown without its password."""

import hashlib
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from adjoin.errors import AdjoinError

SCHEMES = ("postgresql", "postgres")
PREFIX = "adjoin_"  # of the schemas of our indexes
_SECRETS = ("password", "sslpassword", "passfile")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,48}")
_LONGEST = 39  # of the part of a name that is for reading; PostgreSQL cuts identifiers at 63 bytes


@dataclass(frozen=True)
class StoreAddress:
    """Where an index in PostgreSQL is.

    `str()` gives it without a password, so that it may stand in messages and reports.

    Attributes:
        url: the URL for the client library, with its password if it has one. Never shown.
        name: the name of the index in its database; empty if it follows from the indexed folder.
    """

    url: str = field(repr=False)
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> "StoreAddress":
        """Read a URL as a user gives it.

        Raises:
            AdjoinError: it is no URL of PostgreSQL, or the name of the index is malformed.
        """
        try:
            parts = urlsplit(text)
            if "@" in text and "@" not in parts.netloc:
                raise ValueError
            port_is_number = parts.port is None or parts.port > 0
        except ValueError:
            port_is_number = False
        is_misread = "#" in text or "@" in text.rpartition("@")[0]  # a password with characters that end it
        if not is_address(text) or not port_is_number or is_misread:
            raise AdjoinError(
                "--store is no URL of PostgreSQL (it is not repeated here, it may hold a password): expected "
                "postgresql://USER@HOST:PORT/DATABASE, with special characters of a password as %XX"
            )
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        name = next((value for key, value in pairs if key == "index"), None)
        if name is not None and not _NAME.fullmatch(name):
            raise AdjoinError(f"index={name!r} in --store: expected 1 to 48 letters, digits, '-' or '_'")
        query = urlencode([pair for pair in pairs if pair[0] != "index"], quote_via=quote)
        return cls(_joined(parts.scheme, parts.netloc, parts.path, query), name or "")

    def for_root(self, root: Path) -> "StoreAddress":
        """The address of the index of a folder: of the given name, or of one made of the folder's path."""
        return self if self.name else replace(self, name=name_of(root))

    @property
    def schema(self) -> str:
        """The schema of the index in its database."""
        return PREFIX + self.name

    def __str__(self) -> str:
        """The URL without passwords."""
        parts = urlsplit(self.url)
        user, at, place = parts.netloc.rpartition("@")
        pairs = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in _SECRETS]
        if self.name:
            pairs.append(("index", self.name))
        query = urlencode(pairs, safe="/", quote_via=quote)
        return _joined(parts.scheme, f"{user.partition(':')[0]}{at}{place}", parts.path, query)


def _joined(scheme: str, place: str, path: str, query: str) -> str:
    """A URL of its parts. `urlunsplit` would drop the slashes before an empty place."""
    return f"{scheme}://{place}{path}" + (f"?{query}" if query else "")


def name_of(root: Path) -> str:
    """The name of a folder's index: the folder's own name, and a hash of its path."""
    path = str(root.resolve())
    readable = re.sub(r"[^A-Za-z0-9_]+", "-", root.resolve().name)[:_LONGEST].strip("-") or "index"
    return f"{readable}-{hashlib.blake2b(path.encode('utf-8', 'surrogateescape'), digest_size=4).hexdigest()}"


def is_address(text: str) -> bool:
    """Whether a text is meant as the URL of a database, not as a folder."""
    return text.startswith(tuple(f"{scheme}://" for scheme in SCHEMES))
