"""The choice of files is kept beside the index."""

import json
from pathlib import Path

import pytest

from adjoin.errors import AdjoinError
from adjoin.index.choice import NAME, Choice


def test_what_is_given_replaces_what_is_kept(tmp_path: Path) -> None:
    assert Choice.of(tmp_path) == Choice()
    made = Choice.made(tmp_path, ["*.py"], None)
    assert made == Choice(["*.py"], [])
    assert Choice.of(tmp_path) == Choice()  # not before it is written
    made.write(tmp_path)
    assert Choice.made(tmp_path, None, ["lib/"]) == Choice(["*.py"], ["lib/"])
    assert Choice.made(tmp_path, [""], None) == Choice()


def test_an_empty_choice_needs_no_file(tmp_path: Path) -> None:
    Choice().write(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"include": "*.py"}), json.dumps({"include": [1]})])
def test_a_damaged_file(content: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(content)
    with pytest.raises(AdjoinError, match=r"choice\.json"):
        Choice.of(tmp_path)
