"""What runs have in common: by data, under other names, and not at all."""

from pathlib import Path

import numpy as np
import pytest

from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import Estimate
from adjoin.evaluation.report.common import aligned, in_common, with_hybrids
from adjoin.evaluation.report.compare import compare, differences, render_comparison, summary
from adjoin.evaluation.report.render import render_markdown
from adjoin.evaluation.report.report import Hybrid, Report
from adjoin.evaluation.result import Result


def result(suite: str, task: str, value: float) -> Result:
    metric = {"retrieval": "ndcg@10", "probe": "accuracy", "similarity": "spearman"}[suite]
    return Result(suite, task, metric, Estimate(value, 100, value + np.linspace(-0.02, 0.02, 41)))


def run_of(tasks: dict[str, str], value: float = 0.5, hybrid: float | None = None) -> Report:
    """A run of "suite/task" → hash of its data; a similarity task has a subset."""
    results = []
    for key in tasks:
        suite, _, task = key.partition("/")
        results += [result(suite, task, value)] + [result(suite, f"{task}/news", value)] * (suite == "similarity")
    report = Report("m", {"model": results}, {"seed": 0}, {key: digest for key, digest in tasks.items() if digest})
    if hybrid is not None:
        report.systems[f"hybrid {hybrid:g}"] = [result("retrieval", r.task, 0.9) for r in results]
        report.hybrids[f"hybrid {hybrid:g}"] = Hybrid("model", "bm25", hybrid)
    return report


def tasks_of(report: Report) -> list[str]:
    return [f"{each.suite}/{each.task}" for each in report.results]


def test_a_renamed_task_is_matched_by_its_data() -> None:
    runs = {
        "a": run_of({"retrieval/x": "1", "similarity/s": "2"}, 0.5),
        "b": run_of({"similarity/t": "2", "retrieval/y": "1"}, 0.6),
    }
    named, lines = aligned(runs)
    assert tasks_of(named["b"]) == ["similarity/s", "similarity/s/news", "retrieval/x"]
    assert named["b"].data == {"similarity/s": "2", "retrieval/x": "1"}
    assert lines == [
        "b: the task t of similarity is shown as s (the same data).",
        "b: the task y of retrieval is shown as x (the same data).",
    ]
    paired, unpaired = differences(named["a"], named["b"], "retrieval", "ndcg@10")
    assert paired["x"].value == pytest.approx(0.1)
    assert not unpaired
    assert set(lines) < set(summary(runs))
    assert "| b | **+0.100 p 0.048** |" in render_markdown(compare(runs))


def test_exchanged_names_and_one_name_for_two_data() -> None:
    runs = {
        "a": run_of({"probe/x": "1", "probe/y": "2"}),
        "b": run_of({"probe/x": "2", "probe/y": "1"}),
        "c": run_of({"probe/x": "2", "probe/y": "3"}),
    }
    named, lines = aligned(runs)
    assert tasks_of(named["b"]) == ["probe/y", "probe/x"]
    assert tasks_of(named["c"]) == ["probe/y", "probe/y (c)"]
    assert lines[-1] == "c: the task y of probe is shown as y (c) (another run has a task of this name)."


def test_two_tasks_of_one_content_keep_their_names() -> None:
    twins = {"probe/x": "1", "probe/copy": "1"}
    named, lines = aligned({"a": run_of(twins), "b": run_of({"probe/copy": "1", "probe/new": "1"})})
    assert tasks_of(named["a"]) == ["probe/x", "probe/copy"]
    assert tasks_of(named["b"]) == ["probe/copy", "probe/x"]
    assert len(lines) == 1


def test_old_reports_without_hashes_are_matched_by_name() -> None:
    old, new, other = run_of({"probe/x": ""}), run_of({"probe/x": "1"}), run_of({"probe/z": "1"})
    named, lines = aligned({"a": old, "b": new, "c": other})
    assert [tasks_of(run) for run in named.values()] == [["probe/x"]] * 3
    assert lines == ["c: the task z of probe is shown as x (the same data)."]


def test_what_all_and_what_some_have_by_name_and_number() -> None:
    runs = {
        "a": run_of({"retrieval/x": "1", "retrieval/y": "2", "probe/p": "3"}),
        "b": run_of({"retrieval/x": "1", "retrieval/z": "4", "probe/p": "3"}),
        "c": run_of({"retrieval/x": "1", "retrieval/z": "4", "probe/q": "5"}),
    }
    assert in_common(runs) == [
        "Text search: all 3 runs have 1 task (x); only a: 1 task (y); only b and c: 1 task (z).",
        "Linear probes: all 3 runs have no task in common; only a and b: 1 task (p); only c: 1 task (q).",
    ]
    text = render_markdown(compare(runs)).split("## What the runs have in common")[1].split("##")[0]
    assert "- Text search: all 3 runs have 1 task (x); only a" in text


def test_no_common_task_says_which_tasks_each_has() -> None:
    lines = summary({"a": run_of({"probe/p": "1"}), "b": run_of({"similarity/s": "2"})})
    assert lines == [
        "The runs have no task in common, so no difference is shown.",
        "Linear probes: all 2 runs have no task in common; only a: 1 task (p).",
        "Sentence similarity: all 2 runs have no task in common; only b: 1 task (s).",
    ]


def test_the_same_name_with_other_data_is_told() -> None:
    lines = summary({"a": run_of({"probe/p": "1"}), "b": run_of({"probe/p": "2"})})
    assert lines[-1] == "b, probe, p: not measured on the same data."


def test_hybrids_are_compared_under_their_weights() -> None:
    runs = {
        "a": run_of({"retrieval/x": "1"}, hybrid=0.9),
        "b": run_of({"retrieval/x": "1", "probe/p": "2"}, hybrid=0.25),
    }
    assert list(with_hybrids(runs)) == ["a", "a hybrid 0.9", "b", "b hybrid 0.25"]
    text = render_markdown(compare(runs))
    assert "hybrid W: on search tasks, the sum" in text
    search = text.split("## Text search")[1]
    assert "| a hybrid 0.9 | **0.900" in search
    assert "| b hybrid 0.25 | **+0.400 p 0.048** |" in search
    assert "hybrid" not in text.split("## Linear probes")[1].split("##")[0]
    assert [len(table.columns) for table in render_comparison(runs)] == [5, 3]


def test_a_folder_above_a_report(tmp_path: Path) -> None:
    run_of({"probe/p": "1"}).write(tmp_path / "report")
    with pytest.raises(AdjoinError, match=r"no report at .* \(did you mean .*/report\?\): expected a folder that"):
        Report.read(tmp_path)
