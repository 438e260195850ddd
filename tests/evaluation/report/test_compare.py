from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import Estimate, mean_of
from adjoin.evaluation.report.compare import compare, differences, render_comparison, write_comparison
from adjoin.evaluation.report.render import render_markdown
from adjoin.evaluation.report.report import Report
from adjoin.evaluation.result import Result

SPREAD = np.linspace(-0.02, 0.02, 401)


def result(suite: str, task: str, value: float, metric: str, n: int = 100, resamples: int = 401) -> Result:
    return Result(suite, task, metric, Estimate(value, n, value + np.linspace(-0.02, 0.02, resamples)))


def search(a: float, b: float, n: int = 100) -> list[Result]:
    return [result("retrieval", "a", a, "ndcg@10"), result("retrieval", "b", b, "ndcg@10", n)]


@pytest.fixture
def runs() -> dict[str, Report]:
    return {
        "first": Report("first", {"model": search(0.5, 0.6)}, {"seed": 0, "batch": 256, "date": "today"}),
        "second": Report("second", {"model": search(0.52, 0.5)}, {"seed": 0, "batch": 1024, "date": "today"}),
        "third": Report("third", {"model": search(0.6, 0.5, n=50)}, {"seed": 0, "batch": 4096, "date": "today"}),
    }


def section(text: str, title: str) -> list[str]:
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0].strip().splitlines()


def test_by_hand(runs: dict[str, Report]) -> None:
    text = render_markdown(compare(runs))
    assert text.startswith("# 3 runs compared\n")
    assert "paired item by item" in text
    assert section(text, "The runs") == [
        "| | batch |",
        "| --- | ---: |",
        "| first | 256 |",
        "| second | 1,024 |",
        "| third | 4,096 |",
    ]
    assert section(text, "Text search") == [
        "### ndcg@10",
        "",
        "| | a | b | mean |",
        "| --- | ---: | ---: | ---: |",
        "| first | 0.500 [0.481, 0.519] | **0.600 [0.581, 0.619]** | **0.550 [0.531, 0.569]** |",
        "| second | 0.520 [0.501, 0.539] | 0.500 [0.481, 0.519] | 0.510 [0.491, 0.529] |",
        "| third | **0.600 [0.581, 0.619]** | 0.500 [0.481, 0.519] | **0.550 [0.531, 0.569]** |",
        "",
        "### Minus first",
        "",
        "| | a | b | mean |",
        "| --- | ---: | ---: | ---: |",
        "| second | **+0.020 p 0.005** | **-0.100 p 0.005** | **-0.040 p 0.005** |",
        "| third | **+0.100 p 0.005** | - | - |",
        "",
        "### Not compared with first",
        "",
        "- third, b: not measured on the same items, 50 against 100.",
    ]
    assert section(text, "Environment")[2:] == ["- seed: 0", "- date: today"]


def test_pairing_sees_what_two_intervals_hide() -> None:
    generator = np.random.default_rng(3)
    hard = generator.uniform(size=200)  # how hard each item is, for both alike
    better = np.clip(hard + 0.02 + generator.normal(0, 0.02, 200), 0, 1)

    def of(values: np.ndarray) -> Report:
        return Report("m", {"model": [Result("retrieval", "a", "ndcg@10", mean_of(values, seed=7))]}, {"seed": 7})

    one, two = of(hard), of(better)
    apart = [run.results[0].estimate.interval() for run in (one, two)]
    assert apart[1][0] < apart[0][1]  # the intervals overlap
    pairwise, unpaired = differences(one, two, "retrieval", "ndcg@10")
    assert unpaired == []
    assert list(pairwise) == ["a"]  # a single task is its own mean
    low, high = pairwise["a"].interval()
    assert 0 < low < high < 0.03
    assert pairwise["a"].p == pytest.approx(2 / 2001)
    again = mean_of(better - hard, seed=7)  # the plain way: one value an item
    np.testing.assert_allclose(pairwise["a"].replicates, again.replicates, atol=1e-12)


def test_only_what_was_measured_on_the_same_items_is_paired() -> None:
    first = Report("m", {"model": [*search(0.5, 0.6), result("retrieval", "c", 0.3, "ndcg@10")]}, {"seed": 0})

    def unpaired(results: list[Result], seed: int = 0) -> list[str]:
        paired, lines = differences(first, Report("o", {"model": results}, {"seed": seed}), "retrieval", "ndcg@10")
        assert ("mean" in paired) == (not lines)
        return lines

    c = result("retrieval", "c", 0.3, "ndcg@10")
    assert unpaired([*search(0.5, 0.6), c]) == []
    assert unpaired([*search(0.5, 0.6), c], seed=1)[0] == "a: not resampled with the same seed, 1 against 0."
    assert unpaired([*search(0.5, 0.6), result("retrieval", "c", 0.3, "ndcg@10", resamples=99)]) == [
        "c: not resampled as often, 99 against 401 times."
    ]
    assert unpaired([*search(0.5, 0.6), result("retrieval", "d", 0.3, "ndcg@10")]) == [
        "c: ndcg@10 was measured in one of the two only.",
        "d: ndcg@10 was measured in one of the two only.",
    ]


