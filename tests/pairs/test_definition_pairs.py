"""Pairs of definitions of one term from two dictionaries."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from adjoin.pairs.definitions import KIND, MAX_PAIRS, Definition, definition_pairs
from adjoin.pairs.pair import Pair


def of(terms: str, text: str, place: str, licence: str = "MIT") -> Definition:
    return Definition(terms, text, place, "text", licence)


def pairs(*definitions: Definition) -> list[Pair]:
    return list(definition_pairs(lambda: definitions))


def test_definitions_of_one_term_in_two_dictionaries_are_a_pair() -> None:
    mined = pairs(
        of("gypsum", "A soft mineral.", "a.dict:1-1"),
        of("gypsum", "Another meaning in the same dictionary.", "a.dict:2-2"),
        of("Gypsum, plaster", "Hydrous sulphate of lime.", "b.dict:9-9", "GPL-2.0-only OR MIT"),
        of("lime", "What nobody else defines.", "b.dict:10-10"),
    )
    assert {frozenset((pair.x, pair.y)) for pair in mined} == {
        frozenset(("A soft mineral.", "Hydrous sulphate of lime.")),
        frozenset(("Another meaning in the same dictionary.", "Hydrous sulphate of lime.")),
    }
    assert {pair.kind for pair in mined} == {KIND}
    assert mined[0].group == mined[1].group
    assert {pair.licence for pair in mined} <= {
        "(MIT) AND (GPL-2.0-only OR MIT)",
        "(GPL-2.0-only OR MIT) AND (MIT)",
    }
    for pair in mined:
        assert pair.origin.startswith("b." if pair.y.startswith("Hydrous") else "a.")


def test_the_same_words_in_both_are_no_pair_and_many_meanings_make_few() -> None:
    assert pairs(of("a", "Same.", "a.dict:1-1"), of("a", "Same.", "b.dict:1-1")) == []
    many = [of("a", f"{name} {n}", f"{name}.dict:{n}-{n}") for name in "ab" for n in range(1, 9)]
    assert len(pairs(*many)) == MAX_PAIRS
    three = [of("a", name, f"{name}.dict:1-1") for name in "abc"]
    assert len(pairs(*three)) == 3


@given(st.lists(st.tuples(st.sampled_from("tuv"), st.sampled_from("abc"), st.integers(1, 99)), unique=True))
def test_only_terms_of_several_dictionaries_count_and_their_order_is_the_files(
    rows: list[tuple[str, str, int]],
) -> None:
    definitions = [
        of(term, f"{term}{name}{line}", f"{name}.dict:{line}-{line}")
        for term, name, line in sorted(rows, key=lambda row: row[1:])
    ]
    mined = pairs(*definitions)

    def reread() -> Iterator[Definition]:
        yield from definitions

    assert mined == list(definition_pairs(reread))
    for term in "tuv":
        dictionaries = {name for its, name, _ in rows if its == term}
        assert any(pair.y.startswith(term) for pair in mined) == (len(dictionaries) > 1)
    assert all(pair.x[0] == pair.y[0] and pair.x[1] != pair.y[1] for pair in mined)
