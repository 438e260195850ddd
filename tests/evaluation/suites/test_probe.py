"""The protocol of the linear probe: what is trained on, chosen by and tested, and what is refused."""

import sys
from typing import Any

import numpy as np
import pytest
from labelled_tasks import KINDS, NAMES, Planted, accuracy, labelled_task, shuffled
from numpy.typing import NDArray
from small_tasks import RandomEmbedder

from adjoin.errors import AdjoinError
from adjoin.evaluation.data.labelled import ClassificationTask
from adjoin.evaluation.suites import probe as module
from adjoin.evaluation.suites.probe import embedded, probe, turns


def taken(task: ClassificationTask, rows: NDArray[np.int64], flip: bool = False) -> ClassificationTask:
    """The task with its rows in another order, and with its labels' numbers exchanged."""
    names = {1 - label: name for label, name in task.names.items()} if flip else task.names
    return ClassificationTask(
        name=task.name,
        texts=[task.texts[row] for row in rows],
        seconds=[task.seconds[row] for row in rows] if task.seconds else [],
        labels=1 - task.labels[rows] if flip else task.labels[rows],
        names=names,
        splits=[task.splits[row] for row in rows],
    )


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_line_separates_is_found(kind: str) -> None:
    task = labelled_task(kind)
    results = probe(task, Planted(40.0))
    assert [(f.suite, f.task, f.metric) for f in results] == [
        ("probe", "T", metric) for metric in (("accuracy", "f1") if kind == "pairs" else ("accuracy",))
    ]
    for result in results:
        assert result.estimate.value == 1.0
        assert result.estimate.n == sum(split in ("all", "test") for split in task.splits)
        assert result.notes == ()


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_that_know_nothing_give_chance(kind: str) -> None:
    low, high = probe(labelled_task(kind, 600, labels=shuffled(600)), RandomEmbedder(12))[0].estimate.interval()
    assert low <= 0.5 <= high
    assert high - low < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_shuffled_labels_give_chance(kind: str) -> None:
    """Vectors that would tell the true labels apart, and more dimensions than help: a leak would show here.

    Five shuffles, since one may agree with the true labels by chance, which is then rightly found.
    """
    accuracies = [
        probe(labelled_task(kind, 400, labels=shuffled(400, seed)), Planted(3.0, 40))[0].estimate
        for seed in range(5)
    ]
    assert abs(np.mean([estimate.value for estimate in accuracies]) - 0.5) < 0.06
    inside = [low <= 0.5 <= high for low, high in (estimate.interval() for estimate in accuracies)]
    assert sum(inside) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_neither_the_order_of_rows_nor_the_numbers_of_labels_matter(kind: str) -> None:
    task = labelled_task(kind)
    expected = accuracy(probe(task, Planted(1.5)))
    assert 0.55 < expected < 0.97
    order = np.random.default_rng(3).permutation(len(task.texts))
    folds = {frozenset(task.texts[row] for row in turn.test) for turn in turns(task)}
    for flip in (False, True):
        other = taken(task, order, flip)
        assert {frozenset(other.texts[row] for row in turn.test) for turn in turns(other)} == folds
        # The sums are in another order, so an item on the boundary may change sides.
        assert accuracy(probe(other, Planted(1.5))) == pytest.approx(expected, abs=0.011)


@pytest.mark.parametrize(("kind", "inner"), [("all", 4), ("dev", 1), ("test", 5), ("pairs", 5)])
def test_no_strength_is_chosen_by_what_is_tested_or_fitted(kind: str, inner: int) -> None:
    task = labelled_task(kind)
    plan = turns(task)
    trials = module._trials(task, plan, 0)
    for number, turn in enumerate(plan):
        judging = [trial for trial in trials if number in trial.held]
        assert len(judging) == inner
        for trial in judging:
            held = set(trial.held[number].tolist())
            assert held
            assert not set(trial.train.tolist()) & (held | set(turn.test.tolist()))
            assert not held & set(turn.test.tolist())
        judged = [row for trial in judging for row in trial.held[number].tolist()]
        assert len(judged) == len(set(judged))
        if kind == "dev":
            assert judged == task.rows("dev").tolist()
            assert trials[0].train.tolist() == turn.train.tolist() == task.rows("train").tolist()


