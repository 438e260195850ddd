"""Results for people: the lines that are chosen, colours, widths, and what never reaches a terminal."""

import re
from pathlib import Path

import pytest

from adjoin.cli.hits import (
    FEWEST_LINES,
    LONGEST_COLOURED,
    MOST_LINES,
    NO_GOOD_ANSWER,
    NOTHING,
    Layout,
    best_line,
    chosen_lines,
    header_of,
    write_hits,
)
from adjoin.index.folders.repositories import Found
from adjoin.index.search import Hit
from adjoin.ranking.lexical import terms

CODE = "\n".join(
    [
        "# uploads: slow",
        "@traced",
        "def upload(path):",
        *(f"    step_{number}(path)" for number in range(18)),
        "    retry()",
    ]
)


def hit(
    text: str = CODE,
    *,
    path: str = "net/up.py",
    first: int = 98,
    last: int | None = None,
    language: str = "python",
    name: str = "upload",
    weak: bool = False,
) -> Hit:
    last = first + text.count("\n") if last is None else last
    return Hit(path, first, last, language, "function", name, 0.75, text, weak, {"vector": 0.5, "words": 0.25})


def shown(*hits: Hit, query: str = "", **layout: object) -> str:
    written: list[str] = []
    found = [Found(one, one.path, Path("/r")) for one in hits]
    write_hits(found, query, Layout(**layout), written.append)  # type: ignore[arg-type]
    return "".join(written)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_the_definition_and_the_matching_lines_with_their_numbers() -> None:
    lines = shown(hit(), query="retry").splitlines()
    assert lines[0] == "net/up.py:98-119  upload  0.7500"
    assert lines[1] == "  100  def upload(path):"
    assert lines[-2:] == ["  ...", "  119      retry()"]


def test_context_is_shown_around_matching_lines() -> None:
    lines = shown(hit(), query="retry", context=1).splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["99", "100", "101", "...", "118", "119"]
    assert len(shown(hit(), query="retry", context=0).splitlines()) == 4  # heading, definition, gap, match


def test_a_gap_of_one_line_is_no_gap() -> None:
    text = "\n".join(["def f():", "    a", "    retry", "    b", "    c", "    retry"])
    assert chosen_lines(hit(text, name="f"), frozenset(terms("retry"))) == [0, 1, 2, 5]
    assert chosen_lines(hit(text, name="f"), frozenset(terms("retry c")), 0) == [0, 1, 2, 3, 4, 5]


def test_without_matching_words_the_piece_begins_with_its_definition() -> None:
    assert chosen_lines(hit(), frozenset()) == [2, 3, 4, 5]
    assert len(chosen_lines(hit(), frozenset())) == FEWEST_LINES


def test_many_matching_lines_are_too_many() -> None:
    chosen = chosen_lines(hit(), frozenset(terms("path")))
    assert MOST_LINES - 1 <= len(chosen) <= MOST_LINES
    assert chosen[0] == 2


def test_the_lines_with_most_words_are_chosen() -> None:
    text = "\n".join([*["alpha"] * 20, "alpha beta", *["alpha"] * 20])
    assert 20 in chosen_lines(hit(text, name=""), frozenset(terms("alpha beta")))


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        (CODE, "upload", 2),
        ("\n\nx = 1", "", 2),
        ("/** retry again */\npublic void retry() {", "Uploader.retry", 1),
        ("", "", 0),
        ("body", "gone", 0),
    ],
)
def test_header(text: str, name: str, line: int) -> None:
    assert header_of(hit(text, name=name)) == line


def test_of_several_definitions_the_one_that_answers_is_the_header() -> None:
    text = "def write(a):\n    return a\n\n\ndef merge(b):\n    return both(b)\n\n\ndef split(c):\n    return c"
    piece = hit(text, name="write, Table.merge, split")
    assert header_of(piece) == 0
    assert header_of(piece, frozenset(terms("merge a table"))) == 4
    assert header_of(piece, frozenset(terms("both"))) == 4  # in its body
    assert best_line(piece, frozenset(terms("splitting"))) == 8


def test_the_best_line_of_a_piece_without_a_name_has_most_words() -> None:
    assert best_line(hit("a = 1\nretry = 2\nb = 3", name=""), frozenset(terms("retry"))) == 1
    assert best_line(hit("\na = 1\nb = 2", name=""), frozenset(terms("retry"))) == 1


def test_a_pipe_gets_whole_plain_lines() -> None:
    text = shown(hit("\tone " + "w" * 3000 + "\n\ntwo", language="no-such-language", first=1))
    assert "\x1b" not in text
    assert "    1      one " + "w" * 3000 + "\n" in text


@pytest.mark.parametrize("width", [24, 60])
@pytest.mark.parametrize("language", ["python", "no-such-language"])
def test_a_terminal_gets_colours_and_cut_lines(width: int, language: str) -> None:
    text = shown(hit("x = '" + "w" * 300 + "'\n" + "漢字" * 100, language=language), colour=True, width=width)
    assert "\x1b[" in text
    lines = plain(text).splitlines()[1:]
    wide = [sum(2 if ord(character) > 0x2E80 else 1 for character in line) for line in lines]
    assert max(wide) <= width
    assert all(line.endswith("…") for line in lines)


def test_colours_change_no_text() -> None:
    for text in (CODE, 'a = """\n  # text\n"""\r\nb = "\t"', "", "\n\n", "x" * (LONGEST_COLOURED + 1)):
        assert plain(shown(hit(text), colour=True, query="retry")) == shown(hit(text), query="retry")


def test_words_of_the_query_are_emphasised() -> None:
    assert "\x1b[1;31mretry\x1b[0m" in shown(hit(), colour=True, query="who Retried it")
    assert "\x1b[1;31m" not in shown(hit(), colour=True)


def test_control_characters_never_reach_the_terminal() -> None:
    evil = hit("x = '\x1b]0;title\x07' \u202e# c\x9b31m", path="a\x1b[31m\n.py", name="n\x07\n")
    for colour in (True, False):
        text = plain(shown(evil, colour=colour, explain=True))
        assert not set(text) & set("\x1b\x07\u202e\x9b")
        assert text.count("\n") == 3  # heading, evidence, the line


def test_weak_results_are_said_to_be_weak() -> None:
    assert shown(hit(weak=True)).startswith(f"{NO_GOOD_ANSWER}\nnet/up.py")
    both = shown(hit(), hit(weak=True))
    assert NO_GOOD_ANSWER not in both
    assert "\n\nWeak:\nnet/up.py" in both
    assert shown(hit(weak=True), hit()) == both  # nothing good stands below "Weak:"
    assert shown() == f"{NOTHING}\n"


def test_the_evidence_is_explained() -> None:
    assert "\n  vector 0.500, words 0.250\n" in shown(hit(), explain=True)
    assert "vector" not in shown(hit())


def test_text_that_is_not_line_by_line_has_no_numbers() -> None:
    lines = shown(hit("A passage of\nwords.", first=3, last=9, name="")).splitlines()
    assert lines == ["net/up.py:3-9  0.7500", "     A passage of", "     words."]
