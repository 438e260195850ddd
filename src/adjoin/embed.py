"""A corpus → vectors on the disk, resumable, in a form that any numpy can map into memory.

    out/
      vectors.npy     float32, shape (N, D): row i is text i
      ids.jsonl       the id of text i on line i, a JSON string
      embedding.json  whose vectors these are, of which input, and how many rows are done

The texts are read twice and never held all at once: once to count them and to hash the input, once to embed.
Rows are appended with plain writes and reach the disk before embedding.json counts them. A memory map would be
shorter, but where the disk is full it kills the process instead of raising.
"""

import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from adjoin.corpus import find_sources, read_source
from adjoin.errors import AdjoinError
from adjoin.files import flush_to_disk, numbered_lines, read_json, write_json
from adjoin.index.embedder import Embedder, Role, encode
from adjoin.index.pieces import pieces_of
from adjoin.index.store import exclusive
from adjoin.tally import Tally

FORMAT = 1
VECTORS, IDS, STATE = "vectors.npy", "ids.jsonl", "embedding.json"
OWN = (VECTORS, IDS, STATE, "lock")
CHUNK_ROWS = 1024  # what a kill loses at most; a few seconds of work on a CPU


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """What `embed_texts` did.

    Attributes:
        rows: N, the number of texts.
        dimension: D.
        embedded: rows that this run embedded; 0 if an earlier one had finished.
    """

    rows: int
    dimension: int
    embedded: int

    def summary(self) -> str:
        """One line for a person."""
        size = f"{self.rows:,} vectors of {self.dimension} dimensions"
        if not self.embedded:
            return f"{size}: finished before, nothing to do"
        earlier = self.rows - self.embedded
        return size + (f", {earlier:,} of them from an earlier run" if earlier else "")


@dataclass(frozen=True, slots=True)
class _State:
    """The content of embedding.json."""

    format: int
    fingerprint: str
    role: str
    rows: int
    dimension: int
    input: str
    chunk_rows: int
    rows_done: int


