"""Embeds a corpus into a folder of NumPy files, resumable, in bounded memory.

    out/
      vectors.npy     float32, shape (N, D): row i is the vector of text i
      ids.jsonl       line i is the id of text i, a JSON string
      embedding.json  the model, a hash of the input, and the number of rows that are done

The texts are read twice: once to count and hash them, once to embed them. Each chunk is hashed again before it is
embedded, so that vectors are of the input that embedding.json names. Rows reach the disk before it counts them.
"""

import gzip
import hashlib
import io
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError, first_line
from adjoin.files import numbered_lines, read_as, refuse_special, write_atomically, write_json
from adjoin.index.embedder import Embedder, check_encoder, encode
from adjoin.index.refresh import FOLDER
from adjoin.index.sources import list_files, pieces_in
from adjoin.npy import GrowingArray
from adjoin.outputs import Owner, filled_folder
from adjoin.tally import Tally
from adjoin.texts import check_text, described, meant
from adjoin.tokens import ROLES, Role
from adjoin.unfinished import new_file

FORMAT = 1
VECTORS, IDS, STATE = "vectors.npy", "ids.jsonl", "embedding.json"
VECTOR_FOLDER = Owner("a folder of vectors", r"vectors\.npy|ids\.jsonl|embedding\.json", r"embedding\.json")
CHUNK_ROWS = 1024  # lost at most if the process is killed: a few seconds of work on a CPU
_EMBED_AGAIN = "remove the folder and embed again"


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """What `embed_texts` did.

    Attributes:
        rows: N, the number of texts.
        dimension: D, the length of a vector.
        embedded: the number of texts that this run embedded; 0 if an earlier run had finished.
    """

    rows: int
    dimension: int
    embedded: int

    def summary(self) -> str:
        """Return one line, such as "1,000 vectors of 256 dimensions"."""
        size = f"{self.rows:,} vectors of {self.dimension} dimensions"
        if not self.embedded:
            return f"{size}: finished before, nothing to do"
        earlier = self.rows - self.embedded
        return size + (f", {earlier:,} of them from an earlier run" if earlier else "")


@dataclass(frozen=True, slots=True)
class _EmbeddingState:
    """The content of embedding.json."""

    format: int
    fingerprint: str
    role: Role
    rows: int
    dimension: int
    input: str
    chunk_rows: int
    rows_done: int

    def __post_init__(self) -> None:
        if not 0 <= self.rows_done <= self.rows:
            raise ValueError(f"rows_done is {self.rows_done}, expected 0 to {self.rows}")


