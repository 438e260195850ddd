import os
import subprocess
import sys
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from small_tasks import RandomEmbedder, unit

from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import mean_of
from adjoin.evaluation.data.labelled import ClassificationTask
from adjoin.evaluation.result import Result
from adjoin.evaluation.suites import probe as module
from adjoin.evaluation.suites.probe import embedded, probe, turns

KINDS = ("all", "dev", "test", "pairs")  # ten folds; strength chosen on dev; by inner folds; |u - v| and u * v
WORDS = ("bad", "good")
NAMES = {0: "negative", 1: "positive"}


class Planted:
    """A text's first word moves its vector along an axis of its own; all else of it is noise."""

    def __init__(self, signal: float, dimension: int = 12) -> None:
        self.signal = signal
        self.dimension = dimension

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        vectors = np.stack(
            [np.random.default_rng(zlib.crc32(t.encode())).standard_normal(self.dimension) for t in texts]
        )
        for vector, text in zip(vectors, texts, strict=True):
            vector[WORDS.index(text.split()[0])] += self.signal
        return unit(vectors.astype(np.float32))

    encode_document = encode_query


def task_of(
    kind: str, items: int = 300, *, labels: NDArray[np.int64] | None = None, name: str = "T"
) -> ClassificationTask:
    """Texts "good 17", "bad 18", ...; of pairs, whether both first words agree. Labels are those unless given."""
    truth = np.arange(items) * 7 % 13 % 2
    splits = {"all": ["all"], "dev": ["train", "train", "dev", "test"]}.get(kind, ["train", "test", "train"])
    first = [WORDS[label] for label in (np.arange(items) // 2 % 2 if kind == "pairs" else truth)]
    second = [WORDS[int((word == "good") ^ (label == 0))] for word, label in zip(first, truth, strict=True)]
    return ClassificationTask(
        name=name,
        texts=[f"{word} {number}" for number, word in enumerate(first)],
        seconds=[f"{word} {number}s" for number, word in enumerate(second)] if kind == "pairs" else [],
        labels=truth if labels is None else labels,
        names=NAMES,
        splits=[splits[number % len(splits)] for number in range(items)],
    )


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


def shuffled(items: int, seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng(seed).permutation(np.arange(items) % 2)


def accuracy(results: list[Result]) -> float:
    assert results[0].metric == "accuracy"
    return results[0].estimate.value


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_line_separates_is_found(kind: str) -> None:
    task = task_of(kind)
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
    low, high = probe(task_of(kind, 600, labels=shuffled(600)), RandomEmbedder(12))[0].estimate.interval()
    assert low <= 0.5 <= high
    assert high - low < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_shuffled_labels_give_chance(kind: str) -> None:
    """Vectors that would tell the true labels apart, and more dimensions than help: a leak would show here.

    Five shuffles, since one may agree with the true labels by chance, which is then rightly found.
    """
    accuracies = [
        probe(task_of(kind, 400, labels=shuffled(400, seed)), Planted(3.0, 40))[0].estimate for seed in range(5)
    ]
    assert abs(np.mean([estimate.value for estimate in accuracies]) - 0.5) < 0.06
    inside = [low <= 0.5 <= high for low, high in (estimate.interval() for estimate in accuracies)]
    assert sum(inside) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_neither_the_order_of_rows_nor_the_numbers_of_labels_matter(kind: str) -> None:
    task = task_of(kind)
    expected = accuracy(probe(task, Planted(1.5)))
    assert 0.55 < expected < 0.97
    order = np.random.default_rng(3).permutation(len(task.texts))
    folds = {frozenset(task.texts[row] for row in turn.test) for turn in turns(task)}
    for flip in (False, True):
        other = taken(task, order, flip)
        assert {frozenset(other.texts[row] for row in turn.test) for turn in turns(other)} == folds
        # The sums are in another order, so an item on the boundary may change sides.
        assert accuracy(probe(other, Planted(1.5))) == pytest.approx(expected, abs=0.011)


@module._one_thread()
def full_protocol(x_NF: NDArray[np.float32], labels_N: NDArray[np.int64]) -> NDArray[np.bool_]:
    """SentEval's nested 10 x 10 cross-validation, with scikit-learn's own folds, defaults and cold starts."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    right = np.zeros(len(labels_N), dtype=bool)
    for train, test in StratifiedKFold(10, shuffle=True, random_state=1111).split(x_NF, labels_N):
        inner = StratifiedKFold(10, shuffle=True, random_state=1111)
        scores = [
            cross_val_score(LogisticRegression(C=c), x_NF[train], labels_N[train], cv=inner).mean()
            for c in module._GRID
        ]
        model = LogisticRegression(C=module._GRID[int(np.argmax(scores))]).fit(x_NF[train], labels_N[train])
        right[test] = model.predict(x_NF[test]) == labels_N[test]
    return right


@pytest.mark.slow
def test_the_short_cuts_equal_the_full_protocol() -> None:
    task = task_of("all", 400)
    vectors = embedded(task, Planted(1.5, 16))
    plain = mean_of(full_protocol(vectors, task.labels))
    difference = probe(task, Planted(1.5, 16))[0].estimate.minus(plain)
    assert 0.6 < plain.value < 0.95
    assert abs(difference.value) <= 0.015
    low, high = difference.interval()
    assert low <= 0 <= high


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["all", "test", "dev"])
@module._one_thread()
def test_warm_starts_and_the_early_end_choose_as_well_as_the_whole_grid_fitted_cold(kind: str) -> None:
    from sklearn.linear_model import LogisticRegression

    task = task_of(kind, 400)
    x_NF = module._features(embedded(task, Planted(1.5, 16)))
    trials = module._trials(task, turns(task), 0)
    chosen = module._strengths(x_NF, task.labels, trials)
    for turn, strength in enumerate(chosen):
        judged = {
            c: np.concatenate(
                [
                    LogisticRegression(C=c, tol=1e-8, max_iter=5000)
                    .fit(x_NF[trial.train].astype(np.float64), task.labels[trial.train])
                    .predict(x_NF[trial.held[turn]])
                    == task.labels[trial.held[turn]]
                    for trial in trials
                    if turn in trial.held
                ]
            ).mean()
            for c in module._GRID
        }
        assert judged[strength] >= max(judged.values()) - 0.015


class Scripted:
    """Stands for a model: how many of its answers are right is given by strength."""

    def __init__(self, right: dict[float, int], fitted: list[float]) -> None:
        self.right = right
        self.fitted = fitted

    def set_params(self, C: float) -> "Scripted":
        self.strength = C
        return self

    def fit(self, x_MF: NDArray[np.float32], labels_M: NDArray[np.int64]) -> "Scripted":
        self.fitted.append(self.strength)
        return self

    def predict(self, x_MF: NDArray[np.float32]) -> NDArray[np.int64]:
        return np.where(np.arange(len(x_MF)) < self.right[self.strength], 1, 0)


@pytest.mark.parametrize(
    ("right", "strength", "fits"),
    [
        ([60, 70, 80, 79, 78, 90, 90], 4.0, 5),  # risen and fallen: the rest is not tried
        (
            [60, 70, 80, 79, 80, 79, 78],
            4.0,
            7,
        ),  # the stronger penalty of equals, and no two below it in a row before
        ([60, 60, 60, 60, 60, 90, 80], 256.0, 7),  # level at the most frequent label, then a rise
        ([60, 59, 58, 57, 70, 80, 81], 1024.0, 7),  # the same with a fall first
        ([60, 59, 58, 57, 57, 57, 57], 0.25, 7),
    ],
)
def test_the_grid_ends_after_a_rise_and_a_fall_alone(
    right: list[int], strength: float, fits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[float] = []
    script = dict(zip(module._GRID, right, strict=True))
    monkeypatch.setattr(module, "_model", lambda warm_start: Scripted(script, fitted))
    trial = module._Trial(np.arange(100, 120), {0: np.arange(100)})
    x_NF, labels = np.zeros((120, 2), dtype=np.float32), np.ones(120, dtype=np.int64)
    assert module._strengths(x_NF, labels, [trial]) == [strength]
    assert len(fitted) == fits


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["all", "test", "dev"])
@module._one_thread()
def test_vectors_that_differ_little_get_a_weak_penalty_and_noise_a_strong_one(kind: str) -> None:
    labels = (np.random.default_rng(0).random(400) < 0.2).astype(np.int64)
    task = task_of(kind, 400, labels=labels)
    near = unit(
        np.array([1.0, 0.0], dtype=np.float32) + 0.02 * labels[:, np.newaxis] * np.array([0, 1], np.float32)
    )
    assert min(module._strengths(module._features(near), labels, module._trials(task, turns(task), 0))) >= 64
    assert accuracy(probe(task, RandomEmbedder(), vectors=near)) == 1.0
    noise = RandomEmbedder(60).encode_query(task.texts)
    assert np.median(module._strengths(noise, labels, module._trials(task, turns(task), 0))) <= 1
    assert accuracy(probe(task, RandomEmbedder(), vectors=noise)) == pytest.approx(0.8, abs=0.07)


@pytest.mark.parametrize(("kind", "inner"), [("all", 4), ("dev", 1), ("test", 5), ("pairs", 5)])
def test_no_strength_is_chosen_by_what_is_tested_or_fitted(kind: str, inner: int) -> None:
    task = task_of(kind)
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
    task = task_of("all")
    first, again, other = (probe(task, Planted(1.5), seed)[0].estimate for seed in (0, 0, 1))
    assert first.value == again.value
    assert first.replicates.tolist() == again.replicates.tolist()
    folds = [{frozenset(turn.test.tolist()) for turn in turns(task, seed)} for seed in (0, 0, 1)]
    assert folds[0] == folds[1]
    assert not folds[0] & folds[2]
    assert other.value == pytest.approx(first.value, abs=0.05)


def test_two_systems_are_paired_item_by_item() -> None:
    task = task_of("all")
    good, poor = (probe(task, Planted(signal))[0].estimate for signal in (2.0, 1.0))
    assert good.minus(poor).interval()[0] > 0
    assert good.minus(good).interval() == (0, 0)


def test_features_of_pairs_by_hand() -> None:
    vectors = np.array([[[1, 2], [3, -1]], [[0, 1], [0, 1]]], dtype=np.float32)
    features = np.array([[2, 3, 3, -2], [0, 0, 0, 1]])
    assert module._features(vectors).tolist() == (features - features.mean(axis=0)).tolist()
    assert module._features(vectors[:, 0]).tolist() == [[0.5, 0.5], [-0.5, -0.5]]


def test_f1_equals_scikit_learn_s_on_every_sample() -> None:
    from sklearn.metrics import f1_score

    generator = np.random.default_rng(0)
    predicted, true = generator.random(80) < 0.6, generator.random(80) < 0.4
    estimate = module._f1(predicted, true, 5)
    assert estimate.value == pytest.approx(f1_score(true, predicted), abs=1e-12)
    drawn = np.random.default_rng(5).integers(80, size=(2000, 80))[:50]
    plain = [f1_score(true[rows], predicted[rows]) for rows in drawn]
    assert estimate.replicates[:50].tolist() == pytest.approx(plain, abs=1e-12)
    assert module._f1(np.zeros(4, bool), np.zeros(4, bool), 0).value == 0


@pytest.mark.parametrize(("share", "f1"), [(0.75, 2 * 0.75 / 1.75), (0.25, 0.0)])
def test_f1_is_of_label_1(share: float, f1: float) -> None:
    """Equal vectors get the larger label: of 1 the precision is its share, the recall 1; of 0 nothing is found."""
    labels = (np.arange(480) // 3 % 4 < 4 * share).astype(np.int64)
    task = task_of("pairs", 480, labels=labels)
    results = probe(task, RandomEmbedder(), 7, vectors=np.full((480, 2, 4), 0.5, dtype=np.float32))
    assert [result.metric for result in results] == ["accuracy", "f1"]
    assert [result.estimate.value for result in results] == pytest.approx([0.75, f1])
    true = labels[task.rows("test")] == 1
    assert results[1].estimate.replicates.tolist() == module._f1(np.full(160, f1 > 0), true, 7).replicates.tolist()
    named = ClassificationTask("T", task.texts, task.seconds, labels + 1, {1: "a", 2: "b"}, task.splits)
    assert [result.metric for result in probe(named, Planted(1.5))] == ["accuracy"]


def test_six_labels_and_a_rare_one() -> None:
    generator = np.random.default_rng(0)
    labels = np.array([*np.arange(240) // 3 % 6, 6, 6])
    centres = 4 * np.eye(7, 10, dtype=np.float32)
    vectors = unit(centres[labels] + generator.standard_normal((242, 10)).astype(np.float32))
    names = {label: f"n{label}" for label in range(7)}
    for splits in (["all"] * 242, [*(["train", "test", "train"] * 80), "train", "train"]):
        task = ClassificationTask("T", [f"t{n}" for n in range(242)], [], labels, names, splits)
        assert 0.75 < accuracy(probe(task, RandomEmbedder(), vectors=vectors)) <= 1


@pytest.mark.parametrize("kind", ["all", "test", "dev"])
def test_equal_vectors_get_the_larger_label(kind: str) -> None:
    labels = (np.arange(300) % 3 > 0).astype(np.int64)[np.random.default_rng(0).permutation(300)]
    task = task_of(kind, labels=labels)
    tested = labels[[row for row, split in enumerate(task.splits) if split in ("all", "test")]]
    vectors = np.full((300, 4), 0.5, dtype=np.float32)
    (result,) = probe(task, RandomEmbedder(), 7, vectors=vectors)
    assert result.estimate.value == pytest.approx(tested.mean())
    assert result.estimate.replicates.tolist() == mean_of(tested, seed=7).replicates.tolist()


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


ONE_THREAD = """
import numpy as np
from threadpoolctl import threadpool_info

from adjoin.evaluation.suites import probe as module
from adjoin.evaluation.data.labelled import ClassificationTask

fit, seen = module._fit, set()

def spy(*options):
    seen.update(pool["num_threads"] for pool in threadpool_info())
    fit(*options)

module._fit = spy
rows = np.arange(60)
task = ClassificationTask(
    "T", [f"t{n}" for n in rows], [], rows // 3 % 2, {0: "a", 1: "b"}, ["train", "train", "test"] * 20
)
vectors = np.random.default_rng(0).standard_normal((60, 4), dtype=np.float32)

module.probe(task, None, vectors=vectors)
print(sorted(seen), max(pool["num_threads"] for pool in threadpool_info()))
"""


def test_the_first_fit_has_one_thread_as_all_others_and_gives_the_rest_back() -> None:
    """In a new process, where scikit-learn and its libraries are not loaded before the probe begins."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "3")
    done = subprocess.run(
        [sys.executable, "-c", ONE_THREAD], env=os.environ | threads, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["[1]", "3"]


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
    task = task_of("all")
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


def test_fits_that_end_early_are_said_to(
    monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setattr(module, "_MOST_STEPS", 1)
    (result,) = probe(task_of("all"), Planted(1.5))
    assert result.notes == ("10 of 10 fits ended after 1 steps, before they converged",)
    assert not [warning for warning in recwarn if "converge" in str(warning.message)]


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    missing: Any = None
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", missing)
    with pytest.raises(AdjoinError, match=r"needs scikit-learn .*: pip install 'adjoin\[evaluate\]'"):
        probe(task_of("all"), RandomEmbedder())
