"""Archives, read member by member as a stream, with bounds that no archive can lie about.

One member at a time is in memory, at most `max_bytes` of it; what an archive states about its sizes is checked
before it is believed. Nothing is written to the disk.
"""

import bz2
import gzip
import io
import lzma
import re
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, cast

from adjoin.corpus.contents import read_bytes
from adjoin.corpus.document import Document
from adjoin.corpus.formats import archive_kind, folder_skip_reason, format_of, unread_reason
from adjoin.tally import Tally

MAX_MEMBERS = 200_000
MAX_UNPACKED = 8 << 30  # bytes of all members of one archive

_DIRECTORY_BYTES = (
    MAX_MEMBERS * 256
)  # of a zip file's list of members: zipfile loads it whole; an entry has about 100
_STEP = 1 << 16
_DRIVE = re.compile(r"[A-Za-z]:")
# zipfile unpacks the other methods without a bound on the size of the result.
_BOUNDED_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class _TooLargeError(Exception):
    """More members or bytes than any honest archive holds."""


@dataclass(slots=True)
class _Reading:
    """The archive that is being read.

    Attributes:
        origin: of the archive.
        tally: where every skip is counted.
        max_bytes: of one member.
        members: how many have been seen.
        unpacked: the bytes of those that were wanted.
    """

    origin: str
    tally: Tally
    max_bytes: int
    members: int = 0
    unpacked: int = 0

    def wants(self, name: str, size: int, skip_reason: str) -> bool:
        """Count a member, and whether it is to be read.

        Args:
            name: its path, as the archive has it.
            size: its bytes, as the archive has them.
            skip_reason: why it is passed over, if that is known.

        Raises:
            _TooLargeError: with it the archive exceeds its bounds.
        """
        self.members += 1
        reason = _path_reason(name) or skip_reason or ("too large" if size > self.max_bytes else "")
        if reason:
            self.tally.add(reason, self.member_origin(name))
        else:
            self.unpacked += size
        if self.members > MAX_MEMBERS or self.unpacked > MAX_UNPACKED:
            raise _TooLargeError
        return not reason

    def documents(self, name: str, data: bytes) -> Iterator[Document]:
        """Read the bytes of a member."""
        form = format_of(PurePosixPath(name).name)
        if form is not None:
            yield from read_bytes(data, form, self.member_origin(name), self.tally)

    def member_origin(self, name: str) -> str:
        """The origin of a member's Documents, as valid Unicode."""
        return f"{self.origin}!{name.encode('utf-8', 'surrogateescape').decode('utf-8', 'replace')}"


def read_archive(file: IO[bytes], kind: str, origin: str, tally: Tally, max_bytes: int) -> Iterator[Document]:
    """Read the Documents of an open archive; problems are counted, what was read before one is kept.

    Args:
        file: the archive, open for reading and able to seek.
        kind: "zip" or "tar", see `adjoin.corpus.formats.archive_kind`.
        origin: of the archive; its members' are "origin!path/in/it".
        tally: where every skip is counted.
        max_bytes: of one member; larger ones are passed over.
    """
    reading = _Reading(origin, tally, max_bytes)
    try:
        yield from _read_zip(file, reading) if kind == "zip" else _read_tar(file, reading)
    except _TooLargeError:
        tally.add("archive too large", origin)
    except Exception:  # a damaged archive makes zipfile, tarfile and the decompressors raise anything
        tally.add("corrupt archive", origin)


