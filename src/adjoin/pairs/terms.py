"""An entry of a dictionary → a pair: the term and other words for it with the definition.

No label is needed: whoever wrote the entry put the term above what it means. A definition avoids the word that it
defines, which is what the pair teaches: no word has to be on both sides.
"""

from collections.abc import Iterator

from adjoin.corpus.document import Document
from adjoin.pairs.natural_language import language_of
from adjoin.pairs.pair import Pair, text_hash
from adjoin.pairs.passages import NOT_ASKED_FOR, PassageOptions, first_sentences
from adjoin.pairs.prose_quality import judge_of
from adjoin.tally import Tally

KIND = "term-definition"
KINDS = frozenset({KIND})

MAX_WORDS = 8  # of a term, and of it and its synonyms together
MIN_WORDS = 4  # of a definition: "Without a lip." is a synonym as good as none
TOO_LONG = "term too long"
NOT_WORDS = "term is not words"
TOO_SHORT = "definition too short"


def term_pairs(document: Document, tally: Tally, options: PassageOptions | None = None) -> Iterator[Pair]:
    """The pair of one entry, or none; entries of a dictionary under one term are not negatives of each other.

    Counts "candidate pairs"; each becomes a pair or is counted under a rule of prose or one of `TERM_RULES`.
    """
    options = options or PassageOptions()
    tally.add("candidate pairs")
    y, words = first_sentences(document.text, options)
    terms = " ".join(document.term.split()).split(", ")
    place = f"{document.origin}:{document.span[0]}-{document.span[1]}"
    if reason := _reason_against(terms[0], words) or _reason_against_text(y, words, options):
        tally.add(reason, place)
        return
    group = text_hash(f"{document.origin}\0{terms[0].casefold()}")
    yield Pair(
        _joined_terms(terms), y, KIND, document.language, place, group, "", document.licence, document.repository
    )


def _joined_terms(terms: list[str]) -> str:
    """The term and as many others as make `MAX_WORDS` at most."""
    words, chosen = 0, []
    for term in terms:
        words += len(term.split())
        if words > MAX_WORDS:
            break
        chosen.append(term)
    return ", ".join(chosen)


def _reason_against(term: str, words: int) -> str:
    if len(term.split()) > MAX_WORDS:
        return TOO_LONG
    if 2 * sum(map(str.isalpha, term)) <= len(term):
        return NOT_WORDS
    return TOO_SHORT if words < MIN_WORDS else ""


def _reason_against_text(text: str, words: int, options: PassageOptions) -> str:
    if options.languages and language_of(text) not in options.languages:
        return NOT_ASKED_FOR
    return judge_of(text)(text, words)


TERM_RULES = {
    TOO_LONG: f"The term has over {MAX_WORDS} words: it is a sentence.",
    NOT_WORDS: "Half of the term's characters are no letters.",
    TOO_SHORT: f"The definition has under {MIN_WORDS} words: a synonym, a reference to another entry.",
}
