"""Which indexes of a database answer for some paths: `--store postgresql://...`.

An index without a name of its own belongs to one folder: its name is made of the folder's path. One with a name,
?index=NAME, may be searched from any machine.
"""

from collections.abc import Sequence
from pathlib import Path

from adjoin.errors import AdjoinError
from adjoin.index.folders.targets import Target, root_for
from adjoin.index.postgres.address import StoreAddress, name_of


def stored_targets(address: StoreAddress, paths: Sequence[Path] = ()) -> list[Target]:
    """Find the indexes in a database that answer for some paths.

    Args:
        address: the database; with a name, that index alone.
        paths: repositories, folders or files; none for the repository of the current folder.

    Returns:
        One target for each index, in the order of the paths. Its index need not exist yet.

    Raises:
        AdjoinError: a path does not exist, or is not in the folder of the named index, or the server cannot be
            reached.
    """
    from adjoin.index.postgres.store import index_names

    if missing := next((path for path in paths if not path.exists()), None):
        raise AdjoinError(
            f"{missing} does not exist: expected a repository, a folder or a file; check the spelling"
        )
    names = index_names(address)
    targets: dict[Path, Target] = {}
    whole: set[Path] = set()
    places: Sequence[Path | None] = paths or (None,)
    for path in places:
        root = _root_of(address, path, names)
        shown = path if path is not None and path.resolve() == root else None
        target = targets.setdefault(root, Target(root, address.for_root(root), shown))
        if path is None or path.resolve() == root:
            whole.add(root)
        elif path.resolve().is_relative_to(root):
            target.within.setdefault(path.resolve().relative_to(root).as_posix(), path)
        else:
            raise AdjoinError(f"{path} is not in {root}, which is the folder of {address}: leave it out")
    for root in whole:
        targets[root].within.clear()
    return list(targets.values())


def _root_of(address: StoreAddress, path: Path | None, names: set[str]) -> Path:
    """The folder whose index answers for a path."""
    from adjoin.index.postgres.store import PostgresStore

    here = (path or Path.cwd()).resolve()
    if address.name:
        if address.name in names:
            with PostgresStore(address).reading() as snapshot:
                if (root := Path(snapshot.description.root)).is_dir():
                    return root
        return root_for(here) if path is None else _folder(here)
    for above in (here, *here.parents):
        if name_of(above) in names:
            return above
    return root_for(here) if path is None else _folder(here)


def _folder(place: Path) -> Path:
    return place if place.is_dir() else place.parent
