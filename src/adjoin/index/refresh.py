"""Makes an index, or refreshes it: read the files that changed, embed them in batches, publish a version.

A file whose size, modification time and inode are those of its record is not read. Of any other file the bytes
are hashed: a checkout or a `touch` costs no more. A file that was modified within `TICK_NS` before it was listed
may be modified again without a sign, as in git's index. Its time is not recorded, so the next refresh hashes it.
"""

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from adjoin.errors import AdjoinError
from adjoin.index.embedder import Embedder, check_encoder, encode, fingerprint_of
from adjoin.index.locating import Location, open_store
from adjoin.index.omissions import count, omissions, written
from adjoin.index.readahead import Reading, readings
from adjoin.index.sources import Listing, TreeFile, list_files
from adjoin.index.store import UNTRUSTED, FileRecord, IndexDescription, IndexedFile, Store, Writer, quantized
from adjoin.outputs import checked_folder
from adjoin.pieces import Piece, encoded_text
from adjoin.sandbox import PARSERS
from adjoin.tally import Tally

BATCH_PIECES = 1024  # lost at most if the process is killed: a second or two of work on a CPU
BATCH_FILES = 256
TICK_NS = 2_000_000_000  # of the coarsest file system, FAT
FOLDER = ".adjoin"  # the folder of an index, below its root


@dataclass
class RefreshReport:
    """What `refresh` did.

    Attributes:
        added: number of files that were new to the index.
        changed: number of files whose content had changed.
        removed: number of files that no longer exist, or no longer hold a piece.
        unchanged: number of files with pieces that were up to date, including those of an interrupted run.
        pieces: number of pieces that were embedded.
        total: number of pieces in the index now.
        new_model: whether another model had made the index, so that everything was embedded again.
        skipped: counts of files that were skipped or read in part, by reason: each once for each reason.
        description: what the index holds now.
    """

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    pieces: int = 0
    total: int = 0
    new_model: bool = False
    skipped: Tally = field(default_factory=Tally)
    description: IndexDescription | None = None

    def summary(self) -> str:
        """Return one line, such as "files: 3 added, 0 changed, ...; pieces: 12 embedded, 12 in the index"."""
        line = (
            f"files: {self.added:,} added, {self.changed:,} changed, {self.removed:,} removed, "
            f"{self.unchanged:,} unchanged; pieces: {self.pieces:,} embedded, {self.total:,} in the index"
        )
        if self.new_model:
            line += "; all files were embedded again: another model had made the index"
        return line + (f"; skipped: {self.skipped.summary()}" if self.skipped.counts else "")


def refresh(
    root: Path,
    folder: Location | None,
    encoder: Embedder,
    *,
    model: str = "",
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
    store: Store | None = None,
) -> RefreshReport:
    """Make or refresh the search index of a folder. Only new and changed files are read and embedded.

    Searches read the old version until the new one is complete. The process may be killed at any time: the next
    call continues.

    Args:
        root: the folder or the single file to index.
        folder: the folder of the index, which may be below `root`, or its address in PostgreSQL; None for
            ROOT/.adjoin.
        encoder: embeds the pieces. If another encoder made the index, all files are embedded again. A
            `LazyEncoder` is loaded only if there is something to embed.
        model: name or folder of the model as the user gave it, stored in the index so that a search can load it.
        include: shell patterns: only files that match one.
        exclude: shell patterns: no file that matches one.
        progress: called with (files done, files in total).
        store: another store than that of `folder`.

    Returns:
        Counts of files and pieces.

    Raises:
        AdjoinError: there is nothing to index in `root`; the index belongs to another folder that still exists;
            another process is refreshing it; the disk is full or may not be written to; its files are damaged.
    """
    check_encoder(encoder)
    folder = folder or root / FOLDER
    if isinstance(folder, Path):
        checked_folder(folder, inputs=[root])  # what an index holds is not indexed
    listed_ns = time.time_ns()
    own = folder if isinstance(folder, Path) else root / FOLDER
    listing = list_files(root, own, include, exclude)
    if not listing.files:
        raise AdjoinError(_nothing_to_index(root, listing.skipped))
    with (store or open_store(folder)).writing() as writer, _few_collections():
        if writer.description is not None:
            _refuse_other_root(writer.description, root, folder)
        return _Refresh(writer, encoder, listing, listed_ns, progress).run(root, model)


def _nothing_to_index(root: Path, skipped: Tally) -> str:
    passed_over = f" (skipped: {skipped.summary()})" if skipped.counts else ""
    return (
        f"nothing to index in {root}{passed_over}: expected a folder with source code or prose; give another one"
    )


def _refuse_other_root(before: IndexDescription, root: Path, folder: Location) -> None:
    """Refuse to replace the index of another folder because of a wrong --out. A moved folder keeps its index."""
    if (
        isinstance(folder, Path) and folder.resolve() == (root / FOLDER).resolve()
    ):  # a folder that was copied with its index
        return
    if str(root.resolve()) != before.root and Path(before.root).exists():
        other = (
            "choose another --out, or remove it first"
            if isinstance(folder, Path)
            else "choose another ?index=NAME"
        )
        raise AdjoinError(f"the index {folder} belongs to {before.root}, not to {root}: {other}")


