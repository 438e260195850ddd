"""Term-definition pairs from dictionaries: the term and its synonyms with the definition.

A definition avoids the word that it defines. Such pairs therefore teach matches without common words.
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

MAX_WORDS = 8  # of a term, and of the term with its synonyms
MIN_WORDS = 4  # of a definition: a shorter one ("Without a lip.") is hardly one
TOO_LONG = "term too long"
NOT_WORDS = "term is not words"
TOO_SHORT = "definition too short"


def term_pairs(document: Document, tally: Tally, options: PassageOptions | None = None) -> Iterator[Pair]:
    """Yield the pair of one dictionary entry, or nothing. Entries of one dictionary and term share a group.

    Args:
        document: one entry, with its `term`; synonyms follow the term after commas.
        tally: counts "candidate pairs", and under a rule of prose or of `TERM_RULES` those that make no pair.
        options: the length of a definition and the languages to keep.
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
    """The term and as many synonyms as fit into `MAX_WORDS`."""
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
