"""The files of an index, and how an update replaces one version by the next.

    .adjoin/
      index.json           names the table and the version that searches read, and the model
      tables/<name>.lance  a Lance table, one row per piece; its name is a hash of the model's fingerprint
      lock                 held by the process that updates

A Lance table is a sequence of versions. A write adds a version and never changes the files of another. A version
is complete or does not exist. An update has four steps:

1. Add one version per batch of files (update.py). No search reads these yet.
2. Update the full-text index and compact small files, which adds versions. Read the last one back: on a full disk
   Lance 13 may commit a version whose last file is truncated, without an error.
3. Tag that version "published", so that no clean-up removes it. Replace index.json atomically by one that names
   it. From now on searches see the update.
4. Delete files that only older versions need.

If the process is killed or the disk is full before step 3, index.json still names the old, unchanged version. The
next update continues from the newest complete version. After step 3, the next update repeats step 4. A model with
another fingerprint gets its own table, so the old table answers until the new one is complete.
"""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from adjoin.corpus.document import content_hash
from adjoin.errors import AdjoinError
from adjoin.files import read_as, write_json

_log = logging.getLogger(__name__)

FORMAT = 1  # of the table's columns, the definition of a piece and the terms of `ranking.terms`
DESCRIPTION = "index.json"
PUBLISHED = "published"
_LANCE_ERRORS = (RuntimeError, OSError, ValueError)
_LANCE_SOURCE_LINE = re.compile(r", \S*/\S+\.rs:\d+(:\d+)?")
_NEVER = timedelta(days=36_500)
_NOW = timedelta(milliseconds=1)  # zero makes Lance warn that readers of old versions fail; ours open the new one


@dataclass(frozen=True, slots=True)
class IndexDescription:
    """The content of an index's index.json: which table and version searches read, and which model made it.

    Attributes:
        format: the `FORMAT` it was written in.
        root: absolute path of the indexed folder.
        model: name or folder of the model as the user gave it, for `adjoin search` to load; empty if unknown.
        fingerprint: fingerprint of the model's weights.
        dimension: D, the length of a vector.
        adjoin: the version of Adjoin that wrote the index.
        table: name of the table that searches read.
        version: version of that table that searches read.
    """

    format: int
    root: str
    model: str
    fingerprint: str
    dimension: int
    adjoin: str
    table: str
    version: int

    def __post_init__(self) -> None:
        if not 0 < self.version < 1 << 63:
            raise ValueError(f"version is {self.version}, expected 1 to 2^63 - 1")


def read_description(folder: Path) -> IndexDescription:
    """Read the index.json of an index.

    Raises:
        AdjoinError: there is no index, its first run did not finish, or index.json is damaged or of another
            format.
    """
    path = folder / DESCRIPTION
    if not path.exists():
        if (folder / "tables").is_dir():
            raise AdjoinError(
                f"the index {folder} is incomplete: its first run did not finish; run `adjoin index` again"
            )
        raise AdjoinError(
            f"no index at {folder}: expected a folder that `adjoin index` wrote; make one with "
            f"`adjoin index ROOT --out {folder}`"
        )
    remedy = "remove the folder and run `adjoin index` again"
    return read_as(path, IndexDescription, "index description", remedy, format=FORMAT)


def table_name(fingerprint: str) -> str:
    """Return the name of the table for a model, a hash of its fingerprint and the format."""
    return "pieces-" + content_hash(fingerprint, str(FORMAT))


@contextmanager
def lance_errors(folder: Path, doing: str, remedy: str) -> Iterator[None]:
    """Turn errors of Lance and of the operating system into an `AdjoinError` of one line.

    Args:
        folder: the index.
        doing: the verb that failed, such as "read".
        remedy: what the user can do.

    Raises:
        AdjoinError: Lance or the operating system raised an error.
    """
    try:
        yield
    except _LANCE_ERRORS as error:
        reason = " ".join(str(error).split())
        reason = _LANCE_SOURCE_LINE.sub("", reason)[:300]
        raise AdjoinError(f"cannot {doing} the index {folder}: {reason}; {remedy}") from error


REMEDY_WRITING = "the previous version still answers; free disk space, then run `adjoin index` again to continue"
REMEDY_READING = "its files are damaged: remove the folder and run `adjoin index` again"


def connect(folder: Path) -> Any:  # noqa: ANN401 - lancedb is imported only where an index is used
    """Connect to the LanceDB database of an index.

    Raises:
        AdjoinError: lancedb is not installed.
    """
    os.environ.setdefault("LANCEDB_LOG", "error")  # suppress its warnings about retries
    try:
        import lancedb
    except ImportError as error:
        raise AdjoinError(f"the index needs {error.name}, which is not installed: pip install adjoin") from None
    return lancedb.connect(str(folder / "tables"))