def _path_reason(name: str) -> str:
    """Why a member of this name is passed over, or the empty string."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or _DRIVE.match(name):
        return "member outside the archive"
    for folder in path.parts[:-1]:
        if reason := folder_skip_reason(folder):
            return reason
    if path.name.startswith("."):
        return "hidden"
    return "nested archive" if archive_kind(path.name) else unread_reason(path.name)


def _read_zip(file: IO[bytes], reading: _Reading) -> Iterator[Document]:
    if _zip_directory_bytes(file) > _DIRECTORY_BYTES:
        raise _TooLargeError
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if member.is_dir() or not reading.wants(member.filename, member.file_size, _zip_reason(member)):
                continue
            with archive.open(member) as content:
                data = content.read(reading.max_bytes + 1)
            yield from reading.documents(member.filename, data)


def _zip_reason(member: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "symbolic link"
    if kind not in (0, stat.S_IFREG):
        return "special file"
    if member.flag_bits & 0x1:
        return "encrypted"
    return "" if member.compress_type in _BOUNDED_METHODS else "unknown compression"


def _zip_directory_bytes(file: IO[bytes]) -> int:
    """The size of the list of members, by the record at the end of a zip file; zipfile judges a missing one."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - (1 << 16) - 100))  # the record ends with a comment of up to 65,535 bytes
    tail = file.read()
    file.seek(0)
    record = tail.rfind(b"PK\x05\x06")
    stated = int.from_bytes(tail[record + 12 : record + 16], "little") if record >= 0 else 0
    wide = tail.rfind(b"PK\x06\x06", 0, max(record, 0))  # of zip64, with the size in eight bytes
    if wide >= 0:
        stated = int.from_bytes(tail[wide + 40 : wide + 48], "little")
    return stated


def _read_tar(file: IO[bytes], reading: _Reading) -> Iterator[Document]:
    stream = _Stream(_unpacked(file), longest_read=max(reading.max_bytes + _STEP, 1 << 20))
    with tarfile.TarFile(fileobj=stream, mode="r") as archive:
        while (member := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # tarfile would remember every member
            if member.isdir() or not reading.wants(member.name, member.size, _tar_reason(member)):
                continue
            content = archive.extractfile(member)
            if content is not None:
                yield from reading.documents(member.name, content.read(reading.max_bytes + 1))
    # tarfile takes a broken header for the end; the end proper is a block of zeros, or the end of the file.
    if stream.last.strip(b"\0"):
        raise tarfile.ReadError("broken header")


def _tar_reason(member: tarfile.TarInfo) -> str:
    if member.issym() or member.islnk():
        return "symbolic link" if member.issym() else "hard link"
    return "" if member.isreg() and not member.issparse() else "special file"


def _unpacked(file: IO[bytes]) -> IO[bytes]:
    """The stream inside, by its first bytes, since names lie."""
    start = file.read(6)
    file.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=file))
    if start.startswith(b"BZh"):
        return bz2.BZ2File(file)
    return lzma.LZMAFile(file) if start == b"\xfd7zXZ\0" else file


class _Stream(io.RawIOBase):
    """A stream that only goes forward, in bounded steps: what a tar file inside a compressed one needs.

    tarfile by itself would load a header field of any stated size at once.

    Attributes:
        last: the bytes that the last read gave.
    """

    def __init__(self, inner: IO[bytes], longest_read: int) -> None:
        self.last = b""
        self._inner = inner
        self._longest_read = longest_read
        self._position = 0

    def readable(self) -> bool:
        """Tell that it can be read, for tarfile."""
        return True

    def tell(self) -> int:
        """Give the position in the unpacked stream."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Read `size` bytes, or what is left.

        Raises:
            tarfile.ReadError: so many bytes at once are no member and no header that we want.
        """
        if not 0 <= size <= self._longest_read:
            raise tarfile.ReadError(f"a header of {size} bytes; expected at most {self._longest_read}")
        self.last = self._inner.read(size)
        self._position += len(self.last)
        return self.last

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go forward to `offset`, or to the end if that comes first.

        Raises:
            _TooLargeError: the stream is longer than any honest archive.
            tarfile.ReadError: `offset` lies behind; going back would mean to unpack from the start again.
        """
        if offset > MAX_UNPACKED:
            raise _TooLargeError
        if offset < self._position or whence != io.SEEK_SET:
            raise tarfile.ReadError(f"a member at {offset}, expected none before {self._position}")
        while self._position < offset and self.read(min(_STEP, offset - self._position)):
            pass
        return self._position
