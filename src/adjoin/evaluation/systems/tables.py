"""Token tables of other packages: wordllama's file and model2vec's folder.

Both packages average the vectors of a text's tokens, without special tokens.
"""

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from adjoin.errors import AdjoinError, first_line
from adjoin.evaluation.systems.fingerprints import fingerprint_of
from adjoin.files import read_json
from adjoin.texts import valid_unicode
from adjoin.vectors import unit_rows

# The files are read here and not by the two packages. These give the same vectors (test_tables.py), but need
# pydantic, requests, toml, joblib and tqdm. For a missing file or folder their loaders turn to the network.
TEXTS_AT_ONCE = 1_024  # texts per tokenizer call

WORDLLAMA_WEIGHTS, WORDLLAMA_TOKENIZER = "l2_supercat_256.safetensors", "l2_supercat_tokenizer_config.json"
WORDLLAMA_TENSOR = "embedding.weight"

CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"  # of a model2vec folder
MODEL2VEC_TENSOR, MAPPING, TOKEN_WEIGHTS = "embeddings", "mapping", "weights"
MODEL2VEC_TOKENS = 512  # longest text where the folder does not say


@dataclass(frozen=True)
class Preprocessing:
    """How texts are truncated and which token is dropped.

    Attributes:
        without: id of a token to drop, usually the unknown token; None for none.
        max_tokens: texts are truncated to this many tokens, including dropped ones; None for no limit.
        max_characters: texts are truncated to this many characters before tokenization; None for no limit.
    """

    without: int | None = None
    max_tokens: int | None = None
    max_characters: int | None = None


class TokenTable:
    """A static embedding table: the mean of a text's token vectors, scaled to unit length.

    Queries and documents are encoded in the same way.

    Attributes:
        name: name in the report.
        fingerprint: hash of the files.
    """

    def __init__(
        self,
        name: str,
        fingerprint: str,
        table_VD: NDArray[np.float32],
        tokenizer: Tokenizer,
        preprocessing: Preprocessing,
    ) -> None:
        """Create a system from a table and its tokenizer.

        Args:
            name: name in the report.
            fingerprint: hash of the files.
            table_VD: weighted vector of each token, shape (V, D). Ids beyond the end use the last row.
            tokenizer: its truncation and padding settings are changed.
            preprocessing: truncation and dropped token.
        """
        self.name, self.fingerprint = name, fingerprint
        self._table_VD, self._tokenizer, self._preprocessing = table_VD, tokenizer, preprocessing
        tokenizer.no_padding()
        if preprocessing.max_tokens is None:
            tokenizer.no_truncation()
        else:
            tokenizer.enable_truncation(preprocessing.max_tokens)

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        """Unit vectors of n queries, shape (n, D); zero for texts without a known token."""
        return self._encode(texts)

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        """Unit vectors of n documents, shape (n, D); zero for texts without a known token."""
        return self._encode(texts)

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        means_ND = np.zeros((len(texts), self._table_VD.shape[1]), np.float32)
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            batch = [
                valid_unicode(text[: self._preprocessing.max_characters])
                for text in texts[start : start + TEXTS_AT_ONCE]
            ]
            encodings = self._tokenizer.encode_batch_fast(batch, add_special_tokens=False)
            for row, tokens in enumerate(encodings, start):
                ids = np.array(tokens.ids, np.int64)
                ids = ids[ids != self._preprocessing.without] if self._preprocessing.without is not None else ids
                if len(ids):
                    means_ND[row] = self._table_VD[np.minimum(ids, len(self._table_VD) - 1)].mean(axis=0)
        return unit_rows(means_ND)


def open_wordllama(weights: Path, tokenizer: Path, name: str = "wordllama") -> TokenTable:
    """Open a table of wordllama. The vectors equal those of `WordLlamaInference.embed(texts, norm=True)`.

    Args:
        weights: a safetensors file with the tensor "embedding.weight", shape (V, D).
        tokenizer: a tokenizer file of the package tokenizers.
        name: name in the report.

    Raises:
        AdjoinError: a file is missing or damaged.
    """
    table_VD = _matrix(_tensors(weights), WORDLLAMA_TENSOR, weights)
    fingerprint = fingerprint_of("wordllama", weights, tokenizer)
    return TokenTable(name, fingerprint, table_VD, _tokenizer(tokenizer), Preprocessing())


def installed_wordllama() -> TokenTable:
    """Open the table that is bundled with the package wordllama. The package is not imported.

    Raises:
        AdjoinError: the package is not installed, or its table is missing.
    """
    package_spec = importlib.util.find_spec("wordllama")
    if package_spec is None or not package_spec.submodule_search_locations:
        raise AdjoinError(
            "the system wordllama is the table in the package wordllama, which is missing: pip install wordllama"
        )
    package = Path(next(iter(package_spec.submodule_search_locations)))
    return open_wordllama(package / "weights" / WORDLLAMA_WEIGHTS, package / "tokenizers" / WORDLLAMA_TOKENIZER)


