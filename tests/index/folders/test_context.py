"""The lines of a file around a hit."""

import os
from dataclasses import replace
from pathlib import Path

from adjoin.index.folders.context import lines_around
from adjoin.index.folders.repositories import Found
from adjoin.index.search import Hit

HIT = Hit("a.py", 2, 2, "python", "function", "f", 1.0, "two")


def test_the_lines_of_a_file_as_it_was_indexed(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one\ntwo\nthree\nfour\n")
    assert lines_around(Found(HIT, "a.py", tmp_path), 1) == (["one"], ["three"])
    (tmp_path / "a.py").write_text("one\nTWO\nthree\nfour\n")
    assert lines_around(Found(HIT, "a.py", tmp_path), 1) == ([], [])


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.py")
    assert lines_around(Found(HIT, "a.py", tmp_path), 1) == ([], [])
    assert lines_around(Found(replace(HIT, path="a\0.py"), "a", tmp_path), 1) == ([], [])
