"""What is known about a piece that may answer a query, and what a ranking makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Candidate:
    """A piece that may answer a query.

    Attributes:
        id: its number in the index.
        path: its file, relative to the indexed root.
        language: its language, such as "python" or "text".
        kind: what it is, such as "function".
        name: qualified name or heading; may be empty.
        symbols: the names that it defines, unqualified.
        first_line: its first line, counted from 1.
        last_line: its last line, inclusive.
        cosine: of its vector and the query's; 0 without vectors.
        bm25: the BM25 score of the query's terms; 0 if it holds none.
        text: its text.
    """

    id: int
    path: str
    language: str
    kind: str
    name: str
    symbols: tuple[str, ...]
    first_line: int
    last_line: int
    cosine: float
    bm25: float
    text: str


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate with its place in the ranking.

    Attributes:
        candidate: the piece.
        score: higher is better; comparable within one search only.
        evidence: what the score is made of, by name.
        weak: whether it is below the floor under which nothing answers the query.
    """

    candidate: Candidate
    score: float
    evidence: Mapping[str, float] = field(default_factory=dict)
    weak: bool = False
