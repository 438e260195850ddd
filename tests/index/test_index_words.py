"""The word index: postings packed, merged and scored."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.errors import AdjoinError
from adjoin.index.words import MOST_COUNTED, Row, SegmentBuilder, Words, merged, packed, unpacked
from adjoin.ranking import BM25

pieces = st.dictionaries(st.integers(0, 1 << 34), st.integers(1, 300), min_size=1, max_size=40)


@given(pieces)
def test_postings_are_unpacked_as_they_were_packed(counts: dict[int, int]) -> None:
    ids = np.array(sorted(counts), np.int64)
    if len(ids) > 1 and int(np.diff(ids).max()) >= 1 << 32:
        return
    values = np.array([counts[number] for number in ids.tolist()], np.int64)
    unpacked_ids, unpacked_counts = unpacked(*packed(ids, values))
    assert unpacked_ids.tolist() == ids.tolist()
    assert unpacked_counts.tolist() == np.minimum(values, MOST_COUNTED).tolist()


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x01\x01\x01\x01\x01\x01\x01\x01\x01"])
def test_damaged_postings_are_refused(data: bytes) -> None:
    with pytest.raises(AdjoinError, match="word index is damaged"):
        unpacked(1, 2, data)


texts = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=30), min_size=1, max_size=30)


def segment(numbered: dict[int, list[str]]) -> list[Row]:
    builder = SegmentBuilder()
    for number, terms in sorted(numbered.items()):
        builder.add(number, terms)
    rows = list(builder.rows())
    assert len(builder) == builder.pieces == 0
    return rows


@given(texts, st.lists(st.sampled_from("abcdefghz"), max_size=5), st.integers(1, 4), st.data())
def test_scores_are_those_of_bm25(
    documents: list[list[str]], query: list[str], step: int, data: st.DataObject
) -> None:
    """In several segments, with pieces that are gone, merged or not: as plain BM25 over what is there."""
    numbered = {1 + step * place: terms for place, terms in enumerate(documents)}
    gone = set(data.draw(st.lists(st.sampled_from(sorted(numbered)), max_size=len(documents) - 1)))
    live = {number: terms for number, terms in numbered.items() if number not in gone}
    if not live:
        return
    cuts = sorted(data.draw(st.lists(st.integers(0, len(documents)), max_size=3)))
    parts = [list(numbered)[first:last] for first, last in zip([0, *cuts], [*cuts, None], strict=True)]
    rows = [row for part in parts if part for row in segment({number: numbered[number] for number in part})]
    ids = np.array(sorted(live), np.int64)
    lengths = np.array([len(live[number]) for number in sorted(live)], np.uint32)
    is_live = np.zeros(max(numbered) + 1, bool)
    is_live[ids] = True
    at_once = list(merged(sorted(rows, key=lambda row: (row[0], row[1])), is_live))
    assert len({row[0] for row in at_once}) == len(at_once)
    expected = BM25([" ".join(terms) for terms in live.values()], read=str.split).scores(" ".join(query))
    for given_rows in (rows, at_once):
        words = Words(
            ids, lengths, lambda term, given_rows=given_rows: [row for row in given_rows if row[0] == term]
        )
        np.testing.assert_allclose(words.scores(query)[ids], expected, rtol=1e-5, atol=1e-6)
        assert not words.scores(query)[sorted(gone & set(range(int(ids[-1]) + 1)))].any()


def test_a_term_is_counted_within_its_piece() -> None:
    terms = ["b", "a", "b", "c", "b"]
    rows = {row[0]: unpacked(*row[1:]) for row in segment({7: terms, 9: ["b"]})}
    assert list(rows) == ["a", "b", "c"]
    assert {
        term: dict(zip(ids.tolist(), counts.tolist(), strict=True)) for term, (ids, counts) in rows.items()
    } == {
        "a": {7: 1},
        "b": {7: Counter(terms)["b"], 9: 1},
        "c": {7: 1},
    }


def test_rows_of_a_segment_are_what_packing_each_term_alone_gives() -> None:
    """With steps of one, two and four bytes, terms of one posting, and more than 255 occurrences."""
    random = np.random.default_rng(0)
    builder = SegmentBuilder()
    plain: dict[str, dict[int, int]] = {}
    piece = 0
    for number in range(300):
        piece += int(random.integers(1, [4, 900, 90_000][number // 100]))
        own = [f"t{rank}" for rank in random.zipf(1.3, 40) if rank < 1000] + ["many"] * (number + 1)
        builder.add(piece, own)
        for term in own:
            plain.setdefault(term, {}).setdefault(piece, 0)
            plain[term][piece] += 1
    expected = [
        (term, *packed(np.array(list(pieces)), np.array(list(pieces.values()))))
        for term, pieces in sorted(plain.items())
    ]
    assert list(builder.rows()) == expected
    assert list(builder.rows()) == []
