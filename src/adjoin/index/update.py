"""Bringing an index up to date: read what changed, embed it, commit it batch by batch, publish.

Files are compared by the hash of their bytes, so a checkout or a `touch` costs nothing. Each batch holds
whole files and is committed in one version of the table, its old pieces replaced in the same step; a run that
is killed loses at most the batch it was embedding. How a state becomes the one that answers: store.py.
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
from adjoin.index.pieces import Piece, pieces_of
from adjoin.index.store import (
    DESCRIPTION,
    FORMAT,
    REMEDY_READING,
    REMEDY_WRITING,
    Description,
    clean_up,
    exclusive,
    lance_errors,
    open_or_create,
    publish,
    read_description,
    schema,
    table_name,
)
from adjoin.ranking.lexical import terms
from adjoin.tally import Tally

BATCH_PIECES = 256  # a commit takes 25 ms, embedding this many on a CPU a second or more
BATCH_FILES = 64
PATHS_PER_DELETION = 500
UNFINISHED = ""  # in place of the hash of a file that is only partly in the table
PIECE_COLUMNS = tuple(field.name for field in fields(Piece) if field.name != "embedded")


@dataclass
class IndexReport:
    """What an update did.

    Attributes:
        added: number of files that were not in the index.
        changed: number of files whose content is another.
        removed: number of files that are no longer there, or no longer hold anything to find.
        unchanged: number of files that were left as they are, also by an earlier, unfinished run.
        pieces: number of pieces that were embedded.
        total: number of pieces in the index now.
        new_model: whether the index was made by another model before, so that all was embedded again.
        skipped: what was passed over, with the reason.
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
        """One line for a person."""
        line = (
            f"files: {self.added:,} added, {self.changed:,} changed, {self.removed:,} removed, "
            f"{self.unchanged:,} unchanged; pieces: {self.pieces:,} embedded, {self.total:,} in the index"
        )
        if self.new_model:
            line += "; embedded anew: the index was made by another model"
        return line + (f"; skipped: {self.skipped.summary()}" if self.skipped.counts else "")


def update_index(
    root: Path,
    folder: Path,
    encoder: Embedder,
    *,
    model: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> IndexReport:
    """Make the index at `folder` hold what is below `root`, embedding only what it does not hold yet.

    Searches see the old state until the new one is whole. May be killed at any moment and run again.

    Args:
        root: the folder (or the one file) to index.
        folder: where the index is kept; it may lie below `root`.
        encoder: embeds the pieces; another one than before embeds everything anew.
        model: what the user called the model; kept in the index so that a search can load it.
        progress: called with (files done, files in all).

    Raises:
        AdjoinError: nothing to index below `root`; the index belongs to another folder that still exists;
            another process is updating it; the disk is full; its files are damaged.
        OSError: the disk is full; the old state still answers.
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
            raise AdjoinError(_nothing(root, report.skipped))
        report.new_model = before is not None and before.fingerprint != encoder.fingerprint
        description = Description(
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
    """Origin → what there is to index, without the index itself."""
    own = folder.resolve()
    found: dict[str, Source] = {}
    for source in find_sources([root], skipped, streams=False):
        if source.origin in found:  # names that differ in bytes which are not UTF-8
            skipped.add("name written like another's", source.origin)
        elif not source.path.resolve().is_relative_to(own):
            found[source.origin] = source
    if not found:
        raise AdjoinError(_nothing(root, skipped))
    return found


def _nothing(root: Path, skipped: Tally) -> str:
    passed_over = f" (skipped: {skipped.summary()})" if skipped.counts else ""
    return f"nothing to index in {root}{passed_over}: expected a folder with source code or prose; name another"


def _refuse_other_root(before: Description, root: Path, folder: Path) -> None:
    """An index follows its folder when that is moved, but is not emptied because of a wrong --out."""
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
class _Part:
    """Pieces of one file that are committed together: all of them, or one run of a large file's.

    Attributes:
        origin: the file.
        content: its hash.
        start: number of the first of the pieces within the file.
        pieces: at least one.
        last: whether the file ends here.
    """

    origin: str
    content: str
    start: int
    pieces: list[Piece]
    last: bool = True


class _Update:
    """One run over the files: commits what is new or changed, then forgets what is gone."""

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
        self.batch: list[_Part] = []

    def run(self, sources: Mapping[str, Source]) -> None:
        """Go over all files, then forget those the table knows and nobody has met."""
        met = set()
        for number, (origin, source) in enumerate(sources.items()):
            if self._take(origin, source):
                met.add(origin)
            if not self.batch:
                self.progress(number, len(sources))
        self._commit_batch()
        self._forget(sorted(self.known.keys() - met))
        self.progress(len(sources), len(sources))

    def _read_known(self) -> dict[str, str]:
        """File → hash of the content whose pieces the table holds; `UNFINISHED` if only some of them."""
        with lance_errors(self.folder, "read", REMEDY_READING):
            rows = self.table.search().select(["source", "file_hash"]).to_arrow()
        known: dict[str, str] = {}
        for origin, found in zip(rows["source"].to_pylist(), rows["file_hash"].to_pylist(), strict=True):
            known[origin] = found or known.get(origin, UNFINISHED)
        return known

    def _take(self, origin: str, source: Source) -> bool:
        """Bring one file up to date, now or with the next batch; whether there is anything to find in it."""
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
            self.batch.append(_Part(origin, content, 0, first))
        if len(self.batch) >= BATCH_FILES or sum(len(part.pieces) for part in self.batch) >= BATCH_PIECES:
            self._commit_batch()
        return True

    def _hash(self, origin: str, source: Source) -> str | None:
        """Hash of the bytes; taken before the file is read, so a later edit is noticed by the next run."""
        try:
            with source.path.open("rb") as file:
                return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        except OSError as error:
            self.report.skipped.add("unreadable", f"{origin}: {error.strerror}")
            return None

    def _commit_large(self, origin: str, content: str, first: list[Piece], rest: Iterator[Piece]) -> None:
        """Commit an archive or a large file part by part, so that memory holds one part of it.

        Only the rows of the last part carry the hash: after a kill in between, the file counts as changed.
        """
        start, pieces = 0, first
        while pieces:
            following = list(islice(rest, BATCH_PIECES))
            part = _Part(origin, content, start, pieces, last=not following)
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

    def _commit(self, parts: Sequence[_Part], stale: Sequence[str]) -> None:
        """Embed parts and write them in one version, in place of all other rows of the `stale` files."""
        rows = self._rows(parts)
        with lance_errors(self.folder, "write", REMEDY_WRITING):
            if stale:
                # An id stands for one content in one place: what matches no row is exactly the new and the stale.
                merge = self.table.merge_insert("id").when_not_matched_insert_all()
                merge.when_not_matched_by_source_delete(_condition(stale)).execute(rows)
            else:
                self.table.add(rows)
        self.report.pieces += rows.num_rows

    def _rows(self, parts: Sequence[_Part]) -> Any:  # noqa: ANN401 - a pyarrow table
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
    """A condition, in Lance's SQL, on the rows of these files."""
    names = ", ".join("'" + origin.replace("'", "''") + "'" for origin in origins)
    return f"source IN ({names})"
