import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from small_tasks import RandomEmbedder, SpellingEmbedder, task_of

from adjoin.errors import AdjoinError
from adjoin.evaluation import Report, Result, RetrievalTask, run_evaluation, write_report
from adjoin.evaluation.display import fraction, markdown, render_table
from adjoin.evaluation.report import Difference, environment

VERBS = ["open", "close", "read", "write", "seek", "flush", "lock", "stat", "rename", "delete"]
NOUNS = ["file", "socket", "buffer", "table", "index", "cache", "queue", "thread", "token", "model"]


def task_named(name: str, language: str) -> RetrievalTask:
    documents = [f"{verb} {noun}" for verb in VERBS for noun in NOUNS]
    queries = [f"the {noun} to {verb}" for verb in VERBS for noun in NOUNS]
    return task_of(
        [{i: 1.0} for i in range(100)], documents, name=name, queries=queries, languages=[language] * 100
    )


def test_a_whole_run(tmp_path: Path) -> None:
    lines: list[str] = []
    tasks = [task_named("verbs", "go"), task_named("nouns", "")]
    model = RandomEmbedder()
    report = run_evaluation(
        tasks, model, "my|model", date="2026-01-02", untrained=RandomEmbedder(seed=1), progress=lines.append
    )
    assert model.calls == [100, 100, 100, 100]
    assert lines[0] == "verbs: 100 queries, 100 documents"
    assert lines[1].startswith("verbs: mrr@1000 model 0.0")
    assert lines[3].startswith("nouns: ndcg@10 model 0.")
    write_report(tmp_path / "report", report)
    content = json.loads((tmp_path / "report" / "report.json").read_text())
    assert list(content) == ["model", "results", "baselines", "differences", "environment"]
    assert content["model"] == "my|model"
    assert list(content["baselines"]) == ["untrained", "bm25", "hybrid"]
    assert [(r["suite"], r["task"]) for r in content["results"][::6]] == [
        ("code", "verbs"),
        ("retrieval", "nouns"),
    ]
    for results in (content["results"], *content["baselines"].values()):
        assert [r["metric"] for r in results] == [
            "mrr@1000", "mrr", "ndcg@10", "mrr@10", "recall@20", "recall@100",
        ] * 2  # fmt: skip
        for result in results:
            assert list(result) == ["suite", "task", "metric", "value", "low", "high", "n"]
            assert 0 <= result["low"] <= result["value"] <= result["high"] <= 1
            assert result["n"] == 100
    assert content["environment"]["date"] == "2026-01-02"
    assert {"python", "platform", "processors", "numpy", "distractors", "seed"} <= content["environment"].keys()
    text = (tmp_path / "report" / "report.md").read_text()
    assert "verbs: BM25 is better than the model (mrr@1000 -0.9" in text
    assert "nouns: BM25 is better than the model (ndcg@10 -0." in text
    assert "# Evaluation of my\\|model" in text


def test_runs_repeat_and_the_untrained_twin_is_optional() -> None:
    tasks = [task_named("verbs", "go")]
    one, other = (run_evaluation(tasks, SpellingEmbedder(), "spelling", date="today").to_json() for _ in range(2))
    assert one == other
    assert list(one["baselines"]) == ["bm25", "hybrid"]


def test_tasks_of_one_name() -> None:
    with pytest.raises(AdjoinError, match="no two of one suite and name"):
        run_evaluation([task_named("verbs", "go")] * 2, RandomEmbedder(), "m", date="today")
    with pytest.raises(AdjoinError, match="at least one"):
        run_evaluation([], RandomEmbedder(), "m", date="today")


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        (-0.05, -0.08, -0.02, "BM25 is better than the model"),
        (0.05, 0.02, 0.08, "the model is better than BM25"),
        (0.05, -0.01, 0.11, "no difference seen between the model and BM25"),
        (0.0, 0.0, 0.0, "no difference seen"),
    ],
)
def test_sentences(value: float, low: float, high: float, expected: str) -> None:
    sentence = Difference("code", "csn", "mrr@1000", value, low, high).sentence()
    assert sentence.startswith(f"csn: {expected}")
    assert f"(mrr@1000 {value:+.3f} [{low:+.3f}, {high:+.3f}], model minus BM25)." in sentence


def result(suite: str, task: str, value: float, metric: str = "mrr") -> Result:
    return Result(suite, task, metric, value, value - 0.01, value + 0.012, 5)


@pytest.fixture
def report() -> Report:
    return Report(
        "mine",
        [result("code", "a", 0.412), result("code", "b", 0.6), result("retrieval", "c", 0.9)],
        {
            "bm25": [result("code", "a", 0.4), result("code", "b", 0.8), result("retrieval", "c", 0.9001)],
            "hybrid": [result("code", "a", 0.41), result("retrieval", "c", 0.3)],
        },
    )


def test_markdown_by_hand(report: Report) -> None:
    text = markdown(report)
    code = text.split("## Code search")[1].split("## Text retrieval")[0].strip().splitlines()
    assert code == [
        "### mrr",
        "",
        "| | a | b | mean |",
        "| --- | ---: | ---: | ---: |",
        "| trained | **.412 [.402, .424]** | .600 [.590, .612] | .506 |",
        "| bm25 | .400 [.390, .412] | **.800 [.790, .812]** | **.600** |",
        "| hybrid | .410 [.400, .422] | - | - |",
    ]
    prose = text.split("## Text retrieval")[1].strip().splitlines()
    assert prose[4] == "| trained | **.900 [.890, .912]** | **.900** |"
    assert prose[5] == "| bm25 | **.900 [.890, .912]** | **.900** |"


def test_suites_are_never_averaged_together(report: Report) -> None:
    assert report.mean("model", "code", "mrr") == pytest.approx(0.506)
    assert report.mean("model", "retrieval", "mrr") == 0.9
    assert report.mean("hybrid", "code", "mrr") is None
    assert report.mean("absent", "code", "mrr") is None


def test_the_table_of_the_terminal(report: Report) -> None:
    output = StringIO()
    Console(file=output, width=100, force_terminal=False).print(render_table(report, "mrr"))
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in output.getvalue().splitlines() if "│" in line
    ]
    assert rows[0] == ["a", ".412", ".400", ".410"]
    assert rows[1] == ["", "[.402, .424]", "[.390, .412]", "[.400, .422]"]
    means = {row[0]: row[1:] for row in rows if row[0].startswith("mean")}
    assert means == {"mean, code": [".506", ".600", "-"], "mean, retrieval": [".900", ".900", ".300"]}
    assert max(len(line) for line in output.getvalue().splitlines()) <= 80


def test_fractions() -> None:
    assert [fraction(value) for value in (0.0, 0.4125, 1.0, 0.9999)] == [".000", ".412", "1.000", "1.000"]


def test_environment_names_versions() -> None:
    found = environment("today")
    assert found["numpy"] == np.__version__
    assert found["date"] == "today"
    assert int(found["processors"]) >= 1
