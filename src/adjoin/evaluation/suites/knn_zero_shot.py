"""Classification without training: by the nearest examples, and by the nearest of the labels' own embeddings.

Table 3 of Neelakantan et al. 2022: the majority label of the 256 nearest training examples; the label whose
embedding is nearest, once embedded as a word ("positive") and once as a sentence ("this is an example of a
positive movie review."). The sentences for SST-2 are the paper's; those for other tasks are ours, in its manner.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.evaluation.bootstrap import mean_of
from adjoin.evaluation.data.labelled import ClassificationTask
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
_SAME = 1e-6  # similarities that differ by less are equal: a product of float32 unit vectors is no more exact
_SAME_SUM = 1e-4  # likewise for sums of up to 256 of them

_SENTENCE = "this is an example of {}."
# What a label's word stands in, with its article; the paper's words for SST2.
_EXAMPLES = {
    "CR": "{} product review",
    "MPQA": "{} opinion phrase",
    "MR": "{} movie review",
    "SST2": "{} movie review",
    "SUBJ": "{} sentence",
    "TREC": "a question about {}",
}
# Words for names that are none.
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
    """Accuracy by nearest examples ("knn"), and by nearest label as a word and as a sentence ("zero-shot ...").

    Tested are the items that the probe tests, in the same turns. An item's value is 1 if its label is found; where
    labels are equally near, the chance that one drawn among them is right. Pairs have none of these figures, and
    labels whose names are not words only the first.

    Args:
        task: labelled texts.
        embedder: gives the vectors, in the role of a query, of unit length.
        seed: of the folds and of the bootstrap.
        vectors: what `embedded` gave for this task and embedder, if it is at hand.

    Raises:
        AdjoinError: too few items to train on, or an embedder without usable vectors.
    """
    if task.seconds:
        return []
    plan = turns(task, seed)
    x_ND = embedded(task, embedder) if vectors is None else vectors
    fewest = min(len(turn.train) for turn in plan)
    notes = overlap_notes(task, plan)
    if fewest < K_NEIGHBOURS:
        notes += (f"the {fewest} nearest training examples, which are all, not {K_NEIGHBOURS}",)
    tested = items_tested(task)
    right_T = _right_by_examples(task.labels, x_ND, plan, min(fewest, K_NEIGHBOURS))[tested]
    results = [Result(SUITE, task.name, "knn", mean_of(right_T, seed=seed), notes)]
    for form, texts in label_texts(task).items():
        labels_CD = embed(list(texts.values()), embedder)
        right_T = _right_by_labels(task.labels[tested], x_ND[tested], list(texts), labels_CD)
        results.append(Result(SUITE, task.name, f"zero-shot {form}", mean_of(right_T, seed=seed)))
    return results


def label_texts(task: ClassificationTask) -> dict[str, dict[int, str]]:
    """What stands for each label: "word" and "sentence" → label → text; empty if a label's name is not a word."""
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
    """For every tested item, whether the k nearest training examples have its label, shape (N,)."""
    known, columns_N = np.unique(labels_N, return_inverse=True)
    one_hot_NC = np.eye(len(known), dtype=np.float32)[columns_N]
    right_N = np.zeros(len(labels_N), dtype=np.float64)
    for turn in plan:
        train_MD, one_hot_MC = x_ND[turn.train], one_hot_NC[turn.train]
        step = max(1, _SIMILARITIES_PER_BLOCK // len(turn.train))
        for start in range(0, len(turn.test), step):
            rows_B = turn.test[start : start + step]
            best_BC = _majority(x_ND[rows_B] @ train_MD.T, one_hot_MC, k)
            right_N[rows_B] = _share(best_BC, columns_N[rows_B])
    return right_N


def _majority(similar_BM: NDArray[np.float32], one_hot_MC: NDArray[np.float32], k: int) -> NDArray[np.bool_]:
    """The labels that most of the k nearest have, of those with the largest sum of similarities [B, C].

    Examples that are as near as the k-th share the places that are left, so their order does not matter.
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
    labels_T: NDArray[np.int64], x_TD: Vectors, known: Sequence[int], labels_CD: Vectors
) -> NDArray[np.float64]:
    """Whether the nearest label is the item's own, shape (T,)."""
    similar_TC = x_TD @ labels_CD.T
    best_TC = similar_TC >= similar_TC.max(axis=1, keepdims=True) - _SAME
    return _share(best_TC, np.searchsorted(np.array(known), labels_T))


def _share(best_BC: NDArray[np.bool_], own_B: NDArray[Any]) -> NDArray[np.float64]:
    """1 for items whose own label is the best, 0 if it is not, 1 / n if it is one of n [B]."""
    share_B: NDArray[np.float64] = best_BC[np.arange(len(own_B)), own_B] / best_BC.sum(axis=1)
    return share_B
