import hashlib
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from small_tasks import Floats, task_of, unit

from adjoin.errors import AdjoinError
from adjoin.evaluation.data.beir import load_task, write_task
from adjoin.evaluation.mteb import MTEBModel, tasks_of
from adjoin.evaluation.suites.retrieval import evaluate_task
from adjoin.evaluation.systems.scorers import DenseScorer


@pytest.fixture
def mteb(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """mteb, on a machine without a network: each try to reach it is refused, and fails the test in the end."""
    package = pytest.importorskip("mteb", minversion="2")
    tries: list[object] = []

    def refuse(*arguments: object, **_: object) -> None:
        tries.append(arguments)
        raise OSError("there is no network in this test")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield package
    assert not tries


class KnownVectors:
    """A vector for each text and role, drawn with the text as seed; chosen ones can be given. Logs its calls."""

    def __init__(self, given: dict[tuple[str, str], Floats] | None = None) -> None:
        self.given = given or {}
        self.calls: list[tuple[str, int]] = []

    def encode_query(self, texts: list[str]) -> Floats:
        return self._vectors("query", texts)

    def encode_document(self, texts: list[str]) -> Floats:
        return self._vectors("document", texts)

    def _vectors(self, role: str, texts: list[str]) -> Floats:
        self.calls.append((role, len(texts)))
        return np.stack([self.given.get((role, text), drawn(role, text)) for text in texts])


def drawn(role: str, text: str) -> Floats:
    seed = int.from_bytes(hashlib.blake2b(f"{role} {text}".encode(), digest_size=8).digest())
    return unit(np.random.default_rng(seed).standard_normal((1, 8), dtype=np.float32))[0]


def write_table(file: Path, header: str, rows: Sequence[Sequence[object]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [header.replace(" ", "\t"), *("\t".join(map(str, row)) for row in rows)]
    file.write_text("\n".join(lines) + "\n")


def scores_of(mteb: ModuleType, task: object, embedder: KnownVectors) -> dict[str, Any]:
    model = MTEBModel(embedder, "somebody/model", "1")
    result = mteb.evaluate(model, task, cache=None, show_progress_bar=False, co2_tracker=False)
    ((scores,),) = result.task_results[0].scores.values()
    return scores


def test_ndcg_is_ours(mteb: ModuleType, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    relevant: list[dict[int, float]] = [
        {int(i): float(generator.integers(1, 4)) for i in generator.choice(60, 5, replace=False)}
        for _ in range(20)
    ]
    # d3 is the first query's own document and no answer, d7 the second's own and the answer.
    relevant[:2] = {4: 1.0}, {7: 2.0, 8: 1.0}
    query_ids = ["d3", "d7", *(f"q{i}" for i in range(18))]
    write_task(tmp_path / "tiny", task_of(relevant, [f"document {i}" for i in range(60)], query_ids=query_ids))
    task = load_task(tmp_path / "tiny")
    query, other = drawn("query", "query 0"), drawn("document", "document 4")
    own = {
        ("document", "document 3"): query,
        ("document", "document 4"): unit(np.stack([10 * query + other]))[0],  # second to d3, if that stays
        ("document", "document 7"): drawn("query", "query 1"),
    }
    embedder = KnownVectors(own)
    (ours,) = tasks_of(tmp_path / "tiny")
    scores = scores_of(mteb, ours, embedder)
    assert embedder.calls == [("query", 20), ("document", 60)]
    values = evaluate_task(task, DenseScorer("known", embedder))
    assert 0.1 < values["ndcg@10"].mean() < 0.9
    for metric, name in [("ndcg@10", "ndcg_at_10"), ("recall@20", "recall_at_20"), ("mrr@10", "mrr_at_10")]:
        assert scores[name] == pytest.approx(values[metric].mean(), abs=1e-5)  # mteb rounds to 5 digits
    assert scores["main_score"] == scores["ndcg_at_10"]
    # The figures depend on what is done with own documents: kept without exception, or left out without one.
    task.excluded[0] = None
    assert evaluate_task(task, DenseScorer("known", embedder))["ndcg@10"].mean() < scores["ndcg_at_10"] - 1e-3
    task.excluded[:2] = 3, 7
    assert evaluate_task(task, DenseScorer("known", embedder))["ndcg@10"].mean() < scores["ndcg_at_10"] - 1e-3


def test_titles_are_read_as_ours(mteb: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "corpus.jsonl").write_text(
        '{"_id": "1", "title": "head", "text": "body"}\n{"_id": "2", "text": "x"}\n'
    )
    (tmp_path / "queries.jsonl").write_text('{"_id": "a", "text": "asked"}\n')
    (tmp_path / "qrels/test.tsv").write_text("a\t1\t1\n")
    known = KnownVectors({("document", "head\nbody"): drawn("query", "asked")})
    assert scores_of(mteb, tasks_of(tmp_path)[0], known)["ndcg_at_1"] == 1


def test_similarity_is_spearman_over_all_files(mteb: ModuleType, tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    # Subsets of different levels, so that their mean is not the figure of all pairs. A quote is text.
    rows = {
        name: [(round(low + generator.random(), 1), f'{name} "{i}', f"{name} other {i}") for i in range(30)]
        for name, low in (("one", 0), ("two", 3))
    }
    for name in rows:
        write_table(tmp_path / "YEAR" / f"{name}.tsv", "score text1 text2", rows[name])
    embedder = KnownVectors()
    scores = scores_of(mteb, tasks_of(tmp_path)[0], embedder)
    together = rows["one"] + rows["two"]
    assert scores["cosine_spearman"] == pytest.approx(plain_spearman(together), abs=1e-5)
    assert scores["spearman"] == pytest.approx(scores["cosine_spearman"], abs=1e-5)
    assert scores["main_score"] == scores["cosine_spearman"]
    assert embedder.calls == [("query", 60), ("query", 60)]


def test_similarity_is_measured_on_the_test_split(mteb: ModuleType, tmp_path: Path) -> None:
    rows = [(i % 6, f"left {i}", f"right {i}") for i in range(60)]
    write_table(tmp_path / "train.tsv", "score text1 text2", rows[:40])
    write_table(tmp_path / "test.tsv", "score text1 text2", rows[40:])
    (task,) = tasks_of(tmp_path)
    scores = scores_of(mteb, task, KnownVectors())
    assert scores["cosine_spearman"] == pytest.approx(plain_spearman(rows[40:]), abs=1e-5)
    assert scores_of(mteb, task, KnownVectors()) == scores  # mteb drops the texts after a run and reads them again


def plain_spearman(rows: Sequence[tuple[float, str, str]]) -> float:
    cosines = [float(drawn("query", left) @ drawn("query", right)) for _, left, right in rows]
    return float(spearmanr(cosines, [score for score, _, _ in rows]).statistic)


@pytest.mark.parametrize("splits", [["train", "test"], ["all"]])
def test_classification(mteb: ModuleType, tmp_path: Path, splits: list[str]) -> None:
    axes = np.eye(8, dtype=np.float32)
    rows = [(i // 30, f"text {i}") for i in range(90)]
    by_class = {("query", text): axes[label] for label, text in rows}
    for split in splits:
        write_table(tmp_path / "SENTIMENT" / f"{split}.tsv", "label text", rows)
    if "train" in splits:  # of no account to mteb
        write_table(tmp_path / "SENTIMENT" / "dev.tsv", "label text", [(0, "text 89")])
    write_table(tmp_path / "SENTIMENT" / "labels.tsv", "label name", [(0, "bad"), (1, "fair"), (2, "good")])
    (task,) = tasks_of(tmp_path)
    embedder = KnownVectors(by_class)
    scores = scores_of(mteb, task, embedder)
    assert scores["main_score"] == scores["accuracy"] == 1
    assert embedder.calls[-1] == ("query", 90)
    assert len(embedder.calls) == len(splits)  # folds are cut out of one set of vectors
    assert len(scores["scores_per_experiment"]) == 10
    assert scores_of(mteb, task, KnownVectors())["accuracy"] < 0.7  # vectors that know nothing


def test_classification_learns_from_train_alone(mteb: ModuleType, tmp_path: Path) -> None:
    axes = np.eye(8, dtype=np.float32)
    write_table(tmp_path / "labels.tsv", "label name", [(0, "bad"), (1, "good")])
    write_table(tmp_path / "train.tsv", "label text", [(i % 2, f"text {i}") for i in range(40)])
    write_table(tmp_path / "test.tsv", "label text", [(1 - i % 2, f"text {i}") for i in range(40)])  # all wrong
    by_text = {("query", f"text {i}"): axes[i % 2] for i in range(40)}
    assert scores_of(mteb, tasks_of(tmp_path)[0], KnownVectors(by_text))["accuracy"] == 0


def test_pair_classification(mteb: ModuleType, tmp_path: Path) -> None:
    rows = [(i % 3 // 2, f"left {i}", f"right {i}") for i in range(30)]
    write_table(tmp_path / "labels.tsv", "label name", [(0, "other"), (1, "same")])
    write_table(tmp_path / "train.tsv", "label text1 text2", rows[:3])
    write_table(tmp_path / "test.tsv", "label text1 text2", rows)
    scores = scores_of(mteb, tasks_of(tmp_path)[0], KnownVectors())
    cosines = [drawn("query", left) @ drawn("query", right) for _, left, right in rows]
    ranked = [label for _, label in sorted(zip(cosines, (row[0] for row in rows), strict=True), reverse=True)]
    hits = np.cumsum(ranked)
    precision = np.mean([hits[i] / (i + 1) for i, label in enumerate(ranked) if label])
    assert scores["cosine_ap"] == pytest.approx(precision, abs=1e-5)
    assert scores["main_score"] == scores["max_ap"] >= scores["cosine_ap"]


def test_tasks_of_a_tree(mteb: ModuleType, tmp_path: Path) -> None:
    write_task(tmp_path / "search" / "b", task_of([{0: 1.0}]))
    write_table(tmp_path / "sts" / "a" / "x.tsv", "score text1 text2", [(1, "m", "n"), (2, "n", "o")])
    write_table(tmp_path / "notes" / "c" / "x.tsv", "who what", [("m", "n")])
    tasks = tasks_of(str(tmp_path))
    assert [task.metadata.name for task in tasks] == ["b-local", "a-local"]
    assert [task.metadata.type for task in tasks] == ["Retrieval", "STS"]
    revisions = [task.metadata.revision for task in tasks]
    write_table(tmp_path / "sts" / "a" / "x.tsv", "score text1 text2", [(1, "m", "o"), (2, "n", "o")])
    search, sts = (task.metadata.revision for task in tasks_of(tmp_path))
    assert search == revisions[0]
    assert sts != revisions[1]
    assert [task.metadata.name for task in tasks_of(tmp_path / "search" / "b")] == ["b-local"]


def test_model_is_an_encoder_and_nothing_else(mteb: ModuleType) -> None:
    protocols = pytest.importorskip("mteb.models.models_protocols")
    model = MTEBModel(KnownVectors(), "somebody/model", "3")
    assert isinstance(model, protocols.EncoderProtocol)
    assert not isinstance(model, protocols.SearchProtocol | protocols.CrossEncoderProtocol)
    assert (model.mteb_model_meta.name, model.mteb_model_meta.revision) == ("somebody/model", "3")
    x_ND, y_MD = (unit(np.random.default_rng(i).standard_normal((n, 8), np.float32)) for i, n in ((0, 4), (1, 3)))
    np.testing.assert_allclose(model.similarity(x_ND, y_MD), x_ND @ y_MD.T, atol=1e-6)
    np.testing.assert_allclose(model.similarity_pairwise(x_ND[:3], y_MD), (x_ND[:3] * y_MD).sum(1), atol=1e-6)


def encoded(embedder: object, batches: list[dict[str, Any]], **arguments: object) -> Floats:
    model = MTEBModel(embedder, "somebody/model", "1")
    return model.encode(batches, task_metadata=None, hf_split="test", hf_subset="default", **arguments)


@pytest.mark.parametrize(("prompt", "role"), [("document", "document"), ("query", "query"), (None, "query")])
def test_roles_and_order(prompt: str | None, role: str) -> None:
    vectors = encoded(KnownVectors(), [{"text": ["a", "b"]}, {"text": ["c"]}], prompt_type=prompt, batch_size=2)
    assert vectors.tolist() == [drawn(role, text).tolist() for text in "abc"]


def test_texts_of_no_search_are_symmetric_if_the_model_has_this_role() -> None:
    class Third(KnownVectors):
        def encode_text(self, texts: list[str]) -> Floats:
            return np.stack([drawn("text", text) for text in texts])

    assert encoded(Third(), [{"text": ["a"]}]).tolist() == [drawn("text", "a").tolist()]
    assert encoded(Third(), [{"text": ["a"]}], prompt_type="query").tolist() == [drawn("query", "a").tolist()]


def test_what_cannot_be_encoded() -> None:
    with pytest.raises(AdjoinError, match=r"precision 'int8': an Adjoin model gives float32"):
        encoded(KnownVectors(), [{"text": ["a"]}], precision="int8")
    with pytest.raises(AdjoinError, match=r"gives image: expected text"):
        encoded(KnownVectors(), [{"image": ["a"]}])
    short = SimpleNamespace(encode_query=lambda texts: np.zeros((1, 4), np.float32))
    with pytest.raises(AdjoinError, match=r"shape \(1, 4\) for 2 texts"):
        encoded(short, [{"text": ["a", "b"]}])
    broken = SimpleNamespace(encode_query=lambda texts: np.full((2, 4), np.nan, np.float32))
    with pytest.raises(AdjoinError, match=r"8 values that are not finite"):
        encoded(broken, [{"text": ["a", "b"]}])


@pytest.mark.parametrize(("name", "revision"), [("mine", "1"), ("/mine", "1"), ("me/", "1"), ("me/mine", "")])
def test_names_that_mteb_refuses(name: str, revision: str) -> None:
    with pytest.raises(AdjoinError, match=r"expected \"organization/model\" and a revision"):
        MTEBModel(KnownVectors(), name, revision)


def test_folders_without_tasks(mteb: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(AdjoinError, match=r"no evaluation data at .*nowhere"):
        tasks_of(tmp_path / "nowhere")
    with pytest.raises(AdjoinError, match=r"expected corpus\.jsonl, or tables"):
        tasks_of(tmp_path)
    for place in ("x/same", "y/same"):
        write_table(tmp_path / place / "x.tsv", "score text1 text2", [(1, "m", "n"), (2, "n", "o")])
    with pytest.raises(AdjoinError, match=r"2 tasks named same: expected different names"):
        tasks_of(tmp_path)


def test_data_that_mteb_cannot_hold(mteb: ModuleType, tmp_path: Path) -> None:
    write_task(tmp_path / "grades", task_of([{0: 0.5}]))
    with pytest.raises(AdjoinError, match=r"grades a document 0\.5: expected whole numbers"):
        tasks_of(tmp_path / "grades")[0].load_data()
    write_task(tmp_path / "texts", task_of([{0: 1.0}], ["\udce9"]))
    with pytest.raises(AdjoinError, match=r"texts has half a surrogate pair"):
        tasks_of(tmp_path / "texts")[0].load_data()
    write_table(tmp_path / "three" / "labels.tsv", "label name", [(i, f"class {i}") for i in range(3)])
    for split in ("train", "test"):
        write_table(tmp_path / "three" / f"{split}.tsv", "label text1 text2", [(i, "m", "n") for i in range(3)])
    with pytest.raises(AdjoinError, match=r"three has pairs of label 2: expected 0 and 1"):
        tasks_of(tmp_path / "three")
    write_table(tmp_path / "damaged" / "x.tsv", "score text1 text2", [(1, "m", "n"), ("much", "m", "n")])
    with pytest.raises(AdjoinError, match=r"x\.tsv, line 3 has score 'much'"):
        tasks_of(tmp_path / "damaged")


@pytest.mark.parametrize("installed", [None, SimpleNamespace(__version__="1.38.2")])
def test_without_mteb_2(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, installed: object) -> None:
    monkeypatch.setitem(sys.modules, "mteb", installed)
    write_task(tmp_path / "tiny", task_of([{0: 1.0}]))
    with pytest.raises(AdjoinError, match=r"pip install 'adjoin\[mteb\]'"):
        tasks_of(tmp_path)
    with pytest.raises(AdjoinError, match=r"cannot be imported|1\.38\.2 is installed: expected 2"):
        _ = MTEBModel(KnownVectors(), "somebody/model", "1").mteb_model_meta


def test_importing_is_light() -> None:
    code = "import sys, adjoin.evaluation.mteb; print({'mteb', 'torch', 'datasets'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
