"""What is asked for is checked before any row is read."""

from pathlib import Path

import pytest
from evaluation_folder import data

from adjoin.errors import AdjoinError
from adjoin.evaluation import choices
from adjoin.evaluation.choices import chosen_tasks, nearest, refuse_unknown, require_packages, suites_of
from adjoin.evaluation.report.report import JUDGED, SUITES

__all__ = ["data"]


@pytest.fixture
def unreadable(data: Path) -> Path:
    """The same folder, where whoever reads a row gets an error."""
    for file in [*data.rglob("*.tsv"), *data.rglob("queries.jsonl")]:
        file.write_text(file.read_text().splitlines()[0] + "\nno such row\n")
    for file in data.rglob("corpus.jsonl.gz"):
        file.write_bytes(b"no archive")
    return data


def test_tasks_are_named_without_reading_them(unreadable: Path) -> None:
    listed = [(task.suite, task.name) for task in chosen_tasks(unreadable, SUITES)]
    assert listed == [
        ("probe", "MOOD"),
        ("similarity", "STS99"),
        ("retrieval", "letters"),
        ("code", "functions"),
        ("space", "functions"),
    ]
    assert [task.name for task in chosen_tasks(unreadable, JUDGED, ["letters", "MOOD"])] == ["MOOD", "letters"]


@pytest.mark.parametrize(
    ("suites", "tasks", "limit", "expected"),
    [
        (
            ["retrieva"],
            [],
            None,
            r"unknown suite 'retrieva' \(did you mean retrieval\?\): expected probe, similarity, ",
        ),
        (["STS"], [], None, "unknown suite 'STS': expected probe, similarity, retrieval, code, bias, space"),
        (["probe", "Code"], [], None, r"unknown suite 'Code' \(did you mean code\?\): expected probe"),
        (["probe"], ["mood"], None, r"unknown task 'mood' in .*/eval \(did you mean MOOD\?\): expected MOOD$"),
        (
            JUDGED,
            ["MOOD", "funktions"],
            None,
            r"did you mean functions\?\): expected MOOD, STS99, letters, functions$",
        ),
        (["code"], ["letters"], None, r"unknown task 'letters' in .*: expected functions$"),
        (["bias"], ["weat"], None, "unknown task 'weat' in .*: expected associations"),
        (JUDGED, [], 0, "a limit of 0 texts per task: expected at least 1"),
        (JUDGED, [], -3, "a limit of -3 texts"),
        (JUDGED, [], 9, "a limit of 9 texts per task: expected at least 10 for the probe MOOD; raise it or leave"),
    ],
)
def test_wrong_names_and_numbers(
    suites: list[str], tasks: list[str], limit: int | None, expected: str, unreadable: Path
) -> None:
    with pytest.raises(AdjoinError, match=expected) as error:
        chosen_tasks(unreadable, suites, tasks, limit)
    assert "\n" not in str(error.value)


def test_a_limit_of_suites_without_a_probe_may_be_low(unreadable: Path) -> None:
    assert len(chosen_tasks(unreadable, ["similarity", "code"], limit=1)) == 2


def test_a_folder_that_is_not_there_and_one_with_other_data(unreadable: Path) -> None:
    wrong = unreadable.with_name("evall")
    with pytest.raises(AdjoinError, match=r"evall for code: .*; .*evall does not exist \(did you mean eval\?\)$"):
        chosen_tasks(wrong, ["code"])
    wrong.write_text("")
    with pytest.raises(AdjoinError, match=r"; .*evall is a file"):
        chosen_tasks(wrong, ["code"])
    with pytest.raises(AdjoinError, match=r"no evaluation data in .*; the folder has data for similarity$"):
        chosen_tasks(unreadable / "sts", ["probe", "code"])
    with pytest.raises(AdjoinError, match="no folder was given"):
        chosen_tasks(None, ["code"])
    assert chosen_tasks(None, ["bias"]) == []


def test_all_suites_and_each_once() -> None:
    assert suites_of([], JUDGED) == JUDGED
    assert suites_of(["all"], JUDGED) == suites_of(["code", "all"], JUDGED) == SUITES
    assert suites_of(["code", "bias", "code"], JUDGED) == ("code", "bias")
    with pytest.raises(AdjoinError, match=r"unknown suite 'al' \(did you mean all\?\): expected .*space, all$"):
        suites_of(["al"], JUDGED)


def test_the_nearest_name() -> None:
    assert nearest("bm52", ["random", "bm25", "lsa"]) == " (did you mean bm25?)"
    assert nearest("zebra", ["random", "bm25"]) == nearest("", ["a"]) == nearest("x", []) == ""
    with pytest.raises(AdjoinError, match="expected none: there is no data"):
        refuse_unknown("task", ["a"], [])


def test_packages_are_looked_for_and_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices, "find_spec", lambda name: None if name == "jinja2" else object())
    require_packages("the report", "matplotlib")
    with pytest.raises(AdjoinError, match=r"needs the package jinja2: pip install 'adjoin\[evaluate\]'"):
        require_packages("the report", "matplotlib", "jinja2")
