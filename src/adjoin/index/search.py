"""Searching an index: by vectors, by words, or by both fused.

The dense half compares the query with every vector: exact, and fast enough below some 100,000 pieces. The
lexical half is Lance's BM25 over the terms that `ranking.terms` gives, so that code and prose, identifiers and
words meet. The fused order is reciprocal rank fusion over the best `POOL` of each half.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.index.embedder import Embedder, encode
from adjoin.index.store import (
    DESCRIPTION,
    REMEDY_READING,
    Description,
    lance_errors,
    open_published,
    read_description,
)
from adjoin.ranking.fusion import reciprocal_rank_fusion
from adjoin.ranking.lexical import terms

Mode = Literal["hybrid", "dense", "lexical"]
POOL = 200  # of each half; what stands below it in both adds less than 1/260 and never comes up


@dataclass(frozen=True, slots=True)
class Hit:
    """A piece that was found.

    Attributes:
        path: below the indexed root.
        first_line: counted from 1.
        last_line: included.
        language: as in `Document.language`.
        kind: "function", "lines" or "passage".
        name: of the function, or the passage's heading; may be empty.
        score: higher is better, comparable within one answer only; a cosine ("dense"), a BM25 score
            ("lexical") or a sum of reciprocal ranks ("hybrid").
        text: the piece.
    """

    path: str
    first_line: int
    last_line: int
    language: str
    kind: str
    name: str
    score: float
    text: str


class Index:
    """An index as it is published now. A long-lived one follows updates: each search looks for a newer state."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open()

    @classmethod
    def open(cls, folder: Path) -> "Index":
        """Open the index in a folder.

        Raises:
            AdjoinError: there is none, its first run did not end, or it is damaged.
        """
        return cls(folder)

    def _open(self) -> None:
        self._state = self._state_on_disk()
        self.description: Description = read_description(self.folder)
        self._table = open_published(self.folder, self.description)
        self._languages: list[str] | None = None

    def _state_on_disk(self) -> tuple[int, int]:
        """Changes whenever index.json is replaced."""
        try:
            status = (self.folder / DESCRIPTION).stat()
        except OSError:
            return (0, 0)
        return (status.st_ino, status.st_mtime_ns)

    @property
    def model(self) -> str:
        """What the user called the model that embedded the pieces; empty if not known."""
        return self.description.model

    @property
    def root(self) -> Path:
        """The folder that was indexed."""
        return Path(self.description.root)

    def __len__(self) -> int:
        with lance_errors(self.folder, "read", REMEDY_READING):
            return int(self._table.count_rows())

    def languages(self) -> list[str]:
        """The languages that the pieces have, sorted."""
        if self._languages is None:
            with lance_errors(self.folder, "read", REMEDY_READING):
                column = self._table.search().select(["language"]).to_arrow()["language"]
                self._languages = sorted(column.unique().to_pylist())
        return self._languages

    def search(
        self,
        query: str,
        encoder: Embedder | None,
        *,
        limit: int = 10,
        mode: Mode = "hybrid",
        languages: Sequence[str] | None = None,
    ) -> list[Hit]:
        """Find the pieces that answer a query, best first.

        Args:
            query: plain text in any words; nothing in it is an operator.
            encoder: the model that made the index; may be None where words alone are asked for.
            limit: the most hits that are wanted.
            mode: both halves fused, by vectors only, or by words only.
            languages: only pieces in these, as in `Document.language`; None: all.

        Raises:
            AdjoinError: an empty query, an unknown mode or language, a limit below 1, another encoder than
                the one that made the index, or a damaged index.
        """
        if not query.strip():
            raise AdjoinError("the query is empty: expected some words, such as 'where do we retry an upload'")
        if limit < 1:
            raise AdjoinError(f"limit is {limit}, expected at least 1; ask for 10")
        if mode not in get_args(Mode):
            raise AdjoinError(f"mode is {mode!r}, expected one of {', '.join(get_args(Mode))}")
        if self._state_on_disk() != self._state:
            self._open()
        try:
            return self._search(query, encoder, limit, mode, languages)
        except AdjoinError:
            if self._state_on_disk() == self._state:
                raise
            self._open()  # an update ended meanwhile and removed the files of the state we were reading
            return self._search(query, encoder, limit, mode, languages)

    def _search(
        self, query: str, encoder: Embedder | None, limit: int, mode: Mode, languages: Sequence[str] | None
    ) -> list[Hit]:
        condition = self._condition(languages)
        limit = min(
            limit, len(self)
        )  # the store reserves memory for what is asked, and takes no more than 64 bits
        pool = max(POOL, limit) if mode == "hybrid" else limit
        halves: list[dict[int, float]] = []
        if mode != "lexical":
            halves.append(self._dense(query, self._checked(encoder), pool, condition))
        if mode != "dense":
            halves.append(self._lexical(query, pool, condition))
        scores = halves[0] if len(halves) == 1 else _fused(halves)
        best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:limit]
        return self._hits(best)

    def _condition(self, languages: Sequence[str] | None) -> str | None:
        if languages is None:
            return None
        unknown = sorted(set(languages) - set(self.languages()))
        if unknown or not languages:
            raise AdjoinError(
                f"the index {self.folder} has no pieces in {', '.join(unknown) or 'no language'}: "
                f"expected some of {', '.join(self.languages())}"
            )
        return "language IN (" + ", ".join("'" + name.replace("'", "''") + "'" for name in languages) + ")"

    def _checked(self, encoder: Embedder | None) -> Embedder:
        """The encoder, if its vectors may be compared with those of the index."""
        made_by = self.description.fingerprint
        if encoder is None or encoder.fingerprint != made_by:
            given = "no model" if encoder is None else f"the model {encoder.fingerprint}"
            raise AdjoinError(
                f"the index {self.folder} was made by the model {made_by}"
                f"{f' ({self.model})' if self.model else ''}, but {given} is given: search with the model that "
                "made it, or run `adjoin index` with yours"
            )
        return encoder

    def _dense(self, query: str, encoder: Embedder, number: int, condition: str | None) -> dict[int, float]:
        """Row → cosine of the nearest rows."""
        vector_D = encode(encoder, [query], "query")[0]
        with lance_errors(self.folder, "search", REMEDY_READING):
            found = self._table.search(vector_D, query_type="vector", vector_column_name="vector")
            return self._rows(found.distance_type("dot"), "_distance", number, condition, of_distance=True)

    def _lexical(self, query: str, number: int, condition: str | None) -> dict[int, float]:
        """Row → BM25 score of the best rows; empty if there is no word in the query."""
        words = " ".join(terms(query))
        if not words:
            return {}
        from lancedb.query import MatchQuery

        with lance_errors(self.folder, "search", REMEDY_READING):
            found = self._table.search(MatchQuery(words, "terms"), query_type="fts")
            return self._rows(found, "_score", number, condition)

    def _rows(
        self,
        found: Any,  # noqa: ANN401 - a query of Lance
        column: str,
        number: int,
        condition: str | None,
        *,
        of_distance: bool = False,
    ) -> dict[int, float]:
        """Run a query: row id → score."""
        if condition is not None:
            found = found.where(condition)
        answer = found.select([column]).with_row_id(True).limit(number).to_arrow()
        scores: NDArray[np.float64] = answer[column].to_numpy().astype(np.float64)
        if of_distance:
            scores = 1.0 - scores
        return dict(zip(answer["_rowid"].to_pylist(), scores.tolist(), strict=True))

    def _hits(self, best: Sequence[tuple[int, float]]) -> list[Hit]:
        if not best:
            return []
        columns = [name for name in Hit.__dataclass_fields__ if name != "score"]
        with lance_errors(self.folder, "read", REMEDY_READING):
            taken = self._table.take_row_ids([row for row, _ in best])
            rows = taken.select(columns).with_row_id().to_arrow().to_pylist()
        by_id = {row.pop("_rowid"): row for row in rows}
        return [Hit(**by_id[row], score=score) for row, score in best]


def _fused(halves: Sequence[dict[int, float]]) -> dict[int, float]:
    """Reciprocal rank fusion over all rows of either half; a row that a half lacks comes last in it."""
    rows = sorted(set().union(*halves))
    lists = [np.array([half.get(row, -np.inf) for row in rows]) for half in halves if half]
    if not lists:
        return {}
    return dict(zip(rows, reciprocal_rank_fusion(lists).tolist(), strict=True))
