"""Linear probe: how much of a label a straight cut through the vectors finds.

The protocol of SentEval (Conneau and Kiela 2018, arXiv 1803.05449), as used in Table 2 of Neelakantan et al. 2022:
vectors are frozen, a logistic regression with an L2 penalty is fitted to them, and the penalty is chosen on dev,
or by cross-validation within the training items where there is no dev. A task without a standard split is tested
by 10-fold cross-validation, so that every item is tested once. Pairs have the features |u - v| and u * v.

What is ours: the grid, since our vectors have length 1 and SentEval's had not; and the inner folds of ten-fold
tasks, see `_trials`.

The seven SentEval tasks take 38 s of one core with 512 dimensions (TF-IDF + SVD vectors): MPQA 14 s, TREC 9,
MR 6, SUBJ 5, CR 2, MRPC 1; 60 s on a busy machine. On CR with 256 dimensions the full protocol (10 inner
folds and scikit-learn's defaults) takes 7.9 s for .783, this 2.3 s for .789; a difference of +.006 [-.001, .012].
"""

import hashlib
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import Estimate, mean_of, statistic_of
from adjoin.evaluation.data.labelled import ALL, DEV, TEST, TRAIN, ClassificationTask
from adjoin.evaluation.result import Result
from adjoin.evaluation.systems.scorers import Embedder, checked, encode_symmetric

SUITE = "probe"
FOLDS = 10

# 1 / L2 strength, strongest first. Of 63 choices (TF-IDF + SVD on the seven tasks, MiniLM on CR and MPQA) 58 are
# from 1 to 64; the ends are for vectors that hardly differ, as an untrained model's, and for those that are noise.
_GRID = (0.25, 1.0, 4.0, 16.0, 64.0, 256.0, 1024.0)
_PATIENCE = 2  # steps below the best in a row that end the grid: the weakest penalties take the longest
_INNER_FOLDS = 5  # for a training set without dev, as SentEval's default
_PARTNERS = (1, 2)  # fold i is left out together with i + 1 and i + 2: see `_trials`
_FEWEST = 3  # items of a label: the least that leaves one of them when two folds are left out

# Gradient of the mean loss at which a fit ends. At scikit-learn's 1e-4 a warm start at a weaker penalty often ends
# before its first step; 1e-6 takes 1.4 times as long and moves accuracy by .003 at most (MR MPQA TREC MRPC CR).
_TOLERANCE = 1e-5
_MOST_STEPS = 1000

Rows = NDArray[np.int64]
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Turn:
    """Train on some items, test on others; shape (.,) each, in the order of the task."""

    train: Rows
    test: Rows


@dataclass(frozen=True)
class _Trial:
    """One training set on which the whole grid is tried, and the rows that tell for which turn how good it is."""

    train: Rows
    held: dict[int, Rows]


def probe(
    task: ClassificationTask, embedder: Embedder, seed: int = 0, *, vectors: Vectors | None = None
) -> list[Result]:
    """Accuracy of a linear probe; of pairs labelled 0 and 1 also the F1 of label 1.

    An item's value is 1 if its label is found, else 0; intervals are over tested items, not over trainings.

    Args:
        task: labelled texts or pairs.
        embedder: gives the vectors (`encode_symmetric`).
        seed: of the folds and of the bootstrap.
        vectors: what `embedded` gave for this task and embedder, if it is at hand.

    Raises:
        AdjoinError: scikit-learn is missing, too few items to train on, or an embedder without usable vectors.
    """
    plan = turns(task, seed)
    x_NF = _features(embedded(task, embedder) if vectors is None else vectors)
    found_N = np.full(len(task.labels), -1, dtype=np.int64)
    stopped = 0
    with _one_thread():
        for turn, strength in zip(plan, _strengths(x_NF, task.labels, _trials(task, plan, seed)), strict=True):
            model = _model()
            _fit(model, x_NF[turn.train], task.labels[turn.train], strength)
            found_N[turn.test] = model.predict(x_NF[turn.test])
            stopped += int(model.n_iter_.max()) >= _MOST_STEPS
    tested = items_tested(task)
    found_T, labels_T = found_N[tested], task.labels[tested]
    notes = overlap_notes(task, plan)
    if stopped:
        notes += (f"{stopped} of {len(plan)} fits ended after {_MOST_STEPS:,} steps, before they converged",)
    results = [Result(SUITE, task.name, "accuracy", mean_of(found_T == labels_T, seed=seed), notes)]
    if task.seconds and task.names.keys() == {0, 1}:
        results.append(Result(SUITE, task.name, "f1", _f1(found_T == 1, labels_T == 1, seed), notes))
    return results


def embedded(task: ClassificationTask, embedder: Embedder) -> Vectors:
    """The vectors of a task's items, shape (N, D), or of its pairs, shape (N, 2, D).

    Every distinct text is embedded once, by `encode_symmetric`.

    Raises:
        AdjoinError: the embedder's vectors are not finite, or not one per text.
    """
    texts = list(dict.fromkeys(chain(task.texts, task.seconds)))
    vectors_TD = embed(texts, embedder)
    place = {text: number for number, text in enumerate(texts)}
    first_ND = vectors_TD[[place[text] for text in task.texts]]
    if not task.seconds:
        return first_ND
    return np.stack([first_ND, vectors_TD[[place[text] for text in task.seconds]]], axis=1)


def embed(texts: list[str], embedder: Embedder) -> Vectors:
    """The vectors of texts, by `encode_symmetric`, shape (number of texts, D).

    Raises:
        AdjoinError: they are not finite, or not one per text.
    """
    return checked(np.asarray(encode_symmetric(embedder, texts), dtype=np.float32), texts)


