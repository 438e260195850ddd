import io
import json
import re

import pytest
from rich.console import Console

from adjoin.index import Hit
from adjoin.index.display import SHOWN_LINES, as_json, show

CODE = "\n".join(["def upload(path):", *(f"    step_{number}(path)" for number in range(20))])
FUNCTION = Hit("net/up.py", 98, 118, "python", "function", "upload", 0.03252, CODE)
PROSE = Hit("guide.md", 3, 9, "text", "passage", "[bold]Uploads[/bold]", 0.5, "uploads are retried " * 50)
UNKNOWN = Hit("x.zz", 1, 2, "no-such-language", "lines", "", 1.0, "\tone " + "w" * 300 + "\n\ntwo")


def shown(*hits: Hit, terminal: bool = False, width: int = 60, query: str = "") -> str:
    out = io.StringIO()
    console = Console(
        file=out, force_terminal=terminal, width=width, color_system="standard" if terminal else None
    )
    show(hits, console, query=query)
    return out.getvalue()


def test_a_function_with_its_real_line_numbers() -> None:
    lines = shown(FUNCTION).split("\n")
    assert lines[0] == "net/up.py:98-118  0.0325  upload"
    assert lines[1] == "   98 def upload(path):"
    assert lines[SHOWN_LINES] == f"  {98 + SHOWN_LINES - 1} {CODE.split(chr(10))[SHOWN_LINES - 1]}"
    assert lines[SHOWN_LINES + 1] == f"      … {21 - SHOWN_LINES} more lines"
    assert lines[SHOWN_LINES + 2 :] == [""]


def test_a_pipe_gets_whole_plain_lines() -> None:
    text = shown(FUNCTION, PROSE, UNKNOWN, query="upload retried")
    assert "\x1b" not in text
    assert "  1     one " + "w" * 300 + "\n  2\n" in text.replace("  2 \n", "  2\n")
    assert "[bold]Uploads[/bold]" in text  # not markup


@pytest.mark.parametrize("width", [20, 60])
def test_a_terminal_gets_colours_and_cut_lines(width: int) -> None:
    text = shown(FUNCTION, PROSE, UNKNOWN, terminal=True, width=width, query="path retried")
    assert "\x1b[" in text
    plain = shown(FUNCTION, PROSE, UNKNOWN, terminal=False, width=width)
    assert "w" * 300 in plain
    assert "w" * width not in text
    assert all(len(_without_codes(line)) <= width for line in text.split("\n"))


def _without_codes(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


def test_words_of_the_query_are_emphasised() -> None:
    assert "\x1b[1;7mretried\x1b[0m" in shown(PROSE, terminal=True, query="who Retried it")
    assert "\x1b[1;7m" not in shown(PROSE, terminal=True, query="")


def test_control_characters_never_reach_the_terminal() -> None:
    evil = Hit("a\x1b[31m.py", 1, 1, "python", "lines", "n\x07\n", 1.0, "x = '\x1b]0;title\x07' \u202e# c")
    for terminal in (True, False):
        text = _without_codes(shown(evil, terminal=terminal, width=200))
        assert not set(text) & set("\x1b\x07\u202e")


def test_nothing_found() -> None:
    assert shown() == "Nothing found.\n"


def test_as_json() -> None:
    value = json.loads(json.dumps(as_json([FUNCTION, PROSE])))
    assert [Hit(**entry) for entry in value] == [FUNCTION, PROSE]
    assert as_json([]) == []
