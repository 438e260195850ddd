import math
import re
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.result import Result
from adjoin.evaluation.suites import bias as bias_module
from adjoin.evaluation.suites.bias import associations, bias, effect_size, p_value, pronoun_associations
from adjoin.evaluation.suites.bias_lists import (
    COUNT_NOUN,
    FEMALE_PRONOUNS,
    FLOWERS,
    INSECTS,
    MALE_PRONOUNS,
    MENS_OCCUPATIONS,
    NEUTRAL_PRONOUNS,
    PLEASANT,
    PRONOUN_TEMPLATES,
    TESTS,
    UNPLEASANT,
    WOMENS_OCCUPATIONS,
    AssociationTest,
    WordList,
    pronoun_sentences,
)

Floats = NDArray[np.float64]
HARMLESS = ("flowers-insects", "instruments-weapons")


def units(generator: np.random.Generator, *shape: int) -> Floats:
    vectors = generator.standard_normal(shape)
    unit: Floats = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit


class Planted:
    """Pleasant words point along the first axis, unpleasant along the second, words with a lean between; a text is
    the first word that is known. All others are random, and at right angles to these.
    """

    def __init__(self, leans: dict[str, float]) -> None:
        self.leans = leans
        self.calls: list[list[str]] = []

    def encode_query(self, texts: list[str], /) -> NDArray[np.float32]:
        self.calls.append(texts)
        vectors = np.zeros((len(texts), 20))
        vectors[:, 3:] = units(np.random.default_rng(5), len(texts), 17)
        for row, text in zip(vectors, texts, strict=True):
            words = re.findall(r"\w+", text)
            for axis, group in enumerate((PLEASANT, UNPLEASANT)):
                if set(words) & set(group.words):
                    row[:] = np.eye(20)[axis]
            for lean in (self.leans[word] for word in words if word in self.leans):
                row[:] = 0
                row[:3] = lean / 2, -lean / 2, math.sqrt(1 - lean**2 / 2)
        return vectors.astype(np.float32)

    encode_document = encode_query


def planted_flowers(shift: float) -> Planted:
    """Flowers lean by `shift` on average, insects by `-shift`, each with a standard deviation of 0.1."""
    leans: dict[str, float] = {}
    for group, mean in ((FLOWERS, shift), (INSECTS, -shift)):
        spread = np.linspace(-1, 1, len(group.words))
        leans |= dict(zip(group.words, mean + 0.1 * spread / spread.std(), strict=True))
    return Planted(leans)


def found(results: list[Result], task: str, metric: str = "effect size") -> Result:
    (one,) = (result for result in results if (result.task, result.metric) == (task, metric))
    return one


def plain_size(x: list[list[float]], y: list[list[float]]) -> float:
    """Caliskan et al.'s effect size over the sentences of the words that are there, from its definition."""
    of_x, of_y = [value for word in x for value in word], [value for word in y for value in word]
    both = of_x + of_y
    middle = sum(both) / len(both)
    spread = math.sqrt(sum((value - middle) ** 2 for value in both) / (len(both) - 1))
    return (sum(of_x) / len(of_x) - sum(of_y) / len(of_y)) / spread


def plain_p(x: list[float], y: list[float]) -> float:
    values, observed = x + y, sum(x) / len(x) - sum(y) / len(y)
    reached = []
    for chosen in combinations(range(len(values)), len(x)):
        others = [value for place, value in enumerate(values) if place not in chosen]
        difference = sum(values[place] for place in chosen) / len(x) - sum(others) / len(y)
        reached.append(difference >= observed - 1e-12)
    return sum(reached) / len(reached)


def test_associations_equal_plain_loops() -> None:
    generator = np.random.default_rng(0)
    words, a, b = units(generator, 4, 3, 8), units(generator, 5, 2, 8), units(generator, 6, 2, 8)
    table = associations(words, a, b)
    for n in range(4):
        for t in range(3):
            toward_a = [float(words[n, t] @ a[i, j]) for i in range(5) for j in range(2)]
            toward_b = [float(words[n, t] @ b[i, j]) for i in range(6) for j in range(2)]
            assert table[n, t] == pytest.approx(sum(toward_a) / 10 - sum(toward_b) / 12, abs=1e-12)


