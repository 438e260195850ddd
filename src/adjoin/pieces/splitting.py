"""Splits a Document into pieces: source code by `code.code_pieces`, prose into passages as for training."""

from collections.abc import Iterator

from adjoin.corpus.document import Document
from adjoin.pairs.passages import passages
from adjoin.pieces.code import code_pieces
from adjoin.pieces.piece import PASSAGE, Piece
from adjoin.texts import valid_unicode


def pieces_of(document: Document) -> Iterator[Piece]:
    """Split a document into pieces, in order. Every line of code with a letter is in exactly one piece."""
    if not document.is_prose:
        yield from code_pieces(document.text, document.language, document.origin, first_line=document.span[0])
        return
    for passage in passages(document):
        if any(map(str.isalpha, passage.text)):
            text, name = valid_unicode(passage.text), valid_unicode(document.section)
            yield Piece(document.origin, document.language, PASSAGE, name, *passage.span, text, text)
