from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from small_tasks import RandomEmbedder, unit

from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import mean_of
from adjoin.evaluation.data.labelled import ClassificationTask
from adjoin.evaluation.result import Result
from adjoin.evaluation.suites import knn_zero_shot as module
from adjoin.evaluation.suites.knn_zero_shot import knn_and_zero_shot, label_texts
from adjoin.evaluation.suites.probe import Turn, items_tested, turns

NAMES = {0: "negative", 1: "positive"}
ALL_METRICS = ["knn", "zero-shot word", "zero-shot sentence"]


class Table:
    """Vectors by text; of texts with several known words in them, by the longest."""

    def __init__(self, vectors: dict[str, Sequence[float]]) -> None:
        self.vectors = dict(sorted(vectors.items(), key=lambda item: -len(item[0])))
        self.asked: list[str] = []

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        self.asked += texts
        rows = [next(vector for word, vector in self.vectors.items() if word in text) for text in texts]
        return unit(np.array(rows, dtype=np.float32))

    encode_document = encode_query


def task_of(labels: NDArray[np.int64], splits: Sequence[str] = (), name: str = "MR") -> ClassificationTask:
    """Texts t0, t1, ...; every third is tested unless the splits are given."""
    items = len(labels)
    chosen = list(splits) or [("train", "train", "test")[number % 3] for number in range(items)]
    return ClassificationTask(name, [f"t{number}" for number in range(items)], [], labels, NAMES, chosen)


def clouds(labels: NDArray[np.int64], signal: float, dimension: int = 10, seed: int = 0) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).standard_normal((len(labels), dimension)).astype(np.float32)
    noise[:, 0] += signal * (2 * labels - 1)
    return unit(noise)