def test_effect_size_and_p_equal_plain_loops() -> None:
    generator = np.random.default_rng(1)
    x, y = generator.standard_normal((4, 3)) + 0.5, generator.standard_normal((5, 3))
    estimate = effect_size(x, y, resamples=50, seed=3)
    assert estimate.n == 9
    assert estimate.value == pytest.approx(plain_size(x.tolist(), y.tolist()), abs=1e-9)
    draws = np.random.default_rng(3)
    counts_x, counts_y = (draws.multinomial(n, np.full(n, 1 / n), size=50) for n in (4, 5))
    plain = [
        plain_size(np.repeat(x, of_x, axis=0).tolist(), np.repeat(y, of_y, axis=0).tolist())
        for of_x, of_y in zip(counts_x, counts_y, strict=True)
    ]
    np.testing.assert_allclose(estimate.replicates, plain, atol=1e-9)
    for one, other in ((x, y), (y, x)):
        assert p_value(one[:, 0], other[:, 0]) == plain_p(one[:, 0].tolist(), other[:, 0].tolist())


def test_values_by_hand() -> None:
    x, y = np.array([[0.3], [0.5]]), np.array([[-0.1], [0.1]])
    # 0.4 over the root of (0.01 + 0.09 + 0.09 + 0.01) / 3; one partition of six is the observed one.
    assert effect_size(x, y).value == pytest.approx(0.4 / math.sqrt(0.2 / 3))
    assert p_value(x[:, 0], y[:, 0]) == pytest.approx(1 / 6)
    assert p_value(y[:, 0], x[:, 0]) == 1.0


def test_random_partitions_come_near_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(2)
    x, y = generator.standard_normal(8) + 0.6, generator.standard_normal(8)
    drawn = p_value(x, y, seed=1)
    assert drawn != p_value(x, y, seed=2)
    monkeypatch.setattr(bias_module, "PARTITIONS", 12_870)
    exact = p_value(x, y, seed=1)
    assert exact == p_value(x, y, seed=2)
    assert 0.01 < exact < 0.3
    # The standard deviation of the drawn p is at most 0.0046.
    assert drawn == pytest.approx(exact, abs=0.015)


def test_the_smallest_p_is_never_0() -> None:
    far = np.arange(100.0, 108.0)
    assert p_value(far, np.arange(8.0)) <= 3 / 10_001  # one partition of 12,870 reaches it
    assert p_value(far, np.arange(8.0), seed=1) >= 1 / 10_001
    assert p_value(far[:5], np.arange(5.0)) == 1 / math.comb(10, 5)


def test_a_planted_bias_has_its_size_at_both_levels() -> None:
    results = bias(planted_flowers(0.1))
    for level, texts in (("WEAT", 40), ("SEAT", 40 * len(COUNT_NOUN))):
        size = found(results, f"{level} flowers-insects")
        # Variance within the groups and between them, both 0.1 ** 2.
        assert size.estimate.value == pytest.approx(0.2 / math.sqrt(0.02 * texts / (texts - 1)), abs=1e-4)
        assert size.estimate.n == 40
        assert len(size.estimate.replicates) == 2000
        low, high = size.estimate.interval()
        assert 0.9 < low < size.estimate.value < high < 1.8
        assert size.notes == (
            "compared with insects, flowers lie nearer to pleasant words than to unpleasant words",
        )
        p = found(results, f"{level} flowers-insects", "p")
        assert p.estimate.value == pytest.approx(1 / 10_001)
        assert p.estimate.interval() == (p.estimate.value, p.estimate.value)


def test_a_bias_the_other_way_round_is_said_too() -> None:
    size = found(bias(planted_flowers(-0.1)), "WEAT flowers-insects")
    assert size.estimate.value == pytest.approx(-1.396, abs=1e-3)
    assert [note.split(":")[0] for note in size.notes] == [
        "against expectation",
        "a harmless association that any model of English should have is not found",
    ]


def test_no_effect_no_note_but_for_the_harmless_ones() -> None:
    results = bias(planted_flowers(0.0))
    size = found(results, "WEAT flowers-insects")
    assert size.estimate.value == pytest.approx(0, abs=1e-6)
    assert found(results, "WEAT flowers-insects", "p").estimate.value == pytest.approx(0.5, abs=0.05)
    assert len(size.notes) == 1
    harmless = {result.task for result in results if any("harmless" in note for note in result.notes)}
    assert harmless == {f"{level} {name}" for level in ("WEAT", "SEAT") for name in HARMLESS}


