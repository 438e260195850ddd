"""Definition pairs: two dictionaries' definitions of one term, which are paraphrases without a human label.

A term with several meanings also makes some pairs whose definitions differ.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import combinations, product
from typing import NamedTuple

from adjoin.pairs.pair import Pair, text_hash

KIND = "definition-definition"

MAX_PAIRS = 4  # pairs per term and two dictionaries


class Definition(NamedTuple):
    """A term and its definition, from a pair of the kind "term-definition" in a dataset.

    Attributes:
        terms: the term, then its synonyms, separated by commas.
        text: the definition.
        origin: where the definition comes from, as "path:first-last" with line numbers.
        language: the language of the definition.
        licence: the licence of the definition.
    """

    terms: str
    text: str
    origin: str
    language: str
    licence: str

    @property
    def key(self) -> int:
        """A hash of the term; equal for definitions of the same term, ignoring case."""
        return text_hash(self.terms.partition(", ")[0].casefold())

    @property
    def dictionary(self) -> str:
        """The path of the dictionary."""
        return self.origin.rpartition(":")[0]


def definition_pairs(read: Callable[[], Iterable[Definition]]) -> Iterator[Pair]:
    """Yield pairs of definitions of one term from two dictionaries, in the order of the terms' first definitions.

    Pairs of one term share a group. The order of their hashes decides which definition is x.

    Args:
        read: returns all definitions, the same each time. It is called twice, and only definitions whose term is
            in several dictionaries are held in memory.
    """
    first, shared = dict[int, str](), dict[int, dict[str, list[Definition]]]()
    for definition in read():
        if first.setdefault(definition.key, definition.dictionary) != definition.dictionary:
            shared[definition.key] = {}
    del first
    if not shared:
        return
    for definition in read():
        if (by_dictionary := shared.get(definition.key)) is not None:
            by_dictionary.setdefault(definition.dictionary, []).append(definition)
    # Sorted, since `shared` is in the order in which the second dictionaries were met.
    for key, by_dictionary in sorted(shared.items(), key=lambda item: _position(item[1])):
        for first_definitions, second_definitions in combinations(by_dictionary.values(), 2):
            yield from _pairs_between(first_definitions, second_definitions, key)


def _position(by_dictionary: dict[str, list[Definition]]) -> tuple[str, int]:
    origin = next(iter(by_dictionary.values()))[0].origin
    path, _, lines = origin.rpartition(":")
    return path, int(lines.partition("-")[0])


def _pairs_between(first: list[Definition], second: list[Definition], key: int) -> Iterator[Pair]:
    different = [(one, other) for one, other in product(first, second) if one.text != other.text]
    for one, other in different[:MAX_PAIRS]:
        x, y = (one, other) if text_hash(one.text) < text_hash(other.text) else (other, one)
        licence = y.licence if x.licence == y.licence else f"({x.licence}) AND ({y.licence})"
        yield Pair(x.text, y.text, KIND, y.language, y.origin, key, "", licence)
