import re
from html.parser import HTMLParser

import numpy as np
import pytest

from adjoin.evaluation.bootstrap import Estimate
from adjoin.evaluation.report.display import report_page
from adjoin.evaluation.report.figures import COLOURS, PAPER
from adjoin.evaluation.report.page import Cell, Grid, Heading, Lines, Page, Paragraph, Picture, Section
from adjoin.evaluation.report.render import DARK_COLOURS, DARK_PAPER, render_html
from adjoin.evaluation.report.report import Report
from adjoin.evaluation.result import Result

VOID = {"meta", "br", "hr", "img", "link", "input"}
NASTY = '<script>alert("1")</script>&amp;'


class Reader(HTMLParser):
    """Checks that tags are balanced, and collects attributes and what is to be read."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[tuple[str, str]] = []  # tag around it, text
        self.tables: list[list[list[str]]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not data.strip():
            return
        self.texts.append((self.open[-1], data.strip()))
        if "table" in self.open:
            self.tables[-1][-1][-1] = f"{self.tables[-1][-1][-1]} {data}".strip()


def result(suite: str, task: str, value: float, metric: str, *notes: str) -> Result:
    return Result(suite, task, metric, Estimate(value, 100, value + np.linspace(-0.02, 0.02, 401)), notes)


@pytest.fixture(scope="module")
def report() -> Report:
    rows = {
        name: [
            result("probe", "MR", 0.8 + better, "accuracy", NASTY),
            result("probe", "CR", 0.7 + better, "accuracy"),
            result("probe", "CR", 0.6 + better, "f1"),
            result("similarity", "STS", 0.7 - better, "spearman"),
            result("similarity", f"STS/{NASTY}", 0.75 - better, "spearman"),
            result("retrieval", "scifact", 0.6 + better, "ndcg@10"),
            result("code", "csn", 0.5 + better, "mrr@1000"),
            result("bias", "WEAT names", 1.1 + better, "effect size"),
            result("space", "scifact", 120 + better, "effective dimension"),
        ]
        for name, better in (("model", 0.0), ("bm25", 0.01), (NASTY, 0.02))
    }
    return Report(f"models/{NASTY}", rows, {"date": "2026-01-02", "platform": NASTY, "seed": 0})


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return render_html(report_page(report))


def test_tags_are_balanced_and_nothing_comes_from_elsewhere(page: str) -> None:
    reader = Reader(page)
    assert page.startswith("<!DOCTYPE html>\n")
    tags = {tag for tag, _, _ in reader.attributes} | {tag for tag, _ in reader.texts}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "base"}
    for _, name, value in reader.attributes:
        assert not name.startswith("on")
        if name in ("src", "href", "xlink:href", "srcset", "action", "data"):
            assert value.startswith("#")
        assert name.startswith("xmlns") or not re.search(r"https?:|//", value)
    (style,) = (text for tag, text in reader.texts if tag == "style")
    assert "url(" not in style
    assert "@import" not in style


def test_links_inside_the_page_lead_somewhere_and_ids_are_of_one_place(page: str) -> None:
    attributes = Reader(page).attributes
    ids = [value for _, name, value in attributes if name == "id"]
    assert len(set(ids)) == len(ids)
    targets = {value.removeprefix("#") for _, name, value in attributes if name.endswith("href")}
    targets |= {target for *_, value in attributes for target in re.findall(r"url\(#([^)]*)\)", value)}
    assert targets <= set(ids)
    assert len([value for tag, name, value in attributes if (tag, name) == ("a", "href")]) == 8


def test_every_text_of_the_report_is_there_as_text(page: str, report: Report) -> None:
    assert NASTY not in page
    texts = {text for _, text in Reader(page).texts}
    sections = report_page(report).sections
    expected = {f"Evaluation of models/{NASTY}"}
    for section in sections:
        expected.add(section.title)
        for block in section.blocks:
            if isinstance(block, Grid):
                expected |= {*block.head, *(name for name, _ in block.rows)}
                cells = [each for _, of_row in block.rows for each in of_row]
                expected |= {each.text for each in cells} | {each.interval for each in cells}
            elif isinstance(block, Lines):
                expected |= set(block.items)
            else:
                expected.add(block.caption if isinstance(block, Picture) else block.text)
    assert expected - {""} <= texts
    assert len(expected) > 60
    assert f"MR: {NASTY}" in expected
    assert f"STS/{NASTY}" in expected


def test_tables_are_those_of_the_report(page: str) -> None:
    tables = Reader(page).tables
    assert [table[0][0] for table in tables].count("subset") == 1
    (accuracy,) = (table for table in tables if table[0] == ["", "MR", "CR", "mean"])
    assert accuracy[1] == ["model", "0.800 [0.781, 0.819]", "0.700 [0.681, 0.719]", "0.750 [0.731, 0.769]"]
    assert [row[0] for row in accuracy[1:]] == ["model", "bm25", NASTY]
    (glance, *_) = tables
    assert [row[0] for row in glance[1:]] == ["Linear probes", "Sentence similarity", "Text search", "Code search"]


def test_the_best_is_bold_in_black_and_white(page: str) -> None:
    bold = [text for tag, text in Reader(page).texts if tag == "b"]
    assert "0.820" in bold  # MR, the best system
    assert "0.800" not in bold
    assert "1.120" not in bold  # an effect size is no score


def test_a_figure_for_each_suite(page: str) -> None:
    attributes = Reader(page).attributes
    figures = [value for tag, name, value in attributes if (tag, name) == ("svg", "aria-label")]
    assert [figure.split(":")[0] for figure in figures] == [
        "Linear probes",
        "Sentence similarity",
        "Text search",
        "Code search",
        "Association tests",
        "The vector space",
    ]


def test_for_phones_readers_and_the_dark(page: str) -> None:
    attributes = Reader(page).attributes
    assert ("meta", "content", "width=device-width, initial-scale=1") in attributes
    assert ("html", "lang", "en") in attributes
    boxes = [value for tag, name, value in attributes if (tag, name, value) == ("div", "class", "scroll")]
    assert len(boxes) == page.count("<table>") + page.count("<svg ")  # everything wide scrolls in its own box
    assert page.count('scope="col"') == sum(len(table[0]) for table in Reader(page).tables)
    assert "prefers-color-scheme: dark" in page
    for number in range(1, len(COLOURS)):
        assert page.count(f"--series-{number}: ") == 2


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("colours", "paper"), [(COLOURS, PAPER), (DARK_COLOURS, DARK_PAPER)])
def test_every_series_stands_out_from_the_paper(colours: tuple[str, ...], paper: str) -> None:
    # WCAG 2.2, 1.4.11: 3:1 for what has to be seen to understand a figure.
    for colour in colours:
        low, high = sorted((luminance(colour), luminance(paper)))
        assert (high + 0.05) / (low + 0.05) >= 3


def test_blocks_by_hand() -> None:
    blocks = (
        Paragraph("Text."),
        Heading("A & B"),
        Lines(("one\ntwo", "three\x00")),
        Grid(("", "x"), (("row", (Cell(".5", "[.4, .6]", True),)), ("other", (Cell("-"),)))),
        Picture("seen", lambda: "<svg></svg>"),
        Picture("nothing to draw", lambda: None),
    )
    text = render_html(Page("T", ("Lead.", ""), (Section("S", blocks),)))
    body = text.split("<body>\n")[1].split("\n</body>")[0]
    assert body.splitlines() == [
        "<header>",
        "<h1>T</h1>",
        "<p>Lead.</p>",
        "</header>",
        '<nav aria-label="Contents">',
        '<a href="#part-0">S</a>',
        "</nav>",
        "<main>",
        '<section id="part-0">',
        "<h2>S</h2>",
        "<p>Text.</p>",
        "<h3>A &amp; B</h3>",
        "<ul>",
        "<li>one two</li>",
        "<li>three\ufffd</li>",
        "</ul>",
        '<div class="scroll" tabindex="0" role="region" aria-label="S">',
        "<table>",
        '<thead><tr><th scope="col"></th><th scope="col">x</th></tr></thead>',
        "<tbody>",
        '<tr><th scope="row">row</th><td><b>.5</b><small>[.4, .6]</small></td></tr>',
        '<tr><th scope="row">other</th><td>-</td></tr>',
        "</tbody>",
        "</table>",
        "</div>",
        "<figure>",
        '<div class="scroll" tabindex="0" role="region" aria-label="seen">',
        "<svg></svg>",
        "</div>",
        "<figcaption>seen</figcaption>",
        "</figure>",
        "</section>",
        "</main>",
    ]
