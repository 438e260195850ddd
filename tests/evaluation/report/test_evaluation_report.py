import json
import sys
import zipfile
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import Estimate
from adjoin.evaluation.report.display import fraction, render_table, report_page, write_report
from adjoin.evaluation.report.render import render_markdown
from adjoin.evaluation.report.report import Comparison, Hybrid, Report, environment
from adjoin.evaluation.result import Result

SPREAD = np.linspace(-0.02, 0.02, 401)  # its 95 % interval is 0.019 on both sides


def markdown(report: Report) -> str:
    return render_markdown(report_page(report))


def estimate(value: float, n: int = 100) -> Estimate:
    return Estimate(value, n, value + SPREAD)


def result(suite: str, task: str, value: float, metric: str = "ndcg@10", *notes: str) -> Result:
    return Result(suite, task, metric, estimate(value), notes)


@pytest.fixture
def report() -> Report:
    """Two code tasks, one of them without a hybrid; prose; similarity with subsets; tests of association."""
    return Report(
        "mine",
        {
            "model": [
                result("code", "a", 0.412, "mrr@1000"),
                result("code", "b", 0.6, "mrr@1000"),
                result("code", "b", 0.5, "mrr"),
                result("retrieval", "c", 0.9),
                result("similarity", "STS", 0.7, "spearman", "all subsets together"),
                result("similarity", "STS/news", 0.8, "spearman"),
                result("bias", "WEAT names", 1.2, "effect size"),
                result("bias", "WEAT arts", -0.4, "effect size"),
            ],
            "bm25": [
                result("code", "a", 0.4, "mrr@1000"),
                result("code", "b", 0.8, "mrr@1000"),
                result("code", "b", 0.6, "mrr"),
                result("retrieval", "c", 0.9001),
            ],
            "hybrid 0.9": [result("code", "a", 0.41, "mrr@1000"), result("retrieval", "c", 0.99)],
            "other": [
                result("similarity", "STS", 0.6, "spearman", "all subsets together"),
                result("similarity", "STS/news", 0.85, "spearman"),
                result("bias", "WEAT names", 0.3, "effect size"),
                result("bias", "WEAT arts", 0.5, "effect size"),
            ],
        },
        {"date": "2026-01-02", "parameters": 5_900_000},
        hybrids={"hybrid 0.9": Hybrid("model", "bm25", 0.9)},
    )


def section(text: str, title: str) -> list[str]:
    """The lines of one section of Markdown."""
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0].strip().splitlines()


def test_means_are_of_tasks_and_never_of_suites(report: Report) -> None:
    mean = report.mean("model", "code", "mrr@1000")
    assert mean is not None
    assert mean.value == pytest.approx((0.412 + 0.6) / 2)
    assert mean.n == 200
    np.testing.assert_allclose(mean.replicates, 0.506 + SPREAD)
    only = report.mean("model", "code", "mrr")
    assert only is not None
    assert only.value == 0.5  # of the tasks that have the metric at all
    prose = report.mean("model", "retrieval", "ndcg@10")
    assert prose is not None
    assert prose.value == 0.9
    assert report.mean("hybrid 0.9", "code", "mrr@1000") is None
    assert report.mean("absent", "code", "mrr@1000") is None


def test_what_there_is(report: Report) -> None:
    assert report.suites() == ["code", "retrieval", "similarity", "bias"]
    assert report.tasks("similarity") == ["STS"]
    assert report.subsets("similarity") == ["STS/news"]
    assert report.metrics("code") == ["mrr@1000", "mrr"]
    assert report.metric_of("code") == "mrr@1000"
    few = Report("m", {"model": [result("code", "a", 0.4, "mrr@100")]}, {"distractors": 99})
    assert few.metric_of("code") == "mrr@100"
    assert Report("m", {"model": [result("probe", "a", 0.4, "f1")]}).metric_of("probe") == "f1"


