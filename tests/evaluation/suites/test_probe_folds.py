"""Training and test items: folds, and texts that occur in both."""

from collections import Counter

import numpy as np
from small_tasks import RandomEmbedder

from adjoin.evaluation.data.labelled import ClassificationTask
from adjoin.evaluation.suites.probe import Turn, overlap_notes, probe, turns

NAMES = {0: "negative", 1: "positive"}


def test_ten_folds_are_stratified_and_test_every_item_once() -> None:
    labels = np.array([0] * 61 + [1] * 30 + [2] * 4)
    task = ClassificationTask(
        "T", [f"t{n}" for n in range(95)], [], labels, {0: "a", 1: "b", 2: "c"}, ["all"] * 95
    )
    plan = turns(task)
    assert len(plan) == 10
    assert sorted(row for turn in plan for row in turn.test.tolist()) == list(range(95))
    for turn in plan:
        assert sorted([*turn.train.tolist(), *turn.test.tolist()]) == list(range(95))
        assert len(turn.test) in (9, 10)
        counts = Counter(labels[turn.test].tolist())
        assert counts[0] in (6, 7)
        assert counts[1] == 3
        assert counts[2] in (0, 1)


def test_copies_of_a_text_are_dealt_like_other_texts() -> None:
    """Dealt side by side they would never meet, and every copy would be seen in training."""
    texts = [f"t{n // 2}" for n in range(400)]
    task = ClassificationTask("T", texts, [], np.arange(400) // 2 % 2, NAMES, ["all"] * 400)
    (note,) = overlap_notes(task, turns(task))
    seen = int(note.split()[0])
    assert 330 <= seen < 395  # 360 on average: 9 of 10 copies are in another fold


def test_overlap_of_test_and_training() -> None:
    texts = ["A film!", "b", "...", "c c", "d", "e", "a  FILM", "a film", "...", "f"]
    splits = ["train"] * 6 + ["test"] * 4
    task = ClassificationTask("T", texts, [], np.array([0, 1, 0, 1, 0, 1, 0, 1, 0, 1]), NAMES, splits)
    expected = ("3 of 4 test texts also occur in training",)
    assert overlap_notes(task, turns(task)) == expected
    assert probe(task, RandomEmbedder(4))[0].notes == expected
    other = ClassificationTask("T", [*texts[:6], *"wxyz"], [], task.labels, NAMES, splits)
    assert overlap_notes(other, turns(other)) == ()


def test_overlap_of_folds_counts_every_tested_item() -> None:
    texts = [f"t{n}" for n in range(1200)]
    rows = np.arange(1200)
    task = ClassificationTask("T", [*texts[:-1], "T0."], [], rows % 2, NAMES, ["all"] * 1200)
    plan = [Turn(np.setdiff1d(rows, rows[start::10]), rows[start::10]) for start in range(10)]
    assert overlap_notes(task, plan) == ("2 of 1,200 test texts also occur in training",)


def test_overlap_of_pairs_is_of_both_texts_in_either_order() -> None:
    firsts, seconds = ["a", "b", "c", "d", "e", "f", "Z", "a"], ["z", "y", "x", "w", "v", "u", "a.", "y"]
    splits = ["train"] * 6 + ["test"] * 2
    task = ClassificationTask("T", firsts, seconds, np.arange(8) % 2, NAMES, splits)
    assert overlap_notes(task, turns(task)) == ("1 of 2 test pairs also occur in training",)
