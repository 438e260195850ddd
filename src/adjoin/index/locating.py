"""Where the index of a folder is."""

import os
from pathlib import Path

NAME = ".adjoin"


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
