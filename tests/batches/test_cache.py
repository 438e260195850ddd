import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_caches import dataset_of, pair, write_pairs

from adjoin.batches import tokenizing, writing
from adjoin.batches.cache import Sequences, TokenCache
from adjoin.errors import AdjoinError
from adjoin.pairs import dataset
from adjoin.pairs.dataset import PairDataset
from adjoin.pairs.pair import text_hash
from adjoin.tokens import Ragged, Tokenizer, encode_all
from growth import lines_run

SOURCES = {("docstring-function", "python"): 30, ("neighbours", "text"): 20, ("docstring-function", "go"): 5}
SCRIPT = Path(__file__).with_name("killed_build.py")


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def rows_of(tokens: Ragged) -> list[list[int]]:
    ends = np.cumsum(tokens.lengths_B)
    return [tokens.ids_N[a:b].tolist() for a, b in zip(tokens.starts_B, ends, strict=True)]


@pytest.fixture
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "ROWS_PER_PART", 4)
    monkeypatch.setattr(dataset, "ROWS_PER_SHARD", 10)
    monkeypatch.setattr(writing, "PARTS_PER_SAVE", 2)


@pytest.fixture
def pairs(tmp_path: Path, _small_parts: None) -> PairDataset:
    """55 pairs in 6 shards, 17 parts."""
    return dataset_of(tmp_path / "pairs", SOURCES, negatives=True)


def columns_of(pairs: PairDataset, *names: str) -> list[list]:
    batches = list(pairs.batches(list(names)))
    return [[value for batch in batches for value in batch[name]] for name in names]


