"""Searching an index from Python: `load_index` opens it with its model, `search` asks once."""

from collections.abc import Sequence
from pathlib import Path

from adjoin.errors import AdjoinError
from adjoin.index.search import Hit, Index, Mode
from adjoin.model.encoder import Encoder
from adjoin.model.locations import locate_model


class Searcher:
    """An open index with the model that encodes its queries. `load_index` makes one.

    Attributes:
        index: the index on disk.
        encoder: the model that made the index; None if it was opened for lexical search only.
    """

    def __init__(self, index: Index, encoder: Encoder | None) -> None:
        self.index, self.encoder = index, encoder

    def search(
        self,
        query: str,
        *,
        limit: int = 10,
        mode: Mode = "hybrid",
        languages: Sequence[str] | None = None,
        dense_weight: float | None = None,
    ) -> list[Hit]:
        """Find the functions and passages that answer a query.

        Args:
            query: a question or description in plain words, or code.
            limit: at most this many results.
            mode: "hybrid" (vectors and BM25), "dense" (vectors only) or "lexical" (BM25 only).
            languages: only results in these languages, such as ["python"]; None for all.
            dense_weight: weight of the vectors in hybrid search, 0 to 1; None for the model's own.

        Returns:
            Results, best first. Each has `path`, `first_line`, `last_line`, `score`, `name`, `language`, `text`.

        Raises:
            AdjoinError: an empty query, or an argument out of range.
        """
        return self.index.search(
            query, self.encoder, limit=limit, mode=mode, languages=languages, dense_weight=dense_weight
        )


def load_index(
    folder: str | Path = ".adjoin", *, model: str | Path | None = None, words_only: bool = False
) -> Searcher:
    """Open an index that `adjoin index` wrote, together with the model that made it.

    Args:
        folder: folder of the index.
        model: folder or bundled name of the model, if it has moved since; None to use the recorded one.
        words_only: open no model, for searches with `mode="lexical"` only.

    Returns:
        A `Searcher`. Keep it to search more than once: opening takes longer than searching.

    Raises:
        AdjoinError: there is no index or no model, or one of them is damaged.
    """
    index = Index.open(Path(folder))
    if words_only:
        return Searcher(index, None)
    place = locate_model(model or index.model)
    if not place.is_dir():
        raise AdjoinError(f"the model that made {folder} is no longer at {place}: say where it is with --model")
    return Searcher(index, Encoder.load(place))


def search(query: str, *, index: str | Path = ".adjoin", limit: int = 10) -> list[Hit]:
    """Search an index once. To search more than once, keep the `Searcher` that `load_index` returns.

    Args:
        query: a question or description in plain words, or code.
        index: folder that `adjoin index` wrote.
        limit: at most this many results.

    Returns:
        Results, best first. Each has `path`, `first_line`, `last_line`, `score`, `name`, `language`, `text`.

    Raises:
        AdjoinError: there is no index, its model is gone, or the query is empty.
    """
    return load_index(index).search(query, limit=limit)
