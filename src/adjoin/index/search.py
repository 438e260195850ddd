"""Searching an index: by vectors, by words, or by both fused.

The dense half compares the query with every vector: exact, and fast enough below some 100,000 pieces. The
lexical half is Lance's BM25 over the terms that `ranking.terms` gives, so that code and prose, identifiers and
words meet. Fused are the standard scores of both over all pieces, a piece without a word of the query having the
BM25 score 0; the share of the vectors is the model's own `dense_weight` unless another is given.
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
from adjoin.ranking.fusion import dense_weight_of, standard_score_fusion
from adjoin.ranking.lexical import terms
from adjoin.ranking.order import best_first

Mode = Literal["hybrid", "dense", "lexical"]
Scores = tuple[NDArray[np.uint64], NDArray[np.float64]]  # rows, rising, and their scores; both (N,)


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
            ("lexical") or a weighted sum of the standard scores of both ("hybrid").
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
        dense_weight: float | None = None,
    ) -> list[Hit]:
        """Find the pieces that answer a query, best first.

        Args:
            query: plain text in any words; nothing in it is an operator.
            encoder: the model that made the index; may be None where words alone are asked for.
            limit: the most hits that are wanted.
            mode: both halves fused, by vectors only, or by words only.
            languages: only pieces in these, as in `Document.language`; None: all.
            dense_weight: the share of the vectors where both halves are fused, 0 (words alone) to 1 (vectors
                alone); None for the encoder's own, half if it has none.

        Raises:
            AdjoinError: an empty query, an unknown mode or language, a limit below 1, a weight that is none or
                has nothing to weigh, another encoder than the one that made the index, or a damaged index.
        """
        if not query.strip():
            raise AdjoinError("the query is empty: expected some words, such as 'where do we retry an upload'")
        if limit < 1:
            raise AdjoinError(f"limit is {limit}, expected at least 1; ask for 10")
        if mode not in get_args(Mode):
            raise AdjoinError(f"mode is {mode!r}, expected one of {', '.join(get_args(Mode))}")
        if dense_weight is None:
            dense_weight = dense_weight_of(encoder)
        elif mode != "hybrid" or not 0 <= dense_weight <= 1:
            raise AdjoinError(f"dense_weight is {dense_weight} in mode {mode!r}, expected 0 to 1 in mode 'hybrid'")
        if self._state_on_disk() != self._state:
            self._open()
        try:
            return self._search(query, encoder, limit, mode, languages, dense_weight)
        except AdjoinError:
            if self._state_on_disk() == self._state:
                raise
            self._open()  # an update ended meanwhile and removed the files of the state we were reading
            return self._search(query, encoder, limit, mode, languages, dense_weight)

    def _search(
        self,
        query: str,
        encoder: Embedder | None,
        limit: int,
        mode: Mode,
        languages: Sequence[str] | None,
        dense_weight: float,
    ) -> list[Hit]:
        condition = self._condition(languages)
        number = len(self)
        limit = min(limit, number)  # the store reserves memory for what is asked, and takes no more than 64 bits
        if mode == "dense":
            rows_N, scores_N = self._dense(query, self._checked(encoder), limit, condition)
        elif mode == "lexical":
            rows_N, scores_N = self._lexical(query, limit, condition)
        else:
            rows_N, dense_N = self._dense(query, self._checked(encoder), number, condition)
            found_M, scores_M = self._lexical(query, number, condition)
            lexical_N = np.zeros(len(rows_N))
            lexical_N[np.searchsorted(rows_N, found_M)] = scores_M
            scores_N = standard_score_fusion([dense_N, lexical_N], [dense_weight, 1 - dense_weight])
        best = best_first(scores_N, limit)
        return self._hits(rows_N[best].tolist(), scores_N[best].tolist())

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

    def _dense(self, query: str, encoder: Embedder, number: int, condition: str | None) -> Scores:
        """The nearest rows and their cosines; every row that meets the condition, if so many are asked for."""
        vector_D = encode(encoder, [query], "query")[0]
        with lance_errors(self.folder, "search", REMEDY_READING):
            found = self._table.search(vector_D, query_type="vector", vector_column_name="vector")
            rows_N, distances_N = self._rows(found.distance_type("dot"), "_distance", number, condition)
        return rows_N, 1.0 - distances_N

    def _lexical(self, query: str, number: int, condition: str | None) -> Scores:
        """The best rows and their BM25 scores, of those that have a word of the query."""
        words = " ".join(terms(query))
        if not words:
            return np.empty(0, np.uint64), np.empty(0)
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
    ) -> Scores:
        """Run a query: its rows and what the column says of them."""
        if condition is not None:
            found = found.where(condition)
        answer = found.select([column]).with_row_id(True).limit(number).to_arrow()
        rows_N = answer["_rowid"].to_numpy()
        order_N = np.argsort(rows_N)
        return rows_N[order_N], answer[column].to_numpy()[order_N].astype(np.float64)

    def _hits(self, best: Sequence[int], scores: Sequence[float]) -> list[Hit]:
        if not best:
            return []
        columns = [name for name in Hit.__dataclass_fields__ if name != "score"]
        with lance_errors(self.folder, "read", REMEDY_READING):
            taken = self._table.take_row_ids(best)
            rows = taken.select(columns).with_row_id().to_arrow().to_pylist()
        by_id = {row.pop("_rowid"): row for row in rows}
        return [Hit(**by_id[row], score=score) for row, score in zip(best, scores, strict=True)]
