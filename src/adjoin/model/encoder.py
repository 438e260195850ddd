"""The Encoder: loads a model and encodes texts as unit vectors.

A model is a folder with model.safetensors, tokenizer.json and adjoin.json. A transformer has config.json too, so
transformers opens the folder. A quantized transformer has its weights in other files (quantized_weights.py).
A static model needs NumPy and tokenizers only. A transformer runs on the GPU if there is one.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Unpack

import numpy as np
from numpy.typing import NDArray

from adjoin.batches.batch import micro_batches
from adjoin.errors import AdjoinError
from adjoin.model.description import Description
from adjoin.model.encode_options import EncodeOptions, as_vectors, check_options, check_role
from adjoin.model.locations import (
    DESCRIPTION_FILE,
    WEIGHTS_FILE,
    fingerprint_of,
    locate_model,
    stamp_of,
    unchanged,
)
from adjoin.model.start import Start
from adjoin.model.static import StaticTable
from adjoin.model.table_file import map_table, read_table
from adjoin.texts import number_of, text_parts
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import SYMMETRIC, Role, Tokenizer
from adjoin.vectors import check_rows, unit_rows

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
                body: EmbeddingModel = StaticTable(map_table(folder / WEIGHTS_FILE))
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
            body: EmbeddingModel = build_untrained_table(start, tokenizer, read_table(folder / WEIGHTS_FILE))
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

    def encode(self, texts: Iterable[str], *, role: Role, **options: Unpack[EncodeOptions]) -> NDArray[np.float32]:
        """Encode texts as unit vectors.

        The vector of a text does not depend on the other texts of the call. Texts longer than
        `description.max_tokens` are truncated and counted in `tokenizer.truncated`.

        Args:
            texts: N texts in an order: a list, a tuple, an array of strings, a column of a table (pandas, polars,
                Arrow, datasets), or a generator, whose texts are not kept. Refused are one string, a whole table,
                sets, dictionaries, and anything inside that is no `str`, such as None, NaN or bytes.
            role: "query", "document", or "symmetric" for texts that are compared with each other. Symmetric texts
                stand between a query's delimiters. A static model weights their tokens by the mean of both roles,
                whatever their positions. A transformer encodes them as queries.
            options: `truncate_dim`, `batch_tokens` and `show_progress`, see `EncodeOptions`.

        Returns:
            An array (N, D), or (N, truncate_dim), of dtype float32. Each row has length 1.

        Raises:
            AdjoinError: `texts` is no list of texts (the message names the place, such as texts[3]), the role is
                unknown, an option is unknown, `truncate_dim` is not between 1 and D, `batch_tokens` is below 1, or
                a text gets a vector that is zero or not finite.

        Example:
            >>> Encoder.load("text").encode(["a cat", "a dog"], role="symmetric", truncate_dim=256).shape
            (2, 256)
        """
        check_role(role)
        return self._encode(texts, role, options)

    def _encode(self, texts: Iterable[str], role: Role, options: EncodeOptions) -> NDArray[np.float32]:
        default = STATIC_BATCH_TOKENS if isinstance(self.body, StaticTable) else BATCH_TOKENS
        truncate_dim, batch_tokens, show_progress = check_options(options, self.dimension, default)
        parts = text_parts(texts, TEXTS_AT_ONCE)
        number = number_of(texts)
        symmetric = role == SYMMETRIC
        delimiters, max_tokens = "query" if symmetric else role, self.description.max_tokens
        vectors_ND, rows = np.empty((number or 0, self.dimension), np.float32), 0
        for part in _with_progress(parts, number, show_progress):
            tokens = self.tokenizer.encode(part, delimiters, max_tokens)
            if len(vectors_ND) < rows + len(part):  # a generator does not say how many texts come
                vectors_ND.resize(
                    (max(rows + len(part), len(vectors_ND) * 3 // 2), self.dimension), refcheck=False
                )
            for rows_B in micro_batches(tokens.lengths_B, batch_tokens):
                vectors_ND[rows + rows_B] = self.body.embed(tokens.take(rows_B), symmetric=symmetric)
            block_BD = vectors_ND[rows : rows + len(part), :truncate_dim]
            check_rows(block_BD, part, self._folder or "the model", rows)
            rows += len(part)
        vectors_ND.resize((rows, self.dimension), refcheck=False)
        return vectors_ND if truncate_dim is None else unit_rows(vectors_ND[:, :truncate_dim])

    def encode_query(self, texts: Iterable[str], **options: Unpack[EncodeOptions]) -> NDArray[np.float32]:
        """Encode search queries as unit vectors.

        Args:
            texts: N texts, as for `encode`, which are put between `[` and `]`.
            options: `truncate_dim`, `batch_tokens` and `show_progress`, see `EncodeOptions`.

        Returns:
            Unit vectors (N, D), float32.

        Raises:
            AdjoinError: `texts` is no list of texts, or an option is wrong, see `encode`.

        Example:
            >>> Encoder.load("code").encode_query(["open a file"]).shape
            (1, 1024)
        """
        return self._encode(texts, "query", options)

    def encode_document(self, texts: Iterable[str], **options: Unpack[EncodeOptions]) -> NDArray[np.float32]:
        """Encode documents, the texts to search, such as passages or functions.

        Args:
            texts: N texts, as for `encode`, which are put between `{` and `}`.
            options: `truncate_dim`, `batch_tokens` and `show_progress`, see `EncodeOptions`.

        Returns:
            Unit vectors (N, D), float32.

        Raises:
            AdjoinError: `texts` is no list of texts, or an option is wrong, see `encode`.

        Example:
            >>> Encoder.load("code").encode_document(["def read(path): ..."]).shape
            (1, 1024)
        """
        return self._encode(texts, "document", options)

    def encode_text(self, texts: Iterable[str], **options: Unpack[EncodeOptions]) -> NDArray[np.float32]:
        """Encode texts of one kind that are compared with each other, clustered or classified.

        Args:
            texts: N texts, as for `encode`, in the role "symmetric".
            options: `truncate_dim`, `batch_tokens` and `show_progress`, see `EncodeOptions`.

        Returns:
            Unit vectors (N, D), float32.

        Raises:
            AdjoinError: `texts` is no list of texts, or an option is wrong, see `encode`.

        Example:
            >>> Encoder.load("text").encode_text(["a cat", "a dog"]).shape
            (2, 576)
        """
        return self._encode(texts, SYMMETRIC, options)

    @staticmethod
    def similarity(x_MD: NDArray[np.float32], y_ND: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the cosine similarities (M, N) of two sets of unit vectors, -1 to 1.

        Args:
            x_MD: M unit vectors, such as those of queries.
            y_ND: N unit vectors of the same dimension, such as those of documents.

        Raises:
            AdjoinError: they are no arrays of numbers, or their dimensions differ.

        Example:
            >>> encoder = Encoder.load("text")
            >>> encoder.similarity(encoder.encode_query(["a cat"]), encoder.encode_document(["cats purr"])).shape
            (1, 1)
        """
        x, y = (as_vectors(side, name) for side, name in ((x_MD, "x_MD"), (y_ND, "y_ND")))
        if x.shape[-1] != y.shape[-1]:
            raise AdjoinError(
                f"x_MD has vectors of {x.shape[-1]} dimensions, y_ND of {y.shape[-1]}: encode both with one model"
                " and one truncate_dim"
            )
        products: NDArray[np.float32] = x @ y.T
        return products


