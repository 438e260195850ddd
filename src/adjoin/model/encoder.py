"""The Encoder: what people load and call. Texts in, unit vectors out.

A model is a folder: model.safetensors, tokenizer.json, adjoin.json (and config.json for a transformer, which makes
it an ordinary transformers folder; a packed one has its weights in other files, see packed_weights.py). A static
model needs NumPy and tokenizers only. A transformer takes the GPU that it finds.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from adjoin.batches.batch import micro_batches
from adjoin.errors import AdjoinError
from adjoin.files import read_json, wrong_types
from adjoin.model.locations import DESCRIPTION_FILE, WEIGHTS_FILE, locate_model, quantized_files
from adjoin.model.start import Start, first_vectors, library_quiet, missing_weights, random_transformer
from adjoin.model.static import PLACES, START_WEIGHTS, VECTORS, WEIGHTS, Layout, StaticTable, read_tensors
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import ROLES, Tokenizer

if TYPE_CHECKING:
    from adjoin.model.bodies import TransformerBody

FORMAT = 1
KINDS = ("static", "transformer")
BATCH_TOKENS = 16_384
SYMMETRIC = "symmetric"  # the role of texts that are compared with each other, or classified
ALL_ROLES = (*ROLES, SYMMETRIC)
TEXTS_AT_ONCE = 2_048  # tokenized together, so that memory does not grow with the number of texts


class Embedding(Protocol):
    """A body ready for use."""

    @property
    def dimension(self) -> int:
        """D."""
        ...

    @property
    def vocabulary_size(self) -> int:
        """Rows of the table of token vectors."""
        ...

    def embed(self, tokens: Any, *, symmetric: bool = False) -> NDArray[np.float32]:  # noqa: ANN401 - Ragged; Any lets modules pass
        """Unit vectors (B, D) of B sequences; `symmetric`: of no role, where the body can tell."""
        ...


@dataclass
class Description:
    """adjoin.json: what a model is and where it comes from.

    Attributes:
        kind: "static" or "transformer".
        dimension: D.
        max_tokens: longest sequence, delimiters included; longer texts are truncated, and counted.
        tau: the trained temperature parameter; the logits' scale is exp(tau).
        start: how to make the untrained model again.
        training: recipe, data and cost of the training.
        dense_weight: the share of the vectors' standard scores in a hybrid search, 0 to 1; the words have the
            rest. Half in the files of models that say nothing of it.
    """

    kind: str
    dimension: int
    max_tokens: int
    tau: float
    start: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    dense_weight: float = 0.5

    def as_json(self) -> dict[str, Any]:
        """The file's content."""
        return {
            "format": FORMAT,
            "kind": self.kind,
            "dimension": self.dimension,
            "max_tokens": self.max_tokens,
            "pooling": "sum" if self.kind == "static" else "eos",
            "roles": {"query": "[ ]", "document": "{ }"},
            "tau": self.tau,
            "dense_weight": self.dense_weight,
            "start": self.start,
            "training": self.training,
        }

    @classmethod
    def read(cls, folder: Path) -> "Description":
        """Read a model folder's adjoin.json.

        Raises:
            AdjoinError: there is none, or it is not of this format.
        """
        if not folder.is_dir():
            raise AdjoinError(f"no model at {folder}: expected a folder made by `adjoin train`")
        if not (folder / DESCRIPTION_FILE).exists():
            raise AdjoinError(
                f"{folder} has no {DESCRIPTION_FILE}: it is not a model, or its training did not finish"
                " (`adjoin train ... --resume` goes on)"
            )
        content = read_json(folder / DESCRIPTION_FILE, "model description")
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise AdjoinError(f"{folder / DESCRIPTION_FILE} is not a model description of format {FORMAT}")
        names = ("kind", "dimension", "max_tokens", "tau", "start", "training")
        missing = [name for name in names if name not in content]
        if missing:
            raise AdjoinError(f"{folder / DESCRIPTION_FILE} lacks {', '.join(missing)}")
        found = {name: content[name] for name in (*names, "dense_weight") if name in content}
        wrong = wrong_types(found, {field.name: field.type for field in fields(cls)})
        if not wrong and found["kind"] not in KINDS:
            wrong = f"kind is {found['kind']!r}, expected {' or '.join(KINDS)}"
        if not wrong and not 0 <= found.get("dense_weight", 0) <= 1:
            wrong = f"dense_weight is {found['dense_weight']}, expected 0 to 1"
        if wrong:
            raise AdjoinError(f"{folder / DESCRIPTION_FILE} is damaged: {wrong}; copy the model again")
        return cls(**found)


