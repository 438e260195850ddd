"""Colours for those who want them, and texts that are cut and cleaned for a terminal."""

import io

import pytest

from adjoin.cli.terminal import cells, cut, painted, safe, wants_colour


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("choice", "terminal", "environment", "expected"),
    [
        ("auto", True, {}, True),
        ("auto", False, {}, False),
        ("auto", True, {"NO_COLOR": "1"}, False),
        ("auto", True, {"NO_COLOR": ""}, True),
        ("auto", True, {"TERM": "dumb"}, False),
        ("always", False, {"NO_COLOR": "1"}, True),
        ("never", True, {}, False),
    ],
)
def test_colours(
    choice: str, terminal: bool, environment: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wants_colour(choice, Terminal() if terminal else io.StringIO()) is expected


def test_safe() -> None:
    assert safe("plain\n\ttext é 漢") == "plain\n\ttext é 漢"
    assert safe("\x00\x1b\x7f\x9b\u200e\u2028\u2066") == "\N{REPLACEMENT CHARACTER}" * 7


def test_cut() -> None:
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdef", 4) == "abc…"
    assert cut("漢字漢", 5) == "漢字…"
    assert cells("e\u0301") == 1


def test_painted() -> None:
    assert painted("a", "1") == "\x1b[1ma\x1b[0m"
    assert painted("", "1") == painted("", "") == ""