def test_the_best_baseline_is_made_without_the_model(report: Report) -> None:
    assert report.best_baseline("retrieval", "ndcg@10") == "bm25"
    assert report.best_baseline("similarity", "spearman") == "other"
    assert Report("m", {"model": [result("code", "a", 0.4)]}).best_baseline("code", "ndcg@10") is None


def test_differences_are_paired(report: Report) -> None:
    a, b, mean = report.comparisons("code", "mrr@1000", "bm25")
    assert [each.task for each in (a, b, mean)] == ["a", "b", "mean"]
    assert a.difference.value == pytest.approx(0.012)
    assert a.difference.interval() == pytest.approx((0.012, 0.012))  # both systems rise and fall with the sample
    assert a.relative == pytest.approx(0.03)
    assert mean.difference.value == pytest.approx(0.506 - 0.6)
    assert [each.task for each in report.comparisons("code", "mrr@1000", "hybrid 0.9")] == ["a"]
    report.systems["bm25"][0] = Result("code", "a", "mrr@1000", estimate(0.4, n=99))
    with pytest.raises(AdjoinError, match="100 and 99 items"):
        report.comparisons("code", "mrr@1000", "bm25")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (-0.05, "bm25 is better than the model (mrr -0.050 [-0.069, -0.031], p 0.005, -12.5%)."),
        (0.05, "the model is better than bm25 (mrr +0.050 [+0.031, +0.069], p 0.005, +12.5%)."),
        (0.01, "no difference seen between the model and bm25 (mrr +0.010 [-0.009, +0.029], p 0.507, +2.5%)."),
    ],
)
def test_sentences(value: float, expected: str) -> None:
    assert Comparison("code", "csn", "mrr", "bm25", estimate(value), value / 0.4).sentence() == f"csn: {expected}"


def test_nothing_is_so_many_per_cent_better_than_nothing() -> None:
    for value in (0.0, -0.1):
        report = Report(
            "m",
            {
                "model": [result("similarity", "a", 0.3, "spearman")],
                "bm25": [result("similarity", "a", value, "spearman")],
            },
        )
        (compared,) = report.comparisons("similarity", "spearman", "bm25")
        assert "%" not in compared.sentence()
        assert report.to_json()["differences"][0]["relative"] is None


def test_json(report: Report) -> None:
    content = report.to_json()
    assert content["hybrids"] == {"hybrid 0.9": {"dense": "model", "lexical": "bm25", "weight": 0.9}}
    assert list(content) == ["model", "results", "baselines", "differences", "environment", "hybrids"]
    assert list(content["baselines"]) == ["bm25", "hybrid 0.9", "other"]
    first = content["results"][0]
    assert list(first) == ["suite", "task", "metric", "value", "low", "high", "n"]
    assert (first["low"], first["high"]) == pytest.approx((0.393, 0.431))
    assert content["results"][4]["notes"] == ["all subsets together"]
    compared = [(row["suite"], row["task"], row["minus"]) for row in content["differences"]]
    assert compared == [
        ("code", "a", "bm25"),
        ("code", "b", "bm25"),
        ("code", "mean", "bm25"),
        ("retrieval", "c", "bm25"),
        ("similarity", "STS", "other"),
    ]  # none of the tests of association: nothing is better there


def test_a_report_is_read_as_it_was_written(report: Report, tmp_path: Path) -> None:
    report.write(tmp_path)
    again = Report.read(tmp_path)
    assert (again.model, again.environment) == (report.model, report.environment)
    assert list(again.systems) == list(report.systems)
    for system, results in report.systems.items():
        for one, two in zip(results, again.systems[system], strict=True):
            assert (one.key, one.notes) == (two.key, two.notes)
            assert (one.estimate.value, one.estimate.n) == (two.estimate.value, two.estimate.n)
            np.testing.assert_allclose(two.estimate.replicates, one.estimate.replicates, atol=1e-6)
    assert markdown(again) == markdown(report)


