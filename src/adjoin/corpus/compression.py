"""Compressed files as streams of their content: gzip, bzip2, xz and Zstandard, told apart by their first bytes.

A stream only goes forward, in steps of a bounded size. What came before damage is given before the damage is told.
"""

import bz2
import gzip
import io
import lzma
from typing import IO, Protocol, cast

_STEP = 1 << 17
# Gzip reaches 1:1,030, text 1:20. A stream that unpacks to more than this is no text: it holds nothing but zeros.
MAX_RATIO = 250
FREE_BYTES = 1 << 30  # before the ratio is looked at
# zstandard unpacks all that it is given at once: up to 128 KiB for 4 bytes. In steps of this size that is 16 MiB
# at most, and as fast as in larger ones (320 MB/s).
_ZSTD_STEP = 1 << 9


class DamagedError(Exception):
    """A stream ends before its end, or is not what it seemed.

    Attributes:
        reason: as it stands in the tally.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TooMuchError(DamagedError):
    """A stream unpacks to more than anything honest does."""

    def __init__(self) -> None:
        super().__init__("unpacks to too much")


class Readable(Protocol):
    """Anything with bytes to read, in order: `read(size)` gives `size` of them, fewer only at the end."""

    def read(self, size: int, /) -> bytes:
        """Read the next bytes."""
        ...


class _ChunkReader(Protocol):
    """What gives its bytes as they come: `read1(size)` gives `size` of them at most, none at the end."""

    def read1(self, size: int, /) -> bytes: ...


class Unpacked:
    """What is inside a compressed file; the file itself where it is not compressed.

    Args:
        file: the file, open at its beginning.
    """

    def __init__(self, file: Readable) -> None:
        self._compressed = _CompressedFile(file)
        self._inner = _opened(self._compressed)
        self._unpacked = 0
        self._ready = b""  # what has been unpacked and not yet asked for, from `_place` on
        self._place = 0
        self._damage: DamagedError | None = None

    def read(self, size: int) -> bytes:
        """Read `size` bytes; fewer at the end, or once before damage.

        Raises:
            DamagedError: there is no more before the damage.
            OSError: the disk failed.
        """
        pieces: list[bytes] = []
        missing = size
        while missing > 0:
            if self._place == len(self._ready):
                # Always as much as this: tarfile reads 512 bytes at a time, for which decompressors are slow.
                self._ready, self._place = self._next(_STEP), 0
                if not self._ready:
                    break
            piece = self._ready[self._place : self._place + missing]
            self._place += len(piece)
            pieces.append(piece)
            missing -= len(piece)
        if self._damage is not None and not pieces and size:
            raise self._damage
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _next(self, size: int) -> bytes:
        """Some of the next bytes; damage is noted, so that it is told after what came before it."""
        if self._damage is not None:
            return b""
        try:
            piece = self._inner.read1(size)
        except DamagedError as error:  # of the archive around this file
            self._damage = error
            return b""
        except EOFError:
            self._damage = DamagedError("truncated")
            return b""
        except OSError as error:  # of the disk if it has a number, of the decompressors if not
            if error.errno is not None:
                raise
            self._damage = DamagedError("damaged")
            return b""
        except Exception:  # each decompressor has its own, and MemoryError for a window that no one has room for
            self._damage = DamagedError("damaged")
            return b""
        self._unpacked += len(piece)
        if self._unpacked > FREE_BYTES and self._unpacked > MAX_RATIO * self._compressed.bytes_read:
            self._damage = TooMuchError()
        return piece


def _opened(compressed: "_CompressedFile") -> "_ChunkReader":
    """The stream inside, by the first bytes."""
    start = compressed.start
    file = cast(IO[bytes], compressed)  # the decompressors ask for `read` alone
    if start.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    if start.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if start == b"\xfd7zXZ\0":
        return lzma.LZMAFile(file)
    # A Zstandard frame, or one that its readers skip, as parallel compressors put before it.
    zstd = start.startswith(b"\x28\xb5\x2f\xfd") or (start[1:4] == b"\x2a\x4d\x18" and start[0] >> 4 == 5)
    return _ZstdReader(compressed) if zstd else compressed


class _CompressedFile(io.RawIOBase):
    """A file whose first bytes have been looked at.

    Attributes:
        start: those bytes.
        bytes_read: how many have been read so far.
    """

    def __init__(self, file: Readable) -> None:
        self.start = file.read(6)
        self.bytes_read = 0
        self._waiting = self.start
        self._file = file

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read `size` bytes."""
        if size < 0:
            size = _STEP
        data, self._waiting = self._waiting[:size], self._waiting[size:]
        if len(data) < size:
            data += self._file.read(size - len(data))
        self.bytes_read += len(data)
        return data

    read1 = read


class _ZstdReader:
    """The frames of a Zstandard file, one after the other.

    zstandard's own stream does not tell a file that ends in the middle from one that ends.
    """

    def __init__(self, compressed: _CompressedFile) -> None:
        import zstandard

        self._compressed = compressed
        self._frames = zstandard.ZstdDecompressor()
        self._frame = self._frames.decompressobj()
        self._begun = False  # whether the frame has had any bytes
        self._ready = memoryview(b"")

    def read1(self, size: int) -> bytes:
        """Some of the next bytes, `size` at most; none at the end.

        Raises:
            EOFError: the file ends within a frame.
            zstandard.ZstdError: the frame is damaged.
        """
        while not self._ready:
            compressed = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame, self._begun = self._frames.decompressobj(), False
            compressed = compressed or self._compressed.read(_ZSTD_STEP)
            if not compressed:
                if self._begun:
                    raise EOFError
                return b""
            self._begun = True
            self._ready = memoryview(self._frame.decompress(compressed))
        piece, self._ready = self._ready[:size], self._ready[size:]
        return bytes(piece)