def test_the_cache_holds_what_plain_tokenizing_gives(
    pairs: PairDataset, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    cache = TokenCache.build([pairs], tokenizer, 24, tmp_path / "cache", workers=1)
    xs, ys, negatives, *numbers = columns_of(pairs, "x", "y", "negatives", "x_hash", "y_hash", "group")
    texts = [text for some in negatives for text in some]
    order = np.random.default_rng(0).permutation(np.r_[np.arange(55), 3, 3])
    places, hashes, number_B = cache.negatives(order)
    plain = Tokenizer.load(_saved(tokenizer, tmp_path))
    sides = []
    for some, role, side in (
        (xs, "query", cache.x),
        (ys, "document", cache.y),
        (texts, "document", cache.negative),
    ):
        tokens = encode_all(plain, some, role, 24)
        sides.append(tokens)
        rows = places if side is cache.negative else order
        taken = side.take(rows)
        assert rows_of(taken) == rows_of(sides[-1].take(rows))
        assert taken.ids_N.dtype == np.int32
        assert side.lengths(rows).tolist() == taken.lengths_B.tolist()
    assert hashes.tolist() == [text_hash(text) for i in order for text in negatives[i]]
    assert number_B.tolist() == [len(negatives[i]) for i in order]
    assert cache.identity(order).tolist() == np.array(numbers)[:, order].tolist()
    assert (cache.truncated, cache.encoded) == (plain.truncated, plain.encoded)
    assert cache.truncated > 0
    both = Ragged.concatenate(sides[:2])
    occurrences_V = np.load(cache.folder / "counts.npy")[:, 1].sum(axis=0)
    assert occurrences_V.tolist() == np.bincount(both.ids_N, minlength=len(occurrences_V)).tolist()
    once = [token for row in rows_of(both) for token in set(row)]
    assert cache.frequency_V.tolist() == np.bincount(once, minlength=len(cache.frequency_V)).tolist()


def test_the_cache_knows_the_pairs_of_each_source(
    pairs: PairDataset, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    cache = TokenCache.build(
        [pairs], tokenizer, 24, tmp_path / "cache", workers=1, progress=lambda *done: seen.append(done)
    )
    assert len(cache) == 55
    assert cache.sources == {f"{kind}/{language}": number for (kind, language), number in SOURCES.items()}
    names = [f"{kind}/{language}" for kind, language in zip(*columns_of(pairs, "kind", "language"), strict=True)]
    for name in cache.sources:
        assert cache.rows(name).tolist() == [i for i, source in enumerate(names) if source == name]
    assert (seen[0], seen[-1]) == ((0, 55), (55, 55))


def test_several_datasets_follow_each_other(tokenizer: Tokenizer, tmp_path: Path) -> None:
    plain = [pair(i, "neighbours", "text") for i in range(5)]
    labelled = [pair(i, "labelled", "text", negatives=2) for i in range(3)]
    datasets = [write_pairs(tmp_path / "a", plain), write_pairs(tmp_path / "b", labelled, negatives=True)]
    cache = TokenCache.build(datasets, tokenizer, 64, tmp_path / "cache", workers=1)
    assert cache.sources == {"neighbours/text": 5, "labelled/text": 3}
    assert cache.identity(np.arange(8))[1].tolist() == [p.y_hash for p in plain + labelled]
    assert cache.negatives(np.arange(8))[2].tolist() == [0] * 5 + [2] * 3
    alone = TokenCache.build(datasets[:1], tokenizer, 64, tmp_path / "alone", workers=1)
    assert not alone.has_negatives
    assert not (tmp_path / "alone" / "negative_ids.npy").exists()
    places, hashes, numbers = alone.negatives(np.arange(5))
    assert (len(alone.negative.take(places)), len(hashes), numbers.tolist()) == (0, 0, [0] * 5)


def test_a_large_vocabulary_needs_wider_ids(tokenizer: Tokenizer, tmp_path: Path) -> None:
    large = Tokenizer.load(_saved(tokenizer, tmp_path))
    large.backend.add_tokens([f"zzz{number}" for number in range(70_000)])
    made = [pair(0, "k", "l")._replace(x="zzz69999")]
    cache = TokenCache.build([write_pairs(tmp_path / "pairs", made)], large, 64, tmp_path / "cache", workers=1)
    assert large.backend.token_to_id("zzz69999") in cache.x.take(np.array([0])).ids_N
    assert np.load(tmp_path / "cache" / "x_ids.npy", mmap_mode="r").dtype == np.int32


def test_the_bytes_do_not_depend_on_the_workers(pairs: PairDataset, tokenizer: Tokenizer, tmp_path: Path) -> None:
    for name, workers in (("one", 1), ("two", 2)):
        TokenCache.build([pairs], tokenizer, 64, tmp_path / name, workers=workers)
    assert content(tmp_path / "one") == content(tmp_path / "two")


@pytest.mark.parametrize("parts", [1, 5, 8])
def test_a_killed_build_goes_on_and_ends_with_the_same_bytes(
    pairs: PairDataset, tokenizer: Tokenizer, tmp_path: Path, parts: int
) -> None:
    path = _saved(tokenizer, tmp_path)
    command = [sys.executable, str(SCRIPT), str(pairs.folder), str(path), str(tmp_path / "cache"), str(parts)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with pytest.raises(AdjoinError, match=r"not finished|the file is missing"):
        TokenCache.open(tmp_path / "cache")
    seen: list[tuple[int, int]] = []
    TokenCache.build(
        [pairs], tokenizer, 64, tmp_path / "cache", workers=1, progress=lambda *done: seen.append(done)
    )
    saved = parts // 2 * 2
    assert seen[0][0] == sum(part.rows for part in list(pairs.parts())[:saved])
    TokenCache.build([pairs], tokenizer, 64, tmp_path / "whole", workers=1)
    assert content(tmp_path / "cache") == content(tmp_path / "whole")


def test_a_killed_parent_leaves_no_worker(pairs: PairDataset, tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = _saved(tokenizer, tmp_path)
    command = [sys.executable, str(SCRIPT), str(pairs.folder), str(path), str(tmp_path / "cache"), "3"]
    # Workers inherit the pipe: its end shows that none is left.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.wait() == -signal.SIGKILL
    assert process.communicate()[0] == b""


def test_a_finished_cache_is_kept_and_one_of_anything_else_made_anew(
    pairs: PairDataset, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cache"
    TokenCache.build([pairs], tokenizer, 64, folder, workers=1)
    made: list[int] = []
    tokenize = tokenizing._tokenize
    monkeypatch.setattr(tokenizing, "_tokenize", lambda task: made.append(task.part.rows) or tokenize(task))
    TokenCache.build([pairs], tokenizer, 64, folder, workers=1)
    assert not made
    fewer = dataset_of(tmp_path / "fewer", {("docstring-function", "go"): 7})
    other = Tokenizer.train((row for batch in fewer.batches(["x"]) for row in batch["x"]), 300)
    works = (([pairs], tokenizer, 32), ([fewer], other, 32))
    for number, (datasets, some, max_tokens) in enumerate(works):
        made.clear()
        TokenCache.build(datasets, some, max_tokens, folder, workers=1)
        assert sum(made) == sum(map(len, datasets))
        fresh = tmp_path / f"fresh{number}"
        TokenCache.build(datasets, some, max_tokens, fresh, workers=1)
        named = set(json.loads((fresh / "cache.json").read_text())["rows"])
        for name in named:
            assert (folder / f"{name}.npy").read_bytes() == (fresh / f"{name}.npy").read_bytes()


@pytest.mark.parametrize("parts", [4, 0])
def test_fewer_rows_than_were_counted_begin_afresh(
    pairs: PairDataset, tokenizer: Tokenizer, tmp_path: Path, parts: int
) -> None:
    """After a crash of the machine a file may be shorter than cache.json says."""
    path, folder = _saved(tokenizer, tmp_path), tmp_path / "cache"
    command = [sys.executable, str(SCRIPT), str(pairs.folder), str(path), str(folder), "5"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    column = folder / "y_ids.npy"
    column.write_bytes(column.read_bytes()[:300])
    if not parts:
        (folder / "cache.json").write_text("{")
    TokenCache.build([pairs], tokenizer, 64, folder, workers=1)
    TokenCache.build([pairs], tokenizer, 64, tmp_path / "whole", workers=1)
    assert content(folder) == content(tmp_path / "whole")


def test_a_damaged_cache_is_one_line(pairs: PairDataset, tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    TokenCache.build([pairs], tokenizer, 64, folder, workers=1)
    whole = content(folder)
    with pytest.raises(AdjoinError, match="no state of the token cache"):
        TokenCache.open(tmp_path)
    for name in whole:
        if not name.endswith(".npy"):
            continue
        path = folder / name
        for damaged in (
            whole[name][:-1],
            whole[name][:50],
            b"",
            None,
            b"\x93NUMPY\x01\x00\x02\x00}{" + b" " * 500,
        ):
            path.unlink()
            if damaged is not None:
                path.write_bytes(damaged)
            with pytest.raises(AdjoinError, match=rf"is damaged: {name}") as error:
                TokenCache.open(folder)
            assert "\n" not in str(error.value)
            path.write_bytes(whole[name])
    np.save(folder / "x_offsets.npy", np.zeros(56, np.int64))  # the right length and nothing else
    with pytest.raises(AdjoinError, match=r"x_offsets.npy does not fit"):
        TokenCache.open(folder)
    (folder / "x_offsets.npy").write_bytes(whole["x_offsets.npy"])
    state = whole["cache.json"].decode()
    for text in ("{", "[]", "{}", state.replace('"parts": 17', '"parts": "17"'), state.replace("rows-00001", "r")):
        (folder / "cache.json").write_text(text)
        with pytest.raises(AdjoinError, match=r"cache.json") as error:
            TokenCache.open(folder)
        assert "\n" not in str(error.value)


def test_random_rows_of_many_are_taken_at_once() -> None:
    """1 ms for 1,024 of 100,000 rows. The number of executed lines does not depend on the number of rows."""
    random = np.random.default_rng(0)
    offsets = np.r_[0, np.cumsum(random.integers(5, 255, 100_000))]
    side = Sequences(random.integers(0, 60_000, offsets[-1]).astype(np.uint16), offsets)
    rows = random.integers(0, 100_000, 1024)
    assert 0 < lines_run(lambda: side.take(rows)) == lines_run(lambda: side.take(rows[:1]))


def _saved(tokenizer: Tokenizer, folder: Path) -> Path:
    path = folder / "saved.json"
    path.write_text(tokenizer.to_json())
    return path