class Texts:
    """The (id, text) pairs of a file or a folder. Each iteration reads them again. `read_texts` makes one.

    Attributes:
        path: the file or folder.
        skipped: counts of the files that the last iteration over a folder skipped, with reasons.
        own: folders that are not read, though they may lie in the folder: those that this run writes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped = Tally()
        self.own: list[Path] = []

    def __iter__(self) -> Iterator[tuple[str, str]]:
        self.skipped = Tally()
        if self.path.is_dir():
            return _read_folder(self.path, self.skipped, self.own)
        name = self.path.name.lower().removesuffix(".gz")
        return _read_jsonl(self.path) if name.endswith((".jsonl", ".ndjson")) else _read_lines(self.path)


def read_texts(path: str | Path) -> Texts:
    """Open the texts of a corpus, to be iterated as (id, text) pairs.

    Args:
        path: one of three. A JSONL file has one object per line with "_id" or "id", "text" and optionally
            "title", which is prepended to the text. Any other file has one text per line; empty lines are skipped
            and the line number is the id. A folder gives the pieces of its index, with ids "path:first-last".
            Files may be compressed (.gz).

    Raises:
        AdjoinError: `path` does not exist, or is a pipe or a device, which cannot be read twice. During iteration:
            a line is malformed or the file cannot be read.
    """
    path = Path(path)
    if not path.is_dir():
        refuse_special(path, "input")
    if not path.exists():
        raise AdjoinError(f"no texts at {path}: expected a JSONL or text file, or a folder")
    return Texts(path)


def embed_texts(
    texts: Iterable[tuple[str, str]],
    encoder: Embedder,
    out: str | Path,
    *,
    role: Role = "document",
    chunk_rows: int = CHUNK_ROWS,
    progress: Callable[[int, int], None] | None = None,
) -> EmbedReport:
    """Embed texts into a folder, or resume an earlier run with the same input, role and model.

    A finished folder stays unchanged. A resumed run writes the same bytes as an uninterrupted one. `load_vectors`
    reads the result.

    Args:
        texts: (id, text) pairs, iterated twice: a list or `read_texts(path)`, not a generator.
        encoder: the model.
        out: the folder, created if it is missing.
        role: "query", "document", or "symmetric" for texts that are compared with each other.
        chunk_rows: number of texts that are embedded and written at a time. A resumed run keeps the first run's.
        progress: called with (rows done, rows in total).

    Raises:
        AdjoinError: there are no texts, or they changed between the two readings; `out` holds vectors of another
            input, role or model, or other files; another process is writing to `out`.
        OSError: the disk is full. Free space and run again to resume.
    """
    try:
        once = iter(texts) is texts
    except TypeError:
        raise AdjoinError(f"texts is {described(texts)}, expected a list of pairs (id, text)") from None
    if role not in ROLES:
        raise AdjoinError(f"unknown role {role!r:.40}: expected one of {', '.join(ROLES)}{meant(role, ROLES)}")
    if once:
        raise AdjoinError(
            "the texts can be read only once: expected a list or `read_texts(path)`, not a generator"
        )
    if isinstance(texts, Texts):
        texts.own = [Path(out)]
    check_encoder(encoder)
    if not isinstance(chunk_rows, int) or chunk_rows < 1:
        raise AdjoinError(f"chunk_rows is {chunk_rows}, expected at least 1; leave it at {CHUNK_ROWS}")
    report = progress or (lambda done, total: None)
    with filled_folder(
        Path(out), VECTOR_FOLDER, inputs=[texts.path] if isinstance(texts, Texts) else []
    ) as folder:
        state, hashes = _begin(texts, encoder, folder, role, chunk_rows)
        done_before = state.rows_done
        report(state.rows_done, state.rows)
        if state.rows_done < state.rows:
            with _open_vectors(folder / VECTORS, state) as vectors:
                remaining = _HashedTexts(texts)
                remaining.take(state.rows_done)
                while state.rows_done < state.rows:
                    state = _embed_chunk(remaining, hashes, encoder, vectors, folder, state)
                    report(state.rows_done, state.rows)
    return EmbedReport(state.rows, state.dimension, state.rows - done_before)


def load_vectors(out: str | Path) -> tuple[list[str], NDArray[np.float32]]:
    """Open the ids and vectors that `embed_texts` wrote to a folder.

    Returns:
        N ids, and the vectors as a read-only memory map, float32, shape (N, D).

    Raises:
        AdjoinError: the folder holds no vectors, they are not finished, or its files are damaged.
    """
    state = _read_state(out := Path(out))
    if state.rows_done < state.rows:
        raise AdjoinError(
            f"the vectors in {out} are not finished ({state.rows_done:,} of {state.rows:,}): run `adjoin embed` "
            "again to continue"
        )
    try:
        with (out / IDS).open(encoding="utf-8") as lines:
            ids = [json.loads(line) for line in lines]
        vectors_ND = np.load(out / VECTORS, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise AdjoinError(f"the vectors in {out} are damaged: {first_line(error)}; {_EMBED_AGAIN}") from None
    if vectors_ND.shape != (state.rows, state.dimension) or len(ids) != state.rows:
        raise AdjoinError(
            f"the vectors in {out} are damaged: {len(ids)} ids and vectors of shape {vectors_ND.shape}, expected "
            f"{(state.rows, state.dimension)}; {_EMBED_AGAIN}"
        )
    return ids, vectors_ND


class _HashedTexts:
    """Texts that are hashed as they are taken.

    Attributes:
        rows: the number of texts so far.
    """

    def __init__(self, texts: Iterable[tuple[str, str]]) -> None:
        self.rows = 0
        self._texts = iter(texts)
        self._digest = hashlib.blake2b(digest_size=16)

    def take(self, number: int) -> list[tuple[str, str]]:
        """Take the next (id, text) pairs, or as many as there are."""
        taken = list(islice(self._texts, number))
        for pair in taken:
            for part in pair:
                data = part.encode("utf-8", "surrogatepass")
                self._digest.update(len(data).to_bytes(8, "big"))  # so that ("ab", "c") is not ("a", "bc")
                self._digest.update(data)
        self.rows += len(taken)
        return taken

    def hash(self) -> str:
        """The hash of ids and texts so far, in hexadecimal."""
        return self._digest.hexdigest()

    def is_at_end(self) -> bool:
        """Whether there are no more. Nothing can be taken afterwards."""
        return next(self._texts, None) is None


def _begin(
    texts: Iterable[tuple[str, str]], encoder: Embedder, out: Path, role: Role, chunk_rows: int
) -> tuple[_EmbeddingState, list[str]]:
    """The state to continue from: that of `out` if it has the same input, role and model, or a new one.

    Returns:
        The state, and the hash of the input up to the end of each chunk.
    """
    if not (out / STATE).exists():
        descriptor, unfinished = new_file(out / IDS)
        try:
            with os.fdopen(descriptor, "wb") as ids:
                hashes, rows = _hash_chunks(texts, chunk_rows, ids)
                ids.flush()
                os.fsync(ids.fileno())
                unfinished.chmod(0o644)
            state = _EmbeddingState(
                FORMAT, encoder.fingerprint, role, rows, encoder.dimension, hashes[-1], chunk_rows, 0
            )
            write_json(out / STATE, asdict(state))
            unfinished.replace(out / IDS)  # after the state: ids alone may be a file of the user's
        finally:
            unfinished.unlink(missing_ok=True)
        return state, hashes
    state = _read_state(out)
    remedy = "choose another --out, or remove that folder"
    if state.fingerprint != encoder.fingerprint:
        raise AdjoinError(
            f"{out} holds vectors of the model {state.fingerprint}, not of {encoder.fingerprint}: {remedy}"
        )
    if state.role != role:
        raise AdjoinError(f"{out} holds vectors of the role {state.role}, not {role}: {remedy}")
    names = io.BytesIO()
    hashes, rows = _hash_chunks(texts, state.chunk_rows, None if (out / IDS).exists() else names)
    if hashes[-1] != state.input:
        raise AdjoinError(
            f"{out} holds vectors of another input ({state.rows:,} texts; there are {rows:,} now): {remedy}"
        )
    if not (out / IDS).exists():  # killed before the ids had their name
        write_atomically(out / IDS, names.getvalue())
    return state, hashes


def _hash_chunks(
    texts: Iterable[tuple[str, str]], chunk_rows: int, ids: IO[bytes] | None
) -> tuple[list[str], int]:
    """Hash and count the texts, and write the ids to a file if one is given.

    Returns:
        The hash of the input up to the end of each chunk, and the number of texts.
    """
    hashed, hashes = _HashedTexts(_checked_pairs(texts)), []
    while chunk := hashed.take(chunk_rows):
        hashes.append(hashed.hash())
        if ids is not None:
            ids.write(b"".join(json.dumps(name).encode() + b"\n" for name, _ in chunk))
    if not hashes:
        raise AdjoinError("nothing to embed: the input holds no text; give another file or folder")
    return hashes, hashed.rows


def _checked_pairs(texts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The pairs, each looked at: a list of texts without ids, or a table, would be unpacked as something else."""
    for place, pair in enumerate(texts):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise AdjoinError(f"texts[{place}] is {described(pair)}, expected a pair (id, text)")
        yield check_text(pair[0], f"the id of texts[{place}]"), check_text(pair[1], f"the text of texts[{place}]")


