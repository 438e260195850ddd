"""Which indexes answer for some paths, and how the paths of their hits are spelled.

A path inside an indexed folder is answered by that folder's index, restricted to the path. Any other folder gets
an index of its own.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adjoin.errors import AdjoinError
from adjoin.index.locating import Location, find_index, index_folder, open_store


@dataclass(slots=True)
class Target:
    """One index to search, and the parts of it that were asked for.

    Attributes:
        root: the indexed folder, absolute.
        folder: the folder of its index, or its address in PostgreSQL.
        shown: the root as the user spelled it, to which paths of hits are appended; None if he did not name it.
        within: path below the root with forward slashes → how it was spelled. Only pieces below one of these are
            searched; all if empty.
    """

    root: Path
    folder: Location
    shown: Path | None = None
    within: dict[str, Path] = field(default_factory=dict)

    def file(self, path: str) -> str:
        """The path of a hit as it can be opened from the current folder."""
        for part, spelled in self.within.items():
            if path == part or path.startswith(f"{part}/"):
                return str(spelled / path[len(part) + 1 :]) if path != part else str(spelled)
        return os.path.relpath(self.root / path) if self.shown is None else str(self.shown / path)


def targets_of(paths: Sequence[Path] = (), *, index: Path | None = None) -> list[Target]:
    """Find the indexes that answer for some paths.

    Args:
        paths: repositories, folders or files. None of them: the index of the current folder or of the nearest
            folder above it, or else the repository that the current folder is in.
        index: the folder of an index, instead of finding it; `paths` must be empty then.

    Returns:
        One target for each index, in the order of the paths. Its index need not exist yet.

    Raises:
        AdjoinError: a path does not exist, both `paths` and `index` are given, or no folder was named and the
            current one is a home folder or the root of the file system.
    """
    if index is not None:
        if paths:
            raise AdjoinError(f"--index {index} with PATH {paths[0]}: expected one of them; leave out the other")
        return [_target_of_index(index)]
    if not paths:
        return [_target_here()]
    targets: dict[Path, Target] = {}
    whole: set[Path] = set()
    for path in paths:
        target, part = _target_of(path)
        target = targets.setdefault(target.root, target)
        if part:
            target.within.setdefault(part, path)
        else:
            whole.add(target.root)
    for root in whole:
        targets[root].within.clear()
    return list(targets.values())


def _target_of_index(index: Path) -> Target:
    beside = index.resolve().parent
    if index.resolve() == index_folder(beside):  # as usual; the folder may have moved since it was indexed
        return Target(beside, index, index.parent)
    with open_store(index).reading() as snapshot:
        return Target(Path(snapshot.description.root), index)


def _target_here() -> Target:
    here = Path.cwd()
    folder = find_index(here)
    root = folder.parent if folder else root_for(here)
    return Target(root, index_folder(root))


def root_for(here: Path) -> Path:
    """The folder to index for a search in a folder that no index answers for: its repository, or itself.

    Raises:
        AdjoinError: it is a home folder or the root of the file system.
    """
    root = _top_of_repository(here) or here
    if root in (Path.home(), Path(root.anchor)):
        raise AdjoinError(f"{root} is no repository: name the folder to search, `adjoin search QUERY PATH`")
    return root


def _target_of(path: Path) -> tuple[Target, str]:
    """The index that answers for a path, and the part of it that was asked for; "" for all of it."""
    if not path.exists():
        raise AdjoinError(f"{path} does not exist: expected a repository, a folder or a file; check the spelling")
    absolute = path.resolve()
    start = absolute if absolute.is_dir() else absolute.parent
    folder = find_index(start)
    root = folder.parent.resolve() if folder else start
    if root == absolute:
        return Target(root, index_folder(root), path), ""
    return Target(root, index_folder(root)), absolute.relative_to(root).as_posix()


def _top_of_repository(start: Path) -> Path | None:
    """The nearest folder from `start` upwards that holds `.git`."""
    return next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), None)


def place_of(file: Path, targets: Sequence[Target] = ()) -> tuple[Target, str]:
    """Find the index that holds a file.

    Args:
        file: the file.
        targets: the indexes that may be searched; none for the one that the file is found in.

    Returns:
        The target, and the file's path below its root with forward slashes.

    Raises:
        AdjoinError: the file does not exist, or is below none of the roots.
    """
    if not file.is_file():
        raise AdjoinError(f"{file} is no file: expected FILE:LINE of an indexed file; check the spelling")
    absolute = file.resolve()
    if not targets:
        target, _ = _target_of(absolute.parent)
        target.within.clear()
        targets = (target,)
    for target in targets:
        if absolute.is_relative_to(target.root.resolve()):
            return target, absolute.relative_to(target.root.resolve()).as_posix()
    raise AdjoinError(f"{file} is in none of {', '.join(str(one.root) for one in targets)}: name its repository")
