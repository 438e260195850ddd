"""Where a verb writes: every verb that writes a folder opens it with one of these two context managers.

    with replaced_folder(out, OWNER, inputs=roots) as folder:   # a whole new folder takes the place of the old one
        with folder_in_one_piece(folder) as unfinished: ...
    with filled_folder(out, OWNER) as folder:                   # files are added to it one by one
        write_json(folder / "a.json", ...)

Both follow a link to a folder, and refuse in one line: a path that cannot be a folder, a folder with files that
are not ours, one that holds the input, and a second writer. Both delete what killed runs have left.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adjoin.errors import AdjoinError
from adjoin.files import special_kind
from adjoin.locks import LOCK, exclusive, exclusive_beside
from adjoin.unfinished import is_unfinished, recover, sweep, sweep_below

_SHOWN = 3  # entries that a message names


@dataclass(frozen=True)
class Owner:
    """What a verb's output folder holds, so that another folder is told from it.

    Attributes:
        what: the folder, for messages: "a dataset of pairs".
        names: a regular expression that the names of its entries match.
        mark: a regular expression of the entries of which each says that a folder is such a one; "" if none does.
        is_mark: whether such an entry is ours, not a file of that name of another program.
    """

    what: str
    names: str
    mark: str = ""
    is_mark: Callable[[Path], bool] = Path.is_file

    def check(self, folder: Path) -> None:
        """Refuse a folder with entries that are not ours, and one whose mark is missing.

        Raises:
            AdjoinError: naming some of them.
        """
        try:
            names = sorted(entry.name for entry in folder.iterdir())
        except FileNotFoundError:
            return
        except OSError as error:
            raise AdjoinError(f"cannot read {folder}: {error.strerror}; choose another --out") from None
        names = [name for name in names if name != LOCK and not is_unfinished(name)]
        if not names:
            return
        foreign = [name for name in names if not re.fullmatch(self.names, name)]
        marks = (folder / name for name in names if re.fullmatch(self.mark, name))
        if self.mark and not any(map(self.is_mark, marks)):
            foreign = foreign or names
        if foreign:
            shown = ", ".join(foreign[:_SHOWN]) + f" and {len(foreign) - _SHOWN} more" * (len(foreign) > _SHOWN)
            raise AdjoinError(f"{folder} holds something else than {self.what}, {shown}: choose another --out")


@contextmanager
def replaced_folder(out: Path, owner: Owner, *, inputs: Sequence[Path] = ()) -> Iterator[Path]:
    """Hold a folder that will be replaced as a whole (`files.folder_in_one_piece`).

    Args:
        out: as the user gave it; missing, empty, or `owner`'s.
        owner: what is written there.
        inputs: files and folders that are read. None may lie in `out`.

    Yields:
        The folder with links resolved.

    Raises:
        AdjoinError: `out` is something else, or another process is writing to it.
    """
    folder = checked_folder(out, inputs=inputs)
    if folder.exists() and folder.stat().st_dev != folder.parent.stat().st_dev:
        raise AdjoinError(f"{out} is a mount point, which cannot be replaced: choose a folder in it")
    owner.check(folder)
    with exclusive_beside(folder):
        recover(folder)
        sweep(folder.parent, folder.name, alone=True)
        owner.check(folder)
        yield folder


@contextmanager
def filled_folder(
    out: Path, owner: Owner | None = None, *, inputs: Sequence[Path] = (), apart: Sequence[Path] = ()
) -> Iterator[Path]:
    """Hold a folder that files are added to; it is created if it is missing.

    Args:
        out: as the user gave it.
        owner: what is written there; None for a folder that others may share.
        inputs: files and folders that are read. None may lie in `out`.
        apart: folders that are read, and in which `out` may not lie.

    Yields:
        The folder with links resolved.

    Raises:
        AdjoinError: `out` is something else, or another process is writing to it.
    """
    folder = checked_folder(out, inputs=inputs)
    if around := [given for given in apart if folder.is_relative_to(os.path.realpath(given))]:
        raise AdjoinError(f"{out} lies in the input {around[0]}, which it would change: choose another folder")
    if owner is not None:
        owner.check(folder)
    with exclusive(folder):
        if owner is None:
            sweep(folder, alone=True)
        else:
            owner.check(folder)
            sweep_below(folder)
        yield folder


def checked_folder(out: Path, *, inputs: Sequence[Path] = ()) -> Path:
    """Return where a folder is written, with links resolved. Nothing is created.

    Args:
        out: as the user gave it; it may be missing.
        inputs: what is read. None may be `out` or lie in it.

    Raises:
        AdjoinError: `out` is a file, a pipe, a socket or a device; a link to nothing or to itself; not reachable;
            or it holds an input.
    """
    try:
        out.stat()
    except FileNotFoundError:
        if out.is_symlink():
            raise AdjoinError(
                f"{out} is a link to {out.readlink()}, which is missing: make that folder, or choose another --out"
            ) from None
    except (OSError, ValueError) as error:  # a loop of links, a name too long, a file on the way
        reason = getattr(error, "strerror", None) or str(error)
        raise AdjoinError(f"cannot write to {out}: {reason}; choose another --out") from None
    else:
        if not out.is_dir():
            kind = special_kind(out, follow=True) or "a file"
            raise AdjoinError(f"{out} is {kind}, expected a folder: choose another --out")
    folder = Path(os.path.realpath(out))
    for given in inputs:
        real = Path(os.path.realpath(given))
        if real == folder:
            raise AdjoinError(f"{out} is the input {given}: choose another --out")
        if real.is_relative_to(folder):
            raise AdjoinError(f"{out} holds the input {given}: choose another --out, beside it or in it")
    return folder