def _read_state(out: Path) -> _EmbeddingState:
    return read_as(out / STATE, _EmbeddingState, "state of the vectors", _EMBED_AGAIN, format=FORMAT)


def _open_vectors(path: Path, state: _EmbeddingState) -> GrowingArray:
    """The file of vectors, to be written from row `rows_done` on."""
    try:
        return GrowingArray(path, "<f4", (state.dimension,), rows=state.rows_done)
    except (FileNotFoundError, ValueError) as error:
        raise AdjoinError(f"{path} is damaged: {error}; {_EMBED_AGAIN}") from None


def _embed_chunk(
    remaining: _HashedTexts,
    hashes: list[str],
    encoder: Embedder,
    vectors: GrowingArray,
    out: Path,
    state: _EmbeddingState,
) -> _EmbeddingState:
    """Embed the next chunk. Its rows are on the disk before the state counts them."""
    number = min(state.chunk_rows, state.rows - state.rows_done)
    taken = remaining.take(number)
    names, chunk = [f"text {name}" for name, _ in taken], [text for _, text in taken]
    is_last = state.rows_done + number == state.rows
    if len(chunk) < number:
        raise AdjoinError(f"the input of {out} became shorter while it was read: {_EMBED_AGAIN}")
    if remaining.hash() != hashes[state.rows_done // state.chunk_rows] or (is_last and not remaining.is_at_end()):
        raise AdjoinError(f"the input of {out} changed while it was read: {_EMBED_AGAIN}")
    vectors.append(encode(encoder, chunk, state.role, names))
    state = replace(state, rows_done=vectors.rows)
    if is_last:
        vectors.finish()
    else:
        vectors.flush()
    write_json(out / STATE, asdict(state))
    return state


def _read_folder(folder: Path, skipped: Tally, own: list[Path]) -> Iterator[tuple[str, str]]:
    """The pieces of all files of a folder, as the index cuts them."""
    listing = list_files(folder, folder / FOLDER)
    skipped.merge(listing.skipped)
    hidden = [f"{path.parent.resolve()}/.{path.name}." for path in own]  # what is kept beside them for a while
    written = (*(f"{path.resolve()}/" for path in own), *hidden)
    for file in listing.files.values():
        if not os.path.realpath(file.path).startswith(written):
            for piece in pieces_in(file, skipped):
                yield f"{piece.path}:{piece.first_line}-{piece.last_line}", piece.embedded


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The non-empty lines with their numbers, counted from 1."""
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
        raise AdjoinError(f"cannot read {path} after line {number}: {error}; give a complete file") from None


def _read_lines(path: Path) -> Iterator[tuple[str, str]]:
    return ((str(number), text) for number, text in _lines(path))


def _read_jsonl(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in _lines(path):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise AdjoinError(f"{path}:{number} is not JSON ({error}): expected one object per line") from None
        name = value.get("_id", value.get("id")) if isinstance(value, dict) else None
        if not isinstance(name, str | int) or not isinstance(value.get("text"), str):
            raise AdjoinError(
                f'{path}:{number} is {line[:60]!r}: expected an object with "_id" or "id", and "text", such as '
                '{"_id": "7", "text": "..."}'
            )
        title = value.get("title") or ""
        yield str(name), f"{title} {value['text']}".strip() if isinstance(title, str) else value["text"]
