"""Labelled lines of any kind through import, tokenizing, batches and masks: pairs, or one line of a message."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adjoin.batches.cache import TokenCache
from adjoin.batches.sampler import Sampler
from adjoin.errors import AdjoinError
from adjoin.objective.identity import Identity
from adjoin.pairs.dataset import PairDataset
from adjoin.pairs.labelled import counts_of, import_labelled, summary_of
from adjoin.tokens import Tokenizer
from adjoin.training.negatives import check_negatives
from fuzzing import fuzz
from small_sources import NOUNS, VERBS, function_source

TEXTS = st.sampled_from(["a", " a", "b", "c d", "c  d", "", " ", "\u200b", "\ud800", "\0", "求和", "x" * 300])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["x", "y", "negatives", "group", "negative", "X", " y", "groups", "votes", "id", "", "\x1b[2J", "x\n"]
)
PAIRS = st.fixed_dictionaries(
    {"x": TEXTS, "y": TEXTS},
    optional={"negatives": st.lists(TEXTS, max_size=4), "group": st.integers(0, 2) | st.sampled_from(["0", "g"])},
)
LINES = st.one_of(
    PAIRS,
    PAIRS,
    PAIRS,
    st.builds(lambda pair, name, value: {**pair, name: value}, PAIRS, st.sampled_from(["votes", "id"]), JSON),
    st.builds(lambda pair, name, value: {**pair, name: value}, PAIRS, NAMES, JSON | st.lists(TEXTS)),
    st.builds(lambda pair, name: {key: pair[key] for key in pair if key != name}, PAIRS, NAMES),
    JSON,
)
MANGLED = st.sampled_from(
    [
        lambda line: line,
        lambda line: b"\xef\xbb\xbf" + line,
        lambda line: line[: len(line) // 2],
        lambda line: line[1:],
        lambda line: line + line,
        lambda line: line.replace(b'"y"', b'"x"'),
        lambda line: line.replace(b"{", b"[" * 2_000),
        lambda line: line.replace(b"a", b"\xff"),
        lambda line: line.decode("utf-8", "replace").encode("utf-16"),
        lambda line: b"",
    ]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\r", b""])
TOKENIZERS: list[Tokenizer] = []


def tokenizer() -> Tokenizer:
    if not TOKENIZERS:
        TOKENIZERS.append(Tokenizer.train((function_source(v, n) for v in VERBS for n in NOUNS), 600))
    return TOKENIZERS[0]


@given(st.lists(LINES, max_size=12), st.integers(0, 20), MANGLED, ENDS, st.integers(2, 4))
def labelled_lines(lines: list[Any], mangled: int, mangle: Any, end: bytes, batch: int) -> None:  # noqa: ANN401
    encoded = [json.dumps(line).encode() for line in lines]
    if mangled < len(encoded):
        encoded[mangled] = mangle(encoded[mangled])
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        folder = Path(name)
        (folder / "pairs.jsonl").write_bytes(b"".join(line + end for line in encoded))
        try:
            manifest = import_labelled(folder / "pairs.jsonl", folder / "pairs")
        except AdjoinError:
            assert [path.name for path in folder.iterdir()] == ["pairs.jsonl"], "nothing is left behind"
            raise
        summary = summary_of(counts_of(manifest))
        assert summary.isprintable(), summary
        dataset = PairDataset.open(folder / "pairs")
        assert 0 < len(dataset) == manifest["pairs"] <= len(lines)
        cache = TokenCache.build([dataset], tokenizer(), 8, folder / "cache", workers=1)
        check_negatives(cache)
        sampler = Sampler(cache, batch)
        for step in range(2):
            drawn = sampler.batch(step)
            identity = Identity.of(drawn.identity_3M, drawn.negative_hash_K)
            mask_MN = identity.mask(torch.arange(len(drawn)))
            assert mask_MN.shape == (batch, batch + len(drawn.negatives))
            assert identity.has_negatives() == (int(mask_MN.sum()) < batch * (mask_MN.shape[1] - 1))
            assert len(drawn.sequences) == len(np.unique(drawn.sequences.starts_B))


def test_no_labelled_lines_of_a_hundred_break_the_import() -> None:
    fuzz(labelled_lines, 100)


@pytest.mark.slow
def test_no_labelled_lines_of_five_thousand_break_the_import() -> None:
    fuzz(labelled_lines, 5_000)
