"""Approximate search of a large index by pgvector's HNSW.

A small index needs none: its int8 vectors are sent to the client once, and compared there exactly. Above
`APPROXIMATE_FROM` pieces the vectors are also kept in a table, as pgvector's `vector`, under an HNSW index of
inner products. It takes about 13 KB a piece where the int8 vectors take 1 KB, which is why it is not always
there. The graph only proposes pieces: their cosines are computed from the int8 vectors.

`meta` names the table that a version uses. Another model gets a new table, since to empty or to drop the old one
would make readers wait. The old one is dropped by the refresh after that, when nobody reads it.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adjoin.index.postgres.tables import install_vector, one_row

if TYPE_CHECKING:
    from adjoin.index.postgres.connecting import Connection

APPROXIMATE_FROM = 65_536  # pieces
LARGEST_DIMENSION = 2000  # of pgvector's HNSW over `vector`
SEARCHED = 800  # hnsw.ef_search at least: recall@10 0.994 of 23,700 pieces of code; 0.973 with 400, 0.913 with 200
MOST_SEARCHED = 1000  # what pgvector allows
NEIGHBOURS, CONSTRUCTED = 16, 64  # pgvector's m and ef_construction, its defaults
MEMORY = "1GB"  # while the index is built; what the graph does not fit in makes it slower
READ_BLOCKS = 64  # of int8 vectors at a time
_HEADER = ">u2"
_PREFIX = "embeddings_"


def embeddings_of(connection: "Connection") -> str:
    """The table of embeddings of the version that the connection sees; "" if it is searched exactly."""
    row = one_row(connection, "SELECT value FROM meta WHERE key = 'embeddings'")
    return str(row[0]) if row is not None else ""


def chosen_embeddings(connection: "Connection", table: str, dimension: int, version: int) -> str:
    """The table that the next version uses: the same, a new one that is filled here, or none.

    Args:
        connection: in the transaction of a refresh, after its changes.
        table: that of the version before, brought up to date; "" if there is none, or another model made it.
        dimension: D, the length of a vector.
        version: the number of the next version.
    """
    (pieces,) = one_row(connection, "SELECT coalesce(sum(number), 0)::bigint FROM blocks")
    if pieces < (APPROXIMATE_FROM // 2 if table else APPROXIMATE_FROM) or dimension > LARGEST_DIMENSION:
        return ""
    return table or _filled(connection, f"{_PREFIX}{version}", dimension)


def drop_unused(connection: "Connection", table: str) -> None:
    """Drop the tables of earlier versions, but none that a long search still reads.

    Args:
        connection: in a transaction.
        table: that of the version that searches read now.
    """
    import psycopg

    query = (
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
        " AND starts_with(relname, %s) AND relname != %s"
    )
    for (unused,) in connection.execute(query, (_PREFIX, table)).fetchall():
        with suppress(psycopg.errors.LockNotAvailable), connection.transaction():
            connection.execute("SET LOCAL lock_timeout = '100ms'")
            statement: Any = f"DROP TABLE {unused}"
            connection.execute(statement)
    connection.execute("SET LOCAL lock_timeout = 0")


def _filled(connection: "Connection", table: str, dimension: int) -> str:
    extension = install_vector(connection)
    statements: Any = (
        f'CREATE TABLE {table}(piece BIGINT PRIMARY KEY, vector "{extension}".vector({dimension}) NOT NULL)',
        f"SET LOCAL maintenance_work_mem = '{MEMORY}'",
        f'CREATE INDEX ON {table} USING hnsw (vector "{extension}".vector_ip_ops)'
        f" WITH (m = {NEIGHBOURS}, ef_construction = {CONSTRUCTED})",
    )
    connection.execute(statements[0])
    with connection.cursor("all_vectors", binary=True) as cursor:
        cursor.execute("SELECT first, scales, codes FROM vectors ORDER BY first")
        while blocks := cursor.fetchmany(READ_BLOCKS):
            insert_embeddings(
                connection,
                table,
                (
                    (first, np.frombuffer(scales, "<f4"), np.frombuffer(codes, np.int8).reshape(-1, dimension))
                    for first, scales, codes in blocks
                ),
            )
    for statement in statements[1:]:  # to fill the table first is several times as fast
        connection.execute(statement)
    return table


def insert_embeddings(
    connection: "Connection", table: str, blocks: Iterable[tuple[int, NDArray[np.float32], NDArray[np.int8]]]
) -> None:
    """Add vectors of new pieces.

    Args:
        connection: in the transaction of a refresh.
        table: the table of embeddings.
        blocks: for each block its first id, scales of shape (n,) and codes of shape (n, D).
    """
    from psycopg.types.numeric import Int8

    statement: Any = f"COPY {table} FROM STDIN (FORMAT BINARY)"
    with connection.cursor().copy(statement) as copy:
        for first, scales_n, codes_nD in blocks:
            number, dimension = codes_nD.shape
            rows = np.empty((number, 4 + 4 * dimension), np.uint8)
            rows[:, :4] = np.frombuffer(np.array([dimension, 0], _HEADER).tobytes(), np.uint8)
            vectors_nD = (codes_nD.astype(np.float32) * scales_n[:, None]).astype(">f4")
            rows[:, 4:] = vectors_nD.view(np.uint8).reshape(number, -1)
            for piece, row in enumerate(rows, start=first):
                copy.write_row((Int8(piece), row.tobytes()))  # the bytes are pgvector's own binary form


def nearest_embeddings(
    connection: "Connection", table: str, extension: str, vector_D: NDArray[Any], number: int
) -> NDArray[np.int64]:
    """The ids of pieces near to a vector: what the graph finds, nearest first by its own count.

    Args:
        connection: in a read transaction.
        table: the table of embeddings.
        extension: the schema of pgvector.
        vector_D: the vector, shape (D,).
        number: how many, at most `MOST_SEARCHED`.
    """
    text = "[" + ",".join(map(repr, np.asarray(vector_D, np.float32).tolist())) + "]"
    searched = min(MOST_SEARCHED, max(SEARCHED, number))
    connection.execute(
        "SELECT set_config('hnsw.ef_search', %s, true), set_config('enable_seqscan', 'off', true)",
        (str(searched),),
    )
    query: Any = (
        f'SELECT piece FROM {table} ORDER BY vector OPERATOR("{extension}".<#>) %s::"{extension}".vector LIMIT %s'
    )
    rows = connection.execute(query, (text, number)).fetchall()
    return np.array([piece for (piece,) in rows], np.int64)


def delete_embeddings(connection: "Connection", table: str, spans: Sequence[tuple[int, int]]) -> None:
    """Remove the vectors of pieces. `spans` are first ids and numbers of blocks."""
    statement: Any = f"DELETE FROM {table} WHERE piece BETWEEN %s AND %s"
    for first, number in spans:
        connection.execute(statement, (first, first + number - 1))
