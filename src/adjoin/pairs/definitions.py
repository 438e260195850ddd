"""Two dictionaries that define one term → a pair: two sentences that say the same, each in its author's words.

Nobody had to call them paraphrases: that both stand under one term says it. A term of several meanings makes some
pairs that differ.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from adjoin.pairs.pair import Pair, text_hash

KIND = "definition-definition"

MAX_PAIRS = 4  # pairs of one term and two dictionaries


class Definition(NamedTuple):
    """A pair of the kind term-definition that stays in a dataset.

    Attributes:
        terms: the term, and other words for it behind commas.
        text: what it means.
        origin: where that stands, as "path:first-last".
        language: of the text.
        licence: of the text.
    """

    terms: str
    text: str
    origin: str
    language: str
    licence: str

    @property
    def key(self) -> int:
        """Equal for definitions of one term."""
        return text_hash(self.terms.partition(", ")[0].casefold())

    @property
    def dictionary(self) -> str:
        """The file that it stands in."""
        return self.origin.rpartition(":")[0]


def definition_pairs(read: Callable[[], Iterable[Definition]]) -> Iterator[Pair]:
    """Pairs of definitions of one term in two dictionaries, in the order of the terms' first ones.

    Those of one term are no negatives of each other; which of two is x is drawn by their hashes.

    Args:
        read: gives all definitions, the same each time; they are read twice, and only those are held whose term
            stands in several dictionaries.
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
    # In the order of the dictionaries: `shared` has that in which terms were found to be so.
    for key, by_dictionary in sorted(shared.items(), key=lambda item: _position(item[1])):
        dictionaries = list(by_dictionary.values())
        for number, some in enumerate(dictionaries):
            for others in dictionaries[number + 1 :]:
                yield from _pairs_between(some, others, key)


def _position(by_dictionary: dict[str, list[Definition]]) -> tuple[str, int]:
    origin = next(iter(by_dictionary.values()))[0].origin
    path, _, lines = origin.rpartition(":")
    return path, int(lines.partition("-")[0])


def _pairs_between(some: list[Definition], others: list[Definition], key: int) -> Iterator[Pair]:
    both = [(one, other) for one in some for other in others if one.text != other.text]
    for one, other in both[:MAX_PAIRS]:
        x, y = (one, other) if text_hash(one.text) < text_hash(other.text) else (other, one)
        licence = y.licence if x.licence == y.licence else f"({x.licence}) AND ({y.licence})"
        yield Pair(x.text, y.text, KIND, y.language, y.origin, key, "", licence)
