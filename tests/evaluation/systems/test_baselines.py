import math
import sys
from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.data.retrieval_task import RetrievalTask
from adjoin.evaluation.suites.retrieval import evaluate_task
from adjoin.evaluation.systems import baselines
from adjoin.evaluation.systems.baselines import HALF_WEIGHT, LSA, AveragedWords, RandomVectors
from adjoin.evaluation.systems.scorers import DenseScorer
from adjoin.evaluation.systems.words import Vocabulary, WordTable
from adjoin.ranking.lexical import terms

TEXTS = [
    "the car stopped at the red light on the motorway",
    "an automobile stopped at the red light in town",
    "the driver parked her car in the garage on the motorway",
    "his driver parked an automobile in the garage in town",
    "bread is baked from flour, water and yeast",
    "the baker baked bread of dark flour and sold the bread",
    "yeast makes dough of flour and water rise",
    "dough rises where water is warm, said the baker",
    "ships sailed to harbours where merchants sold grain",
    "merchants sold dark grain from ships in the harbour",
    "a captain sailed ships along the coast",
    "coast and harbour are known to a captain",
]


def cosines(vectors_ND: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors_ND @ vectors_ND.T


def test_random_vectors_are_the_same_at_each_run_whatever_stands_beside_them() -> None:
    vectors = RandomVectors(64).encode_query(["a", "b", "a"])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-6)
    np.testing.assert_array_equal(vectors[0], vectors[2])
    np.testing.assert_array_equal(RandomVectors(64).encode_query(["b"])[0], vectors[1])
    assert abs(vectors[0] @ vectors[1]) < 0.6
    assert abs(RandomVectors(64, seed=1).encode_query(["a"])[0] @ vectors[0]) < 0.6
    assert RandomVectors(64).encode_query([]).shape == (0, 64)
    fingerprints = {each.fingerprint for each in (RandomVectors(64), RandomVectors(64, seed=1), RandomVectors(65))}
    assert len(fingerprints) == 3


def test_random_vectors_give_chance_even_where_query_and_document_are_equal() -> None:
    number = 400
    texts = [f"text {i}" for i in range(number)]
    names = [str(i) for i in range(number)]
    task = RetrievalTask("same", names, texts, [f"q{i}" for i in names], texts, [{i: 1.0} for i in range(number)])
    values = evaluate_task(task, DenseScorer("random", RandomVectors()))
    # Recall@20 of chance is 20 / 400; its mean over 400 queries has a standard error of .011.
    assert values["recall@20"].mean() == pytest.approx(0.05, abs=0.04)
    assert values["recall@100"].mean() == pytest.approx(0.25, abs=0.08)


def plain_lsa(dimension: int) -> NDArray[np.float64]:
    """LSA of `TEXTS` from its definition: dense matrices, loops, an exact decomposition."""
    counts = [Counter(terms(text)) for text in TEXTS]
    words = sorted(set().union(*counts))
    weights = np.zeros((len(TEXTS), len(words)))
    for row, count in zip(weights, counts, strict=True):
        for column, word in enumerate(words):
            if count[word]:
                texts_with = sum(word in other for other in counts)
                idf = math.log((1 + len(TEXTS)) / (1 + texts_with)) + 1
                row[column] = (1 + math.log(count[word])) * idf
        row /= math.sqrt(sum(value * value for value in row))
    _, _, directions = np.linalg.svd(weights)
    vectors = weights @ directions[:dimension].T
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("dimension", [3, 6, 12])
def test_lsa_is_the_plain_one(dimension: int) -> None:
    pytest.importorskip("sklearn")
    vectors = LSA(dimension).fit(TEXTS).encode_document(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), dimension)
    np.testing.assert_allclose(cosines(vectors), cosines(plain_lsa(dimension)), atol=2e-4)


def plain_averages(dimension: int) -> NDArray[np.float64]:
    """Averaged words of `TEXTS` from their definition: dense matrices, loops, an exact decomposition."""
    lists = [terms(text) for text in TEXTS]
    words = sorted(set().union(*lists))
    number_of = {word: number for number, word in enumerate(words)}
    together = np.zeros((len(words), len(words)))
    for text in lists:
        for i, word in enumerate(text):
            for j, other in enumerate(text):
                if i != j and abs(i - j) <= 5:
                    together[number_of[word], number_of[other]] += 1
    total = together.sum(axis=1)
    chance = total**0.75 / (total**0.75).sum()
    information = np.zeros_like(together)
    for i, j in np.argwhere(together > 0):
        information[i, j] = max(0.0, math.log(together[i, j] / (total[i] * chance[j])))
    left, scale, _ = np.linalg.svd(information)
    vectors = left[:, :dimension] * np.sqrt(scale[:dimension])
    frequency = Counter(word for text in lists for word in text)
    number = sum(frequency.values())
    averages = np.zeros((len(TEXTS), vectors.shape[1]))
    for row, text in zip(averages, lists, strict=True):
        for word in text:
            weight = HALF_WEIGHT / (HALF_WEIGHT + frequency[word] / number)
            row += weight * vectors[number_of[word]] / len(text)
    _, _, directions = np.linalg.svd(averages)
    averages -= np.outer(averages @ directions[0], directions[0])
    return averages / np.linalg.norm(averages, axis=1, keepdims=True)