def test_damaged_reports_are_one_line(report: Report, tmp_path: Path) -> None:
    def refused(expected: str) -> None:
        with pytest.raises(AdjoinError, match=expected) as caught:
            Report.read(tmp_path)
        assert len(str(caught.value).splitlines()) == 1

    refused("no report at")
    report.write(tmp_path)
    text, replicates = tmp_path / "report.json", tmp_path / "replicates.npz"
    whole, archive, content = text.read_text(), replicates.read_bytes(), json.loads(text.read_text())
    broken: dict[str, object] = {
        "results": [{**content["results"][0], "value": "high"}],
        "baselines": {"bm25": [{"suite": "code"}]},
        "environment": 3,
    }
    for key, value in broken.items():
        text.write_text(json.dumps(content | {key: value}))
        refused("damaged or cut short")
    text.write_text(json.dumps([content]))
    refused("damaged or cut short")
    text.write_text(whole[:100])
    refused("cannot read the report")
    text.write_text(whole)
    half = len(archive) // 2
    for damaged in (b"", archive[:200], archive[:half] + bytes(100) + archive[half + 100 :]):
        replicates.write_bytes(damaged)
        refused("damaged or cut short")
    with zipfile.ZipFile(replicates, "w"):
        pass
    refused("damaged or cut short")
    replicates.unlink()
    refused("damaged or cut short")


def test_markdown_by_hand(report: Report) -> None:
    text = markdown(report)
    assert section(text, "Code search") == [
        "Each description searches for its function.",
        "",
        "### mrr@1000",
        "",
        "Among 1,000 candidates: the right one and 999 distractors. It is not a cutoff.",
        "",
        "| | a | b | mean |",
        "| --- | ---: | ---: | ---: |",
        "| model | **0.412 [0.393, 0.431]** | 0.600 [0.581, 0.619] | 0.506 [0.487, 0.525] |",
        "| bm25 | 0.400 [0.381, 0.419] | **0.800 [0.781, 0.819]** | **0.600 [0.581, 0.619]** |",
        "| hybrid 0.9 | 0.410 [0.391, 0.429] | - | - |",
        "",
        "### Further metrics",
        "",
        "| | b mrr |",
        "| --- | ---: |",
        "| model | 0.500 [0.481, 0.519] |",
        "| bm25 | **0.600 [0.581, 0.619]** |",
        "",
        "### Against bm25, the best baseline",
        "",
        "- a: the model is better than bm25 (mrr@1000 +0.012 [+0.012, +0.012], p 0.005, +3.0%).",
        "- b: bm25 is better than the model (mrr@1000 -0.200 [-0.200, -0.200], p 0.005, -25.0%).",
        "- mean: bm25 is better than the model (mrr@1000 -0.094 [-0.094, -0.094], p 0.005, -15.7%).",
    ]
    prose = section(text, "Text search")
    assert prose[4] == "| | c |"  # a single task is its own mean
    assert prose[6:9] == [
        "| model | 0.900 [0.881, 0.919] |",
        "| bm25 | 0.900 [0.881, 0.919] |",
        "| hybrid 0.9 | **0.990 [0.971, 1.009]** |",
    ]
    assert section(text, "Environment") == ["- date: 2026-01-02", "- parameters: 5,900,000"]


def test_figures_that_read_the_same_are_both_best() -> None:
    rows = {"model": [result("code", "a", 0.90002)], "bm25": [result("code", "a", 0.9001)], "x": []}
    text = markdown(Report("m", rows))
    assert "| model | **0.900 [0.881, 0.919]** |" in text
    assert "| bm25 | **0.900 [0.881, 0.919]** |" in text
    alone = markdown(Report("m", {"model": [result("code", "a", 0.9)]}))
    assert "| model | 0.900 [0.881, 0.919] |" in alone  # no best of one