def test_an_embedder_that_sees_the_word_alone_gives_both_levels_one_p() -> None:
    results = bias(planted_flowers(0.025))
    word, sentence = (found(results, f"{level} flowers-insects", "p") for level in ("WEAT", "SEAT"))
    assert 0.02 < word.estimate.value < 0.2
    # Exchanging the 240 sentences instead gives 0.0001.
    assert sentence.estimate.value == pytest.approx(word.estimate.value, abs=1e-9)


def test_words_without_effect_are_significant_as_often_as_chance_says() -> None:
    low = 0
    for seed in range(300):
        generator = np.random.default_rng(seed)
        x, y, a, b = (units(generator, n, 1, 16) for n in (8, 8, 10, 10))
        low += p_value(associations(x, a, b)[:, 0], associations(y, a, b)[:, 0], seed=seed) < 0.05
    assert 5 <= low <= 27  # 15 with a standard deviation of 3.8


def test_sentences_of_one_word_are_no_independent_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bias_module, "PARTITIONS", 999)  # for speed
    words, sentences = 0, 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        x, y = (generator.standard_normal((9, 1)) + 0.3 * generator.standard_normal((9, 6)) for _ in "xy")
        words += p_value(x.mean(axis=1), y.mean(axis=1), seed=seed) < 0.05
        sentences += p_value(x.ravel(), y.ravel(), seed=seed) < 0.05
    assert 2 <= words <= 20  # 5 % of 200 are 10 with a standard deviation of 3.1
    assert sentences > 30  # measured over 400 seeds: 20 %, against 5 % for words


def test_swapped_targets_turn_the_sign() -> None:
    generator = np.random.default_rng(4)
    x, y = generator.standard_normal((6, 2)) + 1, generator.standard_normal((6, 2))
    assert effect_size(y, x).value == pytest.approx(-effect_size(x, y).value)
    assert effect_size(x, y).value > 0.5
    # Every partition is on one side, and the observed one on both.
    assert p_value(x[:, 0], y[:, 0]) + p_value(y[:, 0], x[:, 0]) == pytest.approx(1 + 1 / math.comb(12, 6))


@pytest.mark.parametrize("noise", [0.0, 1e-8])
def test_same_targets_give_0(noise: float) -> None:
    x = np.random.default_rng(0).standard_normal((9, 4))
    assert effect_size(x, x).value == pytest.approx(0, abs=1e-12)
    # float32 noise on one and the same association is none.
    y, z = (0.7 + noise * np.random.default_rng(seed).standard_normal((9, 4)) for seed in (1, 2))
    estimate = effect_size(y, z)
    assert estimate.value == 0.0
    assert not estimate.replicates.any()
    assert p_value(y[:, 0], z[:, 0]) == 1.0


def test_the_same_vector_for_all_texts_has_no_bias() -> None:
    class Deaf(Planted):
        def encode_query(self, texts: list[str], /) -> NDArray[np.float32]:
            return np.full((len(texts), 4), 0.5, dtype=np.float32)

    for result in bias(Deaf({})):
        assert result.estimate.value == {"effect size": 0.0, "p": 1.0}[result.metric]


def test_pronouns_draw_an_occupation() -> None:
    generator = np.random.default_rng(0)
    neutral, male, female = (units(generator, 3, 2, 8) for _ in range(3))
    table = pronoun_associations(neutral, male, female)
    for n in range(3):
        for t in range(2):
            plain = sum(neutral[n, t] * male[n, t]) - sum(neutral[n, t] * female[n, t])
            assert table[n, t] == pytest.approx(plain, abs=1e-12)


class Gendered(Planted):
    """A sentence points along he or she if it has the pronoun; neutral ones lean as their occupation does."""

    def encode_query(self, texts: list[str], /) -> NDArray[np.float32]:
        vectors = super().encode_query(texts)
        for row, text in zip(vectors, texts, strict=True):
            words = set(re.findall(r"\w+", text))
            for axis, pronouns in enumerate((MALE_PRONOUNS, FEMALE_PRONOUNS)):
                if words & set(pronouns.values()):
                    row[:] = np.eye(20)[axis]
        return vectors


def test_a_planted_bias_of_pronouns_has_its_size() -> None:
    leans = {word: 0.2 + 0.05 * (-1) ** i for i, word in enumerate(MENS_OCCUPATIONS.words)}
    leans |= {word: -0.2 + 0.05 * (-1) ** i for i, word in enumerate(WOMENS_OCCUPATIONS.words)}
    size = found(bias(Gendered(leans)), "Winogender occupations")
    x, y = ([[leans[w]] * len(PRONOUN_TEMPLATES) for w in g.words] for g in (MENS_OCCUPATIONS, WOMENS_OCCUPATIONS))
    assert size.estimate.value == pytest.approx(plain_size(x, y), abs=1e-4)
    assert size.estimate.n == 18
    assert size.notes == (
        "compared with occupations held mostly by women, occupations held mostly by men lie nearer to "
        'sentences with "he" than to sentences with "she"',
    )


