"""The demo from end to end, on small stand-ins for installed packages."""

import json
import sysconfig
from pathlib import Path

import pytest
from small_repository import RecordingReporter, write_modules

from adjoin import load_index
from adjoin.cli import main
from adjoin.workflows import demo as demo_module
from adjoin.workflows.demo import KEPT_OUT, QUESTIONS, SEARCHED, demo


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages: the two that are kept out, and two others."""
    root = tmp_path / "site-packages"
    for number, name in enumerate((*KEPT_OUT, "others", "more")):
        write_modules(root / name, [number])
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(root))
    monkeypatch.setattr(demo_module, "QUERIES", 40)
    return root


def test_the_demo_from_end_to_end(packages: Path, tmp_path: Path) -> None:
    out, reporter = tmp_path / "runs" / "demo", RecordingReporter()
    report = demo(out, reporter, minutes=0.05)
    assert set(report.scores) == {"bm25", "model", "code"}
    assert all(set(scores) == set(KEPT_OUT) for scores in report.scores.values())
    assert all(0 < score <= 1 for scores in report.scores.values() for score in scores.values())
    manifest = json.loads((out / "pairs" / "manifest.json").read_text())
    assert {entry["origin"].split("/")[0] for entry in manifest["inputs"]} == {"others", "more"}
    assert (out / "curve.png").read_bytes().startswith(b"\x89PNG")
    measured = json.loads((out / "report" / "report.json").read_text())
    assert {result["n"] for result in measured["results"]} == {40}

    (table,) = reporter.tables
    assert table[0] == ("system", *KEPT_OUT)
    assert [row[0] for row in table[1:]] == ["BM25", "trained here", "bundled model code"]
    assert table[1][1].startswith(f"{report.scores['bm25']['scipy']:.3f} [")
    differences = [line for line in reporter.lines if "95 % confidence interval" in line]
    assert [line.split(":")[0] for line in differences] == [*KEPT_OUT, *KEPT_OUT]

    better = max(("code", "model"), key=lambda row: sum(report.scores[row].values()))
    assert report.model == ("code" if better == "code" else str((out / "model").resolve()))
    assert load_index(out / "index").description.model == report.model
    assert list(reporter.results) == list(QUESTIONS)
    assert all((packages / SEARCHED / hits[0].path).is_file() for hits in reporter.results.values())
    assert reporter.commands == [
        '.venv/bin/adjoin search "what you are looking for" PATH',
    ]
    assert set(report.seconds) == {"keep out", "mine", "train", "compare", "index", "search"}
    assert all(wall > 0 for wall, _ in report.seconds.values())


@pytest.mark.slow
def test_the_demo_by_the_command_line_replaces_an_earlier_one(
    packages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "demo"
    (out / ".pairs.mining").mkdir(parents=True)  # what a killed demo leaves
    assert main(["demo", "--out", str(out), "--minutes", "0.02"]) == 0
    printed = capsys.readouterr().out
    assert all(f"? {question}\n" in printed for question in QUESTIONS)
    assert '\n  .venv/bin/adjoin search "what you are looking for" PATH\n' in printed
    assert not (out / ".pairs.mining").exists()
    (out / "thesis.txt").write_text("precious")
    assert main(["demo", "--out", str(out)]) == 1
    assert "holds something else than a demo" in capsys.readouterr().err
    assert (out / "thesis.txt").read_text() == "precious"
    (packages / SEARCHED).rename(packages / "gone")
    assert main(["demo", "--out", str(tmp_path / "other")]) == 1
    assert "not installed here: pip install" in capsys.readouterr().err
