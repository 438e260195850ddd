"""The lines of a file around a hit, read from the disk."""

from adjoin.corpus.encodings import decode
from adjoin.corpus.read_context import MAX_BYTES
from adjoin.corpus.readers.sections import UnreadableError
from adjoin.index.folders.repositories import Found


def lines_around(found: Found, number: int) -> tuple[list[str], list[str]]:
    """Read at most `number` lines above a hit and below it.

    The file must still have the hit's lines where they were when it was indexed. Otherwise there are none: the
    file has changed or is gone, it is an archive, or its lines were not indexed as they are.
    """
    hit = found.hit
    try:
        path = found.root / hit.path
        if not path.is_file():  # it may be a pipe by now, which would be waited for
            return [], []
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        lines = decode(data).removesuffix("\n").split("\n") if len(data) <= MAX_BYTES else []
    except (OSError, ValueError, UnreadableError):  # a name in an archive may hold anything
        return [], []
    start, end = hit.first_line - 1, hit.last_line
    if lines[start:end] != hit.text.split("\n"):
        return [], []
    return lines[max(0, start - number) : start], lines[end : end + number]
