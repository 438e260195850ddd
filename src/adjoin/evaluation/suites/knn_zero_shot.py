"""Classification without training: k nearest neighbours (k-NN), and zero-shot by the embeddings of the labels.

This follows Table 3 of Neelakantan et al. 2022. k-NN takes the majority label of the 256 nearest training
examples. Zero-shot takes the label with the nearest embedding. The label is embedded as a word ("positive"), and
as a sentence ("this is an example of a positive movie review."). The sentences for SST-2 are the paper's. Those
for other tasks are ours, in the same style.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.evaluation.bootstrap import mean_of
from adjoin.evaluation.data.labelled import ClassificationTask
from adjoin.evaluation.progress import step
from adjoin.evaluation.result import Result
from adjoin.evaluation.suites.probe import (
    SUITE,
    Turn,
    Vectors,
    embed,
    embedded,
    items_tested,
    overlap_notes,
    turns,
)
from adjoin.evaluation.systems.scorers import Embedder

K_NEIGHBOURS = 256

_SIMILARITIES_PER_BLOCK = 1 << 22  # 16 MiB of float32
_SAME = 1e-6  # similarities that differ by less count as equal, given the precision of float32
_SAME_SUM = 1e-4  # the same for sums of up to 256 similarities

_SENTENCE = "this is an example of {}."
# The phrase around a label's word. {} is the word with its article. The phrase of SST2 is the paper's.
_EXAMPLES = {
    "CR": "{} product review",
    "MPQA": "{} opinion phrase",
    "MR": "{} movie review",
    "SST2": "{} movie review",
    "SUBJ": "{} sentence",
    "TREC": "a question about {}",
}
# Words for label names that are not words.
_WORDS = {
    "TREC": {
        "ABBR": "abbreviation",
        "DESC": "description",
        "ENTY": "entity",
        "HUM": "person",
        "LOC": "location",
        "NUM": "number",
    }
}
_READABLE = re.compile(r"[A-Za-z]?[a-z]{2,}([ _-][a-z]+)*")


def knn_and_zero_shot(
    task: ClassificationTask, embedder: Embedder, seed: int = 0, *, vectors: Vectors | None = None
) -> list[Result]:
    """Accuracy of k-NN ("knn"), and of zero-shot classification by word and by sentence ("zero-shot ...").

    The test items and folds are those of the probe. An item counts 1 if its label is predicted. If labels tie, it
    counts the chance that one drawn among them is right. Tasks of pairs have no such results. Tasks whose label
    names are not words have only k-NN.

    Args:
        task: labelled texts.
        embedder: the embedding model, used in the symmetric role.
        seed: of the folds and of the bootstrap.
        vectors: the result of `embedded` for this task and embedder, to save encoding again.

    Returns:
        One result per method, over the test items.

    Raises:
        AdjoinError: there are too few training items, or the embedder's vectors are unusable.
    """
    if task.seconds:
        return []
    plan = turns(task, seed)
    x_ND = embedded(task, embedder) if vectors is None else vectors
    fewest = min(len(turn.train) for turn in plan)
    notes = overlap_notes(task, plan)
    if fewest < K_NEIGHBOURS:
        notes += (f"k = {fewest}, all training examples, instead of {K_NEIGHBOURS}",)
    tested = items_tested(task)
    right_T = _right_by_examples(task.labels, x_ND, plan, min(fewest, K_NEIGHBOURS))[tested]
    results = [Result(SUITE, task.name, "knn", mean_of(right_T, seed=seed), notes)]
    for form, texts in label_texts(task).items():
        labels_CD = embed(list(texts.values()), embedder)
        right_T = _right_by_labels(task.labels[tested], x_ND[tested], list(texts), labels_CD)
        results.append(Result(SUITE, task.name, f"zero-shot {form}", mean_of(right_T, seed=seed)))
    return results


def label_texts(task: ClassificationTask) -> dict[str, dict[int, str]]:
    """The texts that stand for each label: "word" and "sentence" → label → text.

    Returns:
        An empty mapping if the name of a label is not a word.
    """
    words = {label: _WORDS.get(task.name, {}).get(name, name) for label, name in sorted(task.names.items())}
    if not all(_READABLE.fullmatch(word) for word in words.values()):
        return {}
    words = {label: word.replace("_", " ") for label, word in words.items()}
    example = _EXAMPLES.get(task.name)
    examples = {label: example.format(_with_article(word)) if example else word for label, word in words.items()}
    return {"word": words, "sentence": {label: _SENTENCE.format(text) for label, text in examples.items()}}


def _with_article(word: str) -> str:
    return f"{'an' if word[0].lower() in 'aeiou' else 'a'} {word}"


def _right_by_examples(
    labels_N: NDArray[np.int64], x_ND: Vectors, plan: Sequence[Turn], k: int
) -> NDArray[np.float64]:
    """Whether the k nearest training examples predict the label of each test item, shape (N,)."""
    labels_C, columns_N = np.unique(labels_N, return_inverse=True)
    one_hot_NC = np.eye(len(labels_C), dtype=np.float32)[columns_N]
    right_N = np.zeros(len(labels_N), dtype=np.float64)
    tested = 0
    for turn in plan:
        train_MD, one_hot_MC = x_ND[turn.train], one_hot_NC[turn.train]
        rows = max(1, _SIMILARITIES_PER_BLOCK // len(turn.train))
        for start in range(0, len(turn.test), rows):
            step("k-NN items", tested + start, len(labels_N))
            rows_B = turn.test[start : start + rows]
            best_BC = _majority(x_ND[rows_B] @ train_MD.T, one_hot_MC, k)
            right_N[rows_B] = _share(best_BC, columns_N[rows_B])
        tested += len(turn.test)
    return right_N


def _majority(similar_BM: NDArray[np.float32], one_hot_MC: NDArray[np.float32], k: int) -> NDArray[np.bool_]:
    """The majority labels of the k nearest examples, ties broken by the sum of similarities, shape (B, C).

    Examples that are as near as the k-th share the remaining votes, so their order does not matter.
    """
    kth_B1 = np.partition(similar_BM, -k, axis=1)[:, -k, np.newaxis]
    nearer_BM, level_BM = similar_BM > kth_B1 + _SAME, np.abs(similar_BM - kth_B1) <= _SAME
    left_B1 = k - np.count_nonzero(nearer_BM, axis=1, keepdims=True)
    share_B1 = left_B1 / np.count_nonzero(level_BM, axis=1, keepdims=True)
    weight_BM = nearer_BM + level_BM * share_B1.astype(np.float32)
    votes_BC, sums_BC = weight_BM @ one_hot_MC, (weight_BM * similar_BM) @ one_hot_MC
    most_BC = votes_BC >= votes_BC.max(axis=1, keepdims=True) - _SAME_SUM
    sums_BC = np.where(most_BC, sums_BC, -np.inf)
    best_BC: NDArray[np.bool_] = sums_BC >= sums_BC.max(axis=1, keepdims=True) - _SAME_SUM
    return best_BC


def _right_by_labels(
    labels_T: NDArray[np.int64], x_TD: Vectors, labels_C: Sequence[int], labels_CD: Vectors
) -> NDArray[np.float64]:
    """Whether the nearest label is the item's own, shape (T,)."""
    similar_TC = x_TD @ labels_CD.T
    best_TC = similar_TC >= similar_TC.max(axis=1, keepdims=True) - _SAME
    return _share(best_TC, np.searchsorted(np.array(labels_C), labels_T))


def _share(best_BC: NDArray[np.bool_], own_B: NDArray[Any]) -> NDArray[np.float64]:
    """1 if an item's own label is the only best one, 0 if it is not among the best, 1 / n if n tie; shape (B,)."""
    share_B: NDArray[np.float64] = best_BC[np.arange(len(own_B)), own_B] / best_BC.sum(axis=1)
    return share_B
