"""An index opened together with the model that made it."""

from collections.abc import Sequence
from pathlib import Path

from adjoin.errors import AdjoinError
from adjoin.index.search import Hit, Index, Mode
from adjoin.model.encoder import Encoder
from adjoin.model.locations import locate_model


class Searcher:
    """An open index and the model that embeds its queries. `load_index` makes one.

    Attributes:
        index: the index.
        encoder: the model that made the index; None if only lexical search is possible.
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
        """Return the pieces of code or prose that best answer a query, best first.

        Args:
            query: words in plain text. Nothing in it is an operator.
            limit: the maximum number of hits.
            mode: "hybrid" adds the z-scores of both searches, "dense" compares vectors, "lexical" is BM25.
            languages: search only pieces in these languages, such as "python" or "text"; None for all.
            dense_weight: weight of the dense scores in hybrid search, 0 to 1. None for the model's own.

        Raises:
            AdjoinError: the query is empty, the mode or a language is unknown, or the limit or the weight is out
                of range. Also if the index was opened without its model, or is damaged.
        """
        return self.index.search(
            query, self.encoder, limit=limit, mode=mode, languages=languages, dense_weight=dense_weight
        )


def load_index(
    folder: str | Path = ".adjoin", *, model: str | Path | None = None, words_only: bool = False
) -> Searcher:
    """Open an index that `adjoin index` wrote, together with the model that made it.

    Args:
        folder: the folder of the index.
        model: the model's folder if it has moved, or the name of a bundled model. None for the model that the
            index names.
        words_only: do not load a model. Only `mode="lexical"` is possible then.

    Raises:
        AdjoinError: there is no index or no model, or one of them is damaged.
    """
    index = Index.open(Path(folder))
    if words_only:
        return Searcher(index, None)
    location = locate_model(model or index.model)
    if not location.is_dir():
        raise AdjoinError(f"the model that made {folder} is no longer at {location}: say where it is with --model")
    return Searcher(index, Encoder.load(location))


def search(query: str, *, index: str | Path = ".adjoin", limit: int = 10) -> list[Hit]:
    """Search an index once, by vectors and words. For several queries, keep the result of `load_index`.

    Args:
        query: words in plain text.
        index: the folder that `adjoin index` wrote.
        limit: the maximum number of hits.

    Returns:
        The pieces of code or prose that best answer the query, best first.

    Raises:
        AdjoinError: the query is empty, the limit is below 1, there is no index or no model, or one is damaged.
    """
    return load_index(index).search(query, limit=limit)
