"""What an index is on the disk, and how it changes from one whole state to the next.

    .adjoin/
      index.json          which table answers, in which of its versions, and for which model: the one switch
      tables/<name>.lance  a Lance table, one row a piece; its name stands for the model's fingerprint
      lock                 held by the one process that updates

A Lance table is a sequence of versions. Writing makes a new one and never touches the files of another, and a
version is there entirely or not at all. We build on that:

1. An update adds one version for every batch of whole files (update.py). Nobody reads these yet.
2. Then the full-text index is brought up to date and small files are compacted: further versions. The last
   is read back: on a full disk Lance 13 may commit a version whose last file is cut short, without an error.
3. That version gets the tag "published", so that no clean-up removes it, and index.json is replaced
   atomically by one that names it. Only now do searches see any of the update.
4. What only older versions need is deleted.

Killed before 3, or with the disk full, index.json still names the old version, which is untouched; the next
update goes back to the newest version that is whole and embeds only what that lacks. Killed after 3, the next
update repeats 4. A model with another fingerprint gets a table of its own, so the old one answers until the
new one is whole.
"""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from adjoin.corpus.document import content_hash
from adjoin.errors import AdjoinError
from adjoin.files import read_json, write_json

_log = logging.getLogger(__name__)

FORMAT = 1  # of the table's columns, of what a piece is and of how `terms` reads it
DESCRIPTION = "index.json"
PUBLISHED = "published"
_LANCE_ERRORS = (RuntimeError, OSError, ValueError)
_PLACE_IN_LANCE = re.compile(r", \S*/\S+\.rs:\d+(:\d+)?")
_NEVER = timedelta(days=36_500)
_NOW = timedelta(milliseconds=1)  # Lance warns about zero: readers of old versions fail. Ours open the new one.


@dataclass(frozen=True, slots=True)
class Description:
    """The content of index.json.

    Attributes:
        format: `FORMAT` of the version that wrote it.
        root: the folder that is indexed, an absolute path.
        model: what the user called the model, for `adjoin search` to load it; empty if not known.
        fingerprint: of the model's weights.
        dimension: D of the vectors.
        adjoin: the version of Adjoin that wrote it.
        table: name of the table that answers.
        version: and its version.
    """

    format: int
    root: str
    model: str
    fingerprint: str
    dimension: int
    adjoin: str
    table: str
    version: int


def read_description(folder: Path) -> Description:
    """Read index.json.

    Raises:
        AdjoinError: there is no index, it was never finished, it is broken or of another format.
    """
    path = folder / DESCRIPTION
    if not path.exists():
        if (folder / "tables").is_dir():
            raise AdjoinError(
                f"the index {folder} is incomplete: its first run did not end; run `adjoin index` again to finish"
            )
        raise AdjoinError(
            f"no index at {folder}: expected a folder made by `adjoin index`; make one with "
            f"`adjoin index ROOT --out {folder}`"
        )
    value = read_json(path, "index description")
    wanted = {field.name: field.type for field in fields(Description)}
    found = value.get("format") if isinstance(value, dict) else None
    if isinstance(found, int) and found != FORMAT:
        raise AdjoinError(
            f"the index {folder} has format {found}, this version reads {FORMAT}: remove the folder and run "
            "`adjoin index` again"
        )
    whole = isinstance(value, dict) and all(type(value.get(name)) is kind for name, kind in wanted.items())
    if not whole or not 0 < value["version"] < 1 << 63:
        raise AdjoinError(
            f"the index description {path} is damaged: expected {', '.join(wanted)}; remove the folder and run "
            "`adjoin index` again"
        )
    return Description(**{name: value[name] for name in wanted})


def table_name(fingerprint: str) -> str:
    """The table that holds the vectors of this model."""
    return "pieces-" + content_hash(fingerprint, str(FORMAT))


@contextmanager
def lance_errors(folder: Path, doing: str, remedy: str) -> Iterator[None]:
    """Turn an error of the store into one line that says what failed and what to do.

    Raises:
        AdjoinError: for any error of Lance or of the system under it.
    """
    try:
        yield
    except _LANCE_ERRORS as error:
        reason = " ".join(str(error).split())
        reason = _PLACE_IN_LANCE.sub("", reason)[:300]
        raise AdjoinError(f"cannot {doing} the index {folder}: {reason}; {remedy}") from error


REMEDY_WRITING = "what was there still answers; when there is room, run `adjoin index` again and it goes on"
REMEDY_READING = "its files are damaged: remove the folder and run `adjoin index` again"


def connect(folder: Path) -> Any:  # noqa: ANN401 - lancedb is imported only where an index is used
    """The database in this folder.

    Raises:
        AdjoinError: lancedb is not installed.
    """
    os.environ.setdefault("LANCEDB_LOG", "error")  # its warnings about retries would stand between our lines
    try:
        import lancedb
    except ImportError as error:
        raise AdjoinError(
            f"the index needs {error.name}, which is not installed: pip install 'adjoin[index]'"
        ) from None
    return lancedb.connect(str(folder / "tables"))