def turns(task: ClassificationTask, seed: int = 0) -> list[Turn]:
    """What is trained on and tested on what: the standard split, or each of ten folds once.

    Raises:
        AdjoinError: fewer than two labels with three training items each, or fewer than ten items for ten folds.
    """
    rows = task.rows(ALL if task.crossed else TRAIN)
    enough = [label for label, number in Counter(task.labels[rows].tolist()).items() if number >= _FEWEST]
    if len(enough) < 2 or (task.crossed and len(rows) < FOLDS):
        raise AdjoinError(
            f"task {task.name} has {len(rows):,} items to train on, {_FEWEST} or more of {len(enough)} labels: "
            f"expected as many of at least two labels, and {FOLDS} items for {FOLDS}-fold cross-validation; "
            "add items or raise the limit"
        )
    if not task.crossed:
        return [Turn(rows, task.rows(TEST))]
    folds = _folds(task, rows, FOLDS, seed)
    return [Turn(np.setdiff1d(rows, fold), fold) for fold in folds]


def items_tested(task: ClassificationTask) -> Rows:
    """The items that are tested, in the order of the task: one value of a figure each."""
    return task.rows(ALL if task.crossed else TEST)


def overlap_notes(task: ClassificationTask, plan: Sequence[Turn]) -> tuple[str, ...]:
    """How many tested texts also occur in what is trained on, if any: lower case, punctuation ignored.

    Of pairs, whether both texts do as a pair, in either order.
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
    """Rows dealt into stratified folds by the hashes of their texts.

    So neither the order of rows nor the numbers of labels matter. The n-th copy of a text has a hash of its own,
    or copies would never meet in a fold.
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
    """The trainings that choose each turn's strength, none of which sees an item that the turn tests.

    In ten folds the inner test folds of turn i are four of the other folds, and the training without folds i and j
    serves two turns: judged on j it speaks for turn i, on i for turn j. So 20 trainings do the work of 40.
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


def _strengths(x_NF: Vectors, labels_N: Rows, trials: Sequence[_Trial]) -> list[float]:
    """For every turn the strength with most right answers, the stronger penalty of equals.

    Each trial goes down the grid with a warm start from its own last fit, never from another's, whose items may
    be among those it is judged on. The grid ends when every turn has risen and fallen; a level or a fall from the
    start is no reason, since under a penalty too strong for them all vectors get the most frequent label.
    """
    right = np.zeros((1 + max(turn for trial in trials for turn in trial.held), len(_GRID)), dtype=np.int64)
    models = [_model(warm_start=True) for _ in trials]
    for step, strength in enumerate(_GRID):
        for model, trial in zip(models, trials, strict=True):
            _fit(model, x_NF[trial.train], labels_N[trial.train], strength)
            for turn, rows in trial.held.items():
                right[turn, step] += np.count_nonzero(model.predict(x_NF[rows]) == labels_N[rows])
        best = right.argmax(axis=1)
        recent = right[:, max(0, step + 1 - _PATIENCE) : step + 1]
        if best.all() and (recent < right.max(axis=1, keepdims=True)).all():
            break
    return [_GRID[place] for place in right.argmax(axis=1)]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep the block's linear algebra to one thread.

    L-BFGS makes thousands of products too small to share, and threads that wait for one another on a busy machine
    take ten times as long: 3.3 s instead of 0.3 for 300 items of 12 dimensions on two cores, at times minutes.
    """
    _model()  # scikit-learn brings SciPy's own OpenBLAS, and only libraries that are loaded can be limited
    from threadpoolctl import threadpool_limits  # it comes with scikit-learn

    with threadpool_limits(1):
        yield


def _model(*, warm_start: bool = False) -> Any:  # noqa: ANN401 - scikit-learn has no types
    """A logistic regression, multinomial, with an L2 penalty.

    L-BFGS with a warm start goes down the grid of MR (9,000 items, 512 dimensions, float32) in 0.4 s of one core,
    Newton with a Cholesky factor in 1.1 s, in float64 in 2.5 s; on TREC's six classes only L-BFGS is usable.
    """
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise AdjoinError(f"the probe needs scikit-learn ({error}): pip install 'adjoin[evaluate]'") from None
    return LogisticRegression(tol=_TOLERANCE, max_iter=_MOST_STEPS, warm_start=warm_start)


def _fit(model: Any, x_MF: Vectors, labels_M: Rows, strength: float) -> None:  # noqa: ANN401
    """Fit in place. That a fit did not converge is for the notes, not for the terminal."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.set_params(C=strength).fit(x_MF, labels_M)


def _features(vectors: Vectors) -> Vectors:
    """What the probe sees, shape (N, F): the vectors, or |u - v| and u * v of pairs, less their mean.

    The intercept is not penalised, so taking the mean away moves no optimum, but saves steps where vectors share a
    large one, as those of untrained models do: 96 instead of 268 down the grid of MR at a mean cosine of .91.
    """
    if vectors.ndim == 3:
        u_ND, v_ND = vectors[:, 0], vectors[:, 1]
        vectors = np.concatenate([np.abs(u_ND - v_ND), u_ND * v_ND], axis=1)
    centred_NF: Vectors = vectors - vectors.mean(axis=0)
    return centred_NF


def _f1(found_T: NDArray[np.bool_], true_T: NDArray[np.bool_], seed: int) -> Estimate:
    """Harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN); 0 if there is nothing to find or found."""
    hits_T, either_T = (found_T & true_T).astype(np.int64), found_T.astype(np.int64) + true_T

    def f1(counts_BT: NDArray[np.int64]) -> NDArray[np.float64]:
        result: NDArray[np.float64] = 2 * (counts_BT @ hits_T) / np.maximum(counts_BT @ either_T, 1)
        return result

    return statistic_of(f1, len(true_T), seed=seed)
