"""The words in the paths of an index: which files the words of a query name."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from adjoin.index.store import Ids
from adjoin.ranking.order import best_first
from adjoin.ranking.paths import SHORTEST_PREFIX, matches

CACHED_WORDS = 64  # of the last queries
_NO_FILES, _NO_WEIGHTS = np.empty(0, np.int64), np.empty(0, np.int32)


class PathVocabulary:
    """Distinct words of paths, by their first letters: `ranking.paths.matches` compares few of them."""

    def __init__(self, words: Iterable[str]) -> None:
        """Group the words."""
        self._by_prefix: defaultdict[str, list[str]] = defaultdict(list)
        self._short: defaultdict[str, list[str]] = defaultdict(list)  # without a vowel, "ctx", by the first letter
        for word in sorted(set(words)):
            self._by_prefix[word[:SHORTEST_PREFIX]].append(word)
            if not set(word[1:]) & set("aeiou"):
                self._short[word[:1]].append(word)

    def matching(self, word: str) -> list[str]:
        """The words of paths that a word of a query matches, sorted."""
        near = {*self._by_prefix.get(word[:SHORTEST_PREFIX], ()), *self._short.get(word[:1], ())}
        return sorted(own for own in near if matches(word, own))


class NamedFiles:
    """Finds the files that the words of a query name. What it reads for the last words stays in memory."""

    def __init__(
        self, words: Iterable[str], rows_of: Callable[[Sequence[str]], Sequence[tuple[int, int]]]
    ) -> None:
        """Prepare to search.

        Args:
            words: all words of paths.
            rows_of: gives the files with one of some of these words, and the word's weight in each.
        """
        self._vocabulary = PathVocabulary(words)
        self._read: dict[str, tuple[Ids, NDArray[np.int32]]] = {}
        self.rows_of = rows_of

    def best(self, words: Sequence[str], number: int, allowed: Ids | None = None) -> Ids:
        """The ids of the `number` files that the words name best, by the sum of the words' weights, then by id.

        Args:
            words: words of a query, each once.
            number: the greatest number of files.
            allowed: ids of the files that may be given; None for all.
        """
        named = [pair for word in words if len((pair := self._named_by(word))[0])]
        if not named:
            return _NO_FILES
        points_F = np.zeros(max(int(files[-1]) for files, _ in named) + 1, np.int32)  # indexed by the file's id
        for files, weights in named:
            points_F[files] += weights
        if allowed is not None:
            lets_through_F = np.zeros(len(points_F), np.bool_)
            lets_through_F[allowed[allowed < len(points_F)]] = True
            points_F[~lets_through_F] = 0
        best_K = best_first(points_F, number)
        return best_K[points_F[best_K] > 0]

    def _named_by(self, word: str) -> tuple[Ids, NDArray[np.int32]]:
        """The ids of the files that a word names, ascending, with the greatest weight of what it stands for."""
        found = self._read.pop(word, None)
        if found is None:
            stands_for = self._vocabulary.matching(word)
            found = _greatest(self.rows_of(stands_for)) if stands_for else (_NO_FILES, _NO_WEIGHTS)
            if len(self._read) >= CACHED_WORDS:
                del self._read[next(iter(self._read))]
        self._read[word] = found
        return found


def _greatest(rows: Sequence[tuple[int, int]]) -> tuple[Ids, NDArray[np.int32]]:
    """The files of some rows, ascending, each with its greatest weight."""
    rows_R2 = np.array(rows, np.int64).reshape(-1, 2)
    rows_R2 = rows_R2[np.lexsort((rows_R2[:, 1], rows_R2[:, 0]))]
    is_last_R = np.append(rows_R2[1:, 0] != rows_R2[:-1, 0], True)[: len(rows_R2)]
    return rows_R2[is_last_R, 0], rows_R2[is_last_R, 1].astype(np.int32)
