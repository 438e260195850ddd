"""Pairs without negatives: refused if they are all that there is, else counted and told."""

import numpy as np

from adjoin.batches.cache import TokenCache
from adjoin.errors import AdjoinError
from adjoin.objective.identity import Identity
from adjoin.objective.step import ContrastiveStep
from adjoin.training.checkpoint import TrainingProgress
from adjoin.training.loop import Say

WITHOUT_NEGATIVES = "batches_without_negatives"  # in the facts of a checkpoint and in the model's description
_AT_ONCE = 1 << 15  # pairs


def check_negatives(cache: TokenCache) -> None:
    """Check that some pair is a negative of another, or has an explicit negative.

    Raises:
        AdjoinError: all pairs are false negatives of each other, so that the loss would be 0 throughout.
    """
    first = np.arange(min(_AT_ONCE, len(cache)))
    _, hash_K, _ = cache.negatives(first)
    identity_3M = cache.identity(first)
    if Identity.of(identity_3M, hash_K).has_negatives():
        return
    same = np.ones(3, np.bool_)
    for begin in range(0, len(cache), _AT_ONCE):
        rows = np.arange(begin, min(begin + _AT_ONCE, len(cache)))
        same &= (cache.identity(rows) == identity_3M[:, :1]).all(axis=1)
        if not same.any() or len(cache.negatives(rows)[1]) > len(hash_K):
            break
    what = [name for name, is_same in zip(("x", "y", "group"), same, strict=True) if is_same]
    if what or len(first) == len(cache):
        reason = f"they have the same {' and '.join(what)}" if what else "each x goes with each y"
        raise AdjoinError(
            f"the {len(cache):,} pairs are no negatives of each other ({reason}), so there is nothing to tell"
            " apart: give pairs of different texts, or explicit negatives"
        )


class NegativesWatch:
    """Counts the batches in which no pair has a negative, and tells the first of them.

    Args:
        step: the training's step, which counts them.
        progress: its facts keep the count, also over a resumption.
        say: called with one line.
    """

    def __init__(self, step: ContrastiveStep, progress: TrainingProgress, say: Say) -> None:
        self._step, self._progress, self._say = step, progress, say
        step.without_negatives = self._told = int(progress.facts.get(WITHOUT_NEGATIVES, 0))

    def look(self) -> None:
        """Look at the count after a step."""
        count = self._step.without_negatives
        if count and not self._told:
            self._say(
                f"step {self._progress.step + 1:,}: no pair of the batch has a negative, so it teaches nothing;"
                " such batches are counted"
            )
        self._told = count
        if count:
            self._progress.facts[WITHOUT_NEGATIVES] = count


def summary_of_negatives(progress: TrainingProgress) -> str:
    """One line about the batches without negatives; empty if there were none."""
    count = progress.facts.get(WITHOUT_NEGATIVES, 0)
    return f"{count:,} of {progress.step:,} batches had no negatives and taught nothing" if count else ""
