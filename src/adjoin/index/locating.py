"""Where the index of a folder is: in a folder, or in a database."""

import os
from pathlib import Path
from typing import TypeAlias

from adjoin.errors import AdjoinError
from adjoin.index.postgres.address import StoreAddress, is_address
from adjoin.index.store import Store
from adjoin.texts import described

NAME = ".adjoin"
Location: TypeAlias = Path | StoreAddress  # `str()` of either may be shown: an address shows no password


def open_store(location: Location) -> Store:
    """The store of an index: SQLite in a folder, PostgreSQL at an address. Nothing is opened yet."""
    if isinstance(location, StoreAddress):
        from adjoin.index.postgres.store import PostgresStore

        return PostgresStore(location)
    from adjoin.index.sqlite import SQLiteStore

    return SQLiteStore(location)


def location_of(text: str | Path) -> Location:
    """Read where an index is, as a user gives it: a folder, or postgresql://USER@HOST/DATABASE?index=NAME.

    Raises:
        AdjoinError: it is neither a path nor a URL, the URL is malformed, or names no index.
    """
    if not isinstance(text, str | os.PathLike):
        raise AdjoinError(f"the index is {described(text)}, expected a folder or a postgresql:// URL")
    if not isinstance(text, str) or not is_address(text):
        return Path(text)
    address = StoreAddress.parse(text)
    if not address.name:
        raise AdjoinError(f"{address} names no index: add ?index=NAME")
    return address


def index_folder(root: Path) -> Path:
    """Return the folder that holds the index of `root`, whether it exists or not."""
    return root / NAME


def find_index(start: Path) -> Path | None:
    """Return the index folder of `start` or of the nearest folder above it that has one; None if none has.

    The search goes up to the top of the file system, also across mounted ones. The indexed folder is the parent of
    what is returned. If `start` is itself the root of an index, the result is relative where `start` is.

    Args:
        start: a folder, or a file, whose folder is meant. It need not exist.
    """
    if index_folder(start).is_dir():
        return index_folder(start)
    whole = Path(os.path.realpath(start))  # never raises, unlike Path.resolve on a loop of links
    for above in (whole, *whole.parents):
        try:
            if index_folder(above).is_dir():
                return index_folder(above)
        except OSError:  # a folder that may not be read
            continue
    return None
