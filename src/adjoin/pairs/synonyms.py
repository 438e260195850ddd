"""Expressions that translate the same word → a pair: some of them with the others, which say the same.

No label is needed: a dictionary puts "apartment building, block of flats" beside one foreign word. What such pairs
teach is what neighbouring passages do not: that two short texts without a word in common can mean one thing.
"""

from collections.abc import Iterator

from adjoin.corpus.document import Document
from adjoin.pairs.pair import Pair, text_hash
from adjoin.tally import Tally

KIND = "synonyms"
KINDS = frozenset({KIND})

MAX_WORDS = 6  # of an expression; a longer one explains
ALONE = "no second expression"
TOO_LONG = "expression too long"


def synonym_pairs(document: Document, tally: Tally) -> Iterator[Pair]:
    """The pair of one meaning, or none: y is every second expression from the first on, x are the others.

    Meanings of one foreign word are no negatives of each other. Counts "candidate pairs"; each becomes a pair or
    is counted under one of `SYNONYM_RULES`.
    """
    tally.add("candidate pairs")
    place = f"{document.origin}:{document.span[0]}-{document.span[1]}"
    if reason := _reason_against(document.expressions):
        tally.add(reason, place)
        return
    x, y = ", ".join(document.expressions[1::2]), ", ".join(document.expressions[::2])
    group = text_hash(f"{document.origin}\0{document.term.casefold()}")
    yield Pair(x, y, KIND, document.language, place, group, "", document.licence, document.repository)


def _reason_against(expressions: tuple[str, ...]) -> str:
    if len({expression.casefold() for expression in expressions}) < 2:
        return ALONE
    return TOO_LONG if max(len(expression.split()) for expression in expressions) > MAX_WORDS else ""


SYNONYM_RULES = {
    ALONE: "The foreign word has one translation in this meaning: there is nothing to pair it with.",
    TOO_LONG: f"An expression has over {MAX_WORDS} words: it explains the word and does not translate it.",
}
