"""Small neighbouring pieces are merged."""

from adjoin.pieces.merging import merged
from adjoin.pieces.parts import MERGED
from adjoin.pieces.piece import FUNCTION, PASSAGE, Piece


def piece(text: str, line: int, name: str = "", symbols: tuple[str, ...] = (), kind: str = PASSAGE) -> Piece:
    return Piece("p", "python", kind, name, line, line, text, text.upper(), symbols)


def test_small_neighbours_become_one() -> None:
    [one] = merged([piece("a", 1, "Title"), piece("b", 3, "f", ("f",), FUNCTION), piece("c", 5)])
    assert (one.text, one.embedded, one.name) == ("a\nb\nc", "A\nB\nC", "f")
    assert (one.first_line, one.last_line, one.kind, one.symbols) == (1, 5, FUNCTION, ("f",))


def test_definitions_stay_apart_and_large_pieces_too() -> None:
    definitions = [piece("a", 1, "f", ("f",)), piece("b", 2, "g", ("g",))]
    assert list(merged(definitions)) == definitions
    large = [piece("a" * MERGED, 1), piece("b", 2)]
    assert list(merged(large)) == large
    assert list(merged([])) == []