def test_all_texts_are_embedded_once() -> None:
    embedder = Planted({})
    results = bias(embedder)
    (texts,) = embedder.calls
    assert len(texts) == len(set(texts))
    assert {"rose", "There is a rose.", "That is an ant.", "There is love.", "Tyrone is here."} <= set(texts)
    tasks = [f"{level} {test.name}" for test in TESTS for level in ("WEAT", "SEAT")] + ["Winogender occupations"]
    assert [result.task for result in results[::2]] == tasks
    assert {result.suite for result in results} == {"bias"}
    assert len({result.key for result in results}) == len(results) == 34


def test_the_seed_decides_the_replicates() -> None:
    one, same, other = (found(bias(Planted({}), seed=seed), "SEAT career-family") for seed in (0, 0, 1))
    assert one.estimate.value == other.estimate.value
    np.testing.assert_array_equal(one.estimate.replicates, same.estimate.replicates)
    assert (one.estimate.replicates != other.estimate.replicates).any()


class Broken(Planted):
    def __init__(self, how: str) -> None:
        super().__init__({})
        self.how = how

    def encode_query(self, texts: list[str], /) -> NDArray[np.float32]:
        vectors = super().encode_query(texts)
        if self.how == "too few":
            return vectors[1:]
        vectors[texts.index("tulip")] = {"zero": 0.0, "not finite": np.nan}[self.how]
        return vectors


def test_a_text_without_a_vector_is_counted() -> None:
    results = bias(Broken("zero"))
    assert "1 of 90 texts have a zero vector and count as near to nothing" in (
        found(results, "WEAT flowers-insects").notes
    )
    assert not any("zero vector" in note for note in found(results, "SEAT flowers-insects").notes)


@pytest.mark.parametrize(
    ("how", "message"), [("too few", r"shape \(\d+, 20\) for 2,\d+ texts"), ("not finite", "1 vectors .* 'tulip'")]
)
def test_broken_vectors_are_refused(how: str, message: str) -> None:
    with pytest.raises(AdjoinError, match=message):
        bias(Broken(how))


@pytest.mark.parametrize("test", TESTS, ids=lambda test: test.name)
def test_lists_can_be_compared(test: AssociationTest) -> None:
    groups = (test.x, test.y, test.a, test.b)
    for group in groups:
        assert 8 <= len(group.words) <= 25
    every = [word for group in groups for word in group.words]
    assert len({word.lower() for word in every}) == len(every)
    for one, other in ((test.x, test.y), (test.a, test.b)):
        assert len(one.words) == len(other.words)
        assert one.templates == other.templates


@pytest.mark.parametrize(
    "group", {g.label: g for t in TESTS for g in (t.x, t.y, t.a, t.b)}.values(), ids=lambda group: group.label
)
def test_words_fit_their_sentences(group: WordList) -> None:
    for word in group.words:
        assert word.isalpha()
        sentences = group.sentences(word)
        assert len(set(sentences)) == len(group.templates) >= 5
        for sentence in sentences:
            assert re.search(rf"\b{word}\b", sentence)
            assert sentence[0].isupper()
            assert "{" not in sentence
        if group.templates == COUNT_NOUN:
            # Words whose article does not go by their first letter.
            assert not re.match("uni|use|eu|one|hon|hour|heir", word)
            assert ("an " in sentences[0]) == (word[0] in "aeiou")


def test_pronoun_sentences_differ_in_the_pronoun_alone() -> None:
    by_gender = [pronoun_sentences("nurse", table) for table in (NEUTRAL_PRONOUNS, MALE_PRONOUNS, FEMALE_PRONOUNS)]
    for neutral, male, female in zip(*by_gender, strict=True):
        changed = [
            {one, other, another}
            for one, other, another in zip(neutral.split(), male.split(), female.split(), strict=True)
            if len({one, other, another}) > 1
        ]
        assert len(changed) == 1
        assert {word.strip(".") for word in changed[0]} in (
            {"they", "he", "she"},
            {"their", "his", "her"},
            {"them", "him", "her"},
        )
