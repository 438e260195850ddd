"""The words in the paths of an index, to find those that a word of a query stands for."""

from collections import defaultdict
from collections.abc import Iterable

from adjoin.ranking.paths import SHORTEST_PREFIX, matches


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
