"""Synonym pairs: expressions that translate the same word, from bilingual dictionaries.

A dictionary gives "apartment building, block of flats" for one foreign word, so no label is needed. Unlike
neighbouring passages, such pairs teach that two short texts without a common word can mean the same.
"""

from collections.abc import Iterator

from adjoin.corpus.document import Document
from adjoin.pairs.pair import Pair, text_hash
from adjoin.tally import Tally

KIND = "synonyms"
KINDS = frozenset({KIND})

MAX_WORDS = 6  # per expression; longer ones are explanations
ALONE = "no second expression"
TOO_LONG = "expression too long"


def synonym_pairs(document: Document, tally: Tally) -> Iterator[Pair]:
    """Yield the pair of one meaning of a foreign word, or nothing.

    y has the first expression and every second one after it, x has the others. All meanings of one foreign word
    share a group.

    Args:
        document: one meaning of a dictionary entry, with its `expressions`.
        tally: counts "candidate pairs", and under a rule of `SYNONYM_RULES` those that make no pair.
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