def table_names(database: Any) -> list[str]:  # noqa: ANN401
    """Return the names of all tables of a database."""
    names: list[str] = []
    token = None
    while True:
        answer = database.list_tables(page_token=token)
        names += answer.tables
        token = answer.page_token
        if not token:
            return names


def open_published(folder: Path, description: IndexDescription) -> Any:  # noqa: ANN401
    """Open the published version of the table. Later writes do not change it.

    Raises:
        AdjoinError: the table is missing or damaged.
    """
    with lance_errors(folder, "open", REMEDY_READING):
        table = connect(folder).open_table(description.table)
        table.checkout(description.version)
        return table


def open_or_create(folder: Path, fingerprint: str, dimension: int) -> Any:  # noqa: ANN401
    """Open the newest complete version of a model's table for an update; create the table if it is missing.

    Raises:
        AdjoinError: the disk is full, or the table is damaged.
    """
    with lance_errors(folder, "write", REMEDY_WRITING):
        # This also repairs a table whose creation was interrupted.
        name = table_name(fingerprint)
        table = connect(folder).create_table(name, schema=schema(dimension), exist_ok=True)
        versions = sorted((row["version"] for row in table.list_versions()), reverse=True)
    for version in versions:
        try:
            table.checkout(version)
            _read_through(table)
        except _LANCE_ERRORS as error:
            damage = error
            continue
        with lance_errors(folder, "write", REMEDY_WRITING):
            if version == versions[0]:
                table.checkout_latest()
            else:
                _log.info(
                    "going back from version %d of %s to version %d, which is complete", versions[0], name, version
                )
                table.restore()
        return table
    with lance_errors(folder, "read", REMEDY_READING):
        raise damage


def _read_through(table: Any) -> None:  # noqa: ANN401
    """Raise Lance's error if a file of the table's version is missing or truncated."""
    table.search().select(["source"]).to_arrow()  # reads the footer of every data file
    for index in table.list_indices():
        table.prewarm_index(index.name)


def schema(dimension: int) -> Any:  # noqa: ANN401
    """Return the pyarrow schema of a table for vectors of length `dimension`."""
    import pyarrow as pa

    texts = ("id", "source", "file_hash", "path", "language", "kind", "name", "text", "terms")
    columns = [pa.field(name, pa.string(), nullable=False) for name in texts]
    columns += [pa.field(name, pa.int32(), nullable=False) for name in ("first_line", "last_line")]
    return pa.schema([*columns, pa.field("vector", pa.list_(pa.float32(), dimension), nullable=False)])


def publish(folder: Path, table: Any, description: IndexDescription) -> None:  # noqa: ANN401
    """Publish the newest version of the table: searches read it from now on (steps 2 and 3 above).

    Args:
        folder: the index.
        table: the table, open for writing.
        description: the new index.json; its version is replaced by the published one.

    Raises:
        AdjoinError: the disk is full. The old version still answers.
        OSError: the same, raised while index.json is written.
    """
    with lance_errors(folder, "finish", REMEDY_WRITING):
        _index_and_compact(table)
        version = table.version
        written = connect(folder).open_table(description.table)  # a second connection, without cached data
        written.checkout(version)
        _read_through(written)
        if PUBLISHED in table.tags.list():
            table.tags.update(PUBLISHED, version)
        else:
            table.tags.create(PUBLISHED, version)
    write_json(folder / DESCRIPTION, asdict(description) | {"version": version})


def clean_up(folder: Path, table: Any, description: IndexDescription) -> None:  # noqa: ANN401
    """Delete files that only older versions or other models need (step 4 above).

    The index is complete by now. Files that cannot be deleted are logged and left to the next update.
    """
    try:
        table.optimize(cleanup_older_than=_NOW)
        database = connect(folder)
        for name in table_names(database):
            if name != description.table:
                database.drop_table(name)
    except _LANCE_ERRORS as error:
        _log.warning("cannot delete old files of the index %s: %s", folder, error)


def _index_and_compact(table: Any) -> None:  # noqa: ANN401
    """Update the full-text index and compact the table, until nothing changes."""
    from lancedb.index import FTS

    if not table.list_indices():
        # The column holds finished terms: Lance must not change them.
        words = FTS(
            base_tokenizer="whitespace",
            stem=False,
            remove_stop_words=False,
            lower_case=False,
            ascii_folding=False,
            max_token_length=None,
        )
        table.create_index("terms", config=words)
    for _ in range(5):  # merging indexed and new rows takes 2 rounds, rarely 3
        before = table.version
        table.optimize(cleanup_older_than=_NEVER)  # the published version may be an old one: keep it
        if table.version == before:
            return