def number_of_parameters(folder: Path) -> int:
    """How many numbers a model's weights are, by its files' headers; not those of a start, nor a packing's own."""
    from safetensors import safe_open

    from adjoin.model.quantized_weights import SCALES

    number = 0
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "numpy") as file:
            names = [n for n in file.keys() if n != START_WEIGHTS and not n.endswith(SCALES)]  # noqa: SIM118 - no dict
            number += sum(math.prod(file.get_slice(name).get_shape()) for name in names)
    return number


class Encoder:
    """Texts → unit vectors.

    Example:
        >>> encoder = Encoder.load("code")  # or a folder, "models/mine"
        >>> encoder.encode_query(["open a file"]).shape
        (1, 1024)

    Attributes:
        description: what the model is.
        tokenizer: how it reads texts; `tokenizer.truncated` counts the texts that were cut.
    """

    def __init__(
        self, body: Embedding, tokenizer: Tokenizer, description: Description, folder: Path | None = None
    ) -> None:
        self.body = body
        self.tokenizer = tokenizer
        self.description = description
        self._folder = folder

    @classmethod
    def load(cls, path: str | Path) -> "Encoder":
        """Open a model.

        Args:
            path: a model folder, or the name of one that comes with Adjoin: "code" or "text".

        Raises:
            AdjoinError: there is no model, it is damaged, or what it needs is not installed.
        """
        folder = locate_model(path)
        description = Description.read(folder)
        tokenizer = Tokenizer.load(folder / TOKENIZER_FILE)
        if description.kind == "static":
            body: Embedding = StaticTable(read_tensors(folder / WEIGHTS_FILE))
        else:
            body = _load_transformer(folder)
        _refuse_odd_parts(folder, body, tokenizer, description)
        return cls(body, tokenizer, description, folder)

    @classmethod
    def load_untrained(cls, path: str | Path) -> "Encoder":
        """The model as it was before training, made again from what its folder records.

        Raises:
            AdjoinError: there is no model, or the checkpoint that it started from is no longer there.
        """
        folder = locate_model(path)
        description = Description.read(folder)
        start = Start.from_json(description.start)
        tokenizer = Tokenizer.load(folder / TOKENIZER_FILE)
        if start.is_static and start.checkpoint is not None:
            return cls.load(start.checkpoint)
        if start.is_static:
            trained = read_tensors(folder / WEIGHTS_FILE)
            description = replace(description, dimension=Layout.of(trained).width)  # all heads began alike
            vectors = first_vectors(tokenizer, start, description.dimension)
            even_places = np.ones(1, np.float32)
            weights = trained.get(START_WEIGHTS)
            tensors = {VECTORS: vectors, WEIGHTS: weights, PLACES: even_places}
            body: Embedding = StaticTable({n: t for n, t in tensors.items() if t is not None})
        elif start.checkpoint is not None:
            from adjoin.model.start import checkpoint_body

            body = _placed(checkpoint_body(start, pruned=tokenizer)[0])
        else:
            body = _placed(random_transformer(start, tokenizer.vocabulary_size, description.max_tokens))
        _refuse_odd_parts(folder, body, tokenizer, description)
        return cls(body, tokenizer, description)

    @property
    def dimension(self) -> int:
        """D, the length of a vector."""
        return self.description.dimension

    @property
    def dense_weight(self) -> float:
        """The share of the vectors' standard scores in a hybrid search, 0 to 1; the words have the rest."""
        return float(self.description.dense_weight)

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that stand for weights and tokenizer: vectors of different ones don't mix.

        Raises:
            AdjoinError: the model was not loaded from a folder.
        """
        if self._folder is None:
            raise AdjoinError("this model has no fingerprint: it was not loaded from a folder")
        digest = hashlib.blake2b(digest_size=8)
        weights = quantized_files(self._folder) or [self._folder / WEIGHTS_FILE]
        for path in (*weights, self._folder / TOKENIZER_FILE):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "blake2b").digest())
        return digest.hexdigest()

    def encode(
        self,
        texts: Sequence[str],
        *,
        role: str,
        truncate_dim: int | None = None,
        batch_tokens: int = BATCH_TOKENS,
        show_progress: bool = False,
    ) -> NDArray[np.float32]:
        """Encode texts.

        The vector of a text does not depend on what else is encoded with it.

        Args:
            texts: any number of texts; a single string is refused, since it is a sequence too.
            role: "query", "document", or "symmetric" for texts that are compared with each other. Symmetric texts
                stand between a query's delimiters. A static model weights their tokens by the mean of both roles,
                wherever a token stands. A transformer treats them as queries.
            truncate_dim: keep only the first so many numbers of each vector, normalised again.
            batch_tokens: tokens that go through the body at a time; memory, not the result, depends on it.
            show_progress: draw a progress bar on the terminal.

        Returns:
            Unit vectors (len(texts), D), float32.

        Raises:
            AdjoinError: an unknown role, a single string, or a dimension that the model does not have.
        """
        if isinstance(texts, str):
            raise AdjoinError("encode takes a list of texts, got one string: write encode([text], ...)")
        if role not in ALL_ROLES:
            raise AdjoinError(f"unknown role {role!r}: expected one of {', '.join(map(repr, ALL_ROLES))}")
        symmetric = role == SYMMETRIC
        if truncate_dim is not None and not 1 <= truncate_dim <= self.dimension:
            raise AdjoinError(f"truncate_dim is {truncate_dim}: expected 1 to the model's {self.dimension}")
        vectors_ND = np.empty((len(texts), self.dimension), np.float32)
        for start in _progress(range(0, len(texts), TEXTS_AT_ONCE), len(texts), show_progress):
            some, most = texts[start : start + TEXTS_AT_ONCE], self.description.max_tokens
            tokens = self.tokenizer.encode(some, "query" if symmetric else role, most)
            for rows in micro_batches(tokens.lengths_B, batch_tokens):
                vectors_ND[start + rows] = self.body.embed(tokens.take(rows), symmetric=symmetric)
        if truncate_dim is None:
            return vectors_ND
        shorter = vectors_ND[:, :truncate_dim]
        unit: NDArray[np.float32] = shorter / np.maximum(np.linalg.norm(shorter, axis=1, keepdims=True), 1e-12)
        return unit

    def encode_query(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:  # noqa: ANN401
        """Encode what is searched for, between `[` and `]`; options as in `encode`."""
        return self.encode(texts, role="query", **options)

    def encode_document(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:  # noqa: ANN401
        """Encode what is found, between `{` and `}`; options as in `encode`."""
        return self.encode(texts, role="document", **options)

    def encode_text(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:  # noqa: ANN401
        """Encode what is compared with its like, clustered or classified; options as in `encode`."""
        return self.encode(texts, role=SYMMETRIC, **options)

    @staticmethod
    def similarity(x_MD: NDArray[np.float32], y_ND: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cosines (M, N) of unit vectors."""
        return x_MD @ y_ND.T


