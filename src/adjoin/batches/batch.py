"""Batch: M tokenized pairs; cropping and token dropout; micro-batches of similar length."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from adjoin.tokens import Ragged


def _no_sequences() -> Ragged:
    return Ragged.concatenate([])


def _no_hashes() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of M pairs: this rank's share of the tokens, and the identities of all pairs.

    Attributes:
        x, y: the tokenized queries and documents of this rank's M / ranks pairs.
        identity_3M: hash of x, hash of y and group of each pair, over all ranks; they tell false negatives.
        first: index of this rank's first pair among the M.
        negatives: explicit negatives of this rank's pairs. Each is a negative for all M queries.
        negative_hash_K: text hash of each of the K explicit negatives, over all ranks.
        first_negative: index of this rank's first explicit negative among the K.
        source: name of the pairs' source, or "mixed".
    """

    x: Ragged
    y: Ragged
    identity_3M: NDArray[np.int64]
    first: int = 0
    negatives: Ragged = field(default_factory=_no_sequences)
    negative_hash_K: NDArray[np.int64] = field(default_factory=_no_hashes)
    first_negative: int = 0
    source: str = "mixed"

    def __len__(self) -> int:
        return int(self.identity_3M.shape[1])

    @property
    def sequences(self) -> Ragged:
        """All sequences that this rank embeds: queries, then documents, then explicit negatives."""
        return Ragged.concatenate([self.x, self.y, self.negatives])


SHORTEST_STRETCH, LONGEST_STRETCH = 4, 48  # tokens between the delimiters


def random_crops(
    lengths_B: NDArray[np.int64], share: float, random: "np.random.Generator"
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose random crops: about `share` of the sequences are cropped, the others stay whole.

    User queries are short, and mined x are passages. A crop has 4 to 48 tokens, log-uniformly distributed, at a
    random position; it is no longer than the sequence.

    Args:
        lengths_B: tokens of each sequence, delimiters included.
        share: probability that a sequence is cropped.
        random: generator; three numbers are drawn per sequence.

    Returns:
        The number of tokens to skip after each sequence's opening delimiter (B,), and the new lengths (B,),
        delimiters included; see `crop_sequences`.
    """
    cut, size, position = random.random((len(lengths_B), 3)).T
    inner_B = np.maximum(lengths_B - 2, 0)
    crop_B = SHORTEST_STRETCH * (LONGEST_STRETCH / SHORTEST_STRETCH) ** size
    kept_B = np.where(cut < share, np.minimum(inner_B, np.rint(crop_B).astype(np.int64)), inner_B)
    return (position * (inner_B - kept_B + 1)).astype(np.int64), kept_B + (lengths_B - inner_B)


def crop_sequences(sequences: Ragged, skipped_B: NDArray[np.int64], lengths_B: NDArray[np.int64]) -> Ragged:
    """Crop sequences to the lengths and offsets that `random_crops` chose; the delimiters are kept.

    Args:
        sequences: B sequences with their delimiters.
        skipped_B: tokens to skip after each opening delimiter.
        lengths_B: new lengths, delimiters included.
    """
    positions_N = sequences.positions_N
    skipped_N, lengths_N = (np.repeat(numbers_B, sequences.lengths_B) for numbers_B in (skipped_B, lengths_B))
    last_N = np.repeat(sequences.lengths_B, sequences.lengths_B) - 1
    inside_N = (positions_N > skipped_N) & (positions_N < skipped_N + lengths_N - 1)
    return sequences.keep((positions_N == 0) | (positions_N == last_N) | inside_N)


def drop_tokens(
    sequences: Ragged, share: float, random: "np.random.Generator", *, distinct: bool = False
) -> Ragged:
    """Drop about `share` of the tokens at random; delimiters are kept, so that no sequence becomes empty.

    Args:
        sequences: the tokens; not changed.
        share: probability that a token is dropped.
        random: generator; one number is drawn per token.
        distinct: also make the sequences distinct (`Ragged.distinct`). A token whose first occurrence is dropped
            is then gone from its sequence.
    """
    # A float64 takes exactly one step of the generator, so that a rank can begin in mid-batch (`advance`).
    kept = random.random(len(sequences.ids_N)) >= share
    kept[sequences.starts_B] = True
    kept[sequences.starts_B + sequences.lengths_B - 1] = True
    if not distinct:
        return sequences.keep(kept)
    return sequences.with_neighbours().keep(kept & sequences.first_N)


def micro_batches(lengths: NDArray[np.int64], token_budget: int) -> Iterator[NDArray[np.int64]]:
    """Split sequences into micro-batches of similar length, each of at most `token_budget` padded tokens.

    Sorting by length keeps padding to a few per cent; random groups waste a third or more. A sequence longer than
    the budget gets a micro-batch of its own.

    Args:
        lengths: tokens of each sequence (B,).
        token_budget: maximum of rows times longest row.

    Yields:
        The row numbers of each micro-batch. Every row comes exactly once.
    """
    order = np.argsort(-lengths, kind="stable")  # longest first, so that running out of memory shows at once
    start = 0
    while start < len(order):
        rows = max(1, token_budget // int(max(1, lengths[order[start]])))
        yield order[start : start + rows]
        start += rows