def _check_parts_fit(folder: Path, body: EmbeddingModel, tokenizer: Tokenizer, description: Description) -> None:
    """Refuse a folder whose files are intact but belong to different models."""
    if body.dimension != description.dimension:
        raise AdjoinError(
            f"{folder}: the weights have dimension {body.dimension}, {DESCRIPTION_FILE} says"
            f" {description.dimension}: they are not of one model; copy both again"
        )
    tokenizer.check_fits(body.vocabulary_size, folder)
    if isinstance(body, StaticTable) and body.openings and body.openings != tokenizer.openings:
        raise AdjoinError(
            f"{folder}: the weights have the opening delimiters {body.openings}, {TOKENIZER_FILE} has"
            f" {tokenizer.openings}: they are not of one model; copy both again"
        )
    longest = getattr(body, "longest", description.max_tokens)
    if description.max_tokens > longest:
        raise AdjoinError(
            f"{folder}: {DESCRIPTION_FILE} has max_tokens {description.max_tokens:,}, the weights have positions"
            f" for {longest:,}: they are not of one model; copy both again"
        )


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


def _with_progress(parts: Iterator[list[str]], texts: int | None, show: bool) -> Iterable[list[str]]:
    if not show:
        return parts
    from rich.progress import track

    steps = None if texts is None else -(-texts // TEXTS_AT_ONCE)
    number = "" if texts is None else f"{texts:,} "
    return track(parts, description=f"Encoding {number}texts", total=steps)
