"""Long lines: what is kept of an inline image, a data table or minified code, so that they do not flood an index.

A line of more than `MAX_LINE` characters is data if it has few spaces. Of data, the beginning and the end are
kept, with " … " between them: the beginning has the name that somebody searches for; the end closes the string, so
that the code around it can still be parsed. A long line of words, such as a paragraph, is kept whole.
"""

from collections.abc import Sequence

MAX_LINE = 2_000  # characters; people do not write longer lines of code
HEAD, TAIL = 600, 100  # characters kept of a line of data
GAP = " … "
_SHARE_OF_SPACES = 1 / 14  # prose has one space for six characters, minified code one for twenty and more


def shorten(lines: Sequence[str], *, words: bool) -> tuple[list[str], int]:
    """Shorten long lines of data, and return the lines with the number of those that were shortened.

    Args:
        lines: the lines of a file.
        words: whether long lines of words are kept, as in prose. In code, every long line counts as data.
    """
    if all(len(line) <= MAX_LINE for line in lines):
        return list(lines), 0
    kept = [line if len(line) <= MAX_LINE or (words and _is_prose(line)) else _ends_of(line) for line in lines]
    return kept, sum(line is not before for line, before in zip(kept, lines, strict=True))


def _is_prose(line: str) -> bool:
    return line.count(" ") >= _SHARE_OF_SPACES * len(line)


def _ends_of(line: str) -> str:
    return f"{line[:HEAD]}{GAP}{line[-TAIL:]}"