def _refuse_odd_parts(folder: Path, body: Embedding, tokenizer: Tokenizer, description: Description) -> None:
    """Refuse files that are each whole but not of one model."""
    if body.dimension != description.dimension:
        raise AdjoinError(
            f"{folder}: the weights have dimension {body.dimension}, {DESCRIPTION_FILE} says"
            f" {description.dimension}: they are not of one model; copy both again"
        )
    tokenizer.check_fits(body.vocabulary_size, folder)


def _load_transformer(folder: Path) -> Embedding:
    try:
        import torch
        from transformers import AutoModel

        from adjoin.model.bodies import TransformerBody
    except ImportError as error:
        raise AdjoinError(
            f"a transformer model needs {error.name}, which is not installed: pip install 'adjoin[train]'"
        ) from None
    if quantized_files(folder):
        return _placed(TransformerBody(_unpacked(folder)))
    if not (folder / WEIGHTS_FILE).is_file():
        raise AdjoinError(f"no weights at {folder / WEIGHTS_FILE}: the file is missing")
    try:
        with library_quiet():
            model, info = AutoModel.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=torch.float32, output_loading_info=True
            )
    except Exception as error:  # a damaged file raises anything from KeyError to the Rust reader's own errors
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise AdjoinError(f"the model {folder} is damaged or cut short: {reason}") from None
    if missing := missing_weights(info, ""):
        raise AdjoinError(f"the model {folder} is damaged: {missing}; copy it again")
    return _placed(TransformerBody(model))


def _unpacked(folder: Path) -> Any:  # noqa: ANN401 - a transformers model
    """The transformers model of a packed folder."""
    from transformers import AutoConfig, AutoModel

    from adjoin.model.quantized_weights import read_quantized

    weights = read_quantized(folder)
    try:
        with library_quiet():
            model = AutoModel.from_config(AutoConfig.from_pretrained(folder, local_files_only=True)).float()
            model.load_state_dict(weights)
    except Exception as error:  # as in `_load_transformer`
        raise AdjoinError(f"the model {folder} is damaged: {str(error).splitlines()[0]}; copy it again") from None
    return model.eval()


def _placed(body: "TransformerBody") -> "TransformerBody":
    """The body on the GPU, where there is one: a step's products and a corpus' vectors are the same work."""
    import torch

    return body.to("cuda") if torch.cuda.is_available() else body


def _progress(steps: range, total: int, show: bool) -> Any:  # noqa: ANN401 - an iterable of the steps
    if not show:
        return steps
    from rich.progress import track

    return track(steps, description=f"Encoding {total:,} texts", total=len(steps))
