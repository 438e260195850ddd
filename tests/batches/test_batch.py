import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.batches.batch import crop_sequences, drop_tokens, micro_batches, random_crops
from adjoin.tokens import Ragged


def ragged(random: np.random.Generator, rows: int) -> Ragged:
    lengths = random.integers(2, 80, rows)
    return Ragged(random.integers(0, 1000, lengths.sum()).astype(np.int32), lengths)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=200), st.integers(1, 2000))
def test_micro_batches_hold_every_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    array = np.array(lengths, np.int64)
    groups = list(micro_batches(array, budget))
    assert sorted(np.concatenate(groups).tolist()) == list(range(len(lengths)))
    for rows in groups:
        assert len(rows) * array[rows].max() <= budget or len(rows) == 1


def test_sorting_by_length_wastes_little() -> None:
    lengths = np.random.default_rng(0).lognormal(4, 0.8, 4096).astype(np.int64) + 3
    padded = sum(len(rows) * int(lengths[rows].max()) for rows in micro_batches(lengths, 8192))
    assert 1 - lengths.sum() / padded < 0.05


def test_token_dropout_keeps_delimiters_and_drops_its_share() -> None:
    side = ragged(np.random.default_rng(1), 500)
    dropped = drop_tokens(side, 0.3, np.random.default_rng(0))
    assert len(dropped) == len(side)
    assert (dropped.ids_N[dropped.starts_B] == side.ids_N[side.starts_B]).all()
    ends = dropped.starts_B + dropped.lengths_B - 1
    assert (dropped.ids_N[ends] == side.ids_N[side.starts_B + side.lengths_B - 1]).all()
    inner = len(side.ids_N) - 2 * len(side)
    assert (len(dropped.ids_N) - 2 * len(side)) / inner == pytest.approx(0.7, abs=0.03)


def test_a_share_of_the_sequences_is_cut_to_a_stretch_between_its_delimiters() -> None:
    rows = 3000
    side = Ragged(np.tile(np.arange(102, dtype=np.int32), rows), np.full(rows, 102))
    skipped, lengths = random_crops(side.lengths_B, 0.4, np.random.default_rng(0))
    cut = crop_sequences(side, skipped, lengths)
    assert cut.lengths_B.tolist() == lengths.tolist()
    ends = cut.starts_B + cut.lengths_B - 1
    assert (cut.ids_N[cut.starts_B] == 0).all()
    assert (cut.ids_N[ends] == 101).all()
    # Between them one stretch of the sequence, in its order.
    inner = np.diff(cut.ids_N)
    assert set(inner[np.setdiff1d(np.arange(len(inner)), [*cut.starts_B, *ends - 1, *ends])]) == {1}
    is_cut = cut.lengths_B < 102
    assert is_cut.mean() == pytest.approx(0.4, abs=0.03)
    inside = cut.lengths_B[is_cut] - 2
    assert inside.min() == 4
    assert inside.max() == 48
    assert np.median(inside) == pytest.approx(14, abs=2)  # log-uniform
    firsts = cut.ids_N[cut.starts_B + 1][is_cut]
    assert firsts.min() == 1
    assert firsts.max() > 90
    assert np.mean(firsts + inside / 2) == pytest.approx(51, abs=2)  # anywhere


def test_what_is_short_stays_whole() -> None:
    lengths = np.array([3, 5, 6, 2])
    skipped, kept = random_crops(lengths, 1.0, np.random.default_rng(0))
    assert skipped.tolist() == [0, 0, 0, 0]
    assert kept.tolist() == lengths.tolist()


def test_an_empty_ragged_is_no_trouble() -> None:
    empty = Ragged.concatenate([])
    assert empty.padded().shape == (0, 0)
    assert list(micro_batches(empty.lengths_B, 10)) == []


def test_a_dropped_token_is_gone_where_tokens_are_distinct() -> None:
    """However often a token occurs: otherwise repeated tokens would hardly ever be dropped."""
    row = [1, *[7] * 50, *range(10, 40), 2]
    side = Ragged(np.array(row * 200, np.int32), np.full(200, len(row)))
    dropped = drop_tokens(side, 0.3, np.random.default_rng(0), distinct=True)
    assert 0.6 < (dropped.ids_N == 7).sum() / 200 < 0.8
    assert (dropped.ids_N[dropped.starts_B] == 1).all()
    assert 0.65 < (len(dropped.ids_N) - 400) / (200 * 31) < 0.75
