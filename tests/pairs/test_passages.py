from hypothesis import given
from hypothesis import strategies as st

from adjoin.corpus import PROSE, Document
from adjoin.pairs.passages import MAX_WORDS, MIN_WORDS, passage_pairs, passages
from adjoin.tally import Tally


def prose(text: str, first_line: int = 1) -> Document:
    return Document.of(text, PROSE, "guide.md", first_line=first_line)


words = st.lists(
    st.sampled_from(["alpha", "beta.", "Gamma", "delta?", '"Zeta', 'eta."']), min_size=1, max_size=400
)


@given(st.lists(words.map(" ".join), min_size=1, max_size=8))
def test_nothing_is_lost_and_order_stays(paragraphs: list[str]) -> None:
    cut = passages(prose("\n\n".join(paragraphs)))
    assert " ".join(p.text for p in cut).split() == " ".join(paragraphs).split()
    assert all(p.words <= MAX_WORDS + MIN_WORDS for p in cut)


@given(st.lists(words, min_size=1, max_size=6), st.integers(1, 1000))
def test_each_passage_stands_on_its_lines(paragraphs: list[list[str]], first_line: int) -> None:
    text = "\n\n".join("\n".join(" ".join(p[i : i + 9]) for i in range(0, len(p), 9)) for p in paragraphs)
    document = prose(text, first_line)
    lines = text.split("\n")
    for passage in passages(document):
        first, last = passage.span
        covered = " ".join(" ".join(lines[first - first_line : last - first_line + 1]).split())
        assert passage.text in covered


def test_short_paragraphs_are_gathered_and_long_ones_cut_at_sentences() -> None:
    short = "\n\n".join(["Ten words stand in this short paragraph, no more here."] * 12)
    assert len(passages(prose(short))) == 2
    long = " ".join(["This sentence has exactly seven words here."] * 100)
    cut = passages(prose(long))
    assert len(cut) > 1
    assert all(p.text.endswith("here.") for p in cut)


def test_neighbours_are_pairs_of_one_group() -> None:
    text = "\n\n".join(" ".join([f"Word{letter}"] * 70) for letter in "abcd")
    pairs = list(passage_pairs(prose(text), Tally()))
    assert [(p.x.split()[0], p.y.split()[0]) for p in pairs] == [
        ("Worda", "Wordb"),
        ("Wordb", "Wordc"),
        ("Wordc", "Wordd"),
    ]
    assert len({p.group for p in pairs}) == 1
    assert pairs[0].origin == "guide.md:3-3"


def test_a_sentence_that_is_not_endless_stays_whole_and_quotes_stay() -> None:
    short, long = " ".join(["One"] + ["word"] * 49) + ".", " ".join(["Two"] + ["word"] * 144) + "."
    assert [p.text for p in passages(prose(f"{short} {long}"))] == [short, long]
    quoted = " ".join(['"What is it?" she asked him there.'] * 40)
    cut = passages(prose(quoted))
    assert len(cut) > 1
    assert all(p.text.startswith('"What') and p.text.endswith("there.") for p in cut)


def test_what_is_mostly_no_words_makes_no_pair() -> None:
    codes = "\n\n".join(
        " ".join(f".. |sign{i}| unicode:: U+0{i} .. SIGN NUMBER {i}" for i in range(12)) for _ in range(3)
    )
    tally = Tally()
    assert list(passage_pairs(prose(codes), tally)) == []
    assert tally.counts["passage mostly not words"] > 0
