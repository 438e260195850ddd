"""Lines of a binary stream of any size, in flat memory."""

from collections.abc import Iterator

from adjoin.corpus.compression import DecompressedStream, Readable

_CHUNK = 1 << 20
_LINE_COST = 64  # bytes that a line counts, however short, since its record takes as long as these to read


def lines(file: Readable, longest: int) -> Iterator[bytes | None]:
    r"""Yield the lines of a stream without their \n, and None for a line longer than `longest` bytes.

    A line that is too long is never held in memory.

    Raises:
        DamagedError, OSError: raised by `file`.
    """
    waiting: list[bytes] = []  # the pieces of a line that has not ended yet
    size = 0
    while chunk := file.read(_CHUNK):
        first, *rest = chunk.split(b"\n")
        if isinstance(file, DecompressedStream):
            file.charge(_LINE_COST * len(rest) - len(chunk))
        if size <= longest:
            waiting.append(first)
        size += len(first)
        if not rest:
            if size > longest:
                waiting.clear()
            continue
        yield b"".join(waiting) if size <= longest else None
        for line in rest[:-1]:
            yield line if len(line) <= longest else None
        waiting, size = [rest[-1]], len(rest[-1])
    if size:
        yield b"".join(waiting) if size <= longest else None