def table_names(database: Any) -> list[str]:  # noqa: ANN401
    """The names of all tables."""
    names: list[str] = []
    token = None
    while True:
        answer = database.list_tables(page_token=token)
        names += answer.tables
        token = answer.page_token
        if not token:
            return names


def open_published(folder: Path, description: Description) -> Any:  # noqa: ANN401
    """The table as it was published; what is written later does not show in it.

    Raises:
        AdjoinError: the table is missing or damaged.
    """
    with lance_errors(folder, "open", REMEDY_READING):
        table = connect(folder).open_table(description.table)
        table.checkout(description.version)
        return table


def open_or_create(folder: Path, fingerprint: str, dimension: int) -> Any:  # noqa: ANN401
    """The newest whole version of a model's table, for an update.

    Raises:
        AdjoinError: the disk is full, or the table is damaged.
    """
    with lance_errors(folder, "write", REMEDY_WRITING):
        # Also right for what a run left that was killed while it created the table.
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
                _log.info("going back from version %d of %s to %d, which is whole", versions[0], name, version)
                table.restore()
        return table
    with lance_errors(folder, "read", REMEDY_READING):
        raise damage


def _read_through(table: Any) -> None:  # noqa: ANN401
    """Raise what Lance raises if a file of the table's version is missing or cut short."""
    table.search().select(["source"]).to_arrow()  # opens every data file at its end
    for index in table.list_indices():
        table.prewarm_index(index.name)


def schema(dimension: int) -> Any:  # noqa: ANN401
    """The columns of a table, as a pyarrow schema."""
    import pyarrow as pa

    texts = ("id", "source", "file_hash", "path", "language", "kind", "name", "text", "terms")
    columns = [pa.field(name, pa.string(), nullable=False) for name in texts]
    columns += [pa.field(name, pa.int32(), nullable=False) for name in ("first_line", "last_line")]
    return pa.schema([*columns, pa.field("vector", pa.list_(pa.float32(), dimension), nullable=False)])


def publish(folder: Path, table: Any, description: Description) -> None:  # noqa: ANN401
    """Make the newest version of the table the one that answers (steps 2 and 3 above).

    Args:
        folder: the index.
        table: opened for writing.
        description: with any version; the published one is filled in.

    Raises:
        AdjoinError: the disk is full; the old version still answers.
        OSError: likewise, from writing index.json.
    """
    with lance_errors(folder, "finish", REMEDY_WRITING):
        _settle(table)
        version = table.version
        written = connect(folder).open_table(description.table)  # a connection of its own, nothing cached
        written.checkout(version)
        _read_through(written)
        if PUBLISHED in table.tags.list():
            table.tags.update(PUBLISHED, version)
        else:
            table.tags.create(PUBLISHED, version)
    write_json(folder / DESCRIPTION, asdict(description) | {"version": version})


def clean_up(folder: Path, table: Any, description: Description) -> None:  # noqa: ANN401
    """Delete what only older versions, or other models, need (step 4 above).

    The index is whole by now: what cannot be deleted is logged and left to the next update.
    """
    try:
        table.optimize(cleanup_older_than=_NOW)
        database = connect(folder)
        for name in table_names(database):
            if name != description.table:
                database.drop_table(name)
    except _LANCE_ERRORS as error:
        _log.warning("cannot delete what the index %s no longer needs: %s", folder, error)


def _settle(table: Any) -> None:  # noqa: ANN401
    """Bring the full-text index up to date and compact, until there is nothing left to do."""
    from lancedb.index import FTS

    if not table.list_indices():
        # The terms are ready: everything that would change them again is off.
        words = FTS(
            base_tokenizer="whitespace",
            stem=False,
            remove_stop_words=False,
            lower_case=False,
            ascii_folding=False,
            max_token_length=None,
        )
        table.create_index("terms", config=words)
    for _ in range(5):  # indexed and new rows are compacted in one file only in the round after: 2, seldom 3
        before = table.version
        table.optimize(cleanup_older_than=_NEVER)  # no clean-up: the published version may be an old one
        if table.version == before:
            return


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold a folder for writing; the system lets go of it when the process ends, however it ends.

    Raises:
        AdjoinError: another process holds it, or the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise AdjoinError(f"cannot write to {folder}: {error.strerror}; choose another --out") from None
    try:
        try:
            import fcntl  # not on Windows: there, two updates at a time are not told apart

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass
        except BlockingIOError:
            raise AdjoinError(
                f"another process is writing to {folder}: wait until it has ended, then run again"
            ) from None
        yield
    finally:
        os.close(descriptor)
