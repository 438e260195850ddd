from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.batches.batch import drop_tokens, micro_batches
from adjoin.batches.sampler import Sampler, TokenizedPairs
from adjoin.errors import AdjoinError
from adjoin.pairs.dataset import PairDataset
from adjoin.tokens import Ragged, Tokenizer


@pytest.fixture(scope="module")
def tokenized(pairs_folder: Path, tokenizer: Tokenizer) -> TokenizedPairs:
    return TokenizedPairs.from_dataset(PairDataset.open(pairs_folder), tokenizer, 64)


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


def test_an_epoch_visits_each_pair_at_most_once_and_the_next_in_another_order(tokenized: TokenizedPairs) -> None:
    sampler = Sampler(tokenized, 10, seed=1)
    assert sampler.steps_per_epoch == 10  # 109 pairs
    epochs = [
        np.concatenate([sampler.batch(step).identity_3M[1] for step in range(10 * epoch, 10 * epoch + 10)])
        for epoch in range(2)
    ]
    assert len(set(epochs[0].tolist())) == 100
    assert epochs[0].tolist() != epochs[1].tolist()


def test_a_batch_depends_on_seed_and_step_alone(tokenized: TokenizedPairs) -> None:
    first, second = (Sampler(tokenized, 8, seed=3, token_dropout=0.3) for _ in range(2))
    first.batch(0)  # what was asked before does not matter
    for step in (7, 2, 30):
        a, b = first.batch(step), second.batch(step)
        assert a.x.ids_N.tolist() == b.x.ids_N.tolist()
        assert a.y.ids_N.tolist() == b.y.ids_N.tolist()
    assert Sampler(tokenized, 8, seed=4).batch(7).identity_3M.tolist() != first.batch(7).identity_3M.tolist()


def test_x_and_y_of_a_batch_belong_together(tokenized: TokenizedPairs) -> None:
    batch = Sampler(tokenized, 16, seed=0).batch(3)
    by_hash = {h: i for i, h in enumerate(tokenized.identity_3N[1].tolist())}
    for i, row in enumerate(by_hash[h] for h in batch.identity_3M[1].tolist()):
        for side, whole in ((batch.x, tokenized.x), (batch.y, tokenized.y)):
            assert side.take(np.array([i])).ids_N.tolist() == whole.take(np.array([row])).ids_N.tolist()


def test_token_dropout_keeps_delimiters_and_drops_its_share(tokenized: TokenizedPairs) -> None:
    side = tokenized.y
    dropped = drop_tokens(side, 0.3, np.random.default_rng(0))
    assert len(dropped) == len(side)
    assert (dropped.ids_N[dropped.starts_B] == side.ids_N[side.starts_B]).all()
    ends = dropped.starts_B + dropped.lengths_B - 1
    assert (dropped.ids_N[ends] == side.ids_N[side.starts_B + side.lengths_B - 1]).all()
    inner = len(side.ids_N) - 2 * len(side)
    assert (len(dropped.ids_N) - 2 * len(side)) / inner == pytest.approx(0.7, abs=0.03)


def test_wrong_sizes_are_one_line(tokenized: TokenizedPairs) -> None:
    with pytest.raises(AdjoinError, match="batch size is 1"):
        Sampler(tokenized, 1)
    with pytest.raises(AdjoinError, match="109 pairs do not fill one batch of 110"):
        Sampler(tokenized, 110)
    with pytest.raises(AdjoinError, match="token dropout is 1"):
        Sampler(tokenized, 2, token_dropout=1.0)


def test_an_empty_ragged_is_no_trouble() -> None:
    empty = Ragged.concatenate([])
    assert empty.padded().shape == (0, 0)
    assert list(micro_batches(empty.lengths_B, 10)) == []


def test_x_are_queries_and_y_documents(tokenized: TokenizedPairs, tokenizer: Tokenizer) -> None:
    for side, delimiters in ((tokenized.x, "[]"), (tokenized.y, "{}")):
        opening, closing = (tokenizer.backend.token_to_id(character) for character in delimiters)
        assert set(side.ids_N[side.starts_B].tolist()) == {opening}
        assert set(side.ids_N[side.starts_B + side.lengths_B - 1].tolist()) == {closing}
