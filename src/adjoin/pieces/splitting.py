"""Splits a Document into pieces: source code by `code.code_pieces`, prose into passages as for training."""

from collections.abc import Iterator

from adjoin.corpus.document import Document
from adjoin.pairs.passages import passages
from adjoin.pieces.code import code_pieces
from adjoin.pieces.piece import PASSAGE, Piece
from adjoin.tally import Tally
from adjoin.texts import valid_unicode


def pieces_of(document: Document, tally: Tally | None = None) -> Iterator[Piece]:
    """Split a document into pieces, in order. Every line of code with a letter is in exactly one piece.

    Args:
        document: source code, or a section of prose.
        tally: counts code that cannot be parsed, as `code_pieces` does.
    """
    if not document.is_prose:
        text, first_line = document.text, document.span[0]
        yield from code_pieces(text, document.language, document.origin, first_line=first_line, tally=tally)
        return
    for passage in passages(document):
        if any(map(str.isalpha, passage.text)):
            text, name = valid_unicode(passage.text), valid_unicode(document.section)
            yield Piece(document.origin, document.language, PASSAGE, name, *passage.span, text, text)
