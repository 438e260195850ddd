"""The size policy: where files are cut, what is merged, and that no line is lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.pieces import code
from adjoin.pieces.parts import MERGED, SIZE, Mark, Part, cut, pieces_of_parts, segments

LINE = "word " * 10  # 50 characters


def spans(lines: list[str], marks: list[Mark]) -> list[tuple[int, int, tuple[str, ...]]]:
    return [(part.start, part.end, part.names) for part in cut(lines, marks)]


def test_what_fits_is_one_part_with_the_names_of_its_outer_marks() -> None:
    marks = [Mark(0, 1, "a"), Mark(1, 2, "a.b"), Mark(2, 1, "c", ("c",))]
    assert cut(["x"] * 3, marks) == [Part(0, 3, ("a", "c"), ("c",))]


def test_a_large_part_is_cut_at_its_outer_marks() -> None:
    marks = [Mark(0, 1, "a"), Mark(16, 1, "b"), Mark(20, 2, "b.inner")]
    assert spans([LINE] * 34, marks) == [(0, 16, ("a",)), (16, 34, ("b",))]


def test_what_is_still_too_large_is_cut_at_inner_marks() -> None:
    marks = [Mark(0, 1, "a"), Mark(16, 2, "a.b"), Mark(32, 2, "a.c")]
    assert spans([LINE] * 48, marks) == [(0, 16, ("a",)), (16, 32, ("a.b",)), (32, 48, ("a.c",))]


def test_code_and_other_text_have_one_size_policy() -> None:
    assert code.MERGED == MERGED


def test_small_neighbours_are_merged() -> None:
    marks = [Mark(line, 1, f"k{line}", (f"k{line}",)) for line in range(0, 60, 4)]
    parts = cut([LINE] * 60, marks)
    assert all((part.end - part.start) * len(LINE) <= MERGED for part in parts)
    assert len(parts) == 5
    assert parts[0].symbols == ("k0", "k4", "k8")


def test_without_marks_cut_at_an_empty_line_or_the_least_indented_one() -> None:
    lines = [LINE] * 14 + [""] + [LINE] * 14
    assert [part.end for part in cut(lines, [])] == [14, 29]
    lines = [f"    {LINE}"] * 14 + [LINE] + [f"    {LINE}"] * 14
    assert [part.start for part in cut(lines, [])] == [0, 14]


def test_a_parent_of_one_line_gives_way_to_its_child() -> None:
    marks = [Mark(0, 1, "jobs"), Mark(1, 2, "jobs.test"), Mark(12, 2, "jobs.lint")]
    assert [part.names for part in cut([LINE] * 26, marks)] == [("jobs.test",), ("jobs.lint",)]


def test_levels_are_bounded() -> None:
    marks = [Mark(line, line + 1, "x" * line) for line in range(5000)]
    parts = cut([LINE] * 5000, marks)
    assert sum(part.end - part.start for part in parts) == 5000


def test_a_long_line_is_cut_at_spaces() -> None:
    line = "word " * 1000
    assert "".join(segments(line)) == line
    assert all(len(segment) <= SIZE and segment.endswith(" ") for segment in segments(line) if segment)
    pieces = list(pieces_of_parts(["a", line, "b"], cut(["a", line, "b"], []), "p", "text", first_line=7))
    assert {(piece.first_line, piece.last_line) for piece in pieces[1:-1]} == {(8, 8)}


def test_text_is_the_lines_and_what_is_embedded_has_the_name() -> None:
    [piece] = pieces_of_parts(
        ["", "  # Two", "  b", ""], [Part(0, 4, ("One > Two",))], "p", "text", embedded=lambda text: text.strip()
    )
    assert (piece.text, piece.name, piece.first_line, piece.last_line) == ("  # Two\n  b", "One > Two", 2, 3)
    assert piece.embedded == "One\n# Two\n  b"  # the heading is in the text already


@pytest.mark.parametrize(
    ("names", "name"),
    [
        ((), ""),
        (("jobs.a", "jobs.b", "on"), "jobs.a, b, on"),
        (("One > Two", "One > Three"), "One > Two, Three"),
        (("Version 3.1.3", "Version 3.1.2"), "Version 3.1.3, Version 3.1.2"),
        (("a", "b", "c", "d"), "a, b, c"),
    ],
)
def test_the_name_of_merged_parts(names: tuple[str, ...], name: str) -> None:
    [piece] = pieces_of_parts(["x"], [Part(0, 1, names)], "p", "text")
    assert piece.name == name


def test_no_piece_without_a_letter() -> None:
    assert list(pieces_of_parts(["--", "12"], [Part(0, 2)], "p", "text")) == []


def test_lone_surrogates_are_replaced() -> None:
    [piece] = pieces_of_parts(["a\ud800"], [Part(0, 1, ("n\ud800",))], "p", "text")
    assert (piece.text, piece.name) == ("a?", "n?")


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["", "  ", "x", LINE, "  " + LINE, "}", "long " * 400]), max_size=120),
    st.lists(st.tuples(st.booleans(), st.integers(1, 9)), max_size=120),
)
def test_every_line_is_in_exactly_one_part(lines: list[str], marked: list[tuple[bool, int]]) -> None:
    marks = [
        Mark(number, level, str(number))
        for number, (here, level) in enumerate(marked)
        if here and number < len(lines)
    ]
    parts = cut(lines, marks)
    assert [number for part in parts for number in range(part.start, part.end)] == list(range(len(lines)))
    for part in parts:
        assert sum(len(line) + 1 for line in lines[part.start : part.end]) <= SIZE or part.end - part.start == 1
