"""Progress within a task: every kind of measurement says how far it is."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from labelled_tasks import Planted, labelled_task
from rich.console import Console
from small_tasks import RandomEmbedder, SpellingEmbedder, task_of

from adjoin.cli import reporter
from adjoin.cli.reporter import evaluation_display
from adjoin.evaluation.bootstrap import mean_of
from adjoin.evaluation.data.labelled import ScoredPairs, SimilarityTask
from adjoin.evaluation.progress import listening, step
from adjoin.evaluation.suites.knn_zero_shot import knn_and_zero_shot
from adjoin.evaluation.suites.probe import probe
from adjoin.evaluation.suites.retrieval import evaluate_task
from adjoin.evaluation.suites.similarity import similarity
from adjoin.evaluation.suites.space import space
from adjoin.evaluation.systems import watched
from adjoin.evaluation.systems.scorers import BM25Scorer, DenseScorer
from adjoin.evaluation.systems.watched import Watched

SEARCH = task_of([{number: 1.0} for number in range(40)])


def steps_of(measure: Callable[[], object]) -> dict[str, list[tuple[int, int]]]:
    """What is counted → (done, total) of each step."""
    heard: dict[str, list[tuple[int, int]]] = {}
    with listening(lambda what, done, total: heard.setdefault(what, []).append((done, total))):
        measure()
    step("nobody listens", 1, 2)
    assert "nobody listens" not in heard
    return heard


def test_nobody_listens_by_default() -> None:
    step("fits", 1, 2)


@pytest.mark.parametrize(("kind", "total"), [("all", 150), ("dev", 8), ("test", 36)])
def test_each_fit_of_a_probe(kind: str, total: int) -> None:
    fits = steps_of(lambda: probe(labelled_task(kind), Planted(40.0)))["fits"]
    done = [number for number, _ in fits]
    assert done == sorted(set(done))
    assert {of for _, of in fits} == {total}
    assert done[0] == 0
    assert done[-1] == total - 1


def test_the_other_measurements() -> None:
    labelled = labelled_task("all")
    knn = steps_of(lambda: knn_and_zero_shot(labelled, RandomEmbedder()))["k-NN items"]
    assert knn == [(30 * turn, 300) for turn in range(10)]
    pairs = ScoredPairs([f"a {n}" for n in range(9)], [f"b {n}" for n in range(9)], np.arange(9.0))
    rated = SimilarityTask("S", {"x": pairs})
    assert steps_of(lambda: similarity(rated, RandomEmbedder()))["bootstrap samples"] == [(0, 2000)] * 2
    assert steps_of(lambda: mean_of(np.zeros(1 << 19)))["bootstrap samples"] == [
        (n, 2000) for n in range(0, 2000, 2)
    ]
    for scorer in (DenseScorer("dense", SpellingEmbedder()), BM25Scorer()):
        heard = steps_of(lambda scorer=scorer: evaluate_task(SEARCH, scorer))
        assert heard["queries"] == [(number, 40) for number in range(40)]
    assert heard["documents into BM25"] == [(0, 40)]
    vectors = RandomEmbedder(32).encode_query(SEARCH.documents)
    assert len(steps_of(lambda: space(SEARCH, vectors, vectors))["queries"]) == 4 * 40


def test_texts_are_encoded_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "TEXTS_AT_ONCE", 4)
    texts, plain = [f"text {n}" for n in range(10)], SpellingEmbedder()
    system = Watched(plain, "mine")
    for encode in (system.encode_query, system.encode_document, system.encode_text):
        heard = steps_of(
            lambda encode=encode: np.testing.assert_array_equal(encode(texts), plain.encode_query(texts))
        )
        assert heard == {"texts by mine": [(0, 10), (4, 10), (8, 10)]}
    assert system.encode_query(texts[:2]).shape == (2, 512)


def test_a_file_has_a_line_per_task_and_one_every_15_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(reporter.time, "monotonic", lambda: now[0])
    file = io.StringIO()
    with evaluation_display(Console(file=file)) as show:
        for line, share in (("a", 0.0), ("a · 1 of 9", 0.1), ("a · 2 of 9", 0.2), ("b", 0.5), ("b · 1 of 9", 0.6)):
            show(line, share)
        now[0] += 15
        show("b · 8 of 9 fits", 0.9)
        show("b · 9 of 9 fits", 0.95)
        show("2 tasks in 1 s", 1.0)
    assert file.getvalue().splitlines() == ["  0%  a", " 50%  b", " 90%  b · 8 of 9 fits", "100%  2 tasks in 1 s"]