@pytest.mark.slow
def test_seeds() -> None:
    task = labelled_task("all")
    first, again, other = (probe(task, Planted(1.5), seed)[0].estimate for seed in (0, 0, 1))
    assert first.value == again.value
    assert first.replicates.tolist() == again.replicates.tolist()
    folds = [{frozenset(turn.test.tolist()) for turn in turns(task, seed)} for seed in (0, 0, 1)]
    assert folds[0] == folds[1]
    assert not folds[0] & folds[2]
    assert other.value == pytest.approx(first.value, abs=0.05)


def test_two_systems_are_paired_item_by_item() -> None:
    task = labelled_task("all")
    good, poor = (probe(task, Planted(signal))[0].estimate for signal in (2.0, 1.0))
    assert good.minus(poor).interval()[0] > 0
    assert good.minus(good).interval() == (0, 0)


def test_every_text_is_embedded_once() -> None:
    texts = ["x", "y", "x", "z", "y", "x", "x", "z"]
    splits = ["train"] * 6 + ["test"] * 2
    pairs = ClassificationTask("T", texts, [*texts[:4], *"abcd"], np.arange(8) % 2, NAMES, splits)
    embedder = RandomEmbedder(3)
    vectors = embedded(pairs, embedder)
    assert embedder.calls == [7]
    assert vectors.shape == (8, 2, 3)
    assert vectors[0, 0].tolist() == vectors[2, 1].tolist() == vectors[6, 0].tolist()
    given = [result.estimate.value for result in probe(pairs, embedder, vectors=vectors)]
    assert embedder.calls == [7]
    assert given == [result.estimate.value for result in probe(pairs, RandomEmbedder(3))]


class Broken:
    """A scorer with the same output for every input."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self.vectors = vectors

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        return self.vectors

    encode_document = encode_query


@pytest.mark.parametrize(
    ("vectors", "expected"),
    [
        (np.zeros((299, 4)), r"shape \(299, 4\) for 300 texts: expected \(number of texts, dimension\)"),
        (np.zeros(300), r"shape \(300,\) for 300 texts"),
        (
            np.array([[0.0]] * 2 + [[np.nan]] * 3 + [[np.inf]] * 295),
            "298 vectors with values that are not finite.*'bad 2'",
        ),
    ],
)
def test_embedders_that_are_broken(vectors: NDArray[np.float32], expected: str) -> None:
    task = labelled_task("all")
    assert task.texts[2].endswith(" 2")
    with pytest.raises(AdjoinError, match=expected.replace("bad 2", task.texts[2])):
        probe(task, Broken(vectors))


@pytest.mark.parametrize(
    ("labels", "split", "expected"),
    [
        (
            [0] * 30 + [1, 1],
            "all",
            "has 32 items to train on, 3 or more of 1 labels: expected as many of at least two",
        ),
        ([0] * 4 + [1] * 4, "all", "has 8 items to train on, 3 or more of 2 labels: .* and 10 items for 10-fold"),
        ([0, 0, 1, 1], "train", "has 4 items to train on, 3 or more of 0 labels"),
    ],
)
def test_too_few_items(labels: list[int], split: str, expected: str) -> None:
    splits = [split] * len(labels) + (["test"] if split == "train" else [])
    labels_N = np.array([*labels, 0][: len(splits)])
    task = ClassificationTask("T", [f"t{n}" for n in range(len(splits))], [], labels_N, NAMES, splits)
    with pytest.raises(AdjoinError, match=expected):
        probe(task, RandomEmbedder())


def test_the_least_that_can_be_measured() -> None:
    task = ClassificationTask(
        "T", [f"t{n}" for n in range(10)], [], np.array([0] * 7 + [1] * 3), NAMES, ["all"] * 10
    )
    assert probe(task, RandomEmbedder())[0].estimate.n == 10


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    missing: Any = None
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", missing)
    with pytest.raises(AdjoinError, match=r"needs scikit-learn .*: pip install 'adjoin\[evaluate\]'"):
        probe(labelled_task("all"), RandomEmbedder())
