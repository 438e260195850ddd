"""An index opened together with the model that made it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

from adjoin.errors import AdjoinError
from adjoin.index.embedder import Embedder
from adjoin.index.locating import Location, location_of, open_store
from adjoin.index.search import Hit, Mode, search_snapshot, similar_in
from adjoin.index.store import EVERYTHING, FileRecord, Filter, IndexDescription, Snapshot
from adjoin.model.encoder import Encoder
from adjoin.model.locations import locate_model


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """What an index holds.

    Attributes:
        description: root, model and version.
        pieces: number of pieces.
        languages: their languages, sorted.
        files: all files that were read, by path, with the reasons for what of them is in no piece.
    """

    description: IndexDescription
    pieces: int
    languages: list[str]
    files: dict[str, FileRecord]


class Searcher:
    """An open index and the model that embeds its queries. `load_index` makes one.

    It follows refreshes: each search reads the newest version, and one version only. What it has read stays in
    memory until there is a newer one. Threads may share it; they take turns.

    Attributes:
        folder: the folder of the index, or its address in PostgreSQL.
        encoder: the model that made the index; None if only lexical search is possible.
    """

    def __init__(self, folder: Location, encoder: Embedder | None) -> None:
        """Open the index in a folder or at an address.

        Raises:
            AdjoinError: there is no index, its first run did not finish, or it is damaged.
        """
        self.folder = folder
        self.encoder = encoder
        self._lock = RLock()
        self._reader = open_store(folder).open()
        with self.snapshot():
            pass

    def __enter__(self) -> "Searcher":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the index. The next search opens it again."""
        if "_reader" in self.__dict__:  # it could be opened
            self._reader.close()

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Open the newest version for reading.

        Raises:
            AdjoinError: there is no index any more, or it is damaged.
        """
        with self._lock, self._reader.snapshot() as opened:
            yield opened

    @property
    def description(self) -> IndexDescription:
        """What the index holds: root, model and version."""
        with self.snapshot() as opened:
            return opened.description

    def __len__(self) -> int:
        """The number of pieces."""
        with self.snapshot() as opened:
            return len(opened)

    def languages(self) -> list[str]:
        """Return the languages of the pieces, sorted, such as ["go", "python", "text"]."""
        with self.snapshot() as opened:
            return opened.languages()

    def status(self) -> IndexStatus:
        """Return what the index holds."""
        with self.snapshot() as opened:
            return IndexStatus(opened.description, len(opened), opened.languages(), opened.files())

    def search(
        self,
        query: str,
        *,
        limit: int = 10,
        mode: Mode = "hybrid",
        where: Filter = EVERYTHING,
        dense_weight: float | None = None,
    ) -> list[Hit]:
        """Return the pieces of code or prose that best answer a query, best first.

        Args:
            query: words in plain text. Nothing in it is an operator.
            limit: the maximum number of hits.
            mode: "hybrid" lets the ranking decide, "dense" compares vectors, "lexical" is BM25.
            where: search only these languages or files.
            dense_weight: weight of the vectors in hybrid search, 0 to 1. None for the ranking's own.

        Raises:
            AdjoinError: the query is empty, the mode or a language is unknown, or the limit or the weight is out
                of range. Also if another model made the index, if it was opened without its model, or if it is
                damaged.
        """
        with self.snapshot() as opened:
            return search_snapshot(
                opened, query, self.encoder, limit=limit, mode=mode, where=where, dense_weight=dense_weight
            )

    def similar(self, path: str, line: int, *, limit: int = 10, where: Filter = EVERYTHING) -> list[Hit]:
        """Return the pieces most similar to the one at a line of a file, best first, without itself.

        Args:
            path: the file, relative to the indexed root.
            line: a line of it, counted from 1.
            limit: the maximum number of hits.
            where: search only these languages or files.

        Raises:
            AdjoinError: there is no piece at that line, or the index is damaged.
        """
        with self.snapshot() as opened:
            return similar_in(opened, path, line, limit=limit, where=where)


def load_index(
    folder: str | Path = ".adjoin", *, model: str | Path | None = None, words_only: bool = False
) -> Searcher:
    """Open an index that `adjoin index` wrote, together with the model that made it.

    Args:
        folder: the folder of the index, or its URL, postgresql://USER@HOST/DATABASE?index=NAME.
        model: the model's folder if it has moved, or the name of a bundled model. None for the model that the
            index names.
        words_only: do not load a model. Only `mode="lexical"` is possible then.

    Raises:
        AdjoinError: there is no index or no model, or one of them is damaged.
    """
    searcher = Searcher(location_of(folder), None)
    if not words_only:
        location = locate_model(model or searcher.description.model)
        if not location.is_dir():
            raise AdjoinError(
                f"the model that made {folder} is no longer at {location}: say where it is with --model"
            )
        searcher.encoder = Encoder.load(location)
    return searcher


def search(query: str, *, index: str | Path = ".adjoin", limit: int = 10) -> list[Hit]:
    """Search an index once, by vectors and words. For several queries, keep the result of `load_index`.

    Args:
        query: words in plain text.
        index: the folder that `adjoin index` wrote, or the URL that it wrote to, with ?index=NAME.
        limit: the maximum number of hits.

    Returns:
        The pieces of code or prose that best answer the query, best first.

    Raises:
        AdjoinError: the query is empty, the limit is below 1, there is no index or no model, or one is damaged.
    """
    with load_index(index) as searcher:
        return searcher.search(query, limit=limit)
