"""Long lines: data is cut, words are kept."""

from adjoin.pieces.long_lines import GAP, HEAD, MAX_LINE, TAIL, shorten

WORDS = "several words of prose " * 200
DATA = "x = '" + "A" * 5000 + "'"


def test_beginning_and_end_of_data_are_kept() -> None:
    [line], number = shorten([DATA], words=True)
    assert line == DATA[:HEAD] + GAP + DATA[-TAIL:]
    assert number == 1


def test_words_are_kept_in_prose_only() -> None:
    assert shorten([WORDS, "a"], words=True) == ([WORDS, "a"], 0)
    assert shorten([WORDS, "a"], words=False)[1] == 1


def test_lines_of_people_are_kept() -> None:
    lines = ["x" * MAX_LINE, "", "y"]
    assert shorten(lines, words=False) == (lines, 0)
