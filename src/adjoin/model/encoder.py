"""The Encoder: loads a model and encodes texts as unit vectors.

A model is a folder with model.safetensors, tokenizer.json and adjoin.json. A transformer has config.json too, so
transformers opens the folder. A quantized transformer has its weights in other files (quantized_weights.py).
A static model needs NumPy and tokenizers only. A transformer runs on the GPU if there is one.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from adjoin.batches.batch import micro_batches
from adjoin.errors import AdjoinError
from adjoin.model.description import Description
from adjoin.model.locations import (
    DESCRIPTION_FILE,
    WEIGHTS_FILE,
    fingerprint_of,
    locate_model,
    stamp_of,
    unchanged,
)
from adjoin.model.mapped import map_tensors
from adjoin.model.start import Start
from adjoin.model.static import StaticTable, read_tensors
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import ROLES, SYMMETRIC, Role, Tokenizer
from adjoin.vectors import unit_rows

if TYPE_CHECKING:
    from adjoin.model.bodies import AnyBody

BATCH_TOKENS = 16_384
STATIC_BATCH_TOKENS = 65_536  # a static table: 30 MB, and a quarter less time than with 16,384
TEXTS_AT_ONCE = 2_048  # tokenized together, so that memory does not grow with the number of texts


class EmbeddingModel(Protocol):
    """Protocol of the models that an Encoder runs: a static table (NumPy) or a transformer body (torch)."""

    @property
    def dimension(self) -> int:
        """D, the length of an embedding."""
        ...

    @property
    def vocabulary_size(self) -> int:
        """V, the rows of the token embedding table."""
        ...

    def embed(self, tokens: Any, *, symmetric: bool = False) -> NDArray[np.float32]:  # noqa: ANN401 - Ragged; Any lets modules pass
        """Embed B token sequences as unit vectors (B, D).

        Args:
            tokens: a `Ragged` of B sequences with their delimiters.
            symmetric: embed without a role, if the model treats roles differently.
        """
        ...


class Encoder:
    """A loaded model: encodes texts as unit vectors, float32.

    Queries and documents are encoded differently, so use `encode_query` for search queries and
    `encode_document` for the texts to search. Use `encode_text` to compare texts of one kind with each other, to
    cluster or to classify them.

    Example:
        >>> encoder = Encoder.load("code")
        >>> queries = encoder.encode_query(["open a file"])
        >>> documents = encoder.encode_document(["def read(path): ...", "def add(a, b): ..."])
        >>> encoder.similarity(queries, documents).shape
        (1, 2)

    Attributes:
        description: the content of the model's adjoin.json.
        tokenizer: the model's tokenizer; `tokenizer.truncated` counts the texts that were truncated so far.
    """

    def __init__(
        self, body: EmbeddingModel, tokenizer: Tokenizer, description: Description, folder: Path | None = None
    ) -> None:
        self.body = body
        self.tokenizer = tokenizer
        self.description = description
        self._folder = folder
        self._loaded = ""  # the stamp of the files when they were loaded

    @classmethod
    def load(cls, path: str | Path) -> "Encoder":
        """Load a model.

        Args:
            path: a model folder, or the name of a bundled model: "code" or "text".

        Returns:
            The model, on the GPU if it is a transformer and there is one.

        Raises:
            AdjoinError: there is no model at `path`, it is damaged, or a package that it needs is not installed.

        Example:
            >>> Encoder.load("text").dimension
            576
        """
        folder = locate_model(path)
        with unchanged(folder):
            description = Description.read(folder)
            tokenizer = Tokenizer.load(folder / TOKENIZER_FILE)
            if description.kind == "static":
                body: EmbeddingModel = StaticTable(map_tensors(folder / WEIGHTS_FILE))
            else:
                body = _load_transformer_body(folder)
            _check_parts_fit(folder, body, tokenizer, description)
            encoder = cls(body, tokenizer, description, folder)
            encoder._loaded = encoder.stamp
        return encoder

    @classmethod
    def load_untrained(cls, path: str | Path) -> "Encoder":
        """Build a model as it was before its training, from what its folder records.

        Args:
            path: as for `load`.

        Raises:
            AdjoinError: there is no model at `path`, or the checkpoint that it started from is no longer there.
        """
        from adjoin.model.build import build_body, build_untrained_table

        folder = locate_model(path)
        description = Description.read(folder)
        start = Start.from_json(description.start)
        tokenizer = Tokenizer.load(folder / TOKENIZER_FILE)
        if start.is_static and start.checkpoint is not None:
            return cls.load(start.checkpoint)
        if start.is_static:
            body: EmbeddingModel = build_untrained_table(start, tokenizer, read_tensors(folder / WEIGHTS_FILE))
            description = replace(description, dimension=body.dimension)  # an ensemble began as one table
        else:
            body = _on_gpu_if_any(build_body(start, tokenizer, max_tokens=description.max_tokens))
        _check_parts_fit(folder, body, tokenizer, description)
        return cls(body, tokenizer, description)

    @property
    def dimension(self) -> int:
        """D, the length of an embedding."""
        return self.description.dimension

    @property
    def dense_weight(self) -> float:
        """Weight of the embedding scores in hybrid search, 0 to 1; BM25 has the rest."""
        return float(self.description.dense_weight)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of weights and tokenizer, 16 hexadecimal digits; compare vectors only if theirs are equal.

        Raises:
            AdjoinError: the model was not loaded from a folder, or its files are others by now.
        """
        if self._folder is None:
            raise AdjoinError("this model has no fingerprint: it was not loaded from a folder")
        with suppress(OSError):  # its files are gone: the next line says which
            if self._loaded and stamp_of(self._folder) != self._loaded:
                raise AdjoinError(f"the model {self._folder} changed since it was loaded: load it again")
        with unchanged(self._folder):
            return fingerprint_of(self._folder)

    @cached_property
    def stamp(self) -> str:
        """Place, size, time and inode of the hashed files, hashed, 32 hexadecimal digits; it reads no file.

        Who keeps it beside a fingerprint need not hash the weights again: while the stamp is the same, the
        fingerprint is. Another stamp says nothing, as after a copy; then compare the fingerprint.

        Raises:
            AdjoinError: the model was not loaded from a folder.
        """
        if self._folder is None:
            raise AdjoinError("this model has no stamp: it was not loaded from a folder")
        return stamp_of(self._folder)

    def encode(
        self,
        texts: Sequence[str],
        *,
        role: Role,
        truncate_dim: int | None = None,
        batch_tokens: int | None = None,
        show_progress: bool = False,
    ) -> NDArray[np.float32]:
        """Encode texts as unit vectors.

        The vector of a text does not depend on the other texts of the call. Texts longer than
        `description.max_tokens` are truncated and counted in `tokenizer.truncated`.

        Args:
            texts: a list of N texts. A single string is refused.
            role: "query", "document", or "symmetric" for texts that are compared with each other. Symmetric texts
                stand between a query's delimiters. A static model weights their tokens by the mean of both roles,
                whatever their positions. A transformer encodes them as queries.
            truncate_dim: keep only the first `truncate_dim` dimensions, normalised again; None for all D.
            batch_tokens: maximum number of padded tokens per batch; None for what suits the model. It changes
                memory, not the result.
            show_progress: draw a progress bar on the terminal.

        Returns:
            An array (N, D), or (N, truncate_dim), of dtype float32. Each row has length 1.

        Raises:
            AdjoinError: the role is unknown, `texts` is a string, or `truncate_dim` is not between 1 and D.

        Example:
            >>> Encoder.load("text").encode(["a cat", "a dog"], role="symmetric", truncate_dim=256).shape
            (2, 256)
        """
        if isinstance(texts, str):
            raise AdjoinError("encode takes a list of texts, got one string: write encode([text], ...)")
        if role not in ROLES:
            raise AdjoinError(f"unknown role {role!r}: expected one of {', '.join(map(repr, ROLES))}")
        symmetric = role == SYMMETRIC
        if truncate_dim is not None and not 1 <= truncate_dim <= self.dimension:
            raise AdjoinError(f"truncate_dim is {truncate_dim}: expected 1 to the model's {self.dimension}")
        delimiters, max_tokens = "query" if symmetric else role, self.description.max_tokens
        vectors_ND = np.empty((len(texts), self.dimension), np.float32)
        if batch_tokens is None:
            batch_tokens = STATIC_BATCH_TOKENS if isinstance(self.body, StaticTable) else BATCH_TOKENS
        for start in _with_progress(range(0, len(texts), TEXTS_AT_ONCE), len(texts), show_progress):
            tokens = self.tokenizer.encode(texts[start : start + TEXTS_AT_ONCE], delimiters, max_tokens)
            for rows in micro_batches(tokens.lengths_B, batch_tokens):
                vectors_ND[start + rows] = self.body.embed(tokens.take(rows), symmetric=symmetric)
        if truncate_dim is None:
            return vectors_ND
        return unit_rows(vectors_ND[:, :truncate_dim])

    def encode_query(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:  # noqa: ANN401
        """Encode search queries as unit vectors.

        Args:
            texts: a list of N texts, which are put between `[` and `]`.
            options: `truncate_dim`, `batch_tokens` and `show_progress`, see `encode`.

        Returns:
            Unit vectors (N, D), float32.

        Raises:
            AdjoinError: `texts` is a single string, or `truncate_dim` is not between 1 and D.

        Example:
            >>> Encoder.load("code").encode_query(["open a file"]).shape
            (1, 1024)
        """
        return self.encode(texts, role="query", **options)

    def encode_document(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:  # noqa: ANN401
        """Encode documents, the texts to search, such as passages or functions.

        Args:
            texts: a list of N texts, which are put between `{` and `}`.
            options: `truncate_dim`, `batch_tokens` and `show_progress`, see `encode`.

        Returns:
            Unit vectors (N, D), float32.

        Raises:
            AdjoinError: `texts` is a single string, or `truncate_dim` is not between 1 and D.

        Example:
            >>> Encoder.load("code").encode_document(["def read(path): ..."]).shape
            (1, 1024)
        """
        return self.encode(texts, role="document", **options)

    def encode_text(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:  # noqa: ANN401
        """Encode texts of one kind that are compared with each other, clustered or classified.

        Args:
            texts: a list of N texts, encoded in the role "symmetric", see `encode`.
            options: `truncate_dim`, `batch_tokens` and `show_progress`, see `encode`.

        Returns:
            Unit vectors (N, D), float32.

        Raises:
            AdjoinError: `texts` is a single string, or `truncate_dim` is not between 1 and D.

        Example:
            >>> Encoder.load("text").encode_text(["a cat", "a dog"]).shape
            (2, 576)
        """
        return self.encode(texts, role=SYMMETRIC, **options)

    @staticmethod
    def similarity(x_MD: NDArray[np.float32], y_ND: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the cosine similarities (M, N) of two sets of unit vectors, -1 to 1.

        Args:
            x_MD: M unit vectors, such as those of queries.
            y_ND: N unit vectors of the same dimension, such as those of documents.

        Raises:
            ValueError: the dimensions differ.

        Example:
            >>> encoder = Encoder.load("text")
            >>> encoder.similarity(encoder.encode_query(["a cat"]), encoder.encode_document(["cats purr"])).shape
            (1, 1)
        """
        return x_MD @ y_ND.T


def _check_parts_fit(folder: Path, body: EmbeddingModel, tokenizer: Tokenizer, description: Description) -> None:
    """Refuse a folder whose files are intact but belong to different models."""
    if body.dimension != description.dimension:
        raise AdjoinError(
            f"{folder}: the weights have dimension {body.dimension}, {DESCRIPTION_FILE} says"
            f" {description.dimension}: they are not of one model; copy both again"
        )
    tokenizer.check_fits(body.vocabulary_size, folder)


def _load_transformer_body(folder: Path) -> EmbeddingModel:
    try:
        from adjoin.model.bodies import TransformerBody
        from adjoin.model.pretrained import load_transformer

        body: TransformerBody = _on_gpu_if_any(TransformerBody(load_transformer(folder)))
    except ImportError as error:
        raise AdjoinError(
            f"a transformer model needs {error.name}, which is not installed: pip install 'adjoin[train]'"
        ) from None
    return body


def _on_gpu_if_any(body: "AnyBody") -> Any:  # noqa: ANN401 - the body that was given
    import torch

    return body.to("cuda") if torch.cuda.is_available() else body


def _with_progress(steps: range, texts: int, show: bool) -> Iterable[int]:
    if not show:
        return steps
    from rich.progress import track

    return track(steps, description=f"Encoding {texts:,} texts", total=len(steps))