class Texts:
    """(id, text) pairs from a file or a folder, read anew each time they are iterated.

    Attributes:
        skipped: of a folder, what was passed over in the last reading.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped = Tally()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        self.skipped = Tally()
        if self.path.is_dir():
            return _read_folder(self.path, self.skipped)
        name = self.path.name.lower().removesuffix(".gz")
        return _read_jsonl(self.path) if name.endswith((".jsonl", ".ndjson")) else _read_lines(self.path)


def read_texts(path: Path) -> Texts:
    """The texts of a corpus, to be iterated as (id, text).

    Args:
        path: a JSONL file with "_id" or "id", "text" and perhaps "title", which is put in front; any other
            file: one text a line, empty lines left out, the line number as id; a folder: the pieces of its
            documents, "path:first-last" as id. Files may be compressed (.gz).

    Raises:
        AdjoinError: there is nothing at `path`; while iterating: a line is not what it should be.
    """
    if not path.exists():
        raise AdjoinError(f"no texts at {path}: expected a JSONL or text file, or a folder")
    return Texts(path)


def embed_texts(
    texts: Iterable[tuple[str, str]],
    encoder: Embedder,
    out: Path,
    *,
    role: Role = "document",
    chunk_rows: int = CHUNK_ROWS,
    progress: Callable[[int, int], None] | None = None,
) -> EmbedReport:
    """Embed texts into a folder; go on where an earlier run of the same input and model ended.

    A finished folder is left as it is. An interrupted and resumed run gives the same bytes as one that was not
    interrupted: the chunks are the same.

    Args:
        texts: (id, text) pairs; iterated twice, so a list or `read_texts`, not a generator.
        encoder: embeds them.
        out: the folder, made if it is missing.
        role: whether they are queries, documents, or texts that are compared with each other.
        chunk_rows: rows embedded and committed at a time; a resumed run keeps that of the first.
        progress: called with (rows done, rows in all).

    Raises:
        AdjoinError: no texts; `out` holds vectors of another input, role or model, or something else.
        OSError: the disk is full; run again when there is room.
    """
    if iter(texts) is texts:
        raise AdjoinError(
            "the texts can be read only once: expected a list or `read_texts(path)`, not a generator"
        )
    if isinstance(texts, Texts) and texts.path.resolve().parent == out.resolve() and texts.path.name in OWN:
        raise AdjoinError(f"{texts.path} is the input and would be overwritten: choose another --out")
    if chunk_rows < 1:
        raise AdjoinError(f"chunk_rows is {chunk_rows}, expected at least 1; leave it at {CHUNK_ROWS}")
    report = progress or (lambda done, total: None)
    with exclusive(out):
        state = _begin(texts, encoder, out, role, chunk_rows)
        done_before = state.rows_done
        report(state.rows_done, state.rows)
        if state.rows_done < state.rows:
            with _open_vectors(out / VECTORS, state) as file:
                remaining = islice(iter(texts), state.rows_done, None)
                while state.rows_done < state.rows:
                    state = _embed_chunk(remaining, encoder, file, out, state)
                    report(state.rows_done, state.rows)
    return EmbedReport(state.rows, state.dimension, state.rows - done_before)


def load_vectors(out: Path) -> tuple[list[str], NDArray[np.float32]]:
    """The ids and the vectors, shape (N, D), mapped into memory and read-only.

    Raises:
        AdjoinError: there are none, they are not finished, or the files disagree.
    """
    state = _read_state(out)
    if state.rows_done < state.rows:
        raise AdjoinError(
            f"the vectors in {out} are not finished ({state.rows_done:,} of {state.rows:,}): run `adjoin embed` "
            "again to go on"
        )
    try:
        with (out / IDS).open(encoding="utf-8") as lines:
            ids = [json.loads(line) for line in lines]
        vectors_ND = np.load(out / VECTORS, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise AdjoinError(
            f"the vectors in {out} are damaged: {error}; remove the folder and embed again"
        ) from None
    if vectors_ND.shape != (state.rows, state.dimension) or len(ids) != state.rows:
        raise AdjoinError(
            f"the vectors in {out} are damaged: {len(ids)} ids and vectors of shape {vectors_ND.shape}, expected "
            f"{(state.rows, state.dimension)}; remove the folder and embed again"
        )
    return ids, vectors_ND


def _begin(texts: Iterable[tuple[str, str]], encoder: Embedder, out: Path, role: Role, chunk_rows: int) -> _State:
    """Where to go on in `out`: at its state if that fits, at row 0 if there is none."""
    if not (out / STATE).exists():
        if (out / VECTORS).exists():
            raise AdjoinError(f"{out / VECTORS} is not ours, there is no {STATE} beside it: choose another --out")
        unfinished = out / f".{IDS}"
        try:
            rows, content = _survey(texts, unfinished)
            unfinished.replace(out / IDS)
        finally:
            unfinished.unlink(missing_ok=True)
        state = _State(FORMAT, encoder.fingerprint, role, rows, encoder.dimension, content, chunk_rows, 0)
        write_json(out / STATE, asdict(state))
        return state
    state = _read_state(out)
    remedy = "choose another --out, or remove that folder"
    if state.fingerprint != encoder.fingerprint:
        raise AdjoinError(
            f"{out} holds vectors of the model {state.fingerprint}, not of {encoder.fingerprint}: {remedy}"
        )
    if state.role != role:
        raise AdjoinError(f"{out} holds vectors of the role {state.role}, not {role}: {remedy}")
    rows, content = _survey(texts, None)
    if content != state.input:
        raise AdjoinError(
            f"{out} holds vectors of another input ({state.rows:,} texts; there are {rows:,} now): {remedy}"
        )
    return state


def _survey(texts: Iterable[tuple[str, str]], ids: Path | None) -> tuple[int, str]:
    """Count the texts, hash ids and texts, and write the ids if a place is given."""
    digest = hashlib.blake2b(digest_size=16)
    rows = 0
    with (ids or Path(os.devnull)).open("wb") as file:
        for name, text in texts:
            for part in (name, text):
                data = part.encode("utf-8", "surrogatepass")
                digest.update(len(data).to_bytes(8, "big"))  # so that ("ab", "c") is not ("a", "bc")
                digest.update(data)
            file.write(json.dumps(name).encode() + b"\n")
            rows += 1
    if not rows:
        raise AdjoinError("nothing to embed: there is no text in the input; give another file or folder")
    if ids is not None:
        flush_to_disk(ids)
    return rows, digest.hexdigest()


def _read_state(out: Path) -> _State:
    value = read_json(out / STATE, "state of the vectors")
    wanted = {field.name: field.type for field in fields(_State)}
    whole = isinstance(value, dict) and all(type(value.get(name)) is kind for name, kind in wanted.items())
    if not whole or value["format"] != FORMAT or not 0 <= value["rows_done"] <= value["rows"]:
        raise AdjoinError(
            f"{out / STATE} is damaged or of another version: expected {', '.join(wanted)} with format {FORMAT}; "
            "remove the folder and embed again"
        )
    return _State(**{name: value[name] for name in wanted})


def _open_vectors(path: Path, state: _State) -> BinaryIO:
    """The file of vectors, to be written from row `rows_done` on; what a killed run left behind it is cut off."""
    if state.rows_done == 0:
        fresh = path.open("wb")
        shape = (state.rows, state.dimension)
        np.lib.format.write_array_header_1_0(fresh, {"shape": shape, "fortran_order": False, "descr": "<f4"})
        return fresh
    try:
        file = path.open("r+b")
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
    except (OSError, ValueError) as error:
        raise AdjoinError(f"{path} is damaged: {error}; remove the folder and embed again") from None
    end = file.tell() + state.rows_done * state.dimension * 4
    if file.seek(0, os.SEEK_END) < end:
        file.close()
        raise AdjoinError(f"{path} is damaged: expected at least {end:,} bytes; remove the folder and embed again")
    file.seek(end)
    file.truncate()
    return file


def _embed_chunk(
    remaining: Iterator[tuple[str, str]], encoder: Embedder, file: BinaryIO, out: Path, state: _State
) -> _State:
    """Embed the next chunk; its rows are on the disk before the state counts them."""
    number = min(state.chunk_rows, state.rows - state.rows_done)
    chunk = [text for _, text in islice(remaining, number)]
    if len(chunk) < number:
        raise AdjoinError(
            f"the input of {out} became shorter while it was read: remove the folder and embed again"
        )
    vectors_ND = encode(encoder, chunk, state.role)
    file.write(vectors_ND.astype("<f4", copy=False).tobytes())
    file.flush()
    os.fsync(file.fileno())
    state = replace(state, rows_done=state.rows_done + number)
    write_json(out / STATE, asdict(state))
    return state


def _read_folder(folder: Path, skipped: Tally) -> Iterator[tuple[str, str]]:
    for source in find_sources([folder], skipped, streams=False):
        for document in read_source(source, skipped):
            for piece in pieces_of(document):
                yield f"{piece.path}:{piece.first_line}-{piece.last_line}", piece.embedded


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not empty, with their numbers from 1."""
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
            for number, line in numbered_lines(file, path):
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                if text:
                    yield number, text
    except UnicodeDecodeError:
        raise AdjoinError(f"{path}:{number} is not UTF-8: convert the file to UTF-8") from None
    except (OSError, EOFError, zlib.error) as error:
        raise AdjoinError(f"cannot read {path} after line {number}: {error}; give a whole file") from None


def _read_lines(path: Path) -> Iterator[tuple[str, str]]:
    return ((str(number), text) for number, text in _lines(path))


def _read_jsonl(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in _lines(path):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise AdjoinError(f"{path}:{number} is not JSON ({error}): expected one object a line") from None
        name = value.get("_id", value.get("id")) if isinstance(value, dict) else None
        if not isinstance(name, str | int) or not isinstance(value.get("text"), str):
            raise AdjoinError(
                f'{path}:{number} is {line[:60]!r}: expected an object with "_id" or "id", and "text", such as '
                '{"_id": "7", "text": "..."}'
            )
        title = value.get("title") or ""
        yield str(name), f"{title} {value['text']}".strip() if isinstance(title, str) else value["text"]
