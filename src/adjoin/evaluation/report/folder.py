"""Several files of a report written together: a reader finds all old ones or all new ones."""

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from adjoin.files import flush_to_disk, folder_in_one_piece
from adjoin.unfinished import is_unfinished, new_folder


@contextmanager
def written_together(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    """Yield an empty folder for the files `names`, which replace those in `folder` when the block ends.

    Other files of `folder` stay: the new folder, which takes its place in one moment, has them too. A mount point,
    and a folder with folders in it, cannot be replaced so: there the files are replaced one by one, in order.
    After an error `folder` is unchanged.

    Args:
        folder: the folder. The caller holds it (`outputs.filled_folder`).
        names: the files that are written, or not any more.

    Raises:
        OSError: the disk is full, or the folder may not be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    others = [path for path in folder.iterdir() if path.name not in names and not is_unfinished(path.name)]
    if folder.stat().st_dev == folder.parent.stat().st_dev and all(map(_is_plain, others)):
        with folder_in_one_piece(folder) as unfinished:
            yield unfinished
            for path in others:
                os.link(path, unfinished / path.name)  # the same file, so that a lock on it still holds
        return
    descriptor, unfinished = new_folder(folder / "report")
    try:
        yield unfinished
        written = [name for name in names if (unfinished / name).exists()]
        for name in written:
            flush_to_disk(unfinished / name)
            (unfinished / name).replace(folder / name)
        for name in names:
            if name not in written:
                (folder / name).unlink(missing_ok=True)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        os.close(descriptor)


def _is_plain(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)
