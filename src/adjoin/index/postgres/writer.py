"""Changes of an index in PostgreSQL: batches that wait, and the transaction that makes a version."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from adjoin import __version__
from adjoin.index.postgres.address import StoreAddress
from adjoin.index.postgres.approximate import (
    chosen_embeddings,
    delete_embeddings,
    drop_unused,
    embeddings_of,
    insert_embeddings,
)
from adjoin.index.postgres.connecting import REMEDY_READING, REMEDY_WRITING, server_errors
from adjoin.index.postgres.rows import key_of, text_of
from adjoin.index.postgres.tables import CONTENT, SCHEMA, description_in, has_tables, one_row
from adjoin.index.postgres.words import WordWriter
from adjoin.index.sqlite.rows import (
    BLOCK_PIECES,
    packed_file,
    packed_texts,
    symbol_key,
    terms_of_piece,
    unpacked_file,
    words_of_path,
)
from adjoin.index.store import FORMAT, FileRecord, IndexDescription, IndexedFile

if TYPE_CHECKING:
    from adjoin.index.postgres.connecting import Connection

_RECORD = "path, size, mtime_ns, inode, content, pieces, reason"
_TYPES = {
    "files": ("int8", "text", "int8", "int8", "int8", "text", "int4", "text"),
    "blocks": ("int8", "int8", "int4", "bytea"),
    "vectors": ("int8", "bytea", "bytea"),
    "texts": ("int8", "bytea"),
    "pieces": ("int8", "text", "text", "text", "text", "text", "int4", "int4"),
    "symbols": ("text", "int8"),
    "paths": ("text", "int8", "int4"),
}
GROUP_FILES = 256  # files that are sent to the server at a time
LARGE_CHANGE = 1000  # pieces after which the planner's statistics are renewed


class PostgresWriter:
    """The one process that changes an index. `PostgresStore.writing` makes one and holds the lock."""

    def __init__(self, connection: "Connection", address: StoreAddress) -> None:
        """Read what is there; nothing is written yet.

        Raises:
            AdjoinError: the schema is not one of ours.
        """
        self.address = address
        self.description: IndexDescription | None = None
        self._connection = connection
        self._waiting: list[IndexedFile] = []
        self._fingerprint, self._dimension = "", 0
        self._replaces_all = False
        self._embeddings = ""  # the table, while the int8 vectors of this model are in it
        with server_errors(address, "open", REMEDY_WRITING):
            self._has_tables = has_tables(connection, address)
            if self._has_tables and self._is_of_another_format():
                with connection.transaction():
                    connection.execute(f'DROP SCHEMA "{address.schema}" CASCADE')
                self._has_tables = False
        if self._has_tables:
            found = description_in(connection, address, unfinished=True)
            self.description = found if found.version else None

    def begin(self, fingerprint: str, dimension: int) -> dict[str, FileRecord]:
        """Start a refresh, as `Writer.begin`."""
        self._fingerprint, self._dimension = fingerprint, dimension
        if not self._has_tables:
            return {}
        self._replaces_all = self.description is not None and self.description.fingerprint != fingerprint
        known = {} if self._replaces_all or self.description is None else self._records()
        with server_errors(self.address, "write", REMEDY_WRITING):
            self._connection.execute("DELETE FROM pending WHERE model != %s", (self._model,))
            staged = self._staged_records()
        return known | staged

    def stage(self, files: Sequence[IndexedFile]) -> None:
        """Put files aside, as `Writer.stage`. One call's files wait in memory."""
        if self._waiting and any(file.pieces for file in self._waiting):  # what finds nothing leaves nothing
            with server_errors(self.address, "write", REMEDY_WRITING), self._connection.transaction():
                self._make_tables()
                self._put_aside(self._waiting)
            self._waiting = []
        self._waiting += files

    @property
    def has_staged(self) -> bool:
        """Whether files were put aside, as `Writer.has_staged`."""
        if self._waiting:
            return True
        with server_errors(self.address, "read", REMEDY_READING):
            return self._has_tables and bool(
                one_row(self._connection, "SELECT EXISTS (SELECT FROM pending)")[0] or self.description is None
            )

    def publish(
        self, root: str, model: str, *, stamp: str = "", removed: Sequence[str], restated: Sequence[FileRecord]
    ) -> IndexDescription:
        """Make the next version in one transaction, as `Writer.publish`."""
        connection = self._connection
        with server_errors(self.address, "write", REMEDY_WRITING), connection.transaction():
            self._make_tables()
            self._embeddings = embeddings_of(connection)
            drop_unused(connection, self._embeddings)
            if self._replaces_all:
                self._embeddings = ""
                for table in CONTENT:
                    connection.execute(f"DELETE FROM {table}")
            changed = self._take_staged(set(removed))
            self._remove(removed)
            self._restate(restated)
            version = self.description.version + 1 if self.description is not None else 1
            table = chosen_embeddings(connection, self._embeddings, self._dimension, version)
            self._set({"embeddings": table})
            description = self._describe(root, model, version, stamp)
            connection.execute("TRUNCATE pending")  # no search reads it, so nobody waits
            if changed >= LARGE_CHANGE:
                connection.execute("ANALYZE files, blocks, pieces, symbols, paths, postings, vectors, texts")
        self.description = description
        self._waiting, self._replaces_all = [], False
        return description

    def restate(self, records: Sequence[FileRecord]) -> None:
        """Update records of files whose content is as before, as `Writer.restate`."""
        if self._has_tables and records:
            with server_errors(self.address, "write", REMEDY_WRITING), self._connection.transaction():
                self._restate(records)

    def abandon(self) -> None:
        """Remove the tables that were made for a first version, if there is none and nothing waits for one."""
        import psycopg

        if self._has_tables and self.description is None:
            with suppress(psycopg.Error), self._connection.transaction():
                if not one_row(self._connection, "SELECT EXISTS (SELECT FROM pending)")[0]:
                    self._connection.execute(f'DROP SCHEMA "{self.address.schema}" CASCADE')

    # -- the tables ---------------------------------------------------------------------------------------------

    @property
    def _model(self) -> str:
        return f"{FORMAT} {self._fingerprint} {self._dimension}"

    def _is_of_another_format(self) -> bool:
        """Whether another version of Adjoin wrote the index: it is then made anew."""
        if not one_row(self._connection, "SELECT to_regclass('meta') IS NOT NULL")[0]:
            return False  # `description_in` says that it is not ours
        rows = dict(self._connection.execute("SELECT key, value FROM meta").fetchall())
        return bool(rows.get("format", str(FORMAT)) != str(FORMAT))

    def _make_tables(self) -> None:
        if self._has_tables:
            return
        self._connection.execute(f'CREATE SCHEMA "{self.address.schema}"')
        for statement in SCHEMA.split(";"):
            if statement.strip():
                self._connection.execute(statement)
        self._describe("", "", 0)
        self._has_tables = True

    def _describe(self, root: str, model: str, number: int, stamp: str = "") -> IndexDescription:
        values: dict[str, Any] = {
            "root": text_of(root),
            "model": model,
            "fingerprint": self._fingerprint,
            "dimension": self._dimension,
            "adjoin": __version__,
            "version": number,
            "stamp": stamp,
        }
        self._set({"format": FORMAT, **values})
        return IndexDescription(format=FORMAT, **values)

    def _set(self, values: dict[str, Any]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO meta VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                [(key, str(value)) for key, value in values.items()],
            )

    def _records(self) -> dict[str, FileRecord]:
        with server_errors(self.address, "read", REMEDY_READING):
            rows = self._connection.execute(f"SELECT {_RECORD} FROM files", binary=True).fetchall()
        return {row[0]: FileRecord(*row) for row in rows}

    # -- what waits ---------------------------------------------------------------------------------------------

    def _staged_records(self) -> dict[str, FileRecord]:
        rows = self._connection.execute("SELECT path, record FROM pending").fetchall()
        return {path: FileRecord(**json.loads(record)) for path, record in rows}

    def _put_aside(self, files: Sequence[IndexedFile]) -> None:
        paths = [file.record.path for file in files]
        self._connection.execute("DELETE FROM pending WHERE path = ANY(%s)", (paths,))
        with self._connection.cursor().copy("COPY pending FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["text", "text", "text", "bytea", "bytea", "bytea"])
            for file in files:
                copy.write_row((file.record.path, self._model, *packed_file(file)))

    def _staged(self) -> Iterator[IndexedFile]:
        """What was put aside, by this run and by interrupted ones; of a file, what came last."""
        latest = {file.record.path for file in self._waiting}
        with self._connection.cursor("staged_files", binary=True) as cursor:
            cursor.execute("SELECT path, record, pieces, scales, codes FROM pending ORDER BY path")
            while rows := cursor.fetchmany(GROUP_FILES):
                for path, record, pieces, scales, codes in rows:
                    if path not in latest:
                        yield unpacked_file(record, pieces, scales, codes, self._dimension)
        yield from self._waiting

    def _take_staged(self, gone: set[str]) -> int:
        """Add what was put aside, except files that are gone. Return the number of pieces."""
        self._numbers = {
            key: int(value) for key, value in self._connection.execute("SELECT key, value FROM meta").fetchall()
            if key in ("next_piece", "next_file")
        }  # fmt: skip
        words = WordWriter()
        group: list[IndexedFile] = []
        pieces = held = 0
        for file in self._staged():
            if file.record.path not in gone:
                group.append(file)
                held += len(file.pieces)
            if len(group) >= GROUP_FILES or held >= BLOCK_PIECES:
                self._insert(group, words)
                pieces, held, group = pieces + held, 0, []
        self._insert(group, words)
        self._set(self._numbers)
        words.write(self._connection)
        words.merge(self._connection)
        return pieces + held

    # -- files --------------------------------------------------------------------------------------------------

    def _insert(self, files: Sequence[IndexedFile], words: WordWriter) -> None:
        """Add files, or put them in the place of what was there under their paths."""
        self._remove([file.record.path for file in files])
        rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _TYPES}
        vectors = []
        for file in files:
            number = self._next("next_file", 1)
            record = file.record
            rows["files"].append(
                (
                    number,
                    record.path,
                    record.size,
                    record.mtime_ns,
                    record.inode,
                    record.content,
                    record.pieces,
                    text_of(record.reason),
                )
            )
            if file.pieces:
                rows["paths"] += [
                    (key_of(word), number, weight) for word, weight in words_of_path(record.path).items()
                ]
            for start in range(0, len(file.pieces), BLOCK_PIECES):
                part = slice(start, start + BLOCK_PIECES)
                first = self._next("next_piece", len(file.pieces[part]))
                self._add_block(rows, file, part, number, first, words)
                vectors.append((first, file.scales_N[part], file.codes_ND[part]))
        for table, types in _TYPES.items():
            self._copy(table, types, rows[table])
        if self._embeddings and vectors:
            insert_embeddings(self._connection, self._embeddings, vectors)
        words.write_if_full(self._connection)

    def _add_block(
        self,
        rows: dict[str, list[tuple[Any, ...]]],
        file: IndexedFile,
        part: slice,
        number: int,
        first: int,
        words: WordWriter,
    ) -> None:
        """Add the rows of a block: the pieces of a file, or some of a large one."""
        pieces = file.pieces[part]
        lengths = []
        for own, piece in enumerate(pieces, start=first):
            terms = terms_of_piece(piece)
            words.add(own, terms)
            lengths.append(len(terms))
            path = piece.path if piece.path != file.record.path else ""
            name, symbols = text_of(piece.name), text_of(" ".join(piece.symbols))
            rows["pieces"].append(
                (own, path, piece.language, piece.kind, name, symbols, piece.first_line, piece.last_line)
            )
            keys = sorted({key_of(symbol_key(symbol)) for symbol in piece.symbols})
            rows["symbols"] += [(key, own) for key in keys]
        scales, codes = file.scales_N[part].astype("<f4").tobytes(), file.codes_ND[part].tobytes()
        rows["blocks"].append((first, number, len(pieces), np.array(lengths, "<u4").tobytes()))
        rows["vectors"].append((first, scales, codes))
        rows["texts"].append((first, packed_texts([piece.text for piece in pieces])))

    def _next(self, key: str, number: int) -> int:
        """Give `number` ids that were never given: postings of pieces that are gone may still be there."""
        first = self._numbers.get(key, 1)
        self._numbers[key] = first + number
        return first

    def _copy(self, table: str, types: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
        statement: Any = f"COPY {table} FROM STDIN (FORMAT BINARY)"
        with self._connection.cursor().copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    def _remove(self, paths: Sequence[str]) -> None:
        """Remove files and all that belongs to them."""
        execute = self._connection.execute
        query = "SELECT id FROM files WHERE path = ANY(%s)"
        files = [number for (number,) in execute(query, (list(paths),)).fetchall()]
        if not files:
            return
        spans = execute("SELECT first, number FROM blocks WHERE file = ANY(%s)", (files,)).fetchall()
        firsts = [first for first, _ in spans]
        with self._connection.cursor() as cursor:
            for table, column in (("symbols", "piece"), ("pieces", "id")):
                statement: Any = f"DELETE FROM {table} WHERE {column} BETWEEN %s AND %s"
                cursor.executemany(statement, [(first, first + number - 1) for first, number in spans])
        if self._embeddings:
            delete_embeddings(self._connection, self._embeddings, spans)
        for table in ("vectors", "texts", "blocks"):
            statement = f"DELETE FROM {table} WHERE first = ANY(%s)"
            execute(statement, (firsts,))
        execute("DELETE FROM paths WHERE file = ANY(%s)", (files,))
        execute("DELETE FROM files WHERE id = ANY(%s)", (files,))

    def _restate(self, records: Sequence[FileRecord]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE files SET size = %s, mtime_ns = %s, inode = %s WHERE path = %s AND content = %s",
                [(record.size, record.mtime_ns, record.inode, record.path, record.content) for record in records],
            )
