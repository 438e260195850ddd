"""Small labelled tasks, and an embedder whose vectors know the labels."""

import zlib

import numpy as np
from numpy.typing import NDArray
from small_tasks import unit

from adjoin.evaluation.data.labelled import ClassificationTask
from adjoin.evaluation.result import Result

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


def labelled_task(
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


def shuffled(items: int, seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng(seed).permutation(np.arange(items) % 2)


def accuracy(results: list[Result]) -> float:
    assert results[0].metric == "accuracy"
    return results[0].estimate.value
