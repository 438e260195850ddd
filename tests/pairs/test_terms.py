"""Pairs of terms and definitions; every dictionary entry makes a pair or is counted under one rule."""

import pytest

from adjoin.corpus import PROSE, Document
from adjoin.pairs.pair import Pair
from adjoin.pairs.passages import NOT_ASKED_FOR, PassageOptions
from adjoin.pairs.sentences import ends_sentence
from adjoin.pairs.terms import KIND, MAX_WORDS, NOT_WORDS, TERM_RULES, TOO_LONG, TOO_SHORT, term_pairs
from adjoin.tally import Tally
from small_sources import NOUNS, paragraph_about

GYPSUM = "A mineral consisting of the hydrous sulphate of lime."


def pairs_of(
    term: str, text: str, tally: Tally | None = None, options: PassageOptions | None = None
) -> list[Pair]:
    document = Document.of(text, PROSE, "a.dict", first_line=7, term=term, licence="MIT")
    return list(term_pairs(document, tally or Tally(), options))


def test_a_term_with_its_definition() -> None:
    (pair,) = pairs_of("gypsum", "A mineral consisting of\nthe hydrous   sulphate\n\nof lime.")
    assert (pair.x, pair.y) == ("gypsum", GYPSUM)
    assert (pair.kind, pair.language, pair.origin, pair.licence) == (KIND, PROSE, "a.dict:7-10", "MIT")


def test_a_short_definition_of_one_word_is_fine() -> None:
    (pair,) = pairs_of("Gynobasic", "Pertaining to a gynobase.")
    assert (pair.x, pair.y) == ("Gynobasic", "Pertaining to a gynobase.")


def test_other_words_join_up_to_a_length() -> None:
    (pair,) = pairs_of("attribution, ascription", GYPSUM)
    assert pair.x == "attribution, ascription"
    (pair,) = pairs_of("one two three, four five six, seven eight nine", GYPSUM)
    assert pair.x == "one two three, four five six"
    (pair,) = pairs_of(" ".join(["word"] * MAX_WORDS), GYPSUM)
    assert pair.x.count("word") == MAX_WORDS


def test_a_long_definition_ends_with_a_sentence() -> None:
    text = " ".join(map(paragraph_about, NOUNS))
    (pair,) = pairs_of("set", text, options=PassageOptions(max_words=100))
    assert 60 <= len(pair.y.split()) <= 100
    assert text.startswith(pair.y)
    assert ends_sentence(pair.y.split()[-1], "The")
    assert len(text.split()) > 200


def test_entries_under_one_term_are_not_negatives_of_each_other() -> None:
    groups = [pairs_of(term, GYPSUM)[0].group for term in ("Bank", "bank, depository", "banker")]
    assert groups[0] == groups[1] != groups[2]


@pytest.mark.parametrize(
    ("term", "text", "reason"),
    [
        (" ".join(["word"] * (MAX_WORDS + 1)), GYPSUM, TOO_LONG),
        ("90210", GYPSUM, NOT_WORDS),
        ("!=", GYPSUM, NOT_WORDS),
        ("gypsum", "A white mineral.", TOO_SHORT),
        ("gypsum", "CA MG FE ZN CU NI CO MN", "passage mostly capitals"),
        ("gypsum", "1, 2, 3, 4, 5, and 6 of 7, 8", "passage mostly numbers"),
        ("gypsum", "x = {a: b; c = d[0] * e};", "passage of code or markup"),
        ("gypsum", "A mineral that is broken\ufffd in two.", "passage with broken characters"),
        ("gypsum", "so so so so so so so so so so so so", "passage of repeated words"),
    ],
)
def test_what_is_left_out_is_counted_once(term: str, text: str, reason: str) -> None:
    tally = Tally()
    assert not pairs_of(term, text, tally)
    assert tally.counts == {"candidate pairs": 1, reason: 1}
    assert tally.examples[reason] == ["a.dict:7-7"]


def test_a_pair_is_a_count_too() -> None:
    tally = Tally()
    assert pairs_of("gypsum", GYPSUM, tally)
    assert tally.counts == {"candidate pairs": 1}


def test_languages_are_asked_for() -> None:
    german = "Ein Mineral, das aus dem Sulfat von Kalk besteht und sehr weich ist."
    tally = Tally()
    assert not pairs_of("Gips", german, tally, PassageOptions(languages=("en",)))
    assert tally.counts[NOT_ASKED_FOR] == 1
    assert pairs_of("Gips", german, options=PassageOptions(languages=("de",)))


def test_rules_have_reasons() -> None:
    assert set(TERM_RULES) == {TOO_LONG, NOT_WORDS, TOO_SHORT}
    assert all(reason.endswith(".") for reason in TERM_RULES.values())
