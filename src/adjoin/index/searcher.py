"""An index together with the model that made it: what people open and ask."""

from collections.abc import Sequence
from pathlib import Path

from adjoin.errors import AdjoinError
from adjoin.index.search import Hit, Index, Mode
from adjoin.model.encoder import Encoder
from adjoin.model.locations import locate_model


class Searcher:
    """An opened index that encodes its queries itself.

    Attributes:
        index: the index.
        encoder: the model that made it; None if only words are searched for.
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
        """Find the pieces that answer a query, best first; arguments and errors as `Index.search`."""
        return self.index.search(
            query, self.encoder, limit=limit, mode=mode, languages=languages, dense_weight=dense_weight
        )


def load_index(
    folder: str | Path = ".adjoin", *, model: str | Path | None = None, words_only: bool = False
) -> Searcher:
    """Open an index and the model that made it.

    Args:
        folder: what `adjoin index` wrote.
        model: where the model lies now, if it has moved since; or the name of one that comes with Adjoin.
        words_only: open no model; only `mode="lexical"` can be asked for then.

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
    """Ask an index once; to ask more than once, keep what `load_index` gives.

    Raises:
        AdjoinError: as `load_index` and `Index.search`.
    """
    return load_index(index).search(query, limit=limit)
