"""Tables in text: a file of comma- or tab-separated values."""

from collections.abc import Iterator, Sequence

from adjoin.pieces.parts import cut, pieces_of_parts
from adjoin.pieces.piece import Piece

_MAX_HEADER = 300  # characters of the header that are embedded with each piece


def pieces_of_table(lines: Sequence[str], path: str, language: str) -> Iterator[Piece]:
    """Yield windows of the rows of a table; each is embedded with the first line, which names the columns.

    Args:
        lines: the lines of the file.
        path: the file, as in `Piece.path`.
        language: as in `Piece.language`.
    """
    header = lines[0][:_MAX_HEADER]

    def embedded(text: str) -> str:
        return text if text.startswith(header) else f"{header}\n{text}"

    yield from pieces_of_parts(lines, cut(lines, []), path, language, embedded=embedded)
