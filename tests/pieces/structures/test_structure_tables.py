"""Tables: each piece is embedded with the names of the columns."""

from adjoin.pieces.structures.tables import pieces_of_table


def test_the_header_goes_with_each_piece() -> None:
    lines = ["city,people", *(f"Town{number},{number}" for number in range(200))]
    first, *rest = pieces_of_table(lines, "a.csv", "csv")
    assert first.embedded == first.text
    assert rest
    assert all(piece.embedded == f"city,people\n{piece.text}" for piece in rest)
    assert [piece.first_line for piece in rest] == [piece.last_line + 1 for piece in [first, *rest][:-1]]
