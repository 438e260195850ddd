from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.batches.rows import Rows, RowSampler
from adjoin.errors import AdjoinError


@given(st.integers(2, 200), st.integers(1, 20))
def test_rows_foretell_each_token_of_the_stream_once(tokens: int, length: int) -> None:
    stream = np.arange(tokens, dtype=np.uint16)
    rows = Rows(stream, length)
    taken = rows.take(np.arange(len(rows)))
    pieces = np.split(taken.ids_N, np.cumsum(taken.lengths_B)[:-1])
    assert np.concatenate([piece[1:] for piece in pieces]).tolist() == stream[1:].tolist()
    assert np.concatenate([piece[:-1] for piece in pieces]).tolist() == stream[:-1].tolist()
    assert {len(piece) for piece in pieces[:-1]} <= {length + 1}


@given(st.integers(20, 200), st.integers(1, 9), st.integers(4, 12), st.integers(1, 2), st.integers(0, 2))
@settings(max_examples=50)
def test_an_epoch_has_each_token_once_whatever_the_batch_and_the_ranks(
    tokens: int, length: int, batch: int, ranks: int, epoch: int
) -> None:
    rows = Rows(np.arange(tokens, dtype=np.uint16), length)
    samplers = [RowSampler(rows, batch, seed=3, rank=rank, ranks=ranks) for rank in range(ranks)]
    steps = samplers[0].steps_per_epoch
    seen: Counter[int] = Counter()
    for step in range(epoch * steps, (epoch + 1) * steps):
        shares = [sampler.batch(step) for sampler in samplers]
        foretold = [
            token
            for share in shares
            for start, size in zip(share.rows.starts_B, share.rows.lengths_B, strict=True)
            for token in share.rows.ids_N[start + 1 : start + size].tolist()
        ]
        assert sum(len(share.rows) for share in shares) <= batch
        assert {share.predicted for share in shares} == {len(foretold)}
        seen.update(foretold)
    assert seen == Counter(range(1, tokens))


def test_batches_are_a_pure_function_of_seed_and_step() -> None:
    rows = Rows(np.arange(1_000, dtype=np.int32), 7)
    sampler, again = (RowSampler(rows, 10, seed=5) for _ in range(2))
    for step in (40, 3, 17):
        assert sampler.batch(step).rows.ids_N.tolist() == again.batch(step).rows.ids_N.tolist()
    first, second = sampler.batch(0), sampler.batch(sampler.steps_per_epoch)
    assert first.rows.ids_N.tolist() != second.rows.ids_N.tolist()
    other = RowSampler(rows, 10, seed=6)
    assert first.rows.ids_N.tolist() != other.batch(0).rows.ids_N.tolist()
    assert sampler.address(16) == "seed 5, step 16: epoch 1, rows 9 to 18 of its order"


def test_two_ranks_share_the_rows_of_one() -> None:
    rows = Rows(np.arange(1_000, dtype=np.int32), 7)
    whole = RowSampler(rows, 9, seed=5).batch(4)
    halves = [RowSampler(rows, 9, seed=5, rank=rank, ranks=2).batch(4) for rank in (0, 1)]
    assert np.concatenate([half.rows.ids_N for half in halves]).tolist() == whole.rows.ids_N.tolist()


def test_too_few_rows_for_the_ranks_are_one_line() -> None:
    with pytest.raises(AdjoinError, match="5 rows in batches of 3 leave none to some of 4 ranks"):
        RowSampler(Rows(np.arange(11), 2), 3, seed=0, ranks=4)
    with pytest.raises(AdjoinError, match="0 rows"):
        RowSampler(Rows(np.arange(1), 2), 3, seed=0)