@pytest.mark.parametrize("dimension", [8, 16, 500])
def test_averaged_words_are_the_plain_ones(dimension: int) -> None:
    pytest.importorskip("sklearn")
    vectors = AveragedWords(dimension).fit(TEXTS).encode_query(TEXTS)
    assert vectors.shape[1] <= dimension
    np.testing.assert_allclose(cosines(vectors), cosines(plain_averages(dimension)), atol=1e-3)


def test_the_decomposition_of_large_matrices_is_near_the_exact_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    exact = AveragedWords(16).fit(TEXTS), LSA(6).fit(TEXTS)
    monkeypatch.setattr(baselines, "EXACT", 0)
    randomised = AveragedWords(16).fit(TEXTS), LSA(6).fit(TEXTS)
    for one, other, tolerance in zip(exact, randomised, (0.03, 2e-4), strict=True):
        assert one.fingerprint != other.fingerprint
        vectors, others = one.encode_query(TEXTS), other.encode_query(TEXTS)
        np.testing.assert_allclose(cosines(vectors), cosines(others), atol=tolerance)
    assert AveragedWords(16).fit(TEXTS).fingerprint == randomised[0].fingerprint
    assert AveragedWords(16, seed=1).fit(TEXTS).fingerprint != randomised[0].fingerprint


def sentences(number: int = 300) -> list[str]:
    """Sentences of two subjects; one of each two nouns stands in a sentence, never both."""
    generator = np.random.default_rng(0)
    roads = ["motorway", "driver", "garage", "parked", "light", "town", "wheel", "tank"]
    seas = ["harbour", "captain", "coast", "sailed", "grain", "mast", "anchor", "wave"]
    made = []
    for i in range(number):
        nouns, words = (("car", "automobile"), roads) if i % 2 else (("ship", "vessel"), seas)
        made.append(" ".join([nouns[i // 2 % 2], *generator.choice(words, 5)]))
    return made


@pytest.mark.parametrize("baseline", [LSA(2), AveragedWords(4)])
def test_words_are_near_that_stand_beside_the_same_others(baseline: LSA | AveragedWords) -> None:
    pytest.importorskip("sklearn")
    car, automobile, ship = baseline.fit(sentences()).encode_query(["car", "automobile", "ship"])
    assert car @ automobile > 0.8
    assert car @ ship < 0.2


@pytest.mark.parametrize("baseline", [LSA(6), AveragedWords(12)])
def test_a_text_without_a_known_word_is_zero(baseline: LSA | AveragedWords) -> None:
    pytest.importorskip("sklearn")
    system = baseline.fit(TEXTS)
    vectors = system.encode_query(["", "zebra", "the of and", "zebra car", "car"])
    np.testing.assert_array_equal(vectors[:3], 0)
    np.testing.assert_allclose(vectors[3], vectors[4], atol=1e-6)
    assert np.linalg.norm(vectors[4]) == pytest.approx(1, abs=1e-6)
    assert system.encode_document([]).shape == (0, vectors.shape[1])


@pytest.mark.parametrize("kind", [LSA, AveragedWords])
def test_fits_of_other_texts_are_other_systems(kind: type[LSA] | type[AveragedWords]) -> None:
    pytest.importorskip("sklearn")
    first = kind(4).fit(TEXTS)
    assert first.fingerprint == kind(4).fit(TEXTS).fingerprint
    others = [kind(4).fit(TEXTS[1:]), kind(5).fit(TEXTS), kind(4).fit([*TEXTS[:-1], TEXTS[0]])]
    assert len({first.fingerprint, *(other.fingerprint for other in others)}) == 4


def test_one_text_is_fitted_without_numbers_that_are_none() -> None:
    pytest.importorskip("sklearn")
    vectors = LSA().fit([TEXTS[0]]).encode_document([TEXTS[0], "car"])
    np.testing.assert_allclose(np.abs(vectors), [[1], [1]], atol=1e-6)
    np.testing.assert_array_equal(AveragedWords().fit([TEXTS[0]]).encode_document([TEXTS[0]]), 0)


def test_what_rounding_leaves_of_a_vector_is_not_blown_up() -> None:
    pytest.importorskip("scipy")
    vocabulary, _ = Vocabulary.of(["red green blue"])
    table = np.random.default_rng(0).standard_normal((3, 16), dtype=np.float32)
    common = table.sum(axis=0) / np.linalg.norm(table.sum(axis=0))
    vectors = WordTable("colours", vocabulary, table, common_D=common).encode_query(["blue green red", "blue"])
    np.testing.assert_array_equal(vectors[0], 0)
    expected = table[2] - table[2] @ common * common
    np.testing.assert_allclose(vectors[1], expected / np.linalg.norm(expected), atol=1e-6)


def test_what_cannot_be_fitted() -> None:
    pytest.importorskip("sklearn")
    for baseline in (LSA(), AveragedWords()):
        with pytest.raises(AdjoinError, match="2 texts without a word"):
            baseline.fit(["", "..."])
    for texts in (["car", "automobile"], ["car car"]):
        with pytest.raises(AdjoinError, match="no two different words occur together: expected sentences"):
            AveragedWords().fit(texts)
    for kind in (LSA, AveragedWords, RandomVectors):
        with pytest.raises(AdjoinError, match="0 dimensions: expected 1 or more"):
            kind(0)


def test_without_scikit_learn_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    for module in ("sklearn.utils.extmath", "scipy.sparse"):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(AdjoinError, match=r"needs scikit-learn.* pip install 'adjoin\[evaluate\]'"):
            LSA().fit(TEXTS)
