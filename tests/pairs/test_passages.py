"""Splitting of prose into passages, and the pairs of passages, titles and questions."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.corpus import PROSE, Document
from adjoin.errors import AdjoinError
from adjoin.pairs.passages import (
    PASSAGE_RULES,
    QUESTION_ANSWER,
    TITLE_PASSAGE,
    PassageOptions,
    passage_pairs,
    passages,
)
from adjoin.tally import Tally
from growth import assert_linear

TEN_TO_THIRTY = PassageOptions(10, 30)

# Twelve sentences of 13 words that no rule has anything against.
SENTENCES = """
The bridge over our river was built long before anybody here was born.
Two brothers came from the south and taught the masons what they knew.
In winter the ice would carry carts, so nobody paid for the ferry.
A tower stands at each end, and both have lost their wooden roofs.
Most of the stone was cut in a quarry behind the old mill.
When the great flood came, only one of its seven arches fell down.
People say that the mortar was mixed with milk, which may be true.
Later a railway took the trade away and grass grew between the stones.
My grandmother sold apples there every autumn until her knees forbade it strictly.
Engineers from the city have measured everything twice and wrote a long report.
They found cracks under the third pillar but no reason for great worry.
So the council will repair it slowly, one summer after the other one.
""".strip().split("\n")


def prose(text: str, first_line: int = 1, **others: str) -> Document:
    return Document.of(text, PROSE, "guide.md", first_line=first_line, **others)


words = st.lists(
    st.sampled_from(["alpha", "beta.", "Gamma", "delta?", '"Zeta', 'eta."', "图书馆", "九点。"]),
    min_size=1,
    max_size=400,
)
gaps = st.sampled_from([" ", "\n", "  ", " \n", "\t", "\n \t\n", "\n\n\n", "\xa0"])


@given(st.lists(st.tuples(words.map(" ".join), gaps), min_size=1, max_size=8))
def test_nothing_is_lost_and_order_stays(paragraphs: list[tuple[str, str]]) -> None:
    text = "".join(paragraph + gap for paragraph, gap in paragraphs)
    cut = passages(prose(text), TEN_TO_THIRTY)
    assert "".join(p.text for p in cut).replace(" ", "") == "".join(text.split())
    assert all(p.words <= TEN_TO_THIRTY.max_words for p in cut)
    assert all(p.text == " ".join(p.text.split()) for p in cut)


@given(st.lists(words, min_size=1, max_size=6), st.integers(1, 1000))
def test_each_passage_stands_on_its_lines(paragraphs: list[list[str]], first_line: int) -> None:
    text = "\n\n".join("\n".join(" ".join(p[i : i + 9]) for i in range(0, len(p), 9)) for p in paragraphs)
    lines = text.split("\n")
    for passage in passages(prose(text, first_line), TEN_TO_THIRTY):
        first, last = (line - first_line for line in passage.span)
        assert passage.text in " ".join(" ".join(lines[first : last + 1]).split())
        assert lines[first].split()[-1] in passage.text
        assert lines[last].split()[0] in passage.text


def test_passages_are_whole_sentences_of_every_length_between_the_bounds() -> None:
    numbered = (f"Of {number}: {sentence}" for number, sentence in enumerate(SENTENCES * 100))
    cut = passages(prose(" ".join(numbered)))
    assert all(p.text.endswith(".") and p.text[0].isupper() for p in cut)
    lengths = [p.words for p in cut]
    assert min(lengths) >= 32
    assert max(lengths) <= 128
    # Log-uniform: as many below the bounds' geometric mean as above.
    assert 0.3 < sum(length < 64 for length in lengths) / len(lengths) < 0.7


def test_a_changed_word_changes_its_own_passage_and_no_later_one() -> None:
    sentences = [f"Of {number}: {sentence}" for number, sentence in enumerate(SENTENCES * 30)]
    before = [p.text for p in passages(prose(" ".join(sentences)))]
    assert before == [p.text for p in passages(prose(" ".join(sentences)))]
    sentences[100] = sentences[100].replace("the", "every").replace("a ", "one ") + " So much for that."
    after = [p.text for p in passages(prose(" ".join(sentences)))]
    assert len(set(before) - set(after)) <= 3
    assert before[-1] == after[-1]


def test_a_paragraph_ends_a_passage_rather_than_a_sentence_does() -> None:
    paragraph = " ".join(SENTENCES[:5])
    cut = passages(prose("\n\n".join([paragraph] * 60)), PassageOptions(30, 100))
    assert sum(p.text.endswith(SENTENCES[4]) for p in cut) > len(cut) / 3  # by chance a fifth


def test_a_sentence_stays_whole_unless_it_is_longer_than_a_passage() -> None:
    short, long = " ".join(["One"] + ["word"] * 24) + ".", " ".join(["Two"] + ["word"] * 114) + "."
    assert [p.text for p in passages(prose(f"{short} {long}"))] == [short, long]
    endless = passages(prose(" ".join(["word"] * 1000)))
    assert all(32 <= p.words <= 128 for p in endless)


def test_headings_and_items_without_a_full_stop_end_no_passage_while_sentences_do() -> None:
    text = "\n\n".join(f"A heading\n\n{one} {two}" for one, two in pairwise(SENTENCES))
    assert not any(p.text.endswith("heading") for p in passages(prose(text), TEN_TO_THIRTY))


def test_what_is_left_over_joins_the_passage_before_it_or_makes_no_pair() -> None:
    options = PassageOptions(20, 40)
    assert [p.words for p in passages(prose(" ".join(SENTENCES[:3])), options)] == [39]
    left_over = " ".join(["Word", *["word"] * 38]) + ". Three words more."
    assert [p.words for p in passages(prose(left_over), options)] == [39, 3]
    tally = Tally()
    assert not list(passage_pairs(prose(left_over), tally, options))
    assert tally.counts == {"passages": 2, "candidate pairs": 1, "passage too short": 1}


def test_neighbours_are_pairs_of_one_group() -> None:
    text = "\n\n".join(" ".join(SENTENCES[i : i + 4]) for i in (0, 4, 8))
    pairs = list(passage_pairs(prose(text, licence="MIT", repository="a/b"), Tally(), PassageOptions(51, 53)))
    assert [(p.x.split()[0], p.y.split()[0]) for p in pairs] == [("The", "Most"), ("Most", "My")]
    assert {p.kind for p in pairs} == {"neighbours"}
    assert len({p.group for p in pairs}) == 1
    assert (pairs[0].origin, pairs[0].language, pairs[0].licence) == ("guide.md:3-3", PROSE, "MIT")


def test_a_title_goes_with_the_first_passage_without_itself() -> None:
    text = "Our old bridge\n\n" + " ".join(SENTENCES)
    (pair, *_) = passage_pairs(prose(text, title="Our old bridge"), Tally())
    assert (pair.kind, pair.x) == (TITLE_PASSAGE, "Our old bridge")
    assert pair.y.startswith("The bridge over our river")


def test_a_question_goes_with_as_much_answer_as_fits() -> None:
    document = prose(" ".join(SENTENCES), question="Is it\nold?", title="A bridge and a tower")
    pairs = {p.kind: p for p in passage_pairs(document, Tally(), PassageOptions(10, 100))}
    assert pairs[QUESTION_ANSWER].x == "Is it old?"
    assert 30 < len(pairs[QUESTION_ANSWER].y.split()) <= 100
    assert pairs[TITLE_PASSAGE].x == "A bridge and a tower"
    asked = list(passage_pairs(prose(" ".join(SENTENCES), title="How is a bridge built?"), Tally()))
    assert [p.kind for p in asked if p.x.startswith("How")] == [QUESTION_ANSWER]


def test_a_title_that_is_the_question_makes_one_pair() -> None:
    document = prose(" ".join(SENTENCES[:2]), question="What is the bridge?", title="What is the bridge?")
    assert len(list(passage_pairs(document, Tally()))) == 1


def test_a_long_question_is_shortened_at_a_sentence() -> None:
    document = prose(SENTENCES[0], question=" ".join(SENTENCES))
    (pair,) = passage_pairs(document, Tally(), PassageOptions(20, 60))
    assert len(pair.x.split()) <= 60
    assert pair.x.endswith(tuple(SENTENCES))


def test_only_the_kinds_asked_for_are_made() -> None:
    document = prose(" ".join(SENTENCES * 3), title="Our old bridge", question="What is old here?")
    for kind in ("neighbours", TITLE_PASSAGE, QUESTION_ANSWER):
        kinds = {p.kind for p in passage_pairs(document, Tally(), PassageOptions(kinds=frozenset({kind})))}
        assert kinds == {kind}


DEBRIS = (
    "Smith John, Miller Anna, Jones Peter, Brown Mary, Clark Paul, Lewis Ruth, Walker Jane, Young Mark. " * 3,
    "All rights reserved. This program comes without warranty of any kind, as far as the law permits it at all.",
    " ".join(f"+--[{i}]--{{x}}" for i in range(40)),
    "Introduction",
)


@given(
    st.lists(st.sampled_from([*SENTENCES, *DEBRIS]), min_size=1, max_size=40), st.sampled_from(["", "Our town"])
)
def test_every_candidate_becomes_a_pair_or_is_counted_under_one_rule(texts: list[str], title: str) -> None:
    tally = Tally()
    pairs = list(passage_pairs(prose("\n\n".join(texts), title=title), tally, TEN_TO_THIRTY))
    dropped = sum(number for reason, number in tally.counts.items() if reason in PASSAGE_RULES)
    assert tally.counts["candidate pairs"] == len(pairs) + dropped
    assert tally.counts.keys() <= PASSAGE_RULES.keys() | {"passages", "candidate pairs"}


def test_languages_not_asked_for_are_counted_and_left_out() -> None:
    german = "Die Brücke in unserer Stadt ist alt und wurde von Hand gebaut, wie alle Häuser am Fluss. " * 8
    options = PassageOptions(20, 60, languages=("en",))
    tally = Tally()
    assert not list(passage_pairs(prose(german), tally, options))
    assert tally.counts["documents in de"] == 1
    assert tally.counts["language not asked for"] == tally.counts["candidate pairs"] > 0
    assert list(passage_pairs(prose(" ".join(SENTENCES)), tally, options))
    assert tally.counts["documents in en"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_words": 4}, "min_words 4: expected 5 or more"),
        ({"min_words": 50, "max_words": 50}, "max_words 50: expected more than min_words, 50"),
        ({"languages": ("english",)}, "unknown language 'english'"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(AdjoinError, match=message):
        PassageOptions(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "unit", ["a", " ", ".", "a. ", "Dr. ", "A. ", "\n", " \n", "a\n\n", "字", "字。", "a \u3000", '."']
)
def test_no_text_takes_quadratic_time(unit: str) -> None:
    def work(size: int) -> None:
        list(passage_pairs(prose(unit * (size // len(unit)), title="A title of it"), Tally()))

    assert_linear(work, 1 << 18)


def test_lone_surrogates_are_no_reason_to_stop() -> None:
    assert list(passage_pairs(prose(" ".join(SENTENCES).replace("tower", "to\ud800wer")), Tally()))
