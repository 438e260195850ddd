"""The names that `compare` gives to reports."""

import pytest

from adjoin.workflows.evaluate import short_names


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["runs/a/512/report", "runs/a/2048/report"], ["512", "2048"]),
        (["/r/a", "/r/b"], ["a", "b"]),
        (["runs/a", "runs/a/b"], ["a", "a/b"]),
        (["x/a/r", "x/a/b/r"], ["r", "b/r"]),
        (["alone/report"], ["report"]),
    ],
)
def test_short_names_keep_what_differs(paths: list[str], names: list[str]) -> None:
    assert short_names(paths) == names
