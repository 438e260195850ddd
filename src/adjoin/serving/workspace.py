"""The repositories that a server may search, and their open indexes.

A client may name a repository, or a folder in one, but no other place: what an assistant reads in a file must not
lead it to index and read a home folder.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from adjoin.errors import AdjoinError
from adjoin.index.folders.repositories import Found, Repositories
from adjoin.index.folders.status import status_of
from adjoin.index.folders.stored import stored_targets
from adjoin.index.folders.targets import Target, place_of, targets_of
from adjoin.index.postgres.address import StoreAddress
from adjoin.index.store import Filter

Progress = Callable[[int, int], None]


class Workspace:
    """What a server searches. Use it in one thread."""

    def __init__(
        self, paths: Sequence[Path] = (), *, model: str | None = None, store: StoreAddress | None = None
    ) -> None:
        """Name the repositories. Nothing is opened yet.

        Args:
            paths: repositories, folders or files; none for the repository of the current folder.
            model: the model for new indexes; None for the default.
            store: the database that holds the indexes; None for the repositories' own folders.

        Raises:
            AdjoinError: a path does not exist, or the database cannot be reached.
        """
        self._paths, self._store = tuple(paths), store
        if paths:
            self._targets_of(paths)
        self._progress: Progress | None = None
        self._notices: list[str] = []
        self._repositories = Repositories(model=model, notice=self._notices.append, progress=self._report)

    def search(
        self,
        query: str,
        *,
        paths: Sequence[str] = (),
        languages: Sequence[str] = (),
        limit: int = 10,
        repository: str | None = None,
        progress: Progress | None = None,
    ) -> list[Found]:
        """Refresh the indexes and search them.

        Args:
            query: plain words, a symbol, a path or an error message.
            paths: only files that match one of these patterns; one that begins with "!" leaves files out.
            languages: only pieces in these languages; none for all.
            limit: the maximum number of hits.
            repository: the folder to search; None for all repositories.
            progress: called with (files done, files in all) while an index is made or refreshed.

        Raises:
            AdjoinError: the query is empty, the repository is none of this server's, or no index can be made.
        """
        self._progress = progress
        where = Filter(
            languages=tuple(languages),
            paths=tuple(glob for glob in paths if not glob.startswith("!")),
            excluded=tuple(glob[1:] for glob in paths if glob.startswith("!")),
        )
        return self._repositories.search(self._targets(repository), query, limit=limit, where=where)

    def similar(
        self,
        file: str,
        line: int,
        *,
        limit: int = 10,
        repository: str | None = None,
        progress: Progress | None = None,
    ) -> list[Found]:
        """Refresh the index of a file and search it for pieces like the one at a line.

        Args:
            file: a path, absolute, or relative to the current folder or to a repository.
            line: the line, counted from 1.
            limit: the maximum number of hits.
            repository: the folder to search; None for the whole repository of the file.
            progress: called with (files done, files in all) while an index is made or refreshed.

        Raises:
            AdjoinError: the file is in no repository of this server, or has no piece at that line.
        """
        self._progress = progress
        targets = self._targets(repository)
        places = [Path(file), *(target.root / file for target in targets)]
        place = next((place for place in places if place.is_file()), Path(file))
        target, path = place_of(place, targets)
        return self._repositories.similar(target, path, line, limit=limit)

    def status(self, repository: str | None = None, *, progress: Progress | None = None) -> str:
        """Describe the indexes as text, one fact a line. It does not refresh them.

        Raises:
            AdjoinError: the repository is none of this server's.
        """
        self._progress = progress
        parts = []
        for target in self._targets(repository):
            try:
                parts.append("\n".join(status_of(target).lines()))
            except AdjoinError as error:
                parts.append(f"{target.root}: {error}")
        return "\n\n".join(parts)

    def _report(self, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(done, total)

    def _targets_of(self, paths: Sequence[Path]) -> list[Target]:
        return targets_of(paths) if self._store is None else stored_targets(self._store, paths)

    def _targets(self, repository: str | None) -> list[Target]:
        """The indexes to search for a repository that a client names."""
        own = self._targets_of(self._paths)
        if not repository:
            return own
        if named := [target for target in own if repository in (target.root.name, str(target.root))]:
            return named
        for target in own:
            for place in (Path(repository), target.root / repository):
                if place.exists() and _is_within(place.resolve(), target):
                    return self._targets_of([place])
        names = ", ".join(str(place) for target in own for place in target.within.values() or [target.root])
        raise AdjoinError(
            f"repository {repository!r} is none of this server's ({names}): leave it out, or start the server with"
            " its folder, `adjoin mcp PATH ...`"
        )


def _is_within(place: Path, target: Target) -> bool:
    parts = [target.root / part for part in target.within] or [target.root]
    return any(place.is_relative_to(part.resolve()) for part in parts)
