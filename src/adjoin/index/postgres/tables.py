"""The tables of an index in PostgreSQL, and what they say that they hold."""

from typing import TYPE_CHECKING, Any

from adjoin.errors import AdjoinError
from adjoin.index.postgres.address import StoreAddress
from adjoin.index.postgres.connecting import REMEDY_READING, server_errors
from adjoin.index.store import FORMAT, IndexDescription

if TYPE_CHECKING:
    from adjoin.index.postgres.connecting import Connection

OLDEST_VECTOR = (0, 5)  # pgvector with HNSW

# Text is compared by bytes (COLLATE "C"), as in SQLite. EXTERNAL: what is in a blob is compressed or does not
# compress, and PostgreSQL would try.
SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE files(id BIGINT PRIMARY KEY, path TEXT COLLATE "C" NOT NULL UNIQUE, size BIGINT NOT NULL,
  mtime_ns BIGINT NOT NULL, inode BIGINT NOT NULL, content TEXT NOT NULL, pieces INTEGER NOT NULL,
  reason TEXT NOT NULL);
CREATE TABLE blocks(first BIGINT PRIMARY KEY, file BIGINT NOT NULL, number INTEGER NOT NULL,
  lengths BYTEA NOT NULL);
CREATE INDEX ON blocks(file);
CREATE TABLE vectors(first BIGINT PRIMARY KEY, scales BYTEA NOT NULL, codes BYTEA NOT NULL);
CREATE TABLE texts(first BIGINT PRIMARY KEY, data BYTEA NOT NULL);
CREATE TABLE pieces(id BIGINT PRIMARY KEY, path TEXT NOT NULL, language TEXT COLLATE "C" NOT NULL,
  kind TEXT NOT NULL, name TEXT NOT NULL, symbols TEXT NOT NULL, first_line INTEGER NOT NULL,
  last_line INTEGER NOT NULL);
CREATE TABLE symbols(name TEXT COLLATE "C" NOT NULL, piece BIGINT NOT NULL, PRIMARY KEY(name, piece));
CREATE INDEX ON symbols(piece);
CREATE TABLE paths(word TEXT COLLATE "C" NOT NULL, file BIGINT NOT NULL, weight INTEGER NOT NULL,
  PRIMARY KEY(word, file));
CREATE INDEX ON paths(file);
CREATE TABLE segments(id INTEGER PRIMARY KEY, pieces INTEGER NOT NULL);
CREATE TABLE postings(term TEXT COLLATE "C" NOT NULL, segment INTEGER NOT NULL, first BIGINT NOT NULL,
  number INTEGER NOT NULL, data BYTEA NOT NULL, PRIMARY KEY(term, segment));
CREATE UNLOGGED TABLE pending(path TEXT COLLATE "C" PRIMARY KEY, model TEXT NOT NULL, record TEXT NOT NULL,
  pieces BYTEA NOT NULL, scales BYTEA NOT NULL, codes BYTEA NOT NULL);
ALTER TABLE vectors ALTER codes SET STORAGE EXTERNAL, ALTER scales SET STORAGE EXTERNAL;
ALTER TABLE texts ALTER data SET STORAGE EXTERNAL;
ALTER TABLE postings ALTER data SET STORAGE EXTERNAL;
ALTER TABLE pending ALTER pieces SET STORAGE EXTERNAL, ALTER codes SET STORAGE EXTERNAL;
"""
CONTENT = ("files", "blocks", "vectors", "texts", "pieces", "symbols", "paths", "segments", "postings")


def description_in(
    connection: "Connection", address: StoreAddress, *, unfinished: bool = False
) -> IndexDescription:
    """Read what an index holds.

    Args:
        connection: the open database.
        address: the index.
        unfinished: whether version 0 is wanted too.

    Raises:
        AdjoinError: there is no index, it is damaged, not ours, or of another format, or its first run did not
            finish.
    """
    with server_errors(address, "read", REMEDY_READING):
        if not has_tables(connection, address):
            raise AdjoinError(f"no index at {address}: make one with `adjoin index ROOT --store URL`")
        if not one_row(connection, "SELECT has_schema_privilege(%s, 'USAGE')", (address.schema,))[0]:
            raise AdjoinError(
                f"cannot read the index {address}: permission denied for schema {address.schema}; ask the owner"
                " of the index for the right"
            )
        values = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    try:
        form = int(values["format"])
        if form != FORMAT:
            raise AdjoinError(
                f"the index {address} has format {form}, this version reads {FORMAT}: run `adjoin index` again"
            )
        root, model, fingerprint, adjoin = (values[key] for key in ("root", "model", "fingerprint", "adjoin"))
        dimension, number = int(values["dimension"]), int(values["version"])
    except (KeyError, ValueError) as error:
        raise AdjoinError(
            f"the schema {address.schema} of {address} is damaged or not an index of Adjoin ({error!r}): give "
            "another ?index=NAME, or drop the schema"
        ) from None
    if not number and not unfinished:
        raise AdjoinError(
            f"the index {address} is incomplete: its first run did not finish; run `adjoin index` again"
        )
    return IndexDescription(form, root, model, fingerprint, dimension, adjoin, number, values.get("stamp", ""))


def has_tables(connection: "Connection", address: StoreAddress) -> bool:
    """Whether the schema of an index is there."""
    query = "SELECT to_regnamespace(%s) IS NOT NULL"
    return bool(one_row(connection, query, (f'"{address.schema}"',))[0])


def one_row(connection: "Connection", query: str, values: Any = ()) -> Any:  # noqa: ANN401 - rows of any type
    """The only row of a query."""
    return connection.execute(query, values).fetchone()


def install_vector(connection: "Connection") -> str:
    """Make sure that pgvector is in the database, before anything is embedded. Return the schema that it is in.

    Raises:
        AdjoinError: it is too old.
        psycopg.Error: it is not installed on the server, or we may not install it in the database.
    """
    query = (
        "SELECT extversion, nspname FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace"
        " WHERE extname = 'vector'"
    )
    found = one_row(connection, query)
    if found is None:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
        found = one_row(connection, query)
    version, schema = found
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_VECTOR:
        raise AdjoinError(
            f"pgvector {version} has no HNSW: expected 0.5 or later; run ALTER EXTENSION vector UPDATE"
        )
    return str(schema)
