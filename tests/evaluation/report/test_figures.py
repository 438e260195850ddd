import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import Estimate
from adjoin.evaluation.report.figures import (
    COLOURS,
    PAPER,
    batch_figure,
    mean_over_common,
    number_in,
    scores_figure,
    size_figure,
    steps_figure,
)
from adjoin.evaluation.report.report import Report
from adjoin.evaluation.result import Result

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"


def result(suite: str, task: str, value: float, metric: str = "accuracy", n: int = 100) -> Result:
    return Result(suite, task, metric, Estimate(value, n, value + np.linspace(-0.02, 0.02, 401)))


def run(place: dict[str, str | int], probe: float = 0.8, similarity: float | None = None) -> Report:
    results = [result("probe", "MR", probe), result("probe", "CR", probe + 0.1)]
    if similarity is not None:
        results.append(result("similarity", "STS", similarity, "spearman"))
    return Report("m", {"model": results}, place)


def points(svg: str, prefix: str) -> dict[str, list[tuple[float, float]]]:
    """Place of every marker of the groups whose id ends with points-..., by that ending."""
    marker_places = {}
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        name = group.get("id", "")
        if name.startswith(f"{prefix}-points-"):
            places = [(float(use.get("x", "nan")), float(use.get("y", "nan"))) for use in group.iter(f"{SVG}use")]
            marker_places[name.removeprefix(f"{prefix}-points-")] = places
    return marker_places


