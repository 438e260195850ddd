"""What a query asks for."""

from dataclasses import dataclass

from adjoin.ranking.lexical import terms


@dataclass(frozen=True, slots=True)
class Query:
    """A query as the ranking reads it.

    Attributes:
        text: as it was typed.
        terms: its terms, in order, with repetitions.
        symbols: the words of it that may be names of definitions.
        dense_weight: weight of the vectors, 0 to 1; BM25 has the rest.
    """

    text: str
    terms: tuple[str, ...]
    symbols: tuple[str, ...] = ()
    dense_weight: float = 0.5


def read_query(text: str) -> Query:
    """Read a query."""
    return Query(text, tuple(terms(text)), tuple(text.split()))
