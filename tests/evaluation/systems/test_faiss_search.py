"""FAISS finds nearly the same documents as exact search, and a missed document counts as not found."""

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_tasks import FixedRows, Floats, RandomEmbedder, task_of, unit

from adjoin.errors import AdjoinError
from adjoin.evaluation.jobs import search_jobs
from adjoin.evaluation.report.report import MODEL
from adjoin.evaluation.run import Settings, run_evaluation
from adjoin.evaluation.suites.retrieval import evaluate_together
from adjoin.evaluation.systems import faiss_search as indexed
from adjoin.evaluation.systems.faiss_search import FaissScorer
from adjoin.evaluation.systems.scorers import DenseScorer
from adjoin.evaluation.systems.system import Named

DOCUMENTS, QUERIES = 6_000, 300


class Clustered:
    """Documents around 60 centres; query i is document i, a little moved."""

    def __init__(self) -> None:
        chance = np.random.default_rng(5)
        centres = chance.standard_normal((60, 32), dtype=np.float32)
        near = chance.standard_normal((DOCUMENTS, 32), dtype=np.float32)
        self.documents = unit(centres[chance.integers(0, 60, DOCUMENTS)] + near)
        moved = chance.standard_normal((QUERIES, 32), dtype=np.float32)
        self.queries = unit(self.documents[:QUERIES] + 0.2 * moved)

    def encode_document(self, texts: list[str]) -> Floats:
        return self.documents[[int(text.split()[-1]) for text in texts]]

    def encode_query(self, texts: list[str]) -> Floats:
        return self.queries


def clustered_task() -> Any:  # noqa: ANN401 - a RetrievalTask
    texts = [f"document {number}" for number in range(DOCUMENTS)]
    return task_of([{number: 1.0} for number in range(QUERIES)], texts)


def test_faiss_finds_nearly_what_exact_search_finds() -> None:
    model = Clustered()
    values = evaluate_together(clustered_task(), [DenseScorer("exact", model), FaissScorer("faiss", model)])
    exact, faiss = (values[name]["ndcg@10"].mean() for name in ("exact", "faiss"))
    assert 0.5 < exact < 0.999
    assert exact - 0.02 < faiss <= exact + 0.005
    rows = np.stack(list(FaissScorer("faiss", model).scores(clustered_task())))
    assert (np.isfinite(rows).sum(axis=1) <= 1_000).all(), "all else was not found"
    products = model.queries @ model.documents.T
    assert np.allclose(rows[np.isfinite(rows)], products[np.isfinite(rows)], atol=1e-5)


def test_it_is_used_from_so_many_documents_on_and_its_figures_are_kept_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexed, "FOUND", 2)
    jobs, model = search_jobs([clustered_task()]), Named(Clustered(), "clusters", "clusters")
    values = {}
    for least in (None, DOCUMENTS + 1, DOCUMENTS):
        settings = Settings(result_cache=tmp_path, faiss=least)
        report = run_evaluation(jobs, {MODEL: model}, "m", date="today", settings=settings)
        values[least] = np.concatenate([result.estimate.replicates for result in report.results])
        assert report.environment.get("faiss from") == least
    assert (values[None] == values[DOCUMENTS + 1]).all()
    assert not (values[None] == values[DOCUMENTS]).all()


def test_what_it_does_not_find_is_fused_as_the_last_that_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexed, "FOUND", 2)
    task = task_of([{0: 1.0}, {1: 1.0}, {2: 1.0}, {3: 1.0}])
    words = [np.eye(4, dtype=np.float32)[query] for query in range(4)]
    scorers = [FaissScorer("faiss", RandomEmbedder()), FixedRows(words, "words")]
    weights = {"faiss": 0.1, "words": 0.9}
    assert evaluate_together(task, scorers, fused={"both": weights})["both"]["mrr"].tolist() == [1.0] * 4


def test_a_small_corpus_is_one_list() -> None:
    task = task_of([{0: 1.0}, {1: 1.0}])
    rows = list(FaissScorer("faiss", RandomEmbedder()).scores(task))
    assert [row.shape for row in rows] == [(2,), (2,)]


def test_without_the_package_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    known = builtins.__import__

    def no_faiss(name: str, *rest: Any) -> Any:  # noqa: ANN401
        if name == "faiss":
            raise ImportError(name)
        return known(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_faiss)
    with pytest.raises(AdjoinError, match=r"pip install 'adjoin\[faiss\]'"):
        list(FaissScorer("faiss", RandomEmbedder()).scores(task_of([{0: 1.0}])))
