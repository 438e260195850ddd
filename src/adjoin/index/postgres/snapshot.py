"""One version of an index in PostgreSQL, for reading.

The tables are read by the same code as those of SQLite, so hits and scores are the same. What differs: vectors of
a few pieces are cut out on the server, and a large index is searched by HNSW.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adjoin.index.postgres.address import StoreAddress
from adjoin.index.postgres.approximate import MOST_SEARCHED, embeddings_of, nearest_embeddings
from adjoin.index.postgres.connecting import REMEDY_READING, server_errors
from adjoin.index.postgres.rows import key_of
from adjoin.index.postgres.tables import install_vector
from adjoin.index.sqlite.snapshot import KEPT_BYTES, SQLiteSnapshot
from adjoin.index.store import Filter, Ids, IndexDescription, Scores
from adjoin.index.words import Row
from adjoin.ranking.order import best_first

if TYPE_CHECKING:
    from adjoin.index.postgres.connecting import Connection

READ_BLOCKS = 256  # of vectors at a time, if they do not stay in memory


class PostgresSnapshot(SQLiteSnapshot):
    """One version of an index in PostgreSQL: the read transaction of a connection."""

    def __init__(self, connection: "Connection", address: StoreAddress, description: IndexDescription) -> None:
        """Wrap a connection in a read transaction. Use `store.snapshot`."""
        unused: Any = connection  # the base's own reading goes through `_rows` and `_read_vectors`
        super().__init__(unused, Path(), description)
        self._server = connection
        self._address = address

    def nearest(self, vector_D: NDArray[np.float32], number: int, where: Filter) -> tuple[Ids, Scores]:
        """The ids of the nearest pieces with their cosines, best first, as `Snapshot.nearest`.

        In a large index a few of the nearest may be missing; the cosines are exact. If a filter leaves too few of
        what the graph proposes, the search is exact.
        """
        if not self._embeddings or number > MOST_SEARCHED:
            return super().nearest(vector_D, number, where)
        wanted_N = self._wanted(where)
        with server_errors(self._address, "read", REMEDY_READING):
            near = number if wanted_N is None else MOST_SEARCHED
            ids_K = np.sort(
                nearest_embeddings(self._server, self._embeddings, self._vector_schema, vector_D, near)
            )
        if wanted_N is not None:
            ids_K = ids_K[np.isin(ids_K, self._ids_N[wanted_N], assume_unique=True)]
            if len(ids_K) < min(number, int(np.count_nonzero(wanted_N))):
                return super().nearest(vector_D, number, where)
        cosines_K = self.vectors(ids_K) @ vector_D
        best_k = best_first(cosines_K, number)
        return ids_K[best_k], cosines_K[best_k]

    def vectors(self, ids: Sequence[int] | Ids) -> NDArray[np.float32]:
        """The vectors of these pieces, float32, shape (K, D)."""
        if "_codes" in self.__dict__:  # all are in memory
            return super().vectors(ids)
        ids_K, dimension = np.asarray(ids, np.int64), self.description.dimension
        inside_K = ids_K - (firsts_K := self._blocks[0][self._block_of(ids_K)])
        query = (
            "SELECT substring(scales FROM i * 4 + 1 FOR 4), substring(codes FROM i * %s + 1 FOR %s)"
            " FROM unnest(%s::bigint[], %s::int[]) WITH ORDINALITY AS wanted(block, i, place)"
            " JOIN vectors ON first = block ORDER BY place"
        )
        with server_errors(self._address, "read", REMEDY_READING):
            rows = self._server.execute(
                query, (dimension, dimension, firsts_K.tolist(), inside_K.tolist()), binary=True
            ).fetchall()
        scales_K = np.frombuffer(b"".join(scales for scales, _ in rows), "<f4")
        codes_KD = np.frombuffer(b"".join(codes for _, codes in rows), np.int8).reshape(-1, dimension)
        vectors_KD: NDArray[np.float32] = codes_KD.astype(np.float32) * scales_K[:, None]
        return vectors_KD

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        if "IN ()" in query:  # nothing is in an empty list, which PostgreSQL does not read
            return []
        with server_errors(self._address, "read", REMEDY_READING):
            statement: Any = query.replace("?", "%s")
            rows: list[Any] = self._server.execute(statement, values, binary=True).fetchall()
            return rows

    def _rows_of(self, term: str) -> list[Row]:
        return super()._rows_of(key_of(term))

    def _read_vectors(self) -> Any:  # noqa: ANN401 - an iterator of pairs of arrays
        dimension = self.description.dimension
        with (
            server_errors(self._address, "read", REMEDY_READING),
            self._server.cursor("all_vectors", binary=True) as cursor,
        ):
            cursor.execute("SELECT scales, codes FROM vectors ORDER BY first")
            while rows := cursor.fetchmany(READ_BLOCKS):
                for scales, codes in rows:
                    yield np.frombuffer(scales, "<f4"), np.frombuffer(codes, np.int8).reshape(-1, dimension)

    @property
    def _sketch(self) -> None:
        """There is none: pgvector's graph has its place."""

    @cached_property
    def _embeddings(self) -> str:
        with server_errors(self._address, "read", REMEDY_READING):
            return embeddings_of(self._server)

    @cached_property
    def _vector_schema(self) -> str:
        return install_vector(self._server)

    @property
    def _is_small(self) -> bool:
        return not self._embeddings and len(self._ids_N) * self.description.dimension <= KEPT_BYTES
