"""Documents → two streams of tokens on disk, mapped into memory: one to train on, one to measure on.

    tokens/
      packed.json        how much of what; written last, a folder without it is begun afresh
      tokenizer.json
      trained.npy        the tokens of all documents end to end, each between the document role's delimiters
      held_out.npy       the same of the documents that are never trained on

No document is cut: where rows are made of a stream (rows.py), a long one flows on into the rows that follow, and
several short ones share a row, as in GPT-3's training (Brown et al. 2020, arXiv 2005.14165, appendix B).

Worker processes read and tokenize, one writer appends in the sources' order, so the bytes do not depend on the
number of workers. No more than a few workers' results are ever in memory, and a number for each document.
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
HELD_OUT_OF = 100  # one document of so many
SOURCES_PER_TASK, DOCUMENTS_AT_ONCE = 32, 32

_WHOLE = 1 << 40  # tokens: no document has as many


@dataclass(frozen=True, slots=True)
class Content:
    """What packed.json says.

    Attributes:
        format: of the streams.
        data: a hash of the documents in their order.
        documents, tokens: in the stream to train on, delimiters included.
        held_out_documents, held_out_tokens: in the other one.
        held_out_bytes: of the latter's texts, in UTF-8.
        passed_over: how much was not read, or left out, by reason.
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
    """The two streams, mapped into memory.

    Attributes:
        content: how much of what.
        trained_N, held_out_N: their tokens, uint16 or int32.
    """

    content: Content
    trained_N: NDArray[Any]
    held_out_N: NDArray[Any]

    @classmethod
    def open(cls, folder: Path) -> "PackedStreams":
        """Open what `pack` has finished.

        Raises:
            AdjoinError: it is missing or damaged.
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
    """Whether a finished pack of the documents with the hash `data` lies in a folder."""
    try:
        return PackedStreams.open(folder).content.data == data
    except AdjoinError:
        return False


def pack(
    sources: Sequence[Source], tokenizer: Tokenizer, folder: Path, tally: Tally, *, workers: int | None = None
) -> PackedStreams:
    """Tokenize all Documents of the sources into `folder`, which one builder at a time may fill.

    Of documents with the same text the first counts. Held out is every document whose text's hash says so, about
    one of `HELD_OUT_OF`, in this corpus as in any other that it is part of; the last one if there is none.

    Args:
        sources: what `find_sources` found.
        tokenizer: of the model that is trained.
        folder: made if it is missing; what stands there is written over.
        tally: what was passed over before; what is passed over now comes on top.
        workers: processes; None for one a processor.

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
        _Task(list(sources[i : i + SOURCES_PER_TASK]), folder / TOKENIZER, digest, ids)
        for i in range(0, len(sources), SOURCES_PER_TASK)
    ]
    writer = _Writer(folder, ids, tally)
    with closing(in_order(_tokenize, tasks, workers)) as parts:
        for part in parts:
            writer.append(part)
    writer.finish()
    return PackedStreams.open(folder)


@dataclass(frozen=True, slots=True)
class _Task:
    """What a worker needs to tokenize some sources."""

    sources: list[Source]
    tokenizer: Path
    tokenizer_hash: str
    ids: str


@dataclass(frozen=True, slots=True)
class _Part:
    """Some sources, tokenized: their tokens end to end; of each document its length, hash, bytes and origin."""

    ids_N: NDArray[Any]
    documents: list[tuple[int, int, int, str]]
    tally: Tally


def _tokenize(task: _Task) -> _Part:
    tokenizer = tokenizer_of_worker(task.tokenizer, task.tokenizer_hash)
    tally = Tally()
    remaining = (document for source in task.sources for document in read_source(source, tally))
    parts: list[NDArray[Any]] = [np.zeros(0, task.ids)]
    documents: list[tuple[int, int, int, str]] = []
    while some := list(islice(remaining, DOCUMENTS_AT_ONCE)):
        tokens = tokenizer.encode([document.text for document in some], "document", _WHOLE)
        parts.append(tokens.ids_N.astype(task.ids))  # half the way through the pipe
        documents += [
            (length, text_hash(document.text), len(document.text.encode("utf-8", "replace")), document.origin)
            for length, document in zip(tokens.lengths_B.tolist(), some, strict=True)
        ]
    return _Part(np.concatenate(parts), documents, tally)


class _Writer:
    """Appends documents to the two streams."""

    def __init__(self, folder: Path, ids: str, tally: Tally) -> None:
        self._folder, self._tally = folder, tally
        self._columns = {name: GrowingColumn(folder / f"{name}.npy", ids) for name in (TRAINED, HELD_OUT)}
        self._documents, self._bytes = dict.fromkeys(self._columns, 0), dict.fromkeys(self._columns, 0)
        self._seen: set[int] = set()
        self._data = hashlib.sha256()
        self._waiting: tuple[NDArray[Any], int] | None = None  # the last document that is not held out by its hash

    def append(self, part: _Part) -> None:
        """Add some sources' documents."""
        self._tally.merge(part.tally)
        for ids_n, number, size, origin in _one_by_one(part):
            if number in self._seen:
                self._tally.add("duplicate", origin)
                continue
            self._seen.add(number)
            self._data.update(number.to_bytes(8, "big", signed=True))
            if number % HELD_OUT_OF == 0:
                self._write(HELD_OUT, ids_n, size)
            else:
                self._let_go(TRAINED)
                self._waiting = ids_n, size

    def finish(self) -> None:
        """Place the last document, close the streams, and say that all is done."""
        self._let_go(TRAINED if self._documents[HELD_OUT] else HELD_OUT)
        for column in self._columns.values():
            column.finish()
        if not self._documents[TRAINED]:
            raise AdjoinError(
                f"{len(self._seen)} documents to read, expected 2 or more, one of them to measure on"
                f" ({self._tally.summary() or 'nothing was passed over'}): give more folders, files or archives"
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

    def _let_go(self, stream: str) -> None:
        if self._waiting is not None:
            self._write(stream, *self._waiting)
            self._waiting = None

    def _write(self, stream: str, ids_n: NDArray[Any], size: int) -> None:
        self._columns[stream].append(ids_n)
        self._documents[stream] += 1
        self._bytes[stream] += size


def _one_by_one(part: _Part) -> Iterator[tuple[NDArray[Any], int, int, str]]:
    """Each document's tokens, hash, bytes and origin."""
    end = 0
    for length, number, size, origin in part.documents:
        end += length
        yield part.ids_N[end - length : end], number, size, origin
