"""Lengths of a training's texts in tokens, for a plan: measured on a sample of the pairs, or typical ones."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.batches.batch import crop_sequences, random_crops
from adjoin.model.locations import locate_model
from adjoin.model.presets import preset_named
from adjoin.model.pretrained import describe_checkpoint
from adjoin.model.pruning import needed_tokens, pruned_tokenizer
from adjoin.pairs.dataset import NEGATIVES, PairDataset
from adjoin.ranks import ALONE
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import Tokenizer, encode_all
from adjoin.training.prepare import open_pairs
from adjoin.training.recipe import Recipe
from adjoin.unfinished import temporary_folder

SAMPLED = 8_192  # pairs, about, spread over all: learning a vocabulary from them takes a few seconds
PARTS_SAMPLED = 16  # parts of 8,192 pairs that the sample is taken from
_ROLES = {"x": "query", "y": "document", NEGATIVES: "document"}

# Tokens of docstrings (x) and functions (y) in public code: median and 90th percentile.
_TYPICAL = {"x": (14, 41), "y": (165, 602)}
_QUANTILES = 1_024
_DISTINCT = (
    1.9,
    0.64,
)  # distinct tokens among n: 1.9 n^0.64, within 10 % on SymPy's functions of 50 to 400 tokens


@dataclass(frozen=True, slots=True)
class Lengths:
    """A sample of text lengths in tokens, truncated as in the training.

    Attributes:
        source: where they come from, for display.
        x_N, y_N: lengths of both sides of N sampled pairs, delimiters included.
        negatives_K: lengths of their explicit negatives.
        vocabulary: rows of the token embedding table.
        pairs: number of all pairs; None if none were given.
    """

    source: str
    x_N: NDArray[np.int64]
    y_N: NDArray[np.int64]
    negatives_K: NDArray[np.int64]
    vocabulary: int
    pairs: int | None

    def batch(self, pairs: int, seed: int) -> NDArray[np.int64]:
        """Draw the lengths of all sequences of a batch of pairs from the sample (B,)."""
        random = np.random.default_rng(seed)
        rows = random.integers(len(self.x_N), size=pairs)
        negatives = round(pairs * len(self.negatives_K) / len(self.x_N))
        drawn = random.choice(self.negatives_K, negatives) if negatives else self.negatives_K[:0]
        return np.concatenate([self.x_N[rows], self.y_N[rows], drawn])

    def as_json(self) -> dict[str, Any]:
        """Mean, median and 90th percentile of each side."""
        summary: dict[str, Any] = {"source": self.source, "pairs": self.pairs}
        for side, lengths in (("x", self.x_N), ("y", self.y_N), ("negatives", self.negatives_K)):
            if len(lengths):
                median, high = np.percentile(lengths, [50, 90])
                summary[side] = {"mean": float(lengths.mean()), "median": float(median), "p90": float(high)}
        return summary


def lengths_for(pairs: Sequence[Path], recipe: Recipe) -> Lengths:
    """Sample the lengths of the given pairs, or assume typical ones if there are none.

    Raises:
        AdjoinError: as `open_pairs`, and as `describe_checkpoint`.
    """
    if not pairs:
        return _typical(recipe)
    with temporary_folder("adjoin-plan") as folder:  # labelled pairs are imported into it
        datasets = open_pairs(pairs, folder, ALONE)
        return _measured(datasets, recipe)


def _typical(recipe: Recipe) -> Lengths:
    if recipe.init is not None:
        vocabulary = _of_checkpoint(recipe)[1]
    else:
        vocabulary = recipe.vocabulary or preset_named(recipe.preset).vocabulary_size
    x_N, y_N = (_truncate(_typical_lengths(side, recipe), recipe) for side in ("x", "y"))
    y_N = np.random.default_rng(0).permutation(y_N)  # long docstrings do not make long functions
    source = "typical of public code (docstrings: median 14 tokens, 90th percentile 41; functions: 165 and 602)"
    return Lengths(source, x_N, y_N, x_N[:0], vocabulary, None)


def _typical_lengths(side: str, recipe: Recipe) -> NDArray[np.float64]:
    """Quantiles of a log-normal distribution, cropped; for a static table as numbers of distinct tokens."""
    median, p90 = _TYPICAL[side]
    normal = NormalDist(math.log(median), math.log(p90 / median) / NormalDist().inv_cdf(0.9))
    lengths_N = np.exp([normal.inv_cdf((number + 0.5) / _QUANTILES) for number in range(_QUANTILES)])
    if share := _crop(side, recipe):
        lengths_N = random_crops(np.rint(lengths_N).astype(np.int64), share, np.random.default_rng(0))[1].astype(
            float
        )
    factor, power = _DISTINCT
    return np.minimum(lengths_N, factor * lengths_N**power) if recipe.start.is_static else lengths_N


def _crop(side: str, recipe: Recipe) -> float:
    """Share of a side's texts that is cropped; explicit negatives are not."""
    return {"x": recipe.crop_x, "y": recipe.crop_y}.get(side, 0.0)


