"""The lines of a piece that are shown."""

import pytest

from adjoin.cli.lines import FEWEST_LINES, MOST_LINES, Asked, best_line, chosen_lines, header_of, read_asked
from adjoin.index.search import Hit

CODE = "\n".join(
    [
        "# uploads: slow",
        "@traced",
        "def upload(path):",
        *(f"    step_{number}(path)" for number in range(18)),
        "    retry()",
    ]
)


def hit(text: str = CODE, *, name: str = "upload") -> Hit:
    return Hit("net/up.py", 98, 98 + text.count("\n"), "python", "function", name, 0.75, text)


def test_a_gap_of_one_line_is_no_gap() -> None:
    text = "\n".join(["def f():", "    a", "    retry", "    b", "    c", "    retry"])
    assert chosen_lines(hit(text, name="f"), read_asked("retry")) == [0, 1, 2, 5]
    assert chosen_lines(hit(text, name="f"), read_asked("retry c"), 0) == [0, 1, 2, 3, 4, 5]


def test_a_context_without_end_is_the_whole_piece() -> None:
    assert chosen_lines(hit(), Asked(), 10**15, above=1) == [-1, *range(22)]  # counting to it would never end


def test_without_matching_words_the_piece_begins_with_its_definition() -> None:
    assert chosen_lines(hit(), Asked()) == [2, 3, 4, 5]
    assert len(chosen_lines(hit(), Asked())) == FEWEST_LINES


def test_many_matching_lines_are_too_many() -> None:
    chosen = chosen_lines(hit(), read_asked("path"))
    assert MOST_LINES - 1 <= len(chosen) <= MOST_LINES
    assert chosen[0] == 2


def test_the_lines_with_most_words_are_chosen() -> None:
    text = "\n".join([*["alpha"] * 20, "alpha beta", *["alpha"] * 20])
    assert 20 in chosen_lines(hit(text, name=""), read_asked("alpha beta"))


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
    assert header_of(piece, read_asked("merge a table")) == 4
    assert header_of(piece, read_asked("both")) == 4  # in its body
    assert best_line(piece, read_asked("splitting")) == 8


def test_the_best_line_of_a_piece_without_a_name_has_most_words() -> None:
    assert best_line(hit("a = 1\nretry = 2\nb = 3", name=""), read_asked("retry")) == 1
    assert best_line(hit("\na = 1\nb = 2", name=""), read_asked("retry")) == 1


def test_a_line_with_the_name_as_a_whole_word_comes_first() -> None:
    text = "\n".join(["dump_string_TRUNC dump string"] * 20 + ["dump_string(x)"])
    assert 20 in chosen_lines(hit(text, name=""), read_asked("dump_string"))
    assert best_line(hit(text, name=""), read_asked("dump_string")) == 20
    assert header_of(hit("x = 1\ndump_string(x)", name="gone"), read_asked("dump_string")) == 1
    assert read_asked("how does dump_string cut").names == ("dump_string",)
    assert read_asked("") == Asked()


def test_lines_around_the_piece_are_chosen_as_far_as_they_are_known() -> None:
    asked = read_asked("alpha")
    piece = hit("alpha\nbeta\ngamma", name="")
    assert chosen_lines(piece, asked, 2) == [0, 1, 2]
    assert chosen_lines(piece, asked, 2, above=1, below=5) == [-1, 0, 1, 2]
    assert chosen_lines(piece, asked, 4, above=9, below=1) == [-4, -3, -2, -1, 0, 1, 2, 3]
