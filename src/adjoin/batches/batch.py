"""The third typed object of the flow: a Batch of M tokenized pairs, and the micro-batches that it is cut into."""

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
    """M pairs, of which this rank embeds its share; what tells false negatives is known of all of them.

    Attributes:
        x, y: the tokenized sides of this rank's m pairs, m = M over the number of ranks.
        identity_3M: hash of x, hash of y, group of each pair, over all ranks.
        first: the place of this rank's first pair among the M.
        negatives: explicit negatives of this rank's pairs, end to end; each is a negative of all M queries.
        negative_hash_K: the text hash of each explicit negative, over all ranks, in their order.
        first_negative: the place of this rank's first explicit negative among the K.
        source: which source the pairs are of, or "mixed".
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
        """All that this rank embeds: its queries, their documents, its explicit negatives."""
        return Ragged.concatenate([self.x, self.y, self.negatives])


SHORTEST_STRETCH, LONGEST_STRETCH = 4, 48  # tokens between the delimiters


def stretches(
    lengths_B: NDArray[np.int64], share: float, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which part of each sequence stays: about `share` of them are cut to a stretch at a random place.

    People ask with a few words, and mined x are passages. A stretch has 4 to 48 tokens, log-uniformly, or all that
    the sequence has.

    Args:
        lengths_B: tokens of each sequence, delimiters among them.
        share: how likely a sequence is cut.
        random: takes three steps a sequence.

    Returns:
        Of each sequence how many tokens behind its first delimiter are left out, and its new length.
    """
    cut, size, place = random.random((len(lengths_B), 3)).T
    inner_B = np.maximum(lengths_B - 2, 0)
    wanted_B = SHORTEST_STRETCH * (LONGEST_STRETCH / SHORTEST_STRETCH) ** size
    kept_B = np.where(cut < share, np.minimum(inner_B, np.rint(wanted_B).astype(np.int64)), inner_B)
    return (place * (inner_B - kept_B + 1)).astype(np.int64), kept_B + (lengths_B - inner_B)


def cut_out(sequences: Ragged, skipped_B: NDArray[np.int64], lengths_B: NDArray[np.int64]) -> Ragged:
    """The sequences without the `skipped_B` tokens behind their first, of new lengths; the last token stays."""
    positions_N = sequences.positions_N
    skipped_N, lengths_N = (np.repeat(numbers_B, sequences.lengths_B) for numbers_B in (skipped_B, lengths_B))
    last_N = np.repeat(sequences.lengths_B, sequences.lengths_B) - 1
    inside_N = (positions_N > skipped_N) & (positions_N < skipped_N + lengths_N - 1)
    return sequences.keep((positions_N == 0) | (positions_N == last_N) | inside_N)


def drop_tokens(sequences: Ragged, share: float, random: np.random.Generator, *, distinct: bool = False) -> Ragged:
    """Leave out about `share` of the tokens at random, never a delimiter, so that no sequence gets empty.

    Args:
        sequences: of which.
        share: how likely each token is left out.
        random: takes one step a token.
        distinct: make them `distinct` too; a token that is left out is gone then, however often it stands there.
    """
    # float64 takes just one step of the generator a number, so that a rank can begin amid a batch (`advance`).
    kept = random.random(len(sequences.ids_N)) >= share
    kept[sequences.starts_B] = True
    kept[sequences.starts_B + sequences.lengths_B - 1] = True
    if not distinct:
        return sequences.keep(kept)
    return sequences.with_neighbours().keep(kept & sequences.first_N)


def micro_batches(lengths: NDArray[np.int64], token_budget: int) -> Iterator[NDArray[np.int64]]:
    """Cut sequences into groups of like length, each with at most `token_budget` tokens when padded.

    Sorted by length, so that padding is a few per cent where random groups waste a third or more. A sequence
    that is longer than the budget gets a group of its own.

    Args:
        lengths: tokens of each sequence (B,).
        token_budget: rows times longest row of a group.

    Yields:
        Row numbers; every row comes exactly once.
    """
    order = np.argsort(-lengths, kind="stable")  # the longest first: running out of memory shows at once
    start = 0
    while start < len(order):
        rows = max(1, token_budget // int(max(1, lengths[order[start]])))
        yield order[start : start + rows]
        start += rows
