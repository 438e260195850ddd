from pathlib import Path

import numpy as np
import pytest
from small_caches import Sources, cache_of

from adjoin.batches.batch import Batch
from adjoin.batches.cache import TokenCache
from adjoin.batches.sampler import ROUND, Sampler
from adjoin.errors import AdjoinError
from adjoin.pairs.dataset import PairDataset
from adjoin.tokens import Ragged, Tokenizer

SOURCES: Sources = {("a", "go"): 90, ("b", "go"): 50, ("c", "go"): 9, ("d", "go"): 5}


@pytest.fixture(scope="module")
def mined(pairs_folder: Path, tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> TokenCache:
    """109 pairs of two sources, 100 and 9."""
    folder = tmp_path_factory.mktemp("mined") / "cache"
    return TokenCache.build([PairDataset.open(pairs_folder)], tokenizer, 64, folder, workers=1)


@pytest.fixture(scope="module")
def cache(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> TokenCache:
    """154 pairs of four sources, with explicit negatives."""
    return cache_of(tmp_path_factory.mktemp("four"), SOURCES, tokenizer, negatives=True)


def same(a: Ragged, b: Ragged) -> bool:
    return a.ids_N.tolist() == b.ids_N.tolist() and a.lengths_B.tolist() == b.lengths_B.tolist()


def epoch_rows(sampler: Sampler, first: int, last: int) -> list[int]:
    return np.concatenate([sampler.rows(step) for step in range(first, last)]).tolist()


def test_an_epoch_visits_each_pair_at_most_once_and_the_next_in_another_order(mined: TokenCache) -> None:
    sampler = Sampler(mined, 10, seed=1, sources="mixed")
    assert sampler.steps_per_epoch == 10
    epochs = [epoch_rows(sampler, 10 * epoch, 10 * epoch + 10) for epoch in range(2)]
    assert len(set(epochs[0])) == 100
    assert epochs[0] != epochs[1]
    assert sorted(epochs[0]) != sorted(epochs[1])  # not the same nine left out for ever


@pytest.mark.parametrize("mode", [("one", 1.0), ("mixed", 1.0), ("mixed", 3.0)])
def test_a_batch_depends_on_seed_and_step_alone(cache: TokenCache, mode: tuple[str, float]) -> None:
    def sampler(seed: int) -> Sampler:
        return Sampler(cache, 8, seed=seed, token_dropout=0.3, sources=mode[0], mixing_temperature=mode[1])

    first, second = sampler(3), sampler(3)
    first.batch(0)  # what was asked before does not matter
    for step in (7, 2, 30, 5000):
        a, b = first.batch(step), second.batch(step)
        assert same(a.sequences, b.sequences)
        assert a.identity_3M.tolist() == b.identity_3M.tolist()
        assert a.source == b.source
    assert sampler(4).rows(7).tolist() != first.rows(7).tolist()


@pytest.mark.parametrize("sources", ["one", "mixed"])
def test_x_y_identity_and_negatives_of_a_batch_belong_together(cache: TokenCache, sources: str) -> None:
    sampler = Sampler(cache, 16, sources=sources, mixing_temperature=2)
    batch, rows = sampler.batch(3), sampler.rows(3)
    assert same(batch.x, cache.x.take(rows))
    assert same(batch.y, cache.y.take(rows))
    assert batch.identity_3M.tolist() == cache.identity(rows).tolist()
    places, hashes, _ = cache.negatives(rows)
    assert same(batch.negatives, cache.negative.take(places))
    assert batch.negative_hash_K.tolist() == hashes.tolist()
    assert len(hashes) > 0
    assert len(batch) == 16


def test_x_are_queries_and_y_and_negatives_documents(cache: TokenCache, tokenizer: Tokenizer) -> None:
    batch = Sampler(cache, 16).batch(0)
    for side, delimiters in ((batch.x, "[]"), (batch.y, "{}"), (batch.negatives, "{}")):
        opening, closing = (tokenizer.backend.token_to_id(character) for character in delimiters)
        assert set(side.ids_N[side.starts_B].tolist()) == {opening}
        assert set(side.ids_N[side.starts_B + side.lengths_B - 1].tolist()) == {closing}


def test_each_batch_is_of_one_source_and_small_ones_are_joined(cache: TokenCache) -> None:
    sampler = Sampler(cache, 10)
    assert sampler.shares == {
        "a/go": (90, pytest.approx(90 / 154)),
        "b/go": (50, pytest.approx(50 / 154)),
        "c/go + d/go": (14, pytest.approx(14 / 154)),
    }
    members = {"a/go": ["a/go"], "b/go": ["b/go"], "c/go + d/go": ["c/go", "d/go"]}
    seen: dict[str, list[int]] = {name: [] for name in members}
    for step in range(2 * ROUND):
        name, rows = sampler.batch(step).source, sampler.rows(step).tolist()
        assert set(rows) <= {row for member in members[name] for row in cache.rows(member).tolist()}
        seen[name] += rows
    for name, epoch in (("a/go", 90), ("b/go", 50), ("c/go + d/go", 10)):  # four of the rest fill no batch
        for first in range(0, len(seen[name]) - epoch, epoch):
            assert len(set(seen[name][first : first + epoch])) == epoch
        assert seen[name][:epoch] != seen[name][epoch : 2 * epoch]
    assert set(seen["c/go + d/go"]) == {*cache.rows("c/go").tolist(), *cache.rows("d/go").tolist()}


@pytest.mark.parametrize("temperature", [1.0, 2.0, float("inf")])
def test_batches_come_by_the_shares(cache: TokenCache, temperature: float) -> None:
    sampler = Sampler(cache, 5, mixing_temperature=temperature)
    powers = {name: number ** (1 / temperature) for name, number in cache.sources.items()}
    names = [sampler._pools[sampler._draws(step)[0][0]].name for step in range(10 * ROUND)]
    for name, power in powers.items():
        share = power / sum(powers.values())
        assert sampler.shares[name] == (cache.sources[name], pytest.approx(share))
        assert names.count(name) == pytest.approx(10 * ROUND * share, abs=1.5)
    assert names[:ROUND] != names[ROUND : 2 * ROUND]


def test_a_source_of_a_tiny_share_does_not_starve(tokenizer: Tokenizer, tmp_path: Path) -> None:
    sampler = Sampler(cache_of(tmp_path, {("a", "b"): 1000, ("c", "d"): 2}, tokenizer), 2)
    turns = [sampler._draws(step)[0][0] for step in range(2000)]
    assert turns.count(1) == 4  # 0.13 a round


def test_mixed_batches_take_of_each_source_by_its_share(cache: TokenCache) -> None:
    sampler = Sampler(cache, 40, sources="mixed", mixing_temperature=2)
    # The square roots of 90, 50, 9 and 5; the last one's share would be 5.0 pairs of its 5.
    sizes = np.array(list(cache.sources.values()))
    counts = np.zeros((50, 4))
    for step in range(50):
        rows = sampler.rows(step)
        counts[step] = [np.isin(rows, cache.rows(name)).sum() for name in cache.sources]
    assert (counts.sum(axis=1) == 40).all()
    shares = np.array([share for _, share in sampler.shares.values()])
    np.testing.assert_allclose(shares, sizes**0.5 / (sizes**0.5).sum(), rtol=0.02)
    np.testing.assert_allclose(counts.sum(axis=0), 2000 * shares, atol=2)
    assert (np.abs(counts - 40 * shares) < 1.5).all()
    assert sampler.batch(0).source == "mixed"


def test_a_mixed_batch_takes_no_more_of_a_source_than_it_has(cache: TokenCache) -> None:
    sampler = Sampler(cache, 100, sources="mixed", mixing_temperature=float("inf"))
    shares = {name: share for name, (_, share) in sampler.shares.items()}
    assert shares == pytest.approx({"a/go": 0.43, "b/go": 0.43, "c/go": 0.09, "d/go": 0.05})
    for step in range(9):
        assert len(set(sampler.rows(step).tolist())) >= 90  # a few twice where an epoch ends


@pytest.mark.parametrize("mode", [("one", 1.0), ("mixed", 1.0), ("mixed", 3.0)])
@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_share_the_batch_of_one(cache: TokenCache, mode: tuple[str, float], ranks: int) -> None:
    def batch(step: int, rank: int, of: int) -> Batch:
        options = {"token_dropout": 0.3, "crop": (0.5, 0.3), "sources": mode[0], "mixing_temperature": mode[1]}
        return Sampler(cache, 8, **options, rank=rank, ranks=of).batch(step)

    for step in range(6):
        whole = batch(step, 0, 1)
        parts = [batch(step, rank, ranks) for rank in range(ranks)]
        for side in ("x", "y", "negatives"):
            assert same(Ragged.concatenate([getattr(part, side) for part in parts]), getattr(whole, side))
        for rank, part in enumerate(parts):
            assert part.identity_3M.tolist() == whole.identity_3M.tolist()
            assert part.negative_hash_K.tolist() == whole.negative_hash_K.tolist()
            assert part.first == rank * 8 // ranks
            assert part.first_negative == sum(len(earlier.negatives) for earlier in parts[:rank])


def test_the_address_says_where_a_batch_is_from(cache: TokenCache) -> None:
    sampler = Sampler(cache, 50)
    assert sampler.steps_per_epoch == 3
    addresses = [sampler.address(step) for step in range(2)]
    assert "seed 0, step 0: source a/go, epoch 0, pairs 0 to 49 of its order" in addresses
    second = next(step for step in range(9) if "a/go, epoch 1" in sampler.address(step))
    assert sampler.address(second).endswith("pairs 0 to 49 of its order")
    mixed = Sampler(cache, 100, sources="mixed", mixing_temperature=4).address(1)
    assert mixed.count("source ") >= 4


def test_wrong_sizes_are_one_line(mined: TokenCache) -> None:
    with pytest.raises(AdjoinError, match="batch size is 1"):
        Sampler(mined, 1)
    with pytest.raises(AdjoinError, match="109 pairs do not fill one batch of 110"):
        Sampler(mined, 110)
    with pytest.raises(AdjoinError, match="token dropout is 1"):
        Sampler(mined, 2, token_dropout=1.0)
    with pytest.raises(AdjoinError, match="mixing temperature is 0"):
        Sampler(mined, 2, mixing_temperature=0)
    with pytest.raises(AdjoinError, match="sources is 'some'"):
        Sampler(mined, 2, sources="some")
    with pytest.raises(AdjoinError, match="a batch of 10 pairs is not divisible by 4 ranks"):
        Sampler(mined, 10, ranks=4)
    with pytest.raises(AdjoinError, match="rank 2 of 2"):
        Sampler(mined, 10, rank=2, ranks=2)
