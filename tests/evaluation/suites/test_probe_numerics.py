"""The numbers of the linear probe: short cuts against the plain protocol, the grid of penalties, features, F1."""

import os
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
from labelled_tasks import Planted, accuracy, labelled_task
from numpy.typing import NDArray
from small_tasks import RandomEmbedder, unit

from adjoin.evaluation.bootstrap import mean_of
from adjoin.evaluation.data.labelled import ClassificationTask
from adjoin.evaluation.suites import probe as module
from adjoin.evaluation.suites.probe import embedded, probe, turns
from adjoin.evaluation.threads import one_thread_of_all


@one_thread_of_all()
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
    task = labelled_task("all", 400)
    vectors = embedded(task, Planted(1.5, 16))
    plain = mean_of(full_protocol(vectors, task.labels))
    difference = probe(task, Planted(1.5, 16))[0].estimate.minus(plain)
    assert 0.6 < plain.value < 0.95
    assert abs(difference.value) <= 0.015
    low, high = difference.interval()
    assert low <= 0 <= high


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["all", "test", "dev"])
@one_thread_of_all()
def test_warm_starts_and_the_early_end_choose_as_well_as_the_whole_grid_fitted_cold(kind: str) -> None:
    from sklearn.linear_model import LogisticRegression

    task = labelled_task(kind, 400)
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
@one_thread_of_all()
def test_vectors_that_differ_little_get_a_weak_penalty_and_noise_a_strong_one(kind: str) -> None:
    labels = (np.random.default_rng(0).random(400) < 0.2).astype(np.int64)
    task = labelled_task(kind, 400, labels=labels)
    near = unit(
        np.array([1.0, 0.0], dtype=np.float32) + 0.02 * labels[:, np.newaxis] * np.array([0, 1], np.float32)
    )
    assert min(module._strengths(module._features(near), labels, module._trials(task, turns(task), 0))) >= 64
    assert accuracy(probe(task, RandomEmbedder(), vectors=near)) == 1.0
    noise = RandomEmbedder(60).encode_query(task.texts)
    assert np.median(module._strengths(noise, labels, module._trials(task, turns(task), 0))) <= 1
    assert accuracy(probe(task, RandomEmbedder(), vectors=noise)) == pytest.approx(0.8, abs=0.07)


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
    task = labelled_task("pairs", 480, labels=labels)
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
    task = labelled_task(kind, labels=labels)
    tested = labels[[row for row, split in enumerate(task.splits) if split in ("all", "test")]]
    vectors = np.full((300, 4), 0.5, dtype=np.float32)
    (result,) = probe(task, RandomEmbedder(), 7, vectors=vectors)
    assert result.estimate.value == pytest.approx(tested.mean())
    assert result.estimate.replicates.tolist() == mean_of(tested, seed=7).replicates.tolist()


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


def test_fits_that_end_early_are_said_to(
    monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setattr(module, "_MOST_STEPS", 1)
    (result,) = probe(labelled_task("all"), Planted(1.5))
    assert result.notes == ("10 of 10 fits ended after 1 steps, before they converged",)
    assert not [warning for warning in recwarn if "converge" in str(warning.message)]


@pytest.mark.parametrize("kind", ["all", "test"])
def test_fits_side_by_side_equal_those_one_after_the_other(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    task, threads = labelled_task(kind), set()
    expected = [result.estimate.value for result in probe(task, Planted(1.5))]
    fit = module._fit

    def spy(*arguments: Any) -> None:  # noqa: ANN401
        threads.add(threading.get_ident())
        fit(*arguments)

    monkeypatch.setattr(module, "_fit", spy)
    monkeypatch.setattr(module, "_LARGE", 0)
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda process: {0, 1, 2}, raising=False)
    assert [result.estimate.value for result in probe(task, Planted(1.5))] == expected
    assert len(threads) >= 2
