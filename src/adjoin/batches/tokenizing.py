"""Builds a token cache: worker processes tokenize parts of datasets, one writer appends them in order."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.batches.writing import CACHE, FORMAT, CacheState, TokenizedPart, Writer, is_built
from adjoin.files import write_atomically
from adjoin.locks import FolderUse, in_use
from adjoin.pairs.dataset import NEGATIVES, PairDataset, Part
from adjoin.pairs.pair import text_hash
from adjoin.tokens import FILE as TOKENIZER
from adjoin.tokens import Ragged, Tokenizer, encode_all
from adjoin.unfinished import sweep
from adjoin.workers import in_order

TEXTS_AT_ONCE = 1_024  # the tokenizers library holds about 50 bytes per token while it works

ProgressCallback = Callable[[int, int], None]  # pairs done, pairs in all


def build(
    datasets: Sequence[PairDataset],
    tokenizer: Tokenizer,
    max_tokens: int,
    folder: Path,
    *,
    workers: int | None,
    use: FolderUse | None,
    progress: ProgressCallback,
) -> None:
    """Tokenize datasets into the columns of `folder`; arguments and errors as for `TokenCache.build`."""
    content = tokenizer.to_json()
    digest = hashlib.sha256(content.encode()).hexdigest()
    vocabulary = max(tokenizer.vocabulary_size, 1 + max(tokenizer.backend.get_vocab().values()))
    negatives = any(dataset.has_negatives for dataset in datasets)
    hashes = [dataset.hash for dataset in datasets]
    pairs = sum(map(len, datasets))
    work = CacheState(FORMAT, hashes, digest, vocabulary, max_tokens, negatives)
    with nullcontext(use) if use is not None else in_use(folder) as held:
        while not is_built(folder, work):  # another process may build another cache before this one reads it
            with held.writing():
                CACHE.check(folder)
                sweep(folder)
                _build(datasets, content, work, folder, workers, progress)
        progress(pairs, pairs)


def _build(
    datasets: Sequence[PairDataset],
    content: str,
    work: CacheState,
    folder: Path,
    workers: int | None,
    progress: ProgressCallback,
) -> None:
    pairs, digest = sum(map(len, datasets)), work.tokenizer
    with closing(Writer(folder, work)) as writer:
        progress(writer.state.pairs, pairs)
        path = folder / TOKENIZER  # for the workers: at several megabytes it is too large to send with each task
        write_atomically(path, content)
        tasks = [
            _TokenizingTask(part, path, digest, work.max_tokens, work.vocabulary)
            for dataset in datasets
            for part in dataset.parts()
        ]
        with closing(in_order(_tokenize, tasks[writer.state.parts :], workers)) as tokenized:
            for part in tokenized:
                writer.append(part)
                progress(writer.state.pairs, pairs)
        for dataset in datasets:
            dataset.check_unchanged()
        writer.finish()


@dataclass(frozen=True, slots=True)
class _TokenizingTask:
    """A part of a dataset for a worker to tokenize."""

    part: Part
    tokenizer: Path
    tokenizer_hash: str
    max_tokens: int
    vocabulary: int


@lru_cache(maxsize=1)
def tokenizer_of_worker(path: Path, content_hash: str) -> Tokenizer:
    """Load a worker's tokenizer; a file is read once per process.

    Args:
        path: tokenizer.json.
        content_hash: hash of the file's content, so that a changed file is read again.
    """
    del content_hash  # part of the key of the cache
    return Tokenizer.load(path)


def _tokenize(task: _TokenizingTask) -> TokenizedPart:
    tokenizer = tokenizer_of_worker(task.tokenizer, task.tokenizer_hash)
    truncated, encoded = tokenizer.truncated, tokenizer.encoded

    def encode(texts: list[str], role: str) -> Ragged:
        return encode_all(tokenizer, texts, role, task.max_tokens, TEXTS_AT_ONCE)

    rows = task.part.read(
        ["x", "y", "kind", "language", "group", "x_hash", "y_hash", *([NEGATIVES] * task.part.negatives)]
    )
    x, y = encode(rows["x"], "query"), encode(rows["y"], "document")
    negatives_n = rows.get(NEGATIVES, [[]] * task.part.rows)
    texts = [text for negatives in negatives_n for text in negatives]
    columns: dict[str, NDArray[Any]] = {
        "identity": np.array([rows["x_hash"], rows["y_hash"], rows["group"]], np.int64).T,
        "negative_hash": np.fromiter(map(text_hash, texts), np.int64, len(texts)),
        "negative_bounds": np.cumsum([len(negatives) for negatives in negatives_n], dtype=np.int64),
    }
    narrow = np.uint16 if task.vocabulary <= 1 << 16 else np.int32  # uint16 halves what goes through the pipe
    for side, tokens in (("x", x), ("y", y), ("negative", encode(texts, "document"))):
        columns |= {f"{side}_ids": tokens.ids_N.astype(narrow), f"{side}_offsets": np.cumsum(tokens.lengths_B)}
    sources = [f"{kind}/{language}" for kind, language in zip(rows["kind"], rows["language"], strict=True)]
    counts_2V = _counts(Ragged.concatenate([x, y]), task.vocabulary)
    return TokenizedPart(columns, sources, counts_2V, tokenizer.truncated - truncated, tokenizer.encoded - encoded)


def _counts(tokens: Ragged, vocabulary: int) -> NDArray[np.int64]:
    """Document frequency and number of occurrences of each token (2, V)."""
    return np.stack([np.bincount(ragged.ids_N, minlength=vocabulary) for ragged in (tokens.distinct(), tokens)])
