"""Linear probe: a logistic regression on frozen vectors.

The protocol is that of SentEval (Conneau and Kiela 2018, arXiv 1803.05449), as in Table 2 of Neelakantan et al.
2022. The L2 penalty is chosen on dev, or by cross-validation within the training items if there is no dev. A task
without a standard split is tested by 10-fold cross-validation. Pairs have the features |u - v| and u * v.

Two things differ from SentEval: the grid of penalties, since our vectors have unit length, and the inner folds of
tasks with ten folds (see `_trials`).

The seven SentEval tasks take 38 s of one core with 512 dimensions (TF-IDF + SVD vectors): MPQA 14 s, TREC 9, MR 6,
SUBJ 5, CR 2, MRPC 1. On a busy machine they take 60 s. On CR with 256 dimensions, the full protocol (10 inner
folds and scikit-learn's defaults) takes 7.9 s and reaches 0.783. This code takes 2.3 s and reaches 0.789, a
difference of +0.006 [-0.001, 0.012].
"""

import hashlib
import os
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import Estimate, mean_of, statistic_of
from adjoin.evaluation.data.labelled import ALL, DEV, TEST, TRAIN, ClassificationTask
from adjoin.evaluation.progress import step
from adjoin.evaluation.result import Result
from adjoin.evaluation.systems.scorers import Embedder, checked, encode_symmetric
from adjoin.evaluation.threads import one_thread_of_all

SUITE = "probe"
FOLDS = 10

# 1 / L2 penalty, strongest first. Of 63 choices (TF-IDF + SVD on the seven tasks, MiniLM on CR and MPQA), 58 are
# from 1 to 64. The ends are for vectors that hardly differ, as in untrained models, and for noise.
_GRID = (0.25, 1.0, 4.0, 16.0, 64.0, 256.0, 1024.0)
_PATIENCE = 2  # steps below the best in a row that end the grid; the weakest penalties take the longest
_INNER_FOLDS = 5  # for training sets without dev, SentEval's default
_PARTNERS = (1, 2)  # fold i is left out together with i + 1 and i + 2: see `_trials`
_FEWEST = 3  # items per label, so that one remains when two folds are left out

# Gradient of the mean loss at which a fit ends. With scikit-learn's 1e-4, a warm start at a weaker penalty often
# ends before its first step. 1e-6 takes 1.4 times as long and changes accuracy by at most 0.003.
_TOLERANCE = 1e-5
_MOST_STEPS = 1000
_LARGE = 1 << 26  # multiplications of a matrix product from which fits run side by side: 5 ms of one core

Rows = NDArray[np.int64]
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Turn:
    """One training and test split: indices of items, in the order of the task.

    Attributes:
        train: training items.
        test: test items.
    """

    train: Rows
    test: Rows


@dataclass(frozen=True)
class _Trial:
    """One training set for the whole grid. `held` maps a turn to the items that judge its penalty."""

    train: Rows
    held: dict[int, Rows]


def probe(
    task: ClassificationTask, embedder: Embedder, seed: int = 0, *, vectors: Vectors | None = None
) -> list[Result]:
    """Accuracy of a linear probe, and for pairs with labels 0 and 1 also the F1 of label 1.

    An item counts 1 if its label is predicted, else 0. Intervals cover the choice of test items, not of trainings.

    Args:
        task: labelled texts or pairs.
        embedder: the embedding model, used in the symmetric role.
        seed: of the folds and of the bootstrap.
        vectors: the result of `embedded` for this task and embedder, to save encoding again.

    Raises:
        AdjoinError: scikit-learn is missing, there are too few training items, or the embedder's vectors are
            unusable.
    """
    plan = turns(task, seed)
    x_NF = _features(embedded(task, embedder) if vectors is None else vectors)
    predicted_N = np.full(len(task.labels), -1, dtype=np.int64)
    stopped = 0
    with one_thread_of_all(), _unconverged():
        trials = _trials(task, plan, seed)
        strengths = _strengths(x_NF, task.labels, trials, last=len(plan))
        for number, (turn, strength) in enumerate(zip(plan, strengths, strict=True)):
            step("fits", len(trials) * len(_GRID) + number, len(trials) * len(_GRID) + len(plan))
            model = _model()
            _fit(model, x_NF[turn.train], task.labels[turn.train], strength)
            predicted_N[turn.test] = model.predict(x_NF[turn.test])
            stopped += int(model.n_iter_.max()) >= _MOST_STEPS
    tested = items_tested(task)
    predicted_T, labels_T = predicted_N[tested], task.labels[tested]
    notes = overlap_notes(task, plan)
    if stopped:
        notes += (f"{stopped} of {len(plan)} fits ended after {_MOST_STEPS:,} steps, before they converged",)
    results = [Result(SUITE, task.name, "accuracy", mean_of(predicted_T == labels_T, seed=seed), notes)]
    if task.seconds and task.names.keys() == {0, 1}:
        results.append(Result(SUITE, task.name, "f1", _f1(predicted_T == 1, labels_T == 1, seed), notes))
    return results


