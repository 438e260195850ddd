"""Small tables of token vectors, their tokenizers, and the folders that packages keep them in."""

import json
from pathlib import Path

import numpy as np
import tokenizers
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import models, normalizers, pre_tokenizers, trainers

UNKNOWN = "[UNK]"
WORDS = [UNKNOWN, "[PAD]", "red", "green", "blue", "large", "small"]
TEXTS = [
    "red green",
    "Blue blue large",
    "a small house, and a large one",
    "nothing known",
    "",
    "   ",
    "red " * 700 + "blue",
    "the naïve café — 東京",
]


def word_tokenizer() -> tokenizers.Tokenizer:
    """One token per word of `WORDS`, lower-cased."""
    tokenizer = tokenizers.Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def bpe_tokenizer(texts: list[str]) -> tokenizers.Tokenizer:
    """Bytes merged to some longer tokens; knows everything."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    )
    return tokenizer


def unigram_tokenizer(texts: list[str]) -> tokenizers.Tokenizer:
    """Pieces with probabilities, whose unknown token has a number and no name."""
    tokenizer = tokenizers.Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(
        texts,
        trainers.UnigramTrainer(vocab_size=60, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False),
    )
    return tokenizer


def random_table(rows: int, dimension: int = 8, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((rows, dimension), dtype=np.float32)


def write_model2vec(
    folder: Path,
    tokenizer: tokenizers.Tokenizer,
    tensors: dict[str, NDArray[np.float32]],
    config: object = None,
) -> Path:
    """A folder as model2vec writes it, modules.json included."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, folder / "model.safetensors"
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"normalize": True} if config is None else config))
    module = {"idx": 0, "name": "0", "path": ".", "type": "sentence_transformers.models.StaticEmbedding"}
    (folder / "modules.json").write_text(json.dumps([module]))
    return folder


def write_wordllama(
    folder: Path, tokenizer: tokenizers.Tokenizer, table_VD: NDArray[np.float32]
) -> tuple[Path, Path]:
    """The two files of wordllama."""
    folder.mkdir(parents=True, exist_ok=True)
    weights, file = folder / "table.safetensors", folder / "tokenizer_config.json"
    save_file({"embedding.weight": table_VD}, weights)
    tokenizer.save(str(file))
    return weights, file
