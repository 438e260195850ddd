"""Decompression of gzip, bzip2, xz and Zstandard streams, recognised by their first bytes.

A stream is read forward only, in steps of bounded size. Data that precede damage are returned before the damage is
raised.
"""

import bz2
import gzip
import io
import lzma
from typing import IO, Protocol, cast

_STEP = 1 << 17
# Decompressed bytes per compressed byte. Text reaches 20, gzip at most 1,030: above this ratio there is no text.
MAX_RATIO = 100
FREE_BYTES = 32 << 20  # decompressed bytes before the ratio is checked
# zstandard decompresses all its input at once: up to 128 KiB for 4 bytes. Steps of this size bound that to 16 MiB,
# and are as fast as larger ones (320 MB/s).
_ZSTD_STEP = 1 << 9


class DamagedError(Exception):
    """A stream is truncated, damaged, or not of the format that its name promises.

    Attributes:
        reason: the reason under which it is counted in the tally.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DecompressionBombError(DamagedError):
    """A stream decompresses to more than `MAX_RATIO` allows."""

    def __init__(self) -> None:
        super().__init__("unpacks to too much")


class Readable(Protocol):
    """A binary stream that is read forward: `read(size)` returns `size` bytes, fewer only at the end."""

    def read(self, size: int, /) -> bytes:
        """Read the next bytes."""
        ...


class _ChunkReader(Protocol):
    """A stream with `read1(size)`, which returns at most `size` bytes, and none only at the end."""

    def read1(self, size: int, /) -> bytes: ...


class FileSlice:
    """The next `size` bytes of a file as a stream of their own."""

    def __init__(self, file: Readable, size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int) -> bytes:
        """Read `size` bytes, or what is left."""
        data = self._file.read(min(size, self._left))
        self._left = self._left - len(data) if data else 0
        return data


class DecompressedStream:
    """The decompressed content of a file; the file itself if it is not compressed.

    Args:
        file: the file, open at its beginning.
    """

    def __init__(self, file: Readable) -> None:
        self._compressed = _CompressedFile(file)
        self._inner = _opened(self._compressed)
        self._bytes_out = 0
        self._ready = b""  # decompressed and not yet returned, from `_position` on
        self._position = 0
        self._damage: DamagedError | None = None

    def read(self, size: int) -> bytes:
        """Read `size` bytes; fewer at the end, or once before damage.

        Raises:
            DamagedError: all that precedes the damage has been returned.
            OSError: the disk failed.
        """
        pieces: list[bytes] = []
        missing = size
        while missing > 0:
            if self._position == len(self._ready):
                # Always a large step: tarfile reads 512 bytes at a time, for which decompressors are slow.
                self._ready, self._position = self._next(_STEP), 0
                if not self._ready:
                    break
            piece = self._ready[self._position : self._position + missing]
            self._position += len(piece)
            pieces.append(piece)
            missing -= len(piece)
        if self._damage is not None and not pieces and size:
            raise self._damage
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def charge(self, size: int) -> None:
        """Count more bytes than were decompressed, for content that is slow to read; a negative size is none."""
        self._bytes_out += max(size, 0)

    def _next(self, size: int) -> bytes:
        """The next bytes, `size` at most. Damage is kept, and raised after what precedes it."""
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
        except Exception:  # each decompressor has its own; MemoryError for an absurd window size
            self._damage = DamagedError("damaged")
            return b""
        self._bytes_out += len(piece)
        if self._bytes_out > FREE_BYTES and self._bytes_out > MAX_RATIO * self._compressed.bytes_read:
            self._damage = DecompressionBombError()
        return piece


def _opened(compressed: "_CompressedFile") -> "_ChunkReader":
    """The decompressor that the first bytes ask for."""
    start = compressed.start
    file = cast(IO[bytes], compressed)  # the decompressors ask for `read` alone
    if start.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    if start.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if start == b"\xfd7zXZ\0":
        return lzma.LZMAFile(file)
    # A Zstandard frame, or a skippable one, which parallel compressors write first.
    zstd = start.startswith(b"\x28\xb5\x2f\xfd") or (start[1:4] == b"\x2a\x4d\x18" and start[0] >> 4 == 5)
    return _ZstdReader(compressed) if zstd else compressed


class _CompressedFile(io.RawIOBase):
    """A file whose first bytes can be inspected before they are read.

    Attributes:
        start: the first six bytes.
        bytes_read: number of bytes read so far.
    """

    def __init__(self, file: Readable) -> None:
        self.start = file.read(6)
        self.bytes_read = 0
        self._waiting = self.start
        self._file = file

    def readable(self) -> bool:
        """Always true."""
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
    """Reads the frames of a Zstandard file one after the other.

    zstandard's own stream cannot tell a truncated file from a complete one.
    """

    def __init__(self, compressed: _CompressedFile) -> None:
        import zstandard

        self._compressed = compressed
        self._frames = zstandard.ZstdDecompressor()
        self._frame = self._frames.decompressobj()
        self._begun = False  # whether any byte of the frame has been read
        self._ready = memoryview(b"")

    def read1(self, size: int) -> bytes:
        """Return the next bytes, at most `size`; none at the end.

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