def test_association_tests_have_differences_but_no_mean() -> None:
    def of(value: float) -> Report:
        return Report("m", {"model": [result("bias", task, value, "effect size") for task in ("x", "y")]})

    pairwise, _ = differences(of(0.5), of(0.2), "bias", "effect size")
    assert list(pairwise) == ["x", "y"]
    assert pairwise["x"].value == pytest.approx(-0.3)


def test_figures_where_the_runs_say_what_they_differ_in(runs: dict[str, Report], tmp_path: Path) -> None:
    write_comparison(tmp_path / "new", runs)
    page = (tmp_path / "new" / "comparison.html").read_text()
    assert 'id="over-batch-points-0"' in page
    assert "over-step" not in page
    assert 'id="scores-retrieval-points-2-0"' in page
    assert (tmp_path / "new" / "comparison.md").read_text() == render_markdown(compare(runs))
    assert "Size and training" in [each.title for each in compare(runs).sections]
    assert "Size and training" not in render_markdown(compare(runs))  # nothing but figures
    for report in runs.values():
        report.environment["batch"] = 256
    assert "Size and training" not in [each.title for each in compare(runs).sections]
    for number, report in enumerate(runs.values()):
        report.environment |= {"step": number + 1, "parameters": 10**number}
    write_comparison(tmp_path, runs)
    page = (tmp_path / "comparison.html").read_text()
    assert 'id="over-step-points-0"' in page
    assert 'id="over-parameters-points-0"' in page


def test_suites_that_one_run_lacks(runs: dict[str, Report]) -> None:
    runs["second"].systems["model"].append(result("probe", "MR", 0.8, "accuracy"))
    lines = section(render_markdown(compare(runs)), "Linear probes")
    assert "| second | 0.800 [0.781, 0.819] |" in lines
    assert lines[-1] == "- second, MR: accuracy was measured in one of the two only."
    assert "### Minus first" not in lines


def test_the_tables_of_the_terminal(runs: dict[str, Report]) -> None:
    runs["second"].systems["model"].append(result("probe", "MR", 0.8, "accuracy"))
    runs["first"].systems["model"].append(result("probe", "MR", 0.801, "accuracy"))
    output = StringIO()
    search_table, probe_table = render_comparison(runs)
    Console(file=output, width=80).print(search_table, probe_table)
    lines = [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in output.getvalue().splitlines() if "│" in line
    ]
    assert lines[0] == ["a", "0.500", "0.520", "0.600"]
    assert lines[4:8] == [
        ["mean", "0.550", "0.510", "0.550"],
        ["", "[0.531, 0.569]", "[0.491, 0.529]", "[0.531, 0.569]"],
        ["minus first", "", "-0.040", "-"],  # of the third not all tasks could be paired
        ["", "", "p 0.005", ""],
    ]
    assert lines[-2:] == [["minus first", "", "-0.001", "-"], ["", "", "p 0.005", ""]]


def test_runs_are_compared_under_any_names(runs: dict[str, Report], tmp_path: Path) -> None:
    for name, report in runs.items():
        report.model = "mine"
        report.write(tmp_path / name)
    reports = {f"runs/{name}": Report.read(tmp_path / name) for name in runs}
    lines = section(render_markdown(compare(reports)), "The runs")
    assert lines[2] == "| runs/first | 256 |"
    assert "- model: mine" in section(render_markdown(compare(reports)), "Environment")
    reports["runs/first"].model = "other"
    assert section(render_markdown(compare(reports)), "The runs")[2] == "| runs/first | other | 256 |"


@pytest.mark.parametrize("number", [0, 1])
def test_one_run_is_no_comparison(runs: dict[str, Report], number: int) -> None:
    with pytest.raises(AdjoinError, match=f"nothing to compare in {number} report"):
        compare(dict(list(runs.items())[:number]))


def test_other_data_under_the_same_name_are_not_paired() -> None:
    def run(data: dict[str, str]) -> Report:
        return Report("m", {"model": search(0.5, 0.6)}, {"seed": 0}, data)

    task = search(0.5, 0.6)[0].task
    key = f"retrieval/{task}"
    for one, two, paired in (
        ({}, {}, True),
        ({key: "a"}, {}, True),
        ({key: "a"}, {key: "a"}, True),
        ({key: "a"}, {key: "b"}, False),
    ):
        pairwise, lines = differences(run(one), run(two), "retrieval", "ndcg@10")
        assert (task in pairwise) == paired
        assert (f"{task}: not measured on the same data." in lines) != paired
