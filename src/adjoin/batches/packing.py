"""Sequence packing: documents as two token streams on disk, one to train on and one held out.

    tokens/
      packed.json        counts; written last, so a folder without it is unfinished and is overwritten
      tokenizer.json
      trained.npy        tokens of all training documents end to end, each between the document delimiters
      held_out.npy       likewise the documents that are never trained on

No document is truncated. A stream is cut into rows (rows.py): a long document continues in the next rows, and
several short ones share a row, as in GPT-3's training (Brown et al. 2020, arXiv 2005.14165, appendix B).

Worker processes read and tokenize. One writer appends their results in the order of the sources, so the files do
not depend on the number of workers. In memory are a few workers' results, and one integer per document.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.batches.columns import GrowingColumn, open_column
from adjoin.batches.tokenizing import tokenizer_of_worker
from adjoin.corpus import Source, read_source
from adjoin.errors import AdjoinError
from adjoin.files import read_json, write_atomically, write_json, wrong_types
from adjoin.pairs.pair import text_hash
from adjoin.tally import Tally
from adjoin.tokens import FILE as TOKENIZER
from adjoin.tokens import Tokenizer
from adjoin.workers import in_order

FORMAT = 1
STATE = "packed.json"
TRAINED, HELD_OUT = "trained", "held_out"
HELD_OUT_OF = 100  # one document in 100 is held out
SOURCES_PER_TASK, DOCUMENTS_AT_ONCE = 32, 32

_WHOLE = 1 << 40  # maximum tokens per document: none is truncated


@dataclass(frozen=True, slots=True)
class Content:
    """The content of packed.json: the counts of both streams.

    Attributes:
        format: format version.
        data: hash of the documents in order.
        documents, tokens: counts of the training stream; tokens include delimiters.
        held_out_documents, held_out_tokens: counts of the held-out stream.
        held_out_bytes: UTF-8 bytes of the held-out texts.
        passed_over: files and documents that were skipped, by reason.
    """

    format: int
    data: str
    documents: int
    tokens: int
    held_out_documents: int
    held_out_tokens: int
    held_out_bytes: int
    passed_over: dict[str, int]


@dataclass(frozen=True, slots=True)
class PackedStreams:
    """The training stream and the held-out stream, memory-mapped.

    Attributes:
        content: counts of both streams.
        trained_N, held_out_N: token ids, uint16 or int32.
    """

    content: Content
    trained_N: NDArray[Any]
    held_out_N: NDArray[Any]

    @classmethod
    def open(cls, folder: Path) -> "PackedStreams":
        """Open the streams that `pack` wrote.

        Raises:
            AdjoinError: the folder is missing, unfinished or damaged.
        """
        value = read_json(folder / STATE, "state of the packed tokens")
        declared: dict[str, Any] = {entry.name: entry.type for entry in fields(Content)}
        if not isinstance(value, dict) or value.keys() != declared.keys() or wrong_types(value, declared):
            raise AdjoinError(f"{folder / STATE} is damaged: expected {', '.join(declared)}; remove {folder}")
        content = Content(**value)
        if content.format != FORMAT:
            raise AdjoinError(
                f"{folder / STATE} is of format {content.format}, expected {FORMAT}; remove {folder}"
            )
        rows = {TRAINED: content.tokens, HELD_OUT: content.held_out_tokens}
        return cls(content, *(open_column(folder / f"{name}.npy", number) for name, number in rows.items()))


def holds(folder: Path, data: str | None) -> bool:
    """Whether a folder has the finished streams of the documents with the hash `data`."""
    try:
        return PackedStreams.open(folder).content.data == data
    except AdjoinError:
        return False


def pack(
    sources: Sequence[Source], tokenizer: Tokenizer, folder: Path, tally: Tally, *, workers: int | None = None
) -> PackedStreams:
    """Tokenize all documents of the sources into two streams in `folder`.

    Documents with the same text are packed once. About one document in `HELD_OUT_OF` is held out, by the hash of
    its text, so every corpus that contains it holds it out. If the hashes hold out none, the last document is.
    Only one process at a time may write to a folder.

    Args:
        sources: the sources, from `find_sources`.
        tokenizer: tokenizer of the model to train.
        folder: made if it is missing, overwritten if it is not.
        tally: skipped files and documents so far; those skipped here are added.
        workers: number of processes; None for one per CPU core.

    Returns:
        The finished streams.

    Raises:
        AdjoinError: there are fewer than two documents, or a worker was killed.
        OSError: the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STATE).unlink(missing_ok=True)
    description = tokenizer.to_json()
    write_atomically(folder / TOKENIZER, description)
    digest = hashlib.sha256(description.encode()).hexdigest()
    highest = max(tokenizer.backend.get_vocab().values())
    ids = "<u2" if highest < 1 << 16 else "<i4"
    tasks = [
        _PackingTask(list(sources[i : i + SOURCES_PER_TASK]), folder / TOKENIZER, digest, ids)
        for i in range(0, len(sources), SOURCES_PER_TASK)
    ]
    writer = _StreamWriter(folder, ids, tally)
    with closing(in_order(_tokenize, tasks, workers)) as parts:
        for part in parts:
            writer.append(part)
    writer.finish()
    return PackedStreams.open(folder)


