"""Piece: the part of a file that is embedded and found as a unit."""

from dataclasses import dataclass

FUNCTION, LINES, PASSAGE = "function", "lines", "passage"  # the kinds of pieces


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file that is embedded and found as a unit: a function, a window of lines or a passage.

    Attributes:
        path: the file, relative to the indexed root. A member of an archive is "archive.whl!path/in/it.py".
        language: as in `Document.language`, such as "python" or "text".
        kind: what is defined ("function", "class", "interface", "enum", "type", "constant", "macro", "module", or
            "declaration" for a prototype); that of the largest if neighbours are merged. `LINES` or `PASSAGE` if
            nothing is.
        name: a definition's qualified name or a passage's heading; empty if there is none. Merged definitions have
            their names with ", " between them. Lines between definitions have the name of what is around them.
        first_line: first line in the file, counted from 1.
        last_line: last line in the file, inclusive.
        text: for code, the file's lines unchanged; for prose, a passage with white space collapsed.
        embedded: the text that the encoder reads. For a function it is the code without its docstring, as in
            training, plus the docstring's summary; a long list of parameters would outweigh both. Otherwise it
            equals `text`.
        symbols: the names that the piece defines, unqualified, such as ("retry_upload",). A piece of several small
            definitions has several.
    """

    path: str
    language: str
    kind: str
    name: str
    first_line: int
    last_line: int
    text: str
    embedded: str
    symbols: tuple[str, ...] = ()


def encoded_text(piece: Piece) -> str:
    """The text whose vector finds a piece: its folder, its file, its name, then `Piece.embedded`.

    Questions name what a file is about, and a file's name often says it where no piece does. Over 254 questions
    about 13 repositories, vectors alone have nDCG@10 0.834 with these words in front and 0.756 without
    (docs/ranking.md).
    """
    *folders, file = piece.path.replace("!", "/").split("/")
    stem = file.lstrip(".").rpartition(".")[0] or file
    return f"{' '.join((*folders[-1:], stem, piece.name)).strip()}\n{piece.embedded}"