def mixed(items: int, seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng(seed).permutation(np.arange(items) % 2)


def shuffled_apart(splits: Sequence[str], seed: int) -> NDArray[np.int64]:
    labels = np.zeros(len(splits), dtype=np.int64)
    for split in set(splits):
        rows = [row for row, own in enumerate(splits) if own == split]
        labels[rows] = mixed(len(rows), seed)
    return labels


def knn(results: list[Result]) -> Result:
    (nearest,) = [result for result in results if result.metric == "knn"]
    return nearest


def plain_knn(
    labels_N: NDArray[np.int64], x_ND: NDArray[np.float32], plan: list[Turn], k: int
) -> NDArray[np.float64]:
    """One item at a time, sorted in full; for vectors without ties at the k-th place."""
    right = np.zeros(len(labels_N))
    for turn in plan:
        for row in turn.test.tolist():
            similar = {int(other): float(x_ND[row].astype(np.float64) @ x_ND[other]) for other in turn.train}
            nearest = sorted(similar, key=lambda other: -similar[other])[:k]
            votes = Counter(int(labels_N[other]) for other in nearest)
            sums = {v: sum(similar[o] for o in nearest if labels_N[o] == v) for v in votes}
            best = max(votes, key=lambda label: (votes[label], sums[label]))
            right[row] = best == labels_N[row]
    return right


@pytest.mark.parametrize("split", ["all", ""])
@pytest.mark.parametrize("k", [1, 2, 10, 37])
def test_the_blocks_equal_a_plain_loop(split: str, k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = mixed(150) + (np.arange(150) % 5 == 0)
    task = ClassificationTask(
        "T",
        [f"t{n}" for n in range(150)],
        [],
        labels,
        {0: "a", 1: "b", 2: "c"},
        task_of(labels % 2, [split] * 150 if split else ()).splits,
    )
    x_ND = clouds(labels % 2, 0.7)
    plan = turns(task)
    plain = plain_knn(labels, x_ND, plan, k)
    assert 0.25 < plain[items_tested(task)].mean() < 0.8
    for size in (module._SIMILARITIES_PER_BLOCK, 700):
        monkeypatch.setattr(module, "_SIMILARITIES_PER_BLOCK", size)
        assert module._right_by_examples(labels, x_ND, plan, k).tolist() == plain.tolist()


def test_the_figure_is_of_256_neighbours_within_the_probe_s_folds() -> None:
    labels = mixed(300)
    task = task_of(labels, ["all"] * 300)
    x_ND = clouds(labels, 0.6)
    accuracy = knn(knn_and_zero_shot(task, RandomEmbedder(10), 3, vectors=x_ND))
    plain = mean_of(plain_knn(labels, x_ND, turns(task, 3), 256), seed=3)
    assert accuracy.estimate.value == plain.value
    assert accuracy.estimate.replicates.tolist() == plain.replicates.tolist()
    assert (accuracy.suite, accuracy.task, accuracy.estimate.n, accuracy.notes) == ("probe", "MR", 300, ())


def one_hot(labels: Sequence[int]) -> NDArray[np.float32]:
    return np.eye(max(labels) + 1, dtype=np.float32)[list(labels)]


def test_a_tie_of_votes_goes_to_the_larger_sum_of_similarities() -> None:
    similar = np.array([[0.9, 0.3, 0.5, 0.6, 0.1], [0.8, 0.2, 0.5, 0.7, 0.1]], dtype=np.float32)
    best = module._majority(similar, one_hot([0, 0, 1, 1, 1]), 4)
    assert best.tolist() == [[True, False], [False, True]]
    assert module._majority(similar, one_hot([0, 0, 1, 1, 1]), 5).tolist() == [[False, True]] * 2


def test_examples_as_near_as_the_last_share_its_place_in_any_order() -> None:
    # Two places for five examples that are as near: 2/5 of a vote each, so 1.2 against 1 + 0.8.
    similar, labels = (
        np.array([0.9, 0.5, 0.5, 0.5, 0.5, 0.5, 0.1], dtype=np.float32),
        np.array([1, 0, 0, 0, 1, 1, 0]),
    )
    for order in (np.arange(7), np.arange(7)[::-1], np.array([3, 5, 0, 1, 6, 2, 4])):
        best = module._majority(similar[order][np.newaxis], one_hot(labels[order].tolist()), 3)
        assert best.tolist() == [[False, True]]


def test_nothing_to_choose_by_gives_chance_whichever_label_is_first() -> None:
    labels = np.array([0, 1, 2] * 20)
    task = ClassificationTask(
        "T",
        [f"t{n}" for n in range(60)],
        [],
        labels,
        {0: "cat", 1: "dog", 2: "hen"},
        ["train"] * 30 + ["test"] * 30,
    )
    for result in knn_and_zero_shot(task, Table({"": [1.0, 0.0]})):
        assert result.estimate.value == pytest.approx(1 / 3)


@pytest.mark.parametrize("split", ["all", ""])
def test_separate_clouds_are_distinguished(split: str) -> None:
    labels = mixed(600)
    task = task_of(labels, [split] * 600 if split else ())
    assert knn(knn_and_zero_shot(task, RandomEmbedder(10), vectors=clouds(labels, 20.0))).estimate.value == 1.0


@pytest.mark.parametrize("signal", [0.0, 20.0])
@pytest.mark.parametrize("split", ["all", ""])
def test_shuffled_labels_give_chance_with_noise_and_with_separate_clouds(split: str, signal: float) -> None:
    """Ten shuffles, since one may agree with the clouds by chance, which is then rightly found.

    Training and test are shuffled apart: together, what one has more of the other has less of, and the figure
    falls below chance.
    """
    splits = task_of(mixed(600), [split] * 600 if split else ()).splits
    accuracies = [
        knn_and_zero_shot(
            task_of(shuffled_apart(splits, seed + 1), splits),
            RandomEmbedder(10, seed),
            vectors=clouds(mixed(600), signal, seed=seed),
        )
        for seed in range(10)
    ]
    for number, metric in enumerate(ALL_METRICS):
        estimates = [results[number].estimate for results in accuracies]
        assert {results[number].metric for results in accuracies} == {metric}
        assert abs(np.mean([estimate.value for estimate in estimates]) - 0.5) < 0.04
        assert sum(low <= 0.5 <= high for low, high in (estimate.interval() for estimate in estimates)) >= 7


def test_neither_the_order_of_rows_nor_the_numbers_of_labels_matter() -> None:
    labels = mixed(300)
    x_ND = clouds(labels, 0.6)
    words = Table({"positive": [1, *[0.2] * 9], "negative": [-1, *[0.2] * 9]})
    order = np.random.default_rng(3).permutation(300)
    for splits in (["all"] * 300, task_of(labels).splits):
        task = task_of(labels, splits)
        expected = [result.estimate.value for result in knn_and_zero_shot(task, words, vectors=x_ND)]
        for flip in (False, True):
            other = ClassificationTask(
                "MR",
                [task.texts[row] for row in order],
                [],
                1 - labels[order] if flip else labels[order],
                {0: "positive", 1: "negative"} if flip else NAMES,
                [splits[row] for row in order],
            )
            accuracies = [result.estimate.value for result in knn_and_zero_shot(other, words, vectors=x_ND[order])]
            assert accuracies == pytest.approx(expected, abs=1e-9)


def test_seeds() -> None:
    labels = mixed(300)
    task = task_of(labels, ["all"] * 300)
    first, again, other = (
        knn(knn_and_zero_shot(task, RandomEmbedder(10), seed, vectors=clouds(labels, 0.4))).estimate
        for seed in (0, 0, 1)
    )
    assert (first.value, first.replicates.tolist()) == (again.value, again.replicates.tolist())
    assert other.replicates.tolist() != first.replicates.tolist()


def test_fewer_examples_than_neighbours_are_noted_and_so_is_overlap() -> None:
    labels = np.arange(90) // 3 % 2
    (task, crossed) = task_of(labels), task_of(labels, ["all"] * 90)
    assert knn(knn_and_zero_shot(task, RandomEmbedder())).notes == (
        "k = 60, all training examples, instead of 256",
    )
    assert knn(knn_and_zero_shot(crossed, RandomEmbedder())).notes == (
        "k = 81, all training examples, instead of 256",
    )
    texts = [*task.texts[:-1], "T0!"]
    other = ClassificationTask("MR", texts, [], labels, NAMES, task.splits)
    nearest, *zero_shot = knn_and_zero_shot(other, RandomEmbedder())
    assert nearest.notes[0] == "1 of 30 test texts also occur in training"
    assert [result.notes for result in zero_shot] == [(), ()]


def test_zero_shot_by_hand() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 0, 1, 1])
    texts = [*"uvwxyz", "up", "down", "mostly up", "level"]
    task = ClassificationTask("MR", texts, [], labels, NAMES, ["train"] * 6 + ["test"] * 4)
    known = {
        "up": [1.0, 0.1],
        "down": [-1.0, 0.2],
        "mostly up": [0.3, 1.0],
        "level": [0.0, 1.0],
        "negative": [-1.0, 0.0],
        "positive": [1.0, 0.0],
        "an example of a positive": [-1.0, 0.0],
        "an example of a negative": [1.0, 0.0],
    }
    embedder = Table(known | {text: [0.0, 1.0] for text in texts[:6]})
    _, word, sentence = knn_and_zero_shot(task, embedder, 3)
    assert (word.metric, word.estimate.value, word.estimate.n) == ("zero-shot word", (3 + 0.5) / 4, 4)
    assert word.estimate.replicates.tolist() == mean_of(np.array([1, 1, 1, 0.5]), seed=3).replicates.tolist()
    assert (sentence.metric, sentence.estimate.value) == ("zero-shot sentence", 0.5 / 4)
    assert sentence.estimate.replicates.tolist() == mean_of(np.array([0, 0, 0, 0.5]), seed=3).replicates.tolist()
    assert embedder.asked[-4:] == [
        "negative",
        "positive",
        "this is an example of a negative movie review.",
        "this is an example of a positive movie review.",
    ]


