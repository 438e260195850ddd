"""The demo on a small stand-in for the installed packages: the whole way, and what it refuses."""

import json
import sysconfig
from pathlib import Path

import pytest

from adjoin.cli import demo, main
from small_sources import NOUNS, VERBS, function_source


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four packages; two of them are those that the demo keeps out."""
    root = tmp_path / "site-packages"
    names = ["kept_in", "also_kept_in", *demo.HELD_OUT]
    for number, package in enumerate(names):
        (root / package).mkdir(parents=True)
        for noun in NOUNS:
            source = "\n\n".join(function_source(verb, f"{noun}{number}") for verb in VERBS)
            (root / package / f"{noun}.py").write_text(source)
    # A copy of a held-out function inside another package must not be trained on.
    held_out = (root / demo.HELD_OUT[0] / "file.py").read_text()
    (root / "kept_in" / "copied.py").write_text(held_out)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(root))
    return root


def test_the_demo_from_end_to_end(packages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "runs" / "demo"
    assert main(["demo", "--out", str(out), "--minutes", "0.05"]) == 0
    report = json.loads((out / "report.json").read_text())
    assert set(report["baselines"]) == {"untrained", "bm25", "hybrid"}
    measured = {(result["task"], result["metric"]): result for result in report["results"]}
    for name in demo.HELD_OUT:
        result = measured[name, "mrr@1000"]
        assert 0 <= result["low"] <= result["value"] <= result["high"] <= 1
        assert result["n"] == len(NOUNS) * len(VERBS)
    assert (out / "report.md").read_text().count("mrr@1000") >= 2
    assert (out / "curve.png").read_bytes().startswith(b"\x89PNG")
    manifest = json.loads((out / "pairs" / "manifest.json").read_text())
    assert not set(demo.HELD_OUT) & set(manifest["places"])
    (copied,) = (given for given in manifest["inputs"] if given["origin"] == "kept_in/copied.py")
    assert copied["pairs"] == 0
    assert sum(number for reason, number in copied["counts"].items() if "held-out" in reason) == len(VERBS)
    said = capsys.readouterr().out
    assert all(question in said for question in demo.QUESTIONS)
    assert "adjoin index PATH/TO/REPOSITORY" in said

    (out / ".pairs.killed").mkdir()  # a killed demo's remains are no reason to stop
    assert main(["demo", "--out", str(out), "--minutes", "0.01"]) == 0


def test_missing_packages_and_foreign_folders_are_one_line(
    packages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    assert main(["demo", "--out", str(tmp_path)]) == 1
    assert "holds something else than a demo" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "precious"
    (packages / demo.HELD_OUT[0]).rename(packages / "gone")
    assert main(["demo", "--out", str(tmp_path / "d")]) == 1
    assert f"{demo.HELD_OUT[0]}, not installed here: pip install" in capsys.readouterr().err
