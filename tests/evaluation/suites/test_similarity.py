from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr
from small_tasks import Floats, RandomEmbedder, SpellingEmbedder, unit

from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import statistic_of
from adjoin.evaluation.suites.similarity import Spearman, cosines_of, similarity


@dataclass
class Subset:
    texts1: list[str]
    texts2: list[str]
    scores: NDArray[np.float64]


@dataclass
class SimilarityTask:
    name: str
    subsets: dict[str, Subset]


def spelt(number: int, seed: int) -> Subset:
    """Pairs whose gold score says how many letters the second text kept of the first."""
    generator = np.random.default_rng(seed)
    texts1, texts2, scores = [], [], []
    for _ in range(number):
        letters = generator.choice(list("abcdefghij"), size=24)
        kept = int(generator.integers(0, 6))
        other = generator.choice(list("klmnopqrst"), size=24)
        texts1.append("".join(letters))
        texts2.append("".join(letters[: 4 * kept]) + "".join(other[4 * kept :]))
        scores.append(float(kept))
    return Subset(texts1, texts2, np.array(scores))


class GivenVectors:
    """The vector of a text is looked up; remembers what it was asked."""

    def __init__(self, vectors: dict[str, list[float]]) -> None:
        self.vectors = vectors
        self.asked: list[list[str]] = []

    def encode_query(self, texts: list[str], /) -> Floats:
        self.asked.append(texts)
        return np.array([self.vectors[text] for text in texts], dtype=np.float32)

    def encode_document(self, texts: list[str], /) -> Floats:
        raise AssertionError("similarity is symmetric: no text is a document")


def repeated(x: NDArray[np.float64], y: NDArray[np.float64], counts: NDArray[np.int64]) -> float:
    """Spearman of the list in which each item stands as often as it counts."""
    x, y = np.repeat(x, counts), np.repeat(y, counts)
    if len(set(x)) < 2 or len(set(y)) < 2:
        return 0.0
    return float(spearmanr(x, y).statistic)


@settings(max_examples=150)
@given(st.data())
def test_counts_give_the_correlation_of_the_repeated_items(data: st.DataObject) -> None:
    number = data.draw(st.integers(1, 12))
    values = st.lists(st.integers(0, 4), min_size=number, max_size=number)  # few levels, so that most are tied
    x, y = (np.array(data.draw(values), np.float64) for _ in range(2))
    counts = np.array(data.draw(st.lists(values, min_size=1, max_size=4)), np.int64)
    counts[:, 0] = np.maximum(counts[:, 0], 1)
    expected = [repeated(x, y, row) for row in counts]
    assert Spearman(x, y)(counts) == pytest.approx(expected, abs=1e-12)


def test_a_bootstrap_is_that_of_the_explicit_samples() -> None:
    generator = np.random.default_rng(3)
    y = np.round(generator.random(120) * 5, 1)
    x = y + generator.standard_normal(120)
    x[:30] = np.round(x[:30])
    estimate = statistic_of(Spearman(x, y), 120, resamples=60, seed=4)
    draws = np.random.default_rng(4).integers(120, size=(60, 120))
    assert estimate.value == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
    assert estimate.replicates == pytest.approx([spearmanr(x[d], y[d]).statistic for d in draws], abs=1e-12)


def test_order_alone_counts() -> None:
    x = np.array([0.1, 0.2, 0.3, 0.9])
    one = np.ones((1, 4), np.int64)
    assert Spearman(x, np.exp(x))(one).tolist() == [1.0]
    assert Spearman(x, -x)(one).tolist() == [-1.0]


def test_a_side_without_order_has_the_correlation_of_chance() -> None:
    counts = np.array([[1, 1, 1], [3, 0, 0]])
    assert Spearman(np.ones(3), np.arange(3.0))(counts).tolist() == [0.0, 0.0]
    assert Spearman(np.arange(3.0), np.ones(3))(counts).tolist() == [0.0, 0.0]
    assert Spearman(np.arange(3.0), np.arange(3.0))(counts).tolist() == [1.0, 0.0]


def test_a_year_counts_by_all_its_pairs_together() -> None:
    task = SimilarityTask("STS12", {"MSRpar": spelt(60, 1), "OnWN": spelt(40, 2)})
    task.subsets["OnWN"].scores = task.subsets["OnWN"].scores / 10 + 2  # so that together is no mean of the two
    whole, *parts = similarity(task, SpellingEmbedder(), seed=5)
    cosines, golds = [], []
    for pairs in task.subsets.values():
        x, y = (SpellingEmbedder().encode_query(texts) for texts in (pairs.texts1, pairs.texts2))
        cosines.append(cosines_of(x, y))
        golds.append(pairs.scores)
    assert [part.key for part in parts] == [
        ("similarity", "STS12/MSRpar", "spearman"),
        ("similarity", "STS12/OnWN", "spearman"),
    ]
    for part, cosine, gold in zip(parts, cosines, golds, strict=True):
        assert part.estimate.value == pytest.approx(spearmanr(cosine, gold).statistic, abs=1e-9)
    both = np.concatenate(cosines), np.concatenate(golds)
    together = spearmanr(*both).statistic
    assert whole.estimate.replicates.tolist() == statistic_of(Spearman(*both), 100, seed=5).replicates.tolist()
    assert whole.key == ("similarity", "STS12", "spearman")
    assert whole.estimate.value == pytest.approx(together, abs=1e-9)
    assert whole.estimate.n == 100
    assert abs(together - np.mean([part.estimate.value for part in parts])) > 0.05
    assert parts[0].estimate.interval()[0] > 0.8
    assert "all subsets" in whole.notes[0]


