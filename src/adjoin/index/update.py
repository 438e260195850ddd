"""Updates of an index: read the files that changed, embed and commit them in batches, publish.

Files are compared by the hash of their bytes, so a checkout or a `touch` costs nothing. A batch holds complete
files. One commit adds a batch and deletes the old pieces of its files, so a killed run loses at most the batch it
was embedding. store.py describes how a version is published.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Any

from adjoin.corpus import Source, find_sources, read_source
from adjoin.corpus.document import content_hash
from adjoin.errors import AdjoinError
from adjoin.index.embedder import Embedder, encode
from adjoin.index.store import (
    DESCRIPTION,
    FORMAT,
    REMEDY_READING,
    REMEDY_WRITING,
    IndexDescription,
    clean_up,
    lance_errors,
    open_or_create,
    publish,
    read_description,
    schema,
    table_name,
)
from adjoin.locks import exclusive
from adjoin.pieces import Piece, pieces_of
from adjoin.ranking.lexical import terms
from adjoin.tally import Tally

BATCH_PIECES = 256  # embedding them takes a second or more on a CPU, the commit 25 ms
BATCH_FILES = 64
PATHS_PER_DELETION = 500
UNFINISHED = ""  # the hash of a file that is only partly in the table
PIECE_COLUMNS = tuple(field.name for field in fields(Piece) if field.name != "embedded")


@dataclass
class IndexReport:
    """What `update_index` did.

    Attributes:
        added: number of files that were new to the index.
        changed: number of files whose content had changed.
        removed: number of files that no longer exist, or no longer hold a piece.
        unchanged: number of files that were up to date, including those of an earlier, interrupted run.
        pieces: number of pieces that were embedded.
        total: number of pieces in the index now.
        new_model: whether another model had made the index, so that everything was embedded again.
        skipped: counts of skipped files with reasons.
    """

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    pieces: int = 0
    total: int = 0
    new_model: bool = False
    skipped: Tally = field(default_factory=Tally)

    def summary(self) -> str:
        """Return one line, such as "files: 3 added, 0 changed, ...; pieces: 12 embedded, 12 in the index"."""
        line = (
            f"files: {self.added:,} added, {self.changed:,} changed, {self.removed:,} removed, "
            f"{self.unchanged:,} unchanged; pieces: {self.pieces:,} embedded, {self.total:,} in the index"
        )
        if self.new_model:
            line += "; all files were embedded again: another model had made the index"
        return line + (f"; skipped: {self.skipped.summary()}" if self.skipped.counts else "")


def update_index(
    root: Path,
    folder: Path,
    encoder: Embedder,
    *,
    model: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> IndexReport:
    """Create or update the search index of a folder of code and prose. Only new and changed files are embedded.

    Searches read the old version until the new one is complete. The process may be killed at any time; the next
    call continues.

    Args:
        root: the folder or the single file to index.
        folder: the folder of the index; it may be below `root`.
        encoder: embeds the pieces. If another encoder made the index, all files are embedded again.
        model: name or folder of the model as the user gave it, stored in the index so that a search can load it.
        progress: called with (files done, files in total).

    Returns:
        Counts of files and pieces.

    Raises:
        AdjoinError: there is nothing to index in `root`; the index belongs to another folder that still exists;
            another process is updating it; the disk is full; its files are damaged.
        OSError: the disk is full. The old version still answers.
    """
    report = IndexReport()
    sources = _sources(root, folder, report.skipped)
    with exclusive(folder):
        before = read_description(folder) if (folder / DESCRIPTION).exists() else None
        if before is not None:
            _refuse_other_root(before, root, folder)
        table = open_or_create(folder, encoder.fingerprint, encoder.dimension)
        _Update(folder, table, encoder, report, progress).run(sources)
        with lance_errors(folder, "read", REMEDY_READING):
            report.total = table.count_rows()
        if not report.total:
            raise AdjoinError(_nothing_to_index(root, report.skipped))
        report.new_model = before is not None and before.fingerprint != encoder.fingerprint
        description = IndexDescription(
            format=FORMAT,
            root=str(root.resolve()),
            model=model,
            fingerprint=encoder.fingerprint,
            dimension=encoder.dimension,
            adjoin=_own_version(),
            table=table_name(encoder.fingerprint),
            version=table.version,
        )
        if description != before:
            publish(folder, table, description)
        clean_up(folder, table, description)
    return report


def _sources(root: Path, folder: Path, skipped: Tally) -> dict[str, Source]:
    """The files to index by their origins, without those of the index itself."""
    own = folder.resolve()
    sources: dict[str, Source] = {}
    for source in find_sources([root], skipped, streams=False):
        if source.origin in sources:  # names that differ only in bytes that are not UTF-8
            skipped.add("name written like another's", source.origin)
        elif not source.path.resolve().is_relative_to(own):
            sources[source.origin] = source
    if not sources:
        raise AdjoinError(_nothing_to_index(root, skipped))
    return sources


def _nothing_to_index(root: Path, skipped: Tally) -> str:
    passed_over = f" (skipped: {skipped.summary()})" if skipped.counts else ""
    return (
        f"nothing to index in {root}{passed_over}: expected a folder with source code or prose; give another one"
    )


def _refuse_other_root(before: IndexDescription, root: Path, folder: Path) -> None:
    """Refuse to replace the index of another folder because of a wrong --out. A moved folder keeps its index."""
    if str(root.resolve()) != before.root and Path(before.root).exists():
        raise AdjoinError(
            f"the index {folder} belongs to {before.root}, not to {root}: choose another --out, or remove it first"
        )


def _own_version() -> str:
    try:
        return version("adjoin")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "unknown"


@dataclass(frozen=True, slots=True)
class _FilePart:
    """Pieces of one file that are committed together: all of them, or consecutive ones of a large file.

    Attributes:
        origin: the file.
        content: the hash of the file's bytes.
        start: number of the first piece within the file.
        pieces: the pieces, at least one.
        last: whether the file's last piece is among them.
    """

    origin: str
    content: str
    start: int
    pieces: list[Piece]
    last: bool = True


class _Update:
    """One run over the files: commits new and changed files, then deletes those that no longer exist."""

    def __init__(
        self,
        folder: Path,
        table: Any,  # noqa: ANN401 - a Lance table
        encoder: Embedder,
        report: IndexReport,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self.folder = folder
        self.table = table
        self.encoder = encoder
        self.report = report
        self.progress = progress or (lambda done, total: None)
        self.known = self._read_known()
        self.batch: list[_FilePart] = []

    def run(self, sources: Mapping[str, Source]) -> None:
        """Update all files, then delete those in the table that no longer exist."""
        present = set()
        for number, (origin, source) in enumerate(sources.items()):
            if self._take(origin, source):
                present.add(origin)
            if not self.batch:
                self.progress(number, len(sources))
        self._commit_batch()
        self._forget(sorted(self.known.keys() - present))
        self.progress(len(sources), len(sources))

    def _read_known(self) -> dict[str, str]:
        """Files in the table to the hashes of their content; `UNFINISHED` if some of their pieces are missing."""
        with lance_errors(self.folder, "read", REMEDY_READING):
            rows = self.table.search().select(["source", "file_hash"]).to_arrow()
        known: dict[str, str] = {}
        for origin, content in zip(rows["source"].to_pylist(), rows["file_hash"].to_pylist(), strict=True):
            known[origin] = content or known.get(origin, UNFINISHED)
        return known

    def _take(self, origin: str, source: Source) -> bool:
        """Update one file, now or with the next batch. Returns whether it holds a piece."""
        content = self._hash(origin, source)
        if content is None:
            return False
        if self.known.get(origin) == content:
            self.report.unchanged += 1
            return True
        counted = self.report.skipped.counts.total()
        pieces = (piece for document in read_source(source, self.report.skipped) for piece in pieces_of(document))
        first = list(islice(pieces, BATCH_PIECES))
        if not first:
            if self.report.skipped.counts.total() == counted:
                self.report.skipped.add("nothing to find in it", origin)
            return False
        if len(first) == BATCH_PIECES:
            self._commit_large(origin, content, first, pieces)
        else:
            self.batch.append(_FilePart(origin, content, 0, first))
        if len(self.batch) >= BATCH_FILES or sum(len(part.pieces) for part in self.batch) >= BATCH_PIECES:
            self._commit_batch()
        return True

    def _hash(self, origin: str, source: Source) -> str | None:
        """Hash of the bytes, taken before the file is read: the next run notices later edits."""
        try:
            with source.path.open("rb") as file:
                return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        except OSError as error:
            self.report.skipped.add("unreadable", f"{origin}: {error.strerror}")
            return None

    def _commit_large(self, origin: str, content: str, first: list[Piece], rest: Iterator[Piece]) -> None:
        """Commit an archive or a large file in parts, so that only one part is in memory.

        Only rows of the last part have the hash: after an interruption, the file counts as changed.
        """
        start, pieces = 0, first
        while pieces:
            following = list(islice(rest, BATCH_PIECES))
            part = _FilePart(origin, content, start, pieces, last=not following)
            self._commit([part], stale=[origin] if start == 0 and origin in self.known else [])
            start, pieces = start + len(pieces), following
        self._count([origin])

    def _commit_batch(self) -> None:
        if self.batch:
            origins = [part.origin for part in self.batch]
            self._commit(self.batch, stale=[origin for origin in origins if origin in self.known])
            self._count(origins)
            self.batch = []

    def _count(self, origins: Sequence[str]) -> None:
        changed = sum(origin in self.known for origin in origins)
        self.report.changed += changed
        self.report.added += len(origins) - changed

    def _commit(self, parts: Sequence[_FilePart], stale: Sequence[str]) -> None:
        """Embed parts and add them in one commit, which also deletes all other rows of the `stale` files."""
        rows = self._rows(parts)
        with lance_errors(self.folder, "write", REMEDY_WRITING):
            if stale:
                # An id is a hash of file, content and position: rows that match no id are new, or stale.
                merge = self.table.merge_insert("id").when_not_matched_insert_all()
                merge.when_not_matched_by_source_delete(_condition(stale)).execute(rows)
            else:
                self.table.add(rows)
        self.report.pieces += rows.num_rows

    def _rows(self, parts: Sequence[_FilePart]) -> Any:  # noqa: ANN401 - a pyarrow table
        import pyarrow as pa

        pieces = [piece for part in parts for piece in part.pieces]
        vectors_ND = encode(self.encoder, [piece.embedded for piece in pieces], "document")
        columns: dict[str, Any] = {name: [getattr(piece, name) for piece in pieces] for name in PIECE_COLUMNS}
        columns["id"] = [
            content_hash(part.origin, part.content, str(part.start + number))
            for part in parts
            for number in range(len(part.pieces))
        ]
        columns["source"] = [part.origin for part in parts for _ in part.pieces]
        columns["file_hash"] = [part.content if part.last else UNFINISHED for part in parts for _ in part.pieces]
        columns["terms"] = [" ".join(terms(f"{piece.path}\n{piece.name}\n{piece.text}")) for piece in pieces]
        columns["vector"] = pa.FixedSizeListArray.from_arrays(pa.array(vectors_ND.ravel()), self.encoder.dimension)
        return pa.table(columns, schema=schema(self.encoder.dimension))

    def _forget(self, origins: Sequence[str]) -> None:
        with lance_errors(self.folder, "write", REMEDY_WRITING):
            for start in range(0, len(origins), PATHS_PER_DELETION):
                self.table.delete(_condition(origins[start : start + PATHS_PER_DELETION]))
        self.report.removed += len(origins)


def _condition(origins: Sequence[str]) -> str:
    """The SQL condition that selects the rows of these files."""
    names = ", ".join("'" + origin.replace("'", "''") + "'" for origin in origins)
    return f"source IN ({names})"
