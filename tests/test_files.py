import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from adjoin.errors import AdjoinError
from adjoin.files import read_as


@dataclass(frozen=True)
class Record:
    format: int
    name: str
    score: float
    rows: dict[str, int]
    note: str | None = None
    parts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.score < 0:
            raise ValueError(f"score is {self.score}, expected at least 0")


CONTENT: dict[str, Any] = {"format": 2, "name": "a", "score": 1, "rows": {"b": 3}}


def read(path: Path, content: object) -> Record:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_as(path, Record, "record", "write it again", format=2)


def test_defaults_and_unknown_keys(tmp_path: Path) -> None:
    assert read(tmp_path / "r.json", CONTENT | {"later": True}) == Record(2, "a", 1, {"b": 3})
    assert read(tmp_path / "r.json", CONTENT | {"note": "n", "parts": [1]}).parts == [1]
    without_check = read_as(tmp_path / "r.json", Record, "record", "write it again")
    assert without_check.note == "n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], r"the record .*r.json is damaged: it is \[1\], expected an object; write it again"),
        (CONTENT | {"format": 3}, r"the record .*r.json has format 3, this version reads 2: write it again"),
        ({"format": 3}, r"has format 3, this version reads 2"),
        ({"format": 2, "score": 1.0}, r"r.json is damaged: it lacks name, rows; write it again"),
        (CONTENT | {"format": "2"}, r"format is '2', expected int; write it again"),
        (CONTENT | {"name": 7, "rows": []}, r"name is 7, expected str, rows is \[\], expected dict"),
        (CONTENT | {"score": True}, r"score is True, expected float"),
        ('{"format": 2, "name": "a", "rows": {}, "score": NaN}', r"score is nan, expected float"),
        (CONTENT | {"note": 1}, r"note is 1, expected str \| None"),
        (CONTENT | {"score": -1}, r"r.json is damaged: score is -1, expected at least 0; write it again"),
        ("{", r"cannot read the record .*r.json: "),
        ("[" * 100_000, r"cannot read the record .*r.json: "),
    ],
)
def test_damaged_files(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(AdjoinError, match=message) as error:
        read(tmp_path / "r.json", content)
    assert "\n" not in str(error.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(AdjoinError, match=r"no record at .*r.json: the file is missing"):
        read_as(tmp_path / "r.json", Record, "record", "write it again")