def test_a_split_task_counts_by_its_test_alone() -> None:
    task = SimilarityTask("STSB", {"train": spelt(50, 1), "dev": spelt(30, 2), "test": spelt(40, 3)})
    task.subsets["train"].scores = -task.subsets["train"].scores
    whole, train, dev, test = similarity(task, SpellingEmbedder())
    assert (whole.task, train.task, dev.task, test.task) == ("STSB", "STSB/train", "STSB/dev", "STSB/test")
    assert whole.estimate.value == test.estimate.value > 0.8
    assert whole.estimate.n == 40
    assert train.estimate.value < -0.8
    assert "test" in whole.notes[0]


def test_random_vectors_give_chance_and_every_text_is_embedded_once() -> None:
    pairs = spelt(400, 1)
    pairs.texts2[:50] = pairs.texts1[50:100]
    embedder = RandomEmbedder(16, seed=1)
    whole = similarity(SimilarityTask("STS13", {"a": pairs, "b": pairs}), embedder)[0]
    low, high = whole.estimate.interval()
    assert low < 0 < high
    assert embedder.calls == [len({*pairs.texts1, *pairs.texts2})]


def test_pairs_of_equal_texts_tie() -> None:
    generator = np.random.default_rng(0)
    vectors = unit(generator.standard_normal((500, 384), dtype=np.float32))
    products = np.einsum("nd,nd->n", vectors, vectors)
    assert len(set(products.tolist())) > 1  # what plain products give
    assert set(cosines_of(vectors, vectors).tolist()) == {1.0}


def test_cosines_equal_a_plain_loop() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.standard_normal((2, 20, 7))
    y[3] = 0
    expected = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) if b.any() else 0 for a, b in zip(x, y, strict=True)]
    assert cosines_of(x, y) == pytest.approx(expected, abs=1e-15)


def test_a_model_that_says_nothing_has_chance() -> None:
    pairs = Subset(["a", "b", "c"], ["d", "e", "f"], np.array([1.0, 2, 3]))
    embedder = GivenVectors({text: [0.6, 0.8] for text in "abcdef"})
    results = similarity(SimilarityTask("STS16", {"only": pairs}), embedder)
    assert [result.estimate.value for result in results] == [0.0, 0.0]
    assert results[0].estimate.interval() == (0.0, 0.0)
    assert embedder.asked == [["a", "b", "c", "d", "e", "f"]]


@pytest.mark.parametrize(
    ("subsets", "message"),
    [
        ({}, "STS12 has no subset"),
        ({"x": Subset([], [], np.array([]))}, "STS12/x has 0 first texts"),
        ({"x": Subset(["a"], ["b", "c"], np.array([1.0]))}, "1 first texts, 2 second texts and 1 scores"),
        ({"x": Subset(["a"] * 3, ["b"] * 3, np.array([1, np.nan, 2]))}, "1 scores .* the first for pair 1"),
    ],
)
def test_tasks_that_cannot_be_measured(subsets: dict[str, Subset], message: str) -> None:
    with pytest.raises(AdjoinError, match=message):
        similarity(SimilarityTask("STS12", subsets), RandomEmbedder())


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ({"a": [1.0, 0.0], "b": [0.0, np.inf]}, "1 vectors .* the first for 'b'"),
        ({"a": 1.0, "b": 2.0}, r"shape \(2,\) for the 2 texts of STS12"),
    ],
)
def test_vectors_that_cannot_be_used(vectors: dict[str, list[float]], message: str) -> None:
    pairs = Subset(["a", "b"], ["b", "a"], np.array([1.0, 2]))
    with pytest.raises(AdjoinError, match=message):
        similarity(SimilarityTask("STS12", {"x": pairs}), GivenVectors(vectors))


def test_values_that_have_no_correlation() -> None:
    with pytest.raises(AdjoinError, match=r"shapes \(3,\) and \(4,\)"):
        Spearman(np.arange(3), np.arange(4))
    with pytest.raises(AdjoinError, match="finite"):
        Spearman(np.array([1, np.nan]), np.arange(2))