@contextmanager
def _few_collections() -> Iterator[None]:
    """Search for cycles of objects once a batch (`_stage`): what a refresh makes has none, and it makes millions.

    The collector, which looks again and again at the batch in hand, took 4 % of the time of an index from nothing.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Refresh:
    """One run over the files."""

    def __init__(
        self,
        writer: Writer,
        encoder: Embedder,
        listing: Listing,
        listed_ns: int,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self.writer = writer
        self.encoder = encoder
        self.listing = listing
        self.listed_ns = listed_ns
        self.progress = progress or (lambda done, total: None)
        self.report = RefreshReport(skipped=listing.skipped)
        self.known: Mapping[str, FileRecord] = {}
        self.kept: dict[str, int] = {}  # the files that the index will hold, with their numbers of pieces
        self.batch: list[tuple[FileRecord, list[Piece]]] = []
        self.restated: list[FileRecord] = []
        self.staged = 0

    def run(self, root: Path, model: str) -> RefreshReport:
        """Stage all new and changed files, then publish them."""
        before = self.writer.description
        stamp, known = (before.stamp, before.fingerprint) if before is not None else ("", "")
        fingerprint = fingerprint_of(self.encoder, stamp, known)
        self.known = self.writer.begin(fingerprint, self.encoder.dimension)
        files = self.listing.files
        changed = [(file, self._content(file)) for file in files.values() if not self._is_known(file)]
        reading = readings(changed)
        try:
            for number, file in enumerate(files.values()):
                if self._is_known(file):
                    self._keep(self.known[file.origin])
                else:
                    self._take(file, next(reading))
                if not self.batch:
                    self.progress(number, len(files))
        finally:
            reading.close()
            PARSERS.close()
        self._stage()
        removed = sorted(self.known.keys() - self.kept.keys())
        self.report.removed += sum(self.known[path].pieces > 0 for path in removed)
        self.report.new_model = before is not None and before.fingerprint != fingerprint
        self._finish(before, root, model, removed)
        self.progress(len(files), len(files))
        return self.report

    def _finish(self, before: IndexDescription | None, root: Path, model: str, removed: Sequence[str]) -> None:
        where = str(root.resolve())
        self.report.total = sum(self.kept.values())
        if not self.report.total:
            raise AdjoinError(_nothing_to_index(root, self.report.skipped))
        is_same = (
            before is not None and (before.root, before.model) == (where, model) and not self.report.new_model
        )
        if is_same and not (self.staged or removed or self.writer.has_staged):
            self.writer.restate(self.restated)
            self.report.description = before
            return
        self.report.description = self.writer.publish(
            where, model, stamp=getattr(self.encoder, "stamp", ""), removed=removed, restated=self.restated
        )

    def _is_known(self, file: TreeFile) -> bool:
        record = self.known.get(file.origin)
        return record is not None and _same_file(record, file)

    def _content(self, file: TreeFile) -> str:
        record = self.known.get(file.origin)
        return record.content if record is not None else ""

    def _take(self, file: TreeFile, reading: Reading) -> None:
        """Take one file that was read: nothing to do, or into the next batch."""
        content, pieces, skipped = reading.content, reading.pieces, reading.skipped
        if content is None:
            self.report.skipped.add("unreadable", f"{file.origin}: {reading.error}")
            return
        if not reading.is_settled:  # never trusted, so that the next refresh reads it again
            self.report.skipped.add("changed while it was read", file.origin)
            file = replace(file, mtime_ns=self.listed_ns)
        record = self.known.get(file.origin)
        trusted = file.mtime_ns if file.mtime_ns < self.listed_ns - TICK_NS else UNTRUSTED
        if record is not None and record.content == content:
            current = replace(record, size=file.size, mtime_ns=trusted, inode=file.inode)
            if current != record:
                self.restated.append(current)
            self._keep(record)
            return
        if not pieces and not skipped.counts:
            skipped.add("nothing to find in it", file.origin)
        reason = written(skipped, file.origin)
        count(omissions(file.origin, reason, len(pieces)), self.report.skipped)
        self._count(record, len(pieces))
        self.kept[file.origin] = len(pieces)
        new = FileRecord(file.origin, file.size, trusted, file.inode, content, len(pieces), reason)
        self.batch.append((new, pieces))
        if len(self.batch) >= BATCH_FILES or sum(len(pieces) for _, pieces in self.batch) >= BATCH_PIECES:
            self._stage()

    def _keep(self, record: FileRecord) -> None:
        self.kept[record.path] = record.pieces
        self.report.unchanged += record.pieces > 0
        count(omissions(record.path, record.reason, record.pieces), self.report.skipped)

    def _count(self, record: FileRecord | None, pieces: int) -> None:
        had_pieces = record is not None and record.pieces > 0
        if pieces and had_pieces:
            self.report.changed += 1
        elif pieces:
            self.report.added += 1
        elif had_pieces:
            self.report.removed += 1

    def _stage(self) -> None:
        """Embed the batch and put it aside."""
        if not self.batch:
            return
        texts = [encoded_text(piece) for _, pieces in self.batch for piece in pieces]
        places = [f"{piece.path}:{piece.first_line}" for _, pieces in self.batch for piece in pieces]
        codes_ND = np.empty((len(texts), self.encoder.dimension), np.int8)
        scales_N = np.empty(len(texts), np.float32)
        for start in range(0, len(texts), BATCH_PIECES):
            part = slice(start, start + BATCH_PIECES)
            vectors_ND = encode(self.encoder, texts[part], "document", places[part])
            codes_ND[part], scales_N[part] = quantized(vectors_ND)
        staged, start = [], 0
        for record, pieces in self.batch:
            part = slice(start, start + len(pieces))
            staged.append(IndexedFile(record, pieces, codes_ND[part], scales_N[part]))
            start = part.stop
        self.writer.stage(staged)
        self.report.pieces += len(texts)
        self.staged += len(staged)
        self.batch = []
        gc.collect(1)


def _same_file(record: FileRecord, file: TreeFile) -> bool:
    return (record.size, record.mtime_ns, record.inode) == (file.size, file.mtime_ns, file.inode)