def embedded(task: ClassificationTask, embedder: Embedder) -> Vectors:
    """The vectors of a task's items. Each distinct text is encoded once, in the symmetric role.

    Args:
        task: labelled texts or pairs.
        embedder: the embedding model.

    Returns:
        Shape (N, D) for texts, (N, 2, D) for pairs.

    Raises:
        AdjoinError: the vectors are not finite or not one per text.
    """
    texts = list(dict.fromkeys(chain(task.texts, task.seconds)))
    vectors_TD = embed(texts, embedder)
    row_of = {text: row for row, text in enumerate(texts)}
    first_ND = vectors_TD[[row_of[text] for text in task.texts]]
    if not task.seconds:
        return first_ND
    return np.stack([first_ND, vectors_TD[[row_of[text] for text in task.seconds]]], axis=1)


def embed(texts: list[str], embedder: Embedder) -> Vectors:
    """The vectors of n texts in the symmetric role, shape (n, D).

    Raises:
        AdjoinError: the vectors are not finite or not one per text.
    """
    return checked(np.asarray(encode_symmetric(embedder, texts), dtype=np.float32), texts)


def turns(task: ClassificationTask, seed: int = 0) -> list[Turn]:
    """The train and test splits of a task: the standard split, or ten folds.

    Args:
        task: labelled texts or pairs.
        seed: of the folds.

    Raises:
        AdjoinError: fewer than two labels have three training items each, or ten folds have fewer than ten items.
    """
    check_trainable(task)
    rows = task.rows(ALL if task.crossed else TRAIN)
    if not task.crossed:
        return [Turn(rows, task.rows(TEST))]
    folds = _folds(task, rows, FOLDS, seed)
    return [Turn(np.setdiff1d(rows, fold), fold) for fold in folds]


def check_trainable(task: ClassificationTask) -> None:
    """Refuse a task that is too small for a probe.

    Raises:
        AdjoinError: fewer than two labels have three training items each, or ten folds have fewer than ten items.
    """
    rows = task.rows(ALL if task.crossed else TRAIN)
    enough = [label for label, number in Counter(task.labels[rows].tolist()).items() if number >= _FEWEST]
    if len(enough) < 2 or (task.crossed and len(rows) < FOLDS):
        raise AdjoinError(
            f"task {task.name} has {len(rows):,} items to train on, {_FEWEST} or more of {len(enough)} labels: "
            f"expected as many of at least two labels, and {FOLDS} items for {FOLDS}-fold cross-validation; "
            "add items or raise the limit"
        )


def items_tested(task: ClassificationTask) -> Rows:
    """Indices of the test items, in the order of the task."""
    return task.rows(ALL if task.crossed else TEST)


def overlap_notes(task: ClassificationTask, plan: Sequence[Turn]) -> tuple[str, ...]:
    """A note on how many test texts also occur in training, ignoring case and punctuation; empty if none does.

    Pairs count if both texts occur as a pair, in either order.
    """
    keys = [_words(text) for text in task.texts]
    if task.seconds:
        keys = ["\n".join(sorted(pair)) for pair in zip(keys, map(_words, task.seconds), strict=True)]
    seen = 0
    for turn in plan:
        trained = {keys[row] for row in turn.train}
        seen += sum(keys[row] in trained for row in turn.test)
    tested = sum(len(turn.test) for turn in plan)
    what = "pairs" if task.seconds else "texts"
    return (f"{seen:,} of {tested:,} test {what} also occur in training",) if seen else ()


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower())) or text


def _folds(task: ClassificationTask, rows: Rows, number: int, seed: int) -> list[Rows]:
    """Stratified folds by the hashes of the texts.

    They depend neither on the order of the items nor on the numbers of the labels. Copies of a text have
    different hashes, so that copies spread over the folds.
    """
    copies: Counter[tuple[str, str, int]] = Counter()
    key: dict[int, bytes] = {}
    for row in rows.tolist():
        item = (task.texts[row], task.seconds[row] if task.seconds else "", int(task.labels[row]))
        key[row] = hashlib.blake2b(repr((seed, copies[item], *item[:2])).encode(), digest_size=16).digest()
        copies[item] += 1
    of_label: dict[int, list[int]] = {}
    for row in sorted(key, key=lambda row: key[row]):
        of_label.setdefault(int(task.labels[row]), []).append(row)
    dealt = np.array(list(chain.from_iterable(of_label.values())), dtype=np.int64)
    return [np.sort(dealt[start::number]) for start in range(number)]


def _trials(task: ClassificationTask, plan: Sequence[Turn], seed: int) -> list[_Trial]:
    """The training sets that choose the penalty of each turn. None contains an item that the turn tests.

    With ten folds, four of the other folds serve as inner test folds of turn i. The training without folds i and
    j serves two turns: its accuracy on j counts for turn i, that on i for turn j. So 20 trainings do the work of
    40.
    """
    if not task.crossed:
        train, dev = plan[0].train, task.rows(DEV)
        if len(dev):
            return [_Trial(train, {0: dev})]
        folds = _folds(task, train, _INNER_FOLDS, seed)
        return [_Trial(np.setdiff1d(train, fold), {0: fold}) for fold in folds]
    pairs = [(i, (i + distance) % FOLDS) for i in range(FOLDS) for distance in _PARTNERS]
    return [
        _Trial(np.setdiff1d(plan[i].train, plan[j].test), {i: plan[j].test, j: plan[i].test}) for i, j in pairs
    ]