def test_at_a_glance_each_judged_suite_has_a_row_of_its_own(report: Report) -> None:
    assert section(markdown(report), "At a glance") == [
        "| | metric | model | best baseline | its mean | difference | p |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| Code search | mrr@1000 | 0.506 [0.487, 0.525] | bm25 | 0.600 [0.581, 0.619] | **-0.094** | 0.005 |",
        "| Text search | ndcg@10 | 0.900 [0.881, 0.919] | bm25 | 0.900 [0.881, 0.919] | **-0.000** | 0.005 |",
        "| Sentence similarity | spearman | 0.700 [0.681, 0.719]"
        " | other | 0.600 [0.581, 0.619] | **+0.100** | 0.005 |",
    ]


def test_subsets_have_a_table_of_their_own(report: Report) -> None:
    lines = section(markdown(report), "Sentence similarity")
    start = lines.index("| subset | model | other |")
    assert lines[start + 2] == "| STS/news | 0.800 [0.781, 0.819] | **0.850 [0.831, 0.869]** |"
    assert "| | STS |" in lines


def test_nothing_wins_an_association_test(report: Report) -> None:
    lines = section(markdown(report), "Association tests")
    assert lines[-4:] == [
        "| | model | other |",
        "| --- | ---: | ---: |",
        "| WEAT names | 1.200 [1.181, 1.219] | 0.300 [0.281, 0.319] |",
        "| WEAT arts | -0.400 [-0.419, -0.381] | 0.500 [0.481, 0.519] |",
    ]


def test_the_space_is_a_table_a_task() -> None:
    of_space = [("alignment", 0.8, ("lower is better",)), ("effective dimension", 143.25, ())]
    results = [result("space", "sci", value, metric, *notes) for metric, value, notes in of_space]
    assert section(markdown(Report("m", {"model": results})), "The vector space")[2:] == [
        "### sci",
        "",
        "| | model |",
        "| --- | ---: |",
        "| alignment | 0.800 [0.781, 0.819] |",
        "| effective dimension | 143.2 [143.2, 143.3] |",
        "",
        "### Notes",
        "",
        "- sci (alignment): lower is better",
    ]


def test_notes_stand_once_and_where_they_belong() -> None:
    overlap, few = "2 % of the test stands in the training data", "without weights"
    model = [
        result("probe", "MR", 0.8, "accuracy", overlap),
        result("probe", "CR", 0.8, "accuracy", overlap),
        result("probe", "CR", 0.8, "f1"),
    ]
    other = [
        result("probe", "MR", 0.7, "accuracy", overlap, few),
        result("probe", "CR", 0.7, "accuracy", overlap),
        result("probe", "CR", 0.7, "f1"),
    ]
    lines = section(markdown(Report("m", {"model": model, "other": other})), "Linear probes")
    assert lines[-2:] == [f"- MR, CR (accuracy): {overlap}", f"- MR (accuracy of other): {few}"]


def test_markdown_stays_text() -> None:
    name = "my|<b>\n*model*"
    text = markdown(Report(name, {"model": [result("code", "t|1", 0.4)]}, {"path": "a|b"}))
    assert text.splitlines()[0] == r"# Evaluation of my\|\<b> \*model\*"
    assert r"| | t\|1 |" in text
    assert r"- path: a\|b" in text


def test_constant_replicates_have_no_interval() -> None:
    certain = Result("bias", "WEAT names", "p", Estimate(0.012, 16, np.full(401, 0.012)))
    assert "| WEAT names | 0.012 |" in markdown(Report("m", {"model": [certain]}))


def test_the_table_of_the_terminal(report: Report) -> None:
    output = StringIO()
    console = Console(file=output, width=80, force_terminal=False)
    console.print(render_table(report, "code", "mrr@1000"))
    lines = output.getvalue().splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    assert lines[0].strip() == "Code search, mrr@1000"
    assert rows == [
        ["a", "0.412", "0.400", "0.410", "-"],
        ["", "[0.393, 0.431]", "[0.381, 0.419]", "[0.391, 0.429]", ""],
        ["b", "0.600", "0.800", "-", "-"],
        ["", "[0.581, 0.619]", "[0.781, 0.819]", "", ""],
        ["mean", "0.506", "0.600", "-", "-"],
        ["", "[0.487, 0.525]", "[0.581, 0.619]", "", ""],
    ]
    console.print(render_table(report, "bias", "effect size"))
    assert "mean" not in output.getvalue().split("Association tests")[1]  # they don't add up to anything


