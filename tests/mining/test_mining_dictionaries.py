"""Dictionaries, from the file to the dataset."""

import gzip
from collections import Counter
from pathlib import Path

import pytest

from adjoin.errors import AdjoinError
from adjoin.mining import ALL_KINDS, Engine, MiningOptions, mine
from adjoin.mining.manifest import rule_reasons
from adjoin.mining.options import DEFAULT_KINDS
from adjoin.mining.verify import verify
from adjoin.pairs.dataset import PairDataset
from adjoin.pairs.definitions import KIND as DEFINITIONS
from adjoin.pairs.synonyms import KIND as SYNONYMS
from adjoin.pairs.terms import KIND, TERM_RULES
from small_sources import NOUNS, VERBS, paragraph_about

FRONT = "00-database-info\n   A dictionary that is in the public domain.\n\n"
ENTRIES = [
    (
        noun,
        f"{noun.capitalize()} of the {number}th kind, which one may {VERBS[number]} or also {VERBS[number - 3]}.",
    )
    for number, noun in enumerate(NOUNS)
]


def dictionary(entries: list[tuple[str, str]]) -> bytes:
    text = "".join(f"{term}\n\n   1. <things> {definition}\n\n   (1994-11-08)\n\n" for term, definition in entries)
    return gzip.compress((FRONT + text).encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "dictd"
    root.mkdir()
    (root / "small.dict.dz").write_bytes(
        dictionary([*ENTRIES, ("short", "Too short."), ("0815", "Of no letters at all.")])
    )
    (root / "small.index").write_text("a\tA\tB\n")
    return root


def test_from_the_dictionary_to_pairs(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = mine([folder], out, MiningOptions(), engine=Engine(workers=1))
    assert found["kinds"] == {f"{KIND} text": len(ENTRIES)}
    counts = Counter(found["counts"])
    assert counts["documents"] == counts["candidate pairs"] == len(ENTRIES) + 2
    left_out = counts["term is not words"] + counts["definition too short"]
    assert left_out + found["pairs"] == counts["documents"], "each entry ends in one count"
    assert counts["unknown format"] == 1  # the index
    assert set(TERM_RULES) <= rule_reasons().keys()
    rows = next(PairDataset.open(out).batches(["x", "y", "origin", "licence", "language"]))
    assert list(zip(rows["x"], rows["y"], strict=True)) == ENTRIES
    assert rows["origin"][0] == "small.dict.dz:6-6"
    assert set(rows["licence"]) == {"public domain"}
    assert not verify([folder], out, engine=Engine(workers=1)).differences


def test_the_dictionarys_licence_is_what_counts(folder: Path, tmp_path: Path) -> None:
    allowed = MiningOptions(licences=("public-domain",))
    found = mine([folder], tmp_path / "a", allowed, engine=Engine(workers=1))
    assert found["pairs"] == len(ENTRIES)
    (folder / "more.md").write_text(f"# More of it\n\n{paragraph_about(NOUNS[0])}\n")
    found = mine([folder], tmp_path / "b", allowed, engine=Engine(workers=1))
    assert found["kinds"] == {f"{KIND} text": len(ENTRIES)}


def test_definitions_are_a_kind_that_can_be_left_out(folder: Path, tmp_path: Path) -> None:
    """Other kinds of prose are no reason to make them, nor they a reason for the others."""
    (folder / "guide.md").write_text("# Guide\n\n" + "\n\n".join(map(paragraph_about, NOUNS)) + "\n")
    alone = mine([folder], tmp_path / "a", MiningOptions(kinds=(KIND,)), engine=Engine(workers=1))
    assert alone["kinds"] == {f"{KIND} text": len(ENTRIES)}
    assert alone["counts"]["prose, of which no pairs were asked for"] == 1
    others = tuple(kind for kind in DEFAULT_KINDS if kind != KIND)
    rest = mine([folder], tmp_path / "b", MiningOptions(kinds=others), engine=Engine(workers=1))
    assert f"{KIND} text" not in rest["kinds"]
    assert rest["counts"]["prose, of which no pairs were asked for"] == len(ENTRIES) + 2


def test_a_kinds_place_is_stored() -> None:
    old = ("docstring-function", "neighbours", "title-passage", "question-answer", "name-function")
    assert list(ALL_KINDS) == [*old, KIND, SYNONYMS, DEFINITIONS]
    assert list(DEFAULT_KINDS) == [*old[:-1], KIND, SYNONYMS, DEFINITIONS]


def test_held_out_definitions_stay_out(folder: Path, tmp_path: Path) -> None:
    held_out = tmp_path / "eval"
    held_out.mkdir()
    (held_out / "sts.tsv").write_text(
        f"text1\ttext2\n{ENTRIES[0][1]}\tAnother sentence of the same kind as that.\n"
    )
    options = MiningOptions(decontaminate=(held_out,))
    found = mine([folder], tmp_path / "out", options, engine=Engine(workers=1))
    assert found["counts"]["held-out text"] >= 1
    assert ENTRIES[0][1] not in next(PairDataset.open(tmp_path / "out").batches(["y"]))["y"]


def test_a_dictionary_of_another_language_makes_synonyms(tmp_path: Path) -> None:
    root = tmp_path / "dictd"
    root.mkdir()
    front = "00-database-info\nDanish-English FreeDict Dictionary\n\n  This is in the public domain.\n\n"
    entries = "".join(f"{noun}ord /{noun}/ <n>\n{noun}, {VERBS[n]} of {noun}\n" for n, noun in enumerate(NOUNS))
    (root / "dan-eng.dict.dz").write_bytes(gzip.compress((front + entries + "ko /ko/\ncow\n").encode()))
    found = mine([root], tmp_path / "out", MiningOptions(), engine=Engine(workers=1))
    assert found["kinds"] == {f"{SYNONYMS} text": len(NOUNS)}
    counts = Counter(found["counts"])
    assert counts["candidate pairs"] == found["pairs"] + counts["no second expression"] == len(NOUNS) + 1
    rows = next(PairDataset.open(tmp_path / "out").batches(["x", "y", "licence"]))
    assert (rows["x"][0], rows["y"][0]) == (f"{VERBS[0]} of {NOUNS[0]}", NOUNS[0])
    assert set(rows["licence"]) == {"public domain"}
    with pytest.raises(AdjoinError, match=f"{len(NOUNS) + 1} prose, of which no pairs were asked for"):
        mine([root], tmp_path / "none", MiningOptions(kinds=(KIND,)), engine=Engine(workers=1))


def test_two_dictionaries_of_the_same_terms_make_pairs_of_definitions(folder: Path, tmp_path: Path) -> None:
    others = [
        (noun.upper(), f"Another says of it that it can {VERBS[n]} things.") for n, (noun, _) in enumerate(ENTRIES)
    ]
    (folder / "other.dict.dz").write_bytes(dictionary(others))
    out = tmp_path / "out"
    found = mine([folder], out, MiningOptions(keep_near_duplicates=True), engine=Engine(workers=1))
    assert found["kinds"] == {f"{KIND} text": 2 * len(ENTRIES), f"{DEFINITIONS} text": len(ENTRIES)}
    assert found["pairs"] == 3 * len(ENTRIES) == len(PairDataset.open(out))
    assert sum(found["places"].values()) == 2 * len(ENTRIES)
    names = ["kind", "x", "y", "origin", "group", "licence", "x_hash", "y_hash"]
    rows = [
        dict(zip(names, row, strict=True))
        for batch in PairDataset.open(out).batches(names)
        for row in zip(*batch.values(), strict=True)
    ]
    texts = [text for _, text in ENTRIES], [text for _, text in others]
    made = [row for row in rows if row["kind"] == DEFINITIONS]
    assert [{row["x"], row["y"]} for row in made] == [set(both) for both in zip(*texts, strict=True)]
    assert len({row["group"] for row in made}) == len(ENTRIES)
    whole = {row["y"]: row for row in rows if row["kind"] == KIND}
    for row in made:
        assert (row["origin"], row["y_hash"]) == (whole[row["y"]]["origin"], whole[row["y"]]["y_hash"])
        assert row["x_hash"] == whole[row["x"]]["y_hash"]
    assert not verify([folder], out, engine=Engine(workers=2)).differences
    without = mine(
        [folder],
        tmp_path / "terms",
        MiningOptions(kinds=(KIND,), keep_near_duplicates=True),
        engine=Engine(workers=1),
    )
    assert without["pairs"] == 2 * len(ENTRIES)