def test_labels_need_not_be_counted_from_0() -> None:
    labels = np.array([3, 7] * 6)
    texts = [("good" if label == 7 else "bad") + str(number) for number, label in enumerate(labels)]
    names = {7: "positive", 3: "negative"}
    task = ClassificationTask("MR", texts, [], labels, names, ["train"] * 8 + ["test"] * 4)
    near = Table({"bad": [0, 1], "negative": [0, 1], "good": [1, 0], "positive": [1, 0]})
    assert [result.estimate.value for result in knn_and_zero_shot(task, near)] == [1.0, 1.0, 1.0]
    far = Table({"bad": [0, 1], "negative": [1, 0], "good": [1, 0], "positive": [0, 1]})
    assert [result.estimate.value for result in knn_and_zero_shot(task, far)][1:] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("name", "names", "words", "sentences"),
    [
        ("MR", NAMES, ["negative", "positive"], ["a negative movie review", "a positive movie review"]),
        ("SST2", NAMES, ["negative", "positive"], ["a negative movie review", "a positive movie review"]),
        ("CR", NAMES, ["negative", "positive"], ["a negative product review", "a positive product review"]),
        ("MPQA", NAMES, ["negative", "positive"], ["a negative opinion phrase", "a positive opinion phrase"]),
        (
            "SUBJ",
            {1: "objective", 0: "subjective"},
            ["subjective", "objective"],
            ["a subjective sentence", "an objective sentence"],
        ),
        (
            "TREC",
            {0: "ABBR", 1: "DESC", 2: "ENTY", 3: "HUM", 4: "LOC", 5: "NUM"},
            ["abbreviation", "description", "entity", "person", "location", "number"],
            [
                "a question about an abbreviation",
                "a question about a description",
                "a question about an entity",
                "a question about a person",
                "a question about a location",
                "a question about a number",
            ],
        ),
        ("other", {0: "world_news", 1: "Sports"}, ["world news", "Sports"], ["world news", "Sports"]),
    ],
)
def test_words_and_sentences(name: str, names: dict[int, str], words: list[str], sentences: list[str]) -> None:
    labels = np.array([*names] * 2)
    splits = ["train"] * len(names) + ["test"] * len(names)
    task = ClassificationTask(name, ["t"] * len(labels), [], labels, names, splits)
    texts = label_texts(task)
    assert list(texts) == ["word", "sentence"]
    assert list(texts["word"]) == list(texts["sentence"]) == sorted(names)
    assert list(texts["word"].values()) == words
    assert list(texts["sentence"].values()) == [f"this is an example of {sentence}." for sentence in sentences]