def words(svg: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.fixture
def report() -> Report:
    return Report(
        "mine",
        {
            "model": [result("probe", "MR", 0.8), result("probe", "CR", 0.7), result("probe", "CR", 0.6, "f1")],
            "bm25": [result("retrieval", "sci", 0.5, "ndcg@10")],
            "other": [result("probe", "MR", 0.9)],
        },
    )


def test_a_marker_for_each_system_task_and_mean(report: Report) -> None:
    svg = scores_figure(report, "probe")
    assert svg is not None
    markers = points(svg, "scores-probe")
    # System and row: the model on both tasks and their mean, the other on the first alone.
    assert {name: len(places) for name, places in markers.items()} == {"0-0": 1, "0-1": 1, "0-2": 1, "2-0": 1}
    (first, mean, second), (other, *_) = (sorted(markers[f"0-{row}"][0] for row in (1, 2, 0))), markers["2-0"]
    assert first[0] < mean[0] < second[0] < other[0]  # .7, .75, .8, .9
    assert mean[0] == pytest.approx((first[0] + second[0]) / 2)
    assert second[1] < other[1] < first[1] < mean[1]  # rows from the top, systems below one another
    assert {"MR", "CR", "mean", "accuracy", "model", "other"} <= set(words(svg))
    assert "bm25" not in words(svg)  # it has nothing in this suite


def test_a_system_looks_the_same_in_every_suite(report: Report) -> None:
    svg = scores_figure(report, "retrieval")
    assert svg is not None
    assert list(points(svg, "scores-retrieval")) == ["1-0"]
    assert f"var(--series-1, {COLOURS[1]})" in svg
    assert "mean" not in words(svg)  # a single task is its own


def test_sixteen_systems_differ_without_colour() -> None:
    systems = {f"system {number}": [result("probe", "MR", number / 20)] for number in range(16)}
    svg = scores_figure(Report("m", systems), "probe")
    assert svg is not None
    markers = {}
    root = ElementTree.fromstring(svg)
    shapes = {path.get("id"): path.get("d") for path in root.iter(f"{SVG}path") if path.get("id")}
    for number in range(16):
        (group,) = (g for g in root.iter(f"{SVG}g") if g.get("id") == f"scores-probe-points-{number}-0")
        (use,) = group.iter(f"{SVG}use")
        hollow = f"fill: var(--paper, {PAPER})" in use.get("style", "")
        markers[number] = (shapes[use.get(LINK, "").removeprefix("#")], hollow)
    assert len(set(markers.values())) == 16


def test_nothing_measured_is_no_figure(report: Report) -> None:
    assert scores_figure(report, "bias") is None
    assert scores_figure(Report("m"), "probe") is None


def test_a_line_a_training_and_a_panel_a_suite() -> None:
    runs = [
        run({"parameters": 22_000_000, "training": "prose"}, 0.8, 0.6),
        run({"parameters": "1500000", "training": "prose"}, 0.7, 0.7),
        run({"parameters": 5_900_000, "training": "code"}, 0.75),
        run({"parameters": "unknown", "training": "code"}, 0.1, 0.1),
        run({"step": 3}, 0.2, 0.2),
    ]
    svg = size_figure(runs)
    assert svg is not None
    groups = [g for g in ElementTree.fromstring(svg).iter(f"{SVG}g") if "-points-" in g.get("id", "")]
    assert [(g.get("id"), len(list(g.iter(f"{SVG}use")))) for g in groups] == [
        ("over-parameters-points-0", 2),
        ("over-parameters-points-1", 1),
        ("over-parameters-points-0", 2),  # similarity, which the third run lacks
    ]
    assert {"1.5M", "5.9M", "22M", "prose", "code", "parameters"} <= set(words(svg))
    assert "Linear probes: accuracy, mean of 2 tasks" in words(svg)
    assert "Sentence similarity: spearman, STS" in words(svg)


def test_points_lie_where_they_belong() -> None:
    svg = batch_figure([run({"batch": batch}, value) for batch, value in ((1024, 0.6), (256, 0.5), (4096, 0.8))])
    assert svg is not None
    ((small, middle, large),) = points(svg, "over-batch").values()
    assert middle[0] - small[0] == pytest.approx(large[0] - middle[0], abs=1e-3)  # powers of 4 on a log axis
    assert (small[1] - middle[1]) * 2 == pytest.approx(middle[1] - large[1], abs=1e-3)
    height = float(ElementTree.fromstring(svg).get("viewBox", "").split()[3])
    assert all(0 < y < height for _, y in (small, middle, large))
    steps = steps_figure([run({"step": step}) for step in (100, 200, 400)])
    assert steps is not None
    ((first, second, last),) = points(steps, "over-step").values()
    assert (second[0] - first[0]) * 2 == pytest.approx(last[0] - second[0], abs=1e-3)  # not a log axis


def test_lines_of_one_place_do_not_hide_one_another() -> None:
    svg = batch_figure([run({"batch": b, "training": t}, 0.5) for b in (256, 512) for t in ("prose", "code")])
    assert svg is not None
    (one, _), (two, _) = points(svg, "over-batch").values()
    assert two[0] - one[0] == pytest.approx(2.5, abs=1e-3)
    assert one[1] == two[1]


@pytest.mark.parametrize(("batches", "lines"), [((256, 512), 1), ((256, 512, 512), 0)])
def test_runs_of_one_place_that_differ_in_something_else_are_not_joined(
    batches: tuple[int, ...], lines: int
) -> None:
    svg = batch_figure([run({"batch": batch}, 0.1 * number) for number, batch in enumerate(batches, 1)])
    assert svg is not None
    (group,) = (g for g in ElementTree.fromstring(svg).iter(f"{SVG}g") if "-points-" in g.get("id", ""))
    assert len(list(group.iter(f"{SVG}use"))) == len(batches)
    drawn = [path for path in group.findall(f"{SVG}path") if "stroke-linecap" in path.get("style", "")]
    assert len(drawn) == lines


@pytest.mark.parametrize("places", [[], [{"batch": 8}], [{"batch": 8}, {"batch": 8}], [{"batch": 8}, {"step": 8}]])
def test_one_place_is_no_curve(places: list[dict[str, str | int]]) -> None:
    assert batch_figure([run(place) for place in places]) is None


def test_means_are_over_what_all_runs_have() -> None:
    few = Report("few", {"model": [result("probe", "MR", 0.5), result("probe", "CR", 0.9, n=50)]}, {"batch": 2})
    more = Report("more", {"model": [result("probe", "SST", 0.1), *run({}).results]}, {"batch": 1})
    tasks, means = mean_over_common([few, more], "probe")
    assert tasks == ["MR"]  # CR has other items, and SST is of one alone
    assert [mean.value for mean in means] == [0.5, 0.8]
    none = Report("none", {"model": [result("probe", "TREC", 0.5)]}, {"batch": 4})
    assert mean_over_common([few, none], "probe") == ([], [])
    assert batch_figure([few, none]) is None


@pytest.mark.parametrize(
    ("value", "expected"), [(3, 3.0), ("12288", 12288.0), ("1e6", 1e6), ("big", None), (0, None), ("inf", None)]
)
def test_numbers_of_the_environment(value: str | int, expected: float | None) -> None:
    assert number_in(Report("m", {}, {"batch": value}), "batch") == expected
    assert number_in(Report("m"), "batch") is None


@pytest.mark.parametrize("name", ["<b>&amp;", "$x^2_{", "_hidden", "a\x00\udce9b", "a" * 200, "日本語", " "])
def test_names_are_text(name: str, recwarn: pytest.WarningsRecorder) -> None:
    svg = scores_figure(Report("m", {name: [result("probe", name, 0.5)], "x": []}), "probe")
    assert svg is not None
    shown = "".join(words(svg))
    assert shown.count(name.strip()) >= 2 or not name.isprintable() or len(name) > 34
    assert "\ufffd" in shown or name.isprintable()
    assert not list(recwarn)


def test_long_names_keep_both_ends() -> None:
    names = [f"models/{'x' * 60}/{number}" for number in range(2)]
    svg = scores_figure(Report("m", {name: [result("probe", "MR", 0.5)] for name in names}), "probe")
    assert svg is not None
    labels = [text for text in words(svg) if "…" in text]
    assert [len(label) for label in labels] == [34, 34]
    assert [(label[:7], label[-3:]) for label in labels] == [("models/", "x/0"), ("models/", "x/1")]


def test_svg_is_for_a_page(report: Report) -> None:
    svgs = [scores_figure(report, suite) for suite in ("probe", "retrieval")]
    assert svgs == [scores_figure(report, suite) for suite in ("probe", "retrieval")]  # the same file each time
    ids: list[str] = []
    for svg in svgs:
        assert svg is not None
        root = ElementTree.fromstring(svg)
        own = [element.get("id", "") for element in root.iter() if element.get("id")]
        ids += own
        for element in root.iter():
            for value in element.attrib.values():
                assert "http" not in value
                for target in re.findall(r"#([\w-]+)", value if "url(" in value or value[0] == "#" else ""):
                    assert target in own
        assert root.get("role") == "img"
        assert root.find(f"{SVG}title") is not None
        assert "metadata" not in svg
        used = set(re.findall(r"(?<!, )#[0-9a-f]{6}\b", svg))
        assert not used  # every colour is a variable of the page, its own colour only what stands in for it
    assert len(set(ids)) == len(ids)


def test_a_picture_on_request(report: Report, tmp_path: Path) -> None:
    scores_figure(report, "probe", png=tmp_path / "new" / "scores.png")
    assert (tmp_path / "new" / "scores.png").read_bytes().startswith(b"\x89PNG")
    steps_figure([run({"step": 1}), run({"step": 2})], png=tmp_path / "steps.png")
    assert (tmp_path / "steps.png").stat().st_size > 5_000


def test_matplotlib_is_asked_for(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(AdjoinError, match=r"figures need matplotlib: pip install 'adjoin\[evaluate\]'"):
        scores_figure(report, "probe")