def _strengths(x_NF: Vectors, labels_N: Rows, trials: Sequence[_Trial], *, last: int = 0) -> list[float]:
    """For each turn the penalty with the most right answers. On a tie the stronger penalty wins.

    Each trial goes down the grid with a warm start from its own last fit. A fit of another trial may have seen
    its test items. The grid ends early once the accuracy of every turn has risen and then fallen. A plateau at
    the start does not count: under too strong a penalty, all vectors get the most frequent label. `last` fits
    follow, which count for the progress.
    """
    right = np.zeros((1 + max(turn for trial in trials for turn in trial.held), len(_GRID)), dtype=np.int64)
    models = [_model(warm_start=True) for _ in trials]

    def counts(model: Any, trial: _Trial, strength: float) -> dict[int, int]:  # noqa: ANN401
        _fit(model, x_NF[trial.train], labels_N[trial.train], strength)
        return {
            turn: int(np.sum(model.predict(x_NF[rows]) == labels_N[rows])) for turn, rows in trial.held.items()
        }

    for place, strength in enumerate(_GRID):
        of_trials = _side_by_side(
            [partial(counts, *each, strength) for each in zip(models, trials, strict=True)],
            products=x_NF.size * len(np.unique(labels_N)),
        )
        for number, of_trial in enumerate(of_trials):
            step("fits", place * len(trials) + number, len(trials) * len(_GRID) + last)
            for turn, count in of_trial.items():
                right[turn, place] += count
        best = right.argmax(axis=1)
        recent = right[:, max(0, place + 1 - _PATIENCE) : place + 1]
        if best.all() and (recent < right.max(axis=1, keepdims=True)).all():
            break
    return [_GRID[place] for place in right.argmax(axis=1)]


def _side_by_side(fits: Sequence[Callable[[], dict[int, int]]], products: int) -> Iterator[dict[int, int]]:
    """The results of independent fits, in order. Large ones run on all processors, each with one BLAS thread.

    Args:
        fits: functions that fit and judge a model.
        products: multiplications of one matrix product of a fit. Below `_LARGE`, threads would only wait for
            Python's lock.
    """
    workers = min(len(fits), len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
    if workers < 2 or products < _LARGE:
        yield from (fit() for fit in fits)
        return
    pool = ThreadPoolExecutor(workers)
    try:
        yield from (future.result() for future in [pool.submit(fit) for fit in fits])
    finally:
        pool.shutdown(cancel_futures=True)


def _model(*, warm_start: bool = False) -> Any:  # noqa: ANN401 - scikit-learn has no types
    """A multinomial logistic regression with an L2 penalty, fitted with L-BFGS.

    With warm starts, L-BFGS goes down the grid of MR (9,000 items, 512 dimensions, float32) in 0.4 s of one core.
    Newton with a Cholesky factor takes 1.1 s, in float64 2.5 s. With TREC's six classes only L-BFGS is fast
    enough.
    """
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise AdjoinError(f"the probe needs scikit-learn ({error}): pip install 'adjoin[evaluate]'") from None
    return LogisticRegression(tol=_TOLERANCE, max_iter=_MOST_STEPS, warm_start=warm_start)


@contextmanager
def _unconverged() -> Iterator[None]:
    """Fits that do not converge are reported in the notes, so their warning is suppressed: not within threads."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="lbfgs failed to converge")
        yield


def _fit(model: Any, x_MF: Vectors, labels_M: Rows, strength: float) -> None:  # noqa: ANN401
    """Fit in place."""
    model.set_params(C=strength).fit(x_MF, labels_M)


def _features(vectors: Vectors) -> Vectors:
    """The input of the probe, shape (N, F): centred vectors, or |u - v| and u * v of pairs.

    The intercept has no penalty, so centring does not change the optimum. It saves steps if vectors share a large
    component, as in untrained models: 96 instead of 268 for the grid of MR at a mean cosine of 0.91.
    """
    if vectors.ndim == 3:
        u_ND, v_ND = vectors[:, 0], vectors[:, 1]
        vectors = np.concatenate([np.abs(u_ND - v_ND), u_ND * v_ND], axis=1)
    centred_NF: Vectors = vectors - vectors.mean(axis=0)
    return centred_NF


def _f1(predicted_T: NDArray[np.bool_], true_T: NDArray[np.bool_], seed: int) -> Estimate:
    """F1 = 2 TP / (2 TP + FP + FN); 0 if there are no positives and none is predicted."""
    hits_T, either_T = (predicted_T & true_T).astype(np.int64), predicted_T.astype(np.int64) + true_T

    def f1(counts_BT: NDArray[np.int64]) -> NDArray[np.float64]:
        result: NDArray[np.float64] = 2 * (counts_BT @ hits_T) / np.maximum(counts_BT @ either_T, 1)
        return result

    return statistic_of(f1, len(true_T), seed=seed)