def test_long_names_that_differ_at_their_end_differ_in_the_terminal() -> None:
    names = [f"of-one-training/size-{size}" for size in (111, 222, 333, 444)]
    report = Report(names[0], {name: [result("code", "t", 0.4)] for name in names})
    output = StringIO()
    Console(file=output, width=80).print(render_table(report, "code", "ndcg@10"))
    heads = [
        [cell.strip() for cell in line.split("┃")[1:-1]] for line in output.getvalue().splitlines() if "┃" in line
    ]
    assert ["".join(parts) for parts in zip(*heads, strict=True)][1:] == names


def test_names_are_no_markup_for_the_terminal() -> None:
    output = StringIO()
    report = Report("m", {"model": [result("code", "[bold]t", 0.4)], "[red]x": [result("code", "[bold]t", 0.3)]})
    Console(file=output, width=80).print(render_table(report, "code", "ndcg@10"))
    assert "[bold]t" in output.getvalue()
    assert "[red]x" in output.getvalue()


@pytest.mark.parametrize(
    ("value", "expected", "signed"),
    [
        (0.0, "0.000", "+0.000"),
        (0.4125, "0.412", "+0.412"),
        (0.9999, "1.000", "+1.000"),
        (-0.05, "-0.050", "-0.050"),
        (-0.0001, "0.000", "-0.000"),
        (-1.25, "-1.250", "-1.250"),
        (12.3456, "12.346", "+12.346"),
        (1234.56, "1,234.6", "+1,234.6"),
    ],
)
def test_fractions(value: float, expected: str, signed: str) -> None:
    assert fraction(value) == expected
    assert fraction(value, signed=True) == signed


def test_a_written_report_is_four_files(report: Report, tmp_path: Path) -> None:
    report.model = "caf\udce9"  # a path that is not UTF-8, as Python reads it
    write_report(tmp_path / "new" / "report", report)
    written = sorted(path.name for path in (tmp_path / "new" / "report").iterdir())
    assert written == ["replicates.npz", "report.html", "report.json", "report.md"]
    assert (tmp_path / "new" / "report" / "report.md").read_text().startswith("# Evaluation of caf")


def test_without_matplotlib_the_figures_are_kept(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(AdjoinError, match=r"pip install 'adjoin\[evaluate\]'"):
        write_report(tmp_path, report)
    assert Report.read(tmp_path).model == "mine"
    assert (tmp_path / "report.md").is_file()
    assert report_page(report).title == "Evaluation of mine"


def test_environment_names_versions() -> None:
    facts = environment("today")
    assert facts["numpy"] == np.__version__
    assert facts["date"] == "today"
    assert int(facts["processors"]) >= 1


def test_a_hybrid_row_says_what_it_weighs(report: Report, tmp_path: Path) -> None:
    assert "hybrid 0.9: the sum of the z-scores of model (weight 0.9) and bm25 (0.1)." in markdown(report)
    report.write(tmp_path)
    assert Report.read(tmp_path).hybrids == report.hybrids
    content = json.loads((tmp_path / "report.json").read_text())
    content["hybrids"]["hybrid 0.9"]["weight"] = "much"
    (tmp_path / "report.json").write_text(json.dumps(content))
    with pytest.raises(AdjoinError, match=r"weight is 'much'.* run the evaluation again"):
        Report.read(tmp_path)


def test_a_hybrid_row_of_an_old_report_has_the_weight_of_its_environment(report: Report, tmp_path: Path) -> None:
    report.systems["hybrid"] = report.systems.pop("hybrid 0.9")
    report.hybrids.clear()
    report.environment["dense weight"] = "0.3"
    report.write(tmp_path)
    assert Report.read(tmp_path).hybrids == {"hybrid": Hybrid("model", "bm25", 0.3)}
