import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.tokens import Ragged, ragged

rows = st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=6), min_size=1, max_size=8)


@given(rows, st.data())
def test_ragged_takes_rows_like_a_list(sequences: list[list[int]], data: st.DataObject) -> None:
    ragged = Ragged(
        np.array([t for row in sequences for t in row], np.int32), np.array([len(r) for r in sequences], np.int64)
    )
    chosen = data.draw(st.lists(st.integers(0, len(sequences) - 1), min_size=1, max_size=8))
    taken = ragged.take(np.array(chosen))
    assert [row[: len(sequences[i])].tolist() for row, i in zip(taken.padded(), chosen, strict=True)] == [
        sequences[i] for i in chosen
    ]
    assert all(
        (row[len(sequences[i]) :] == 0).all() for row, i in zip(taken.padded(), chosen, strict=True)
    )  # to the right


@given(rows)
def test_distinct_tokens_stay_in_their_order(sequences: list[list[int]]) -> None:
    ragged = Ragged(
        np.array([t for row in sequences for t in row], np.int32), np.array([len(r) for r in sequences], np.int64)
    )
    once = ragged.distinct()
    expected = [list(dict.fromkeys(row)) for row in sequences]
    assert once.ids_N.tolist() == [t for row in expected for t in row]
    assert once.lengths_B.tolist() == [len(row) for row in expected]
    assert once.positions_N.tolist() == [place for row in expected for place in range(len(row))]
    assert once.distinct() is once
    firsts = [(row, row.index(token)) for row in sequences for token in dict.fromkeys(row)]
    assert once.neighbours_2N is not None
    before, after = once.neighbours_2N.tolist()
    assert before == [row[max(0, first - 1)] for row, first in firsts]
    assert after == [row[min(len(row) - 1, first + 1)] for row, first in firsts]
    both = Ragged.concatenate([once, once]).take(np.arange(len(once), 2 * len(once)))
    assert both.neighbours_2N is not None
    assert both.neighbours_2N.tolist() == [before, after]


@pytest.mark.parametrize("entries", [1, 150, ragged.TABLE_ENTRIES])
@given(sequences=rows)
def test_first_occurrences_do_not_depend_on_how_many_rows_are_looked_at_together(
    entries: int, sequences: list[list[int]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ragged, "TABLE_ENTRIES", entries)
        tokens = Ragged(
            np.array([t for row in sequences for t in row], np.int32),
            np.array([len(row) for row in sequences], np.int64),
        )
        expected = [token not in row[:at] for row in sequences for at, token in enumerate(row)]
        assert tokens.first_N.tolist() == expected


def test_nothing_has_no_first_occurrence() -> None:
    assert Ragged.concatenate([]).first_N.tolist() == []
