from adjoin.corpus.document import Document
from adjoin.pieces.code import code_pieces
from adjoin.pieces.piece import PASSAGE, Piece
from adjoin.pieces.splitting import pieces_of

CODE = "def last():\n    pass\n"


def of(text: str, language: str = "python", first_line: int = 1, section: str = "") -> list[Piece]:
    document = Document.of(text, language, "a/b.py", first_line=first_line, section=section)
    return list(pieces_of(document))


def test_code_is_split_by_its_definitions() -> None:
    assert of(CODE, first_line=7) == code_pieces(CODE, "python", "a/b.py", first_line=7)
    assert [(piece.name, piece.first_line) for piece in of(CODE, first_line=7)] == [("last", 7)]


def test_prose_is_split_into_passages() -> None:
    [piece] = of("Uploads are retried\nthree times.\n", "text", first_line=7, section="Uploads")
    assert (piece.kind, piece.name, piece.first_line, piece.last_line) == (PASSAGE, "Uploads", 7, 8)
    assert piece.text == piece.embedded == "Uploads are retried three times."


def test_no_passage_without_a_letter() -> None:
    assert of("***\n\n12 34\n", "text") == []
