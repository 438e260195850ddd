"""Pairs of expressions that translate one word."""

import pytest

from adjoin.corpus.document import PROSE, Document
from adjoin.pairs.pair import Pair
from adjoin.pairs.synonyms import ALONE, KIND, MAX_WORDS, SYNONYM_RULES, TOO_LONG, synonym_pairs
from adjoin.tally import Tally


def pairs(*expressions: str, term: str = "høne", tally: Tally | None = None) -> list[Pair]:
    text = ", ".join(expressions)
    document = Document.of(text, PROSE, "a.dict", first_line=7, term=term, expressions=expressions)
    return list(synonym_pairs(document, tally or Tally()))


def test_some_expressions_are_paired_with_the_others() -> None:
    (pair,) = pairs("fowl", "hen", "domestic bird", "chicken", "biddy")
    assert (pair.x, pair.y) == ("hen, chicken", "fowl, domestic bird, biddy")
    assert (pair.kind, pair.language, pair.origin) == (KIND, PROSE, "a.dict:7-7")


def test_meanings_of_one_word_are_no_negatives_of_each_other() -> None:
    first, second = pairs("hen", "chicken", term="Høne"), pairs("coward", "weakling")
    assert first[0].group == second[0].group != pairs("hen", "chicken", term="hane")[0].group


@pytest.mark.parametrize(
    ("expressions", "rule"),
    [
        (("hen",), ALONE),
        (("hen", "Hen"), ALONE),
        (("hen", " ".join(["word"] * (MAX_WORDS + 1))), TOO_LONG),
    ],
)
def test_what_is_no_pair_is_counted(expressions: tuple[str, ...], rule: str) -> None:
    tally = Tally()
    assert pairs(*expressions, tally=tally) == []
    assert tally.counts == {"candidate pairs": 1, rule: 1}
    assert SYNONYM_RULES[rule].endswith(".")
    assert pairs("hen", " ".join(["word"] * MAX_WORDS))