@pytest.mark.parametrize("name", ["ABBR", "c1", "1", "+", "x", "B-PER"])
def test_names_that_are_no_words_have_no_zero_shot_figures(name: str) -> None:
    labels = mixed(30)
    task = ClassificationTask(
        "T", [f"t{n}" for n in range(30)], [], labels, {0: "negative", 1: name}, task_of(labels).splits
    )
    assert label_texts(task) == {}
    assert [result.metric for result in knn_and_zero_shot(task, RandomEmbedder())] == ["knn"]


def test_pairs_have_no_nearest_text() -> None:
    labels = mixed(30)
    task = ClassificationTask("MRPC", ["a"] * 30, ["b"] * 30, labels, NAMES, task_of(labels).splits)
    embedder = RandomEmbedder()
    assert knn_and_zero_shot(task, embedder) == []
    assert embedder.calls == []


def test_every_text_is_embedded_once_unless_vectors_are_given() -> None:
    labels = mixed(30)
    task = ClassificationTask("MR", ["a", "b", "c"] * 10, [], labels, NAMES, task_of(labels).splits)
    embedder = RandomEmbedder(10)
    knn_and_zero_shot(task, embedder)
    assert embedder.calls == [3, 2, 2]
    knn_and_zero_shot(task, embedder, vectors=clouds(labels, 1.0))
    assert embedder.calls[3:] == [2, 2]


def test_labels_without_usable_vectors() -> None:
    labels = mixed(30)
    with pytest.raises(AdjoinError, match=r"2 vectors with values that are not finite, the first for 'negative'"):
        knn_and_zero_shot(task_of(labels), Table({"": [np.nan, 1.0]}), vectors=clouds(labels, 1.0))
