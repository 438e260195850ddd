"""Options of an evaluation that cannot work are refused before a model or a row is opened."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from evaluation_folder import data

from adjoin.errors import AdjoinError
from adjoin.evaluation.report.report import Report
from adjoin.model.encoder import Encoder
from adjoin.workflows import evaluate as module
from adjoin.workflows.evaluate import EvaluationOptions, evaluate, open_system
from adjoin.workflows.evaluation_checks import check_writable, rows_of

__all__ = ["data"]
SYSTEMS = "expected code, text, bm25, bm25-reference, {}random, lsa, words, wordllama, a folder of Adjoin, "


@pytest.fixture
def options(data: Path, tmp_path: Path) -> EvaluationOptions:
    return EvaluationOptions("random", data, tmp_path / "report", suites=["code"], baselines=["bm25"])


@pytest.fixture
def _nothing_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        raise AssertionError("opened")

    for owner, name in (
        (module, "find_jobs"),
        (module, "open_system"),
        (Encoder, "load"),
        (Encoder, "load_untrained"),
    ):
        monkeypatch.setattr(owner, name, refuse)


@pytest.mark.usefixtures("_nothing_is_opened")
@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"suites": ["codes"]}, "unknown suite 'codes' (did you mean code?): expected probe, similarity, "),
        ({"tasks": ["function"]}, "unknown task 'function' in "),
        ({"limit": 0}, "a limit of 0 texts per task"),
        ({"suites": ["probe"], "limit": 3}, "a limit of 3 texts per task: expected at least 10"),
        ({"system": "bm52"}, f"no system 'bm52' that can be measured (did you mean bm25?): {SYSTEMS.format('')}"),
        ({"system": "codes"}, "no system 'codes' that can be measured (did you mean code?): expected code, text"),
        ({"system": "untrained"}, "untrained is the measured model before its training: name it with --beside"),
        ({"system": "https://host/v1"}, "'https://host/v1' is no address of a model"),
        (
            {"baselines": ["bm25", "untrain"]},
            f"no system 'untrain' that can be measured (did you mean untrained?): {SYSTEMS.format('untrained, ')}",
        ),
        ({"baselines": ["lsa", "lsa"]}, "--beside lsa: there is a row lsa already"),
        ({"baselines": ["bm25", "FOLDER"]}, "the folder FOLDER is no model that can be measured: expected code"),
        ({"baselines": ["FILE"]}, "the file FILE is no model that can be measured"),
        ({"dense_weight": 2.0}, "--dense-weight 2: expected 0 (BM25 alone) to 1"),
        ({"dense_weight": 0.5, "baselines": ["lsa"]}, "--dense-weight 0.5 weighs vectors against BM25"),
        ({"faiss": -1}, "--faiss -1"),
        ({"data": "eval2"}, "no evaluation data in eval2 for code"),
        ({"report": "FILE"}, "cannot write to --report FILE (it is a file)"),
        ({"report": "FILE/below"}, "cannot write to --report FILE/below (Not a directory)"),
        ({"report": "/proc/report"}, "cannot write to --report /proc/report (No such file or directory)"),
        ({"report": "LOOP"}, "cannot write to --report LOOP ("),
        ({"report": None}, "no place for the report on random: name a folder with --report"),
        ({"cache": "FILE"}, "cannot write to --cache FILE (it is a file)"),
    ],
)
def test_wrong_options(wrong: dict[str, Any], expected: str, options: EvaluationOptions, tmp_path: Path) -> None:
    (tmp_path / "FILE").write_text("")
    (tmp_path / "FOLDER").mkdir()
    (tmp_path / "LOOP").symlink_to("LOOP")
    places = {"FILE", "FOLDER", "LOOP", "FILE/below", "eval2"}

    def placed(value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, list):
            return [placed(each) for each in value]
        return str(tmp_path / value) if value in places else value

    given = {name: placed(value) for name, value in wrong.items()}
    paths = ("data", "report", "cache")
    given = {name: Path(value) if name in paths and value else value for name, value in given.items()}
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(AdjoinError) as error:
        evaluate(replace(options, **given))
    message = str(error.value).replace(f"{tmp_path}/", "")
    assert message.startswith(expected)
    assert "\n" not in message
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_right_is_measured_and_a_trial_leaves_nothing(options: EvaluationOptions, tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b", "--report")
    assert not (tmp_path / "a").exists()
    report = evaluate(replace(options, baselines=["bm25", "lsa"], dense_weight=0.3))
    assert list(report.systems) == ["model", "bm25", "hybrid 0.3", "lsa", "lsa hybrid 0.3"]
    assert Report.read(tmp_path / "report").hybrids == report.hybrids
    for page in ("report.md", "report.html"):
        text = (tmp_path / "report" / page).read_text()
        assert "lsa hybrid 0.3: the sum of the z-scores of lsa (weight 0.3) and bm25 (0.7)." in text


def test_a_row_for_each_system() -> None:
    names = ["bm25", "a/model", "b/one", "https://host/v1#m/n", "c/one"]
    assert list(rows_of(names)) == ["bm25", "a/model", "one", "https://host/v1#m/n", "c/one"]


def test_the_library_lists_the_systems_too() -> None:
    with pytest.raises(AdjoinError, match=r"no system 'lsi' .*did you mean lsa.*expected code, text, bm25"):
        open_system("lsi")
