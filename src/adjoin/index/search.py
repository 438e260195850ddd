"""Dense, lexical and hybrid search of an index.

Dense search compares the query with every vector. It is exact, and fast enough up to about 100,000 pieces. Lexical
search is Lance's BM25 over the terms of `ranking.terms`. Hybrid search adds the z-scores of both over all pieces;
a piece that shares no term with the query has the BM25 score 0. The weight of the dense scores is the model's own
`dense_weight` unless another is given.
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
    IndexDescription,
    lance_errors,
    open_published,
    read_description,
)
from adjoin.ranking.fusion import dense_weight_of, z_score_fusion
from adjoin.ranking.lexical import terms
from adjoin.ranking.order import best_first

Mode = Literal["hybrid", "dense", "lexical"]
Scores = tuple[NDArray[np.uint64], NDArray[np.float64]]  # row ids in ascending order and scores, both (N,)


@dataclass(frozen=True, slots=True)
class Hit:
    """A search result: a piece of an indexed file.

    Attributes:
        path: the file, relative to the indexed root.
        first_line: first line of the piece in the file, counted from 1.
        last_line: last line of the piece, inclusive.
        language: the language of the piece, such as "python" or "text".
        kind: "function", "lines" (other lines of code) or "passage" (prose).
        name: qualified name of the function, or heading of the passage; may be empty.
        score: higher is better. Comparable within one search only: a cosine in dense search, a BM25 score in
            lexical search, a weighted sum of the z-scores of both in hybrid search.
        text: the text of the piece.
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
    """An open index. It follows updates: each search checks whether a newer version was published."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open()

    @classmethod
    def open(cls, folder: Path) -> "Index":
        """Open the index in a folder.

        Raises:
            AdjoinError: there is no index, its first run did not finish, or it is damaged.
        """
        return cls(folder)

    def _open(self) -> None:
        self._state = self._state_on_disk()
        self.description: IndexDescription = read_description(self.folder)
        self._table = open_published(self.folder, self.description)
        self._languages: list[str] | None = None

    def _state_on_disk(self) -> tuple[int, int]:
        """Inode and modification time of index.json, which change whenever it is replaced."""
        try:
            status = (self.folder / DESCRIPTION).stat()
        except OSError:
            return (0, 0)
        return (status.st_ino, status.st_mtime_ns)

    @property
    def model(self) -> str:
        """The name or folder of the model that made the index, as the user gave it; empty if unknown."""
        return self.description.model

    @property
    def root(self) -> Path:
        """The folder that was indexed."""
        return Path(self.description.root)

    def __len__(self) -> int:
        """The number of pieces."""
        with lance_errors(self.folder, "read", REMEDY_READING):
            return int(self._table.count_rows())

    def languages(self) -> list[str]:
        """Return the languages of the pieces, sorted, such as ["go", "python", "text"]."""
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
        """Return the pieces of code or prose that best answer a query, best first.

        Args:
            query: words in plain text. Nothing in it is an operator.
            encoder: the model that made the index. May be None in lexical search.
            limit: the maximum number of hits.
            mode: "hybrid" adds the z-scores of both searches, "dense" compares vectors, "lexical" is BM25.
            languages: search only pieces in these languages, such as "python" or "text"; None for all.
            dense_weight: weight of the dense scores in hybrid search, from 0 (lexical only) to 1 (dense only).
                None for the encoder's own, or 0.5 if it has none.

        Raises:
            AdjoinError: the query is empty, the mode or a language is unknown, or the limit is below 1. Also if
                the weight is out of range or given for another mode than "hybrid", if another encoder made the
                index, or if the index is damaged.
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
            self._open()  # an update finished meanwhile and deleted the files that we were reading
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
        limit = min(limit, number)  # Lance reserves memory for the limit, which must fit in 64 bits
        if mode == "dense":
            rows_N, scores_N = self._dense(query, self._checked(encoder), limit, condition)
        elif mode == "lexical":
            rows_N, scores_N = self._lexical(query, limit, condition)
        else:
            rows_N, dense_N = self._dense(query, self._checked(encoder), number, condition)
            matches_M, scores_M = self._lexical(query, number, condition)
            lexical_N = np.zeros(len(rows_N))
            lexical_N[np.searchsorted(rows_N, matches_M)] = scores_M
            scores_N = z_score_fusion([dense_N, lexical_N], [dense_weight, 1 - dense_weight])
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
        """The encoder, after a check that it is the one that made the index."""
        expected = self.description.fingerprint
        if encoder is None or encoder.fingerprint != expected:
            given = "no model" if encoder is None else f"the model {encoder.fingerprint}"
            raise AdjoinError(
                f"the index {self.folder} was made by the model {expected}"
                f"{f' ({self.model})' if self.model else ''}, but {given} is given: search with the model that "
                "made it, or run `adjoin index` with yours"
            )
        return encoder

    def _dense(self, query: str, encoder: Embedder, number: int, condition: str | None) -> Scores:
        """The `number` nearest rows that meet the condition, with their cosines."""
        vector_D = encode(encoder, [query], "query")[0]
        with lance_errors(self.folder, "search", REMEDY_READING):
            lance_query = self._table.search(vector_D, query_type="vector", vector_column_name="vector")
            rows_N, distances_N = self._rows(lance_query.distance_type("dot"), "_distance", number, condition)
        return rows_N, 1.0 - distances_N

    def _lexical(self, query: str, number: int, condition: str | None) -> Scores:
        """The `number` best rows that share a term with the query, with their BM25 scores."""
        words = " ".join(terms(query))
        if not words:
            return np.empty(0, np.uint64), np.empty(0)
        from lancedb.query import MatchQuery

        with lance_errors(self.folder, "search", REMEDY_READING):
            lance_query = self._table.search(MatchQuery(words, "terms"), query_type="fts")
            return self._rows(lance_query, "_score", number, condition)

    def _rows(
        self,
        lance_query: Any,  # noqa: ANN401 - a query of Lance
        column: str,
        number: int,
        condition: str | None,
    ) -> Scores:
        """Run a query and return its row ids with the values of a column."""
        if condition is not None:
            lance_query = lance_query.where(condition)
        answer = lance_query.select([column]).with_row_id(True).limit(number).to_arrow()
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