def is_model2vec(folder: Path) -> bool:
    """Whether a folder has the three files of model2vec and a tensor "embeddings" in its weights."""
    if not all((folder / name).is_file() for name in (CONFIG, WEIGHTS, TOKENIZER)):
        return False
    try:
        with safe_open(folder / WEIGHTS, framework="numpy") as tensors:
            return MODEL2VEC_TENSOR in tensors.keys()  # noqa: SIM118 - it has keys, but is no mapping
    except (OSError, SafetensorError):  # damaged, so only the configuration tells
        return "model2vec" in (folder / CONFIG).read_text("utf-8", "replace")


def open_model2vec(folder: Path, name: str | None = None) -> TokenTable:
    """Open a folder of model2vec.

    The vectors equal those of `StaticModel.from_pretrained(folder).encode(texts)`, scaled to unit length.

    Texts are truncated as model2vec does it: to `max_length` tokens (512 if config.json has none; null for no
    limit). Before that, they are truncated to `max_length` times the median token length in characters.

    Args:
        folder: contains config.json, tokenizer.json and model.safetensors. The tensor "embeddings" is required.
            "mapping" (token → row) and "weights" (per token) are optional.
        name: name in the report; by default the name of the folder.

    Raises:
        AdjoinError: a file is missing or damaged.
    """
    weights, config = folder / WEIGHTS, read_json(folder / CONFIG, "configuration of model2vec")
    max_tokens = config.get("max_length", MODEL2VEC_TOKENS) if isinstance(config, dict) else config
    if max_tokens is not None and (type(max_tokens) is not int or max_tokens < 1):
        raise AdjoinError(
            f"{folder / CONFIG} is damaged: max_length is {max_tokens!r:.60}, expected 1 or more, or null; "
            "copy the model again"
        )
    tokenizer = _tokenizer(folder / TOKENIZER)
    tokens = tokenizer.get_vocab()
    table_VD = _model2vec_table(_tensors(weights), weights, 1 + max(tokens.values(), default=0))
    typical = int(np.median([len(token) for token in tokens]))
    preprocessing = Preprocessing(
        _unknown(tokenizer), max_tokens, None if max_tokens is None else max_tokens * typical
    )
    fingerprint = fingerprint_of("model2vec", weights, folder / TOKENIZER, str(max_tokens))
    return TokenTable(name or folder.resolve().name, fingerprint, table_VD, tokenizer, preprocessing)


def _model2vec_table(tensors: dict[str, NDArray[Any]], path: Path, tokens: int) -> NDArray[np.float32]:
    """The weighted vector of each token, shape (V, D)."""
    table_VD = _matrix(tensors, MODEL2VEC_TENSOR, path)
    if (mapping := tensors.get(MAPPING)) is not None:
        if mapping.ndim != 1 or not 0 <= mapping.min(initial=0) <= mapping.max(initial=0) < len(table_VD):
            raise AdjoinError(
                f"{path} is damaged: its mapping of shape {mapping.shape} leads beyond {len(table_VD):,} vectors; "
                "copy the model again"
            )
        table_VD = table_VD[mapping]
    if (weights := tensors.get(TOKEN_WEIGHTS)) is not None:
        if weights.shape != table_VD.shape[:1]:
            raise AdjoinError(
                f"{path} is damaged: weights of shape {weights.shape} for {len(table_VD):,} tokens; "
                "copy the model again"
            )
        table_VD = table_VD * weights.astype(np.float32)[:, np.newaxis]
    if len(table_VD) < tokens:
        raise AdjoinError(
            f"{path} has {len(table_VD):,} vectors for the {tokens:,} tokens of {TOKENIZER}: expected one each; "
            "copy the model again"
        )
    return table_VD


def _unknown(tokenizer: Tokenizer) -> int | None:
    """The id of the tokenizer's unknown token, or None."""
    if hasattr(tokenizer.model, "unk_token"):
        token = tokenizer.model.unk_token
        return None if token is None else tokenizer.token_to_id(token)
    number = json.loads(tokenizer.to_str())["model"].get("unk_id")  # of Unigram
    return number if isinstance(number, int) else None


def _matrix(tensors: dict[str, NDArray[Any]], name: str, path: Path) -> NDArray[np.float32]:
    if name not in tensors or tensors[name].ndim != 2 or not tensors[name].size:
        content = ", ".join(f"{each} {tensor.shape}" for each, tensor in tensors.items()) or "nothing"
        raise AdjoinError(
            f'{path} holds {content}: expected the tensor "{name}" with one row per token; give another file'
        )
    return tensors[name].astype(np.float32)


def _tensors(path: Path) -> dict[str, NDArray[Any]]:
    if not path.is_file():
        raise AdjoinError(f"no table at {path}: the file is missing; copy the model again")
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, ValueError, TypeError) as error:  # TypeError: a dtype that NumPy lacks
        reason = first_line(error)
        raise AdjoinError(f"the table {path} cannot be read: {reason}; copy the model again") from None


def _tokenizer(path: Path) -> Tokenizer:
    if not path.is_file():
        raise AdjoinError(f"no tokenizer at {path}: the file is missing; copy the model again")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the package raises bare Exceptions
        reason = first_line(error)
        raise AdjoinError(f"the tokenizer {path} cannot be read: {reason}; copy the model again") from None