@dataclass(frozen=True, slots=True)
class _PackingTask:
    """Sources for a worker to tokenize."""

    sources: list[Source]
    tokenizer: Path
    tokenizer_hash: str
    ids: str


@dataclass(frozen=True, slots=True)
class _TokenizedSources:
    """Tokenized sources: tokens end to end; length, hash, bytes and origin of each document."""

    ids_N: NDArray[Any]
    documents: list[tuple[int, int, int, str]]
    tally: Tally


def _tokenize(task: _PackingTask) -> _TokenizedSources:
    tokenizer = tokenizer_of_worker(task.tokenizer, task.tokenizer_hash)
    tally = Tally()
    remaining = (document for source in task.sources for document in read_source(source, tally))
    parts: list[NDArray[Any]] = [np.zeros(0, task.ids)]
    documents: list[tuple[int, int, int, str]] = []
    while batch := list(islice(remaining, DOCUMENTS_AT_ONCE)):
        tokens = tokenizer.encode([document.text for document in batch], "document", _WHOLE)
        parts.append(tokens.ids_N.astype(task.ids))  # uint16 halves what goes through the pipe
        documents += [
            (length, text_hash(document.text), len(document.text.encode("utf-8", "replace")), document.origin)
            for length, document in zip(tokens.lengths_B.tolist(), batch, strict=True)
        ]
    return _TokenizedSources(np.concatenate(parts), documents, tally)


class _StreamWriter:
    """Appends documents to the two streams."""

    def __init__(self, folder: Path, ids: str, tally: Tally) -> None:
        self._folder, self._tally = folder, tally
        self._columns = {name: GrowingColumn(folder / f"{name}.npy", ids) for name in (TRAINED, HELD_OUT)}
        self._documents, self._bytes = dict.fromkeys(self._columns, 0), dict.fromkeys(self._columns, 0)
        self._seen: set[int] = set()
        self._data = hashlib.sha256()
        self._waiting: tuple[NDArray[Any], int] | None = None  # the last document that its hash does not hold out

    def append(self, part: _TokenizedSources) -> None:
        """Append the documents of some sources."""
        self._tally.merge(part.tally)
        for ids_n, number, size, origin in _documents_of(part):
            if number in self._seen:
                self._tally.add("duplicate", origin)
                continue
            self._seen.add(number)
            self._data.update(number.to_bytes(8, "big", signed=True))
            if number % HELD_OUT_OF == 0:
                self._write(HELD_OUT, ids_n, size)
            else:
                self._write_waiting(TRAINED)
                self._waiting = ids_n, size

    def finish(self) -> None:
        """Write the last document, close the streams, and write packed.json."""
        self._write_waiting(TRAINED if self._documents[HELD_OUT] else HELD_OUT)
        for column in self._columns.values():
            column.finish()
        if not self._documents[TRAINED]:
            raise AdjoinError(
                f"{len(self._seen)} documents to read, expected 2 or more, one of which is held out"
                f" ({self._tally.summary() or 'nothing was skipped'}): give more folders, files or archives"
            )
        content = Content(
            format=FORMAT,
            data=self._data.hexdigest(),
            documents=self._documents[TRAINED],
            tokens=self._columns[TRAINED].rows,
            held_out_documents=self._documents[HELD_OUT],
            held_out_tokens=self._columns[HELD_OUT].rows,
            held_out_bytes=self._bytes[HELD_OUT],
            passed_over=dict(sorted(self._tally.counts.items())),
        )
        write_json(self._folder / STATE, asdict(content))

    def _write_waiting(self, stream: str) -> None:
        if self._waiting is not None:
            self._write(stream, *self._waiting)
            self._waiting = None

    def _write(self, stream: str, ids_n: NDArray[Any], size: int) -> None:
        self._columns[stream].append(ids_n)
        self._documents[stream] += 1
        self._bytes[stream] += size


def _documents_of(part: _TokenizedSources) -> Iterator[tuple[NDArray[Any], int, int, str]]:
    """Tokens, hash, bytes and origin of each document."""
    end = 0
    for length, number, size, origin in part.documents:
        end += length
        yield part.ids_N[end - length : end], number, size, origin
