"""Search of one or several repositories: each is refreshed and searched, the hits are merged, best first."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adjoin.corpus.tool_folders import NEVER
from adjoin.errors import AdjoinError, first_line
from adjoin.index.folders.choice import Choice
from adjoin.index.folders.targets import Target
from adjoin.index.lazy import LazyEncoder
from adjoin.index.locating import Location, open_store
from adjoin.index.postgres.address import StoreAddress
from adjoin.index.refresh import RefreshReport, refresh
from adjoin.index.search import Hit, Mode
from adjoin.index.searcher import Searcher
from adjoin.index.store import EVERYTHING, Filter
from adjoin.model.locations import locate_model, portable_name
from adjoin.tally import Tally

DEFAULT_MODEL = "code"


@dataclass(frozen=True, slots=True)
class Found:
    """A hit, and where its file is for whoever asked.

    Attributes:
        hit: the result. `hit.path` is relative to the indexed folder.
        file: the file as it can be opened from the current folder, spelled as the user spelled the path.
        root: the indexed folder, absolute.
    """

    hit: Hit
    file: str
    root: Path


Notice = Callable[[str], None]
Progress = Callable[[int, int], None]


def _silent(_: str) -> None:
    """Take no notice."""


class Repositories:
    """Several indexes that are searched together. Each is refreshed before it answers, and kept open.

    Attributes:
        refreshes: whether to make and refresh indexes before a search.
    """

    def __init__(
        self,
        *,
        model: str | None = None,
        refreshes: bool = True,
        words_only: bool = False,
        notice: Notice = _silent,
        progress: Progress | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            model: a bundled model or a model folder, for new indexes and instead of what an index names.
            refreshes: False to search indexes as they are.
            words_only: load no model for a search; only the mode "lexical" is possible then.
            notice: called with a line when an index was made, or could not be refreshed and answers as it was.
            progress: called with (files done, files in all) while an index is made or refreshed.
        """
        self.refreshes = refreshes
        self._model, self._words_only = model, words_only
        self._notice, self._progress = notice, progress
        self._encoders: dict[str, LazyEncoder] = {}
        self._searchers: dict[Location, Searcher] = {}

    def search(
        self,
        targets: Sequence[Target],
        query: str,
        *,
        limit: int = 10,
        mode: Mode = "hybrid",
        where: Filter = EVERYTHING,
        dense_weight: float | None = None,
    ) -> list[Found]:
        """Search some indexes and merge their hits.

        Args:
            targets: the indexes, as `targets_of` gives them.
            query: words in plain text, a symbol, a path or an error message. Nothing in it is an operator.
            limit: the maximum number of hits in all.
            mode: "hybrid" uses all evidence, "dense" compares vectors, "lexical" is BM25.
            where: which pieces are searched, in addition to the parts that the targets name.
            dense_weight: weight of the vectors in hybrid search, 0 to 1; None for the ranking's own.

        Returns:
            The best hits of all indexes, best first. Scores of different indexes are comparable.

        Raises:
            AdjoinError: the query is empty, a value is out of range, or an index or its model is missing or
                damaged.
        """
        hits: list[Found] = []
        for target, searcher in self._speaking(targets, where.languages):
            known = set(searcher.languages()) if where.languages else set()
            inside = replace(
                where, within=tuple(target.within), languages=tuple(one for one in where.languages if one in known)
            )
            answers = searcher.search(query, limit=limit, mode=mode, where=inside, dense_weight=dense_weight)
            hits += [Found(hit, target.file(hit.path), target.root) for hit in answers]
        if not hits:
            self._tell_what_is_not_indexed(targets)
        hits.sort(key=lambda found: -found.hit.score)  # stable: an index's own order among equal scores
        return hits[:limit]

    def similar(
        self, target: Target, path: str, line: int, *, limit: int = 10, where: Filter = EVERYTHING
    ) -> list[Found]:
        """Search an index for pieces that are like the one at a line of a file, without that one.

        Args:
            target: the index that holds the file.
            path: the file, relative to the indexed folder.
            line: the line, counted from 1.
            limit: the maximum number of hits.
            where: which pieces are searched, in addition to the parts that the target names.

        Raises:
            AdjoinError: the file is not in the index, or has no piece at that line.
        """
        inside = replace(where, within=tuple(target.within))
        hits = self.searcher(target).similar(path, line, limit=limit, where=inside)
        return [Found(hit, target.file(hit.path), target.root) for hit in hits]

    def searcher(self, target: Target) -> Searcher:
        """The open index of a target, refreshed if that is wanted.

        Raises:
            AdjoinError: there is no index and none can be made, or its model is missing.
        """
        searcher = self._searchers.get(target.folder)
        if searcher is None or self.refreshes:
            searcher = self._searchers[target.folder] = self._refreshed(target, searcher)
        return searcher

    def _speaking(self, targets: Sequence[Target], languages: Sequence[str]) -> list[tuple[Target, Searcher]]:
        """The targets, with their indexes, that hold one of the languages.

        Raises:
            AdjoinError: no target holds one of them.
        """
        opened = [(target, self.searcher(target)) for target in targets]
        if not languages:
            return opened
        known = sorted({language for _, searcher in opened for language in searcher.languages()})
        if unknown := sorted(set(languages) - set(known)):
            raise AdjoinError(f"no pieces in {', '.join(unknown)}: expected some of {', '.join(known)}")
        return [one for one in opened if not set(languages).isdisjoint(one[1].languages())]

    def _tell_what_is_not_indexed(self, targets: Sequence[Target]) -> None:
        """Say so if nothing was found in a part because the index of the folder above leaves it out."""
        for target in targets:
            files = self._searchers[target.folder].status().files if target.within else {}
            for part, spelled in target.within.items():
                if not any(path == part or path.startswith(f"{part}/") for path in files):
                    self._notice(
                        f"{spelled} is not in the index of {target.root}: `adjoin index {spelled}` makes one"
                    )

    def _refreshed(self, target: Target, searcher: Searcher | None) -> Searcher:
        """Make or refresh the index of a target, and open it."""
        if searcher is not None and not has_index(target.folder):  # deleted since it was opened
            searcher.close()
            searcher = None
        # A database is asked once: by the attempt to open the index.
        if searcher is None and (isinstance(target.folder, StoreAddress) or has_index(target.folder)):
            try:
                searcher = Searcher(target.folder, None)
            except AdjoinError:
                if not self.refreshes:
                    raise
        if not self.refreshes or _is_of_elsewhere(target, searcher):
            searcher = searcher or Searcher(target.folder, None)
        else:
            try:
                self._refresh(target, searcher)
            except (AdjoinError, OSError) as error:
                if searcher is None:
                    raise
                self._notice(f"{target.root} is searched as it was indexed last: {first_line(error)}")
            searcher = searcher or Searcher(target.folder, None)
        if not self._words_only:
            searcher.encoder = self._encoder(self._model or searcher.description.model)
        return searcher

    def _refresh(self, target: Target, searcher: Searcher | None) -> None:
        made_by = searcher.description if searcher else None
        model = self._model or (made_by.model if made_by else "") or DEFAULT_MODEL
        encoder = self._encoder(model)
        if made_by and self._model and encoder.fingerprint != made_by.fingerprint:
            raise AdjoinError(
                f"--model {self._model} did not make the index {target.folder}, {made_by.model} did: run `adjoin"
                f" index {target.root} --model {self._model}` first"
            )
        choice = Choice.of(target.folder)
        report = refresh(
            target.root,
            target.folder,
            encoder,
            model=portable_name(model),
            include=choice.include,
            exclude=choice.exclude,
            progress=self._progress,
        )
        if made_by is None:
            line = f"indexed {target.root}: {report.added:,} files, {report.total:,} pieces"
            if number := left_out(report).counts.total():
                line += f"; {number:,} left out or cut, see `adjoin status --skipped`"
            self._notice(line)

    def _encoder(self, model: str) -> LazyEncoder:
        """A model that is loaded when it is needed, and once for all indexes."""
        if model not in self._encoders:
            location = locate_model(model)
            if not location.is_dir():
                raise AdjoinError(f"the model {model} is no longer at {location}: say where it is with --model")
            self._encoders[model] = LazyEncoder(model)
        return self._encoders[model]


def _is_of_elsewhere(target: Target, searcher: Searcher | None) -> bool:
    """Whether an index in a database was made of another copy of the folder: a search then takes it as it is."""
    if searcher is None or not isinstance(target.folder, StoreAddress):
        return False
    return searcher.description.root != str(target.root)


def has_index(folder: Location) -> bool:
    """Whether a folder or a database holds an index, which may be unfinished."""
    return open_store(folder).exists()


def made_by(folder: Location) -> str:
    """The model that made an index, as the user gave it; "" if there is no index or it cannot be read."""
    try:
        with open_store(folder).reading() as snapshot:
            return snapshot.description.model
    except AdjoinError:
        return ""


def left_out(report: RefreshReport) -> Tally:
    """What a refresh did not index, or only in part, without what nobody expects: .git and the index itself."""
    of_course = set(NEVER.values())
    counts = {reason: number for reason, number in report.skipped.counts.items() if reason not in of_course}
    return Tally(Counter(counts), {reason: report.skipped.examples.get(reason, []) for reason in counts})