def _truncate(lengths_N: NDArray[Any], recipe: Recipe) -> NDArray[np.int64]:
    """Lengths after truncation and token dropout, which keeps both delimiters."""
    truncated_N = np.clip(lengths_N, 3, recipe.max_tokens)
    dropped_N: NDArray[np.int64] = np.rint(2 + (truncated_N - 2) * (1 - recipe.token_dropout)).astype(np.int64)
    return dropped_N


def _measured(datasets: Sequence[PairDataset], recipe: Recipe) -> Lengths:
    number = sum(map(len, datasets))
    parts = [part for dataset in datasets for part in dataset.parts()]
    parts = parts[:: max(1, len(parts) // PARTS_SAMPLED)]
    stride = max(1, sum(part.rows for part in parts) // SAMPLED)
    texts: dict[str, list[str]] = {side: [] for side in _ROLES}
    for part in parts:
        rows = part.read(["x", "y", *([NEGATIVES] * part.negatives)])
        for side in ("x", "y"):
            texts[side] += rows[side][::stride]
        texts[NEGATIVES] += [text for negatives in rows.get(NEGATIVES, [])[::stride] for text in negatives]
    sampled = len(texts["x"])
    tokenizer, vocabulary = _tokenizer([*texts["x"], *texts["y"]], recipe, whole=sampled == number)
    lengths = {side: _lengths(tokenizer, sample, side, recipe) for side, sample in texts.items()}
    source = f"measured on {sampled:,} of {number:,} pairs"
    return Lengths(source, lengths["x"], lengths["y"], lengths[NEGATIVES], vocabulary, number)


def _tokenizer(texts: list[str], recipe: Recipe, *, whole: bool) -> tuple[Tokenizer, int]:
    """A tokenizer of about the training's lengths, and the vocabulary size of the training."""
    if recipe.init is not None:
        tokenizer, vocabulary = _of_checkpoint(recipe)
        if not recipe.prune:
            return tokenizer, vocabulary
        pruned = pruned_tokenizer(tokenizer, needed_tokens(tokenizer, texts, recipe.vocabulary))
        return pruned, pruned.vocabulary_size
    size = recipe.vocabulary or preset_named(recipe.preset).vocabulary_size
    tokenizer = Tokenizer.train(iter(texts), size)
    # A sample of the texts may yield fewer tokens than all of them.
    return tokenizer, tokenizer.vocabulary_size if whole else size


def _of_checkpoint(recipe: Recipe) -> tuple[Tokenizer, int]:
    """The tokenizer of the init checkpoint, and its vocabulary size."""
    if recipe.start.is_static:
        tokenizer = Tokenizer.load(locate_model(recipe.init or "") / TOKENIZER_FILE)
        return tokenizer, tokenizer.vocabulary_size
    config, tokenizer = describe_checkpoint(recipe.start)
    return tokenizer, int(config.vocab_size)


def _lengths(tokenizer: Tokenizer, texts: list[str], side: str, recipe: Recipe) -> NDArray[np.int64]:
    tokens = encode_all(tokenizer, texts, _ROLES[side], recipe.max_tokens)
    if (share := _crop(side, recipe)) and len(tokens):
        tokens = crop_sequences(tokens, *random_crops(tokens.lengths_B, share, np.random.default_rng(recipe.seed)))
    return _truncate((tokens.distinct() if recipe.start.is_static else tokens).lengths_B, recipe)
