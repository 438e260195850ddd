"""Archives, read member by member as a stream, with bounds that no archive can lie about.

One member at a time is in memory, at most `max_bytes` of it, and of a member that is a stream of records no more
than a piece; what an archive states about its sizes is checked before it is believed. Nothing is unpacked to the
disk.

Three bounds stop an archive that was made to: the number of members; the bytes of all members, 256 GiB; and, since
a few MB could unpack to that, the ratio that `adjoin.corpus.compression` allows, 250 times what lies on the disk.
"""

import errno
import io
import os
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import IO

from adjoin.corpus.compression import FREE_BYTES, MAX_RATIO, Readable, TooMuchError, Unpacked
from adjoin.corpus.dispatch import read_file
from adjoin.corpus.document import Document, printable_path
from adjoin.corpus.formats import archive_kind, folder_skip_reason, stream_kind, unread_reason
from adjoin.corpus.licences import MAX_TEXT
from adjoin.corpus.provenance import Package
from adjoin.corpus.read_context import ReadContext
from adjoin.corpus.repositories import repository_of_path

MAX_MEMBERS = 1_000_000
MAX_UNPACKED = 256 << 30  # bytes of all members of one archive

_DIRECTORY_BYTES = 200_000 * 256  # of a zip file's list of members: zipfile loads it whole; an entry has about 100
_STEP = 1 << 16
_DRIVE = re.compile(r"[A-Za-z]:")
# zipfile unpacks the other methods without a bound on the size of the result.
_BOUNDED_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_LICENCE_FOLDER = folder_skip_reason("licenses")  # passed over for its texts, which tell a licence nonetheless
_AR_START = b"!<arch>\n"
_AR_HEADER = 60  # bytes: name 16, dates and owners 32, size 10, end mark 2


class _TooLargeError(Exception):
    """More members or bytes than any honest archive holds."""


@dataclass(slots=True)
class _Archive:
    """The archive that is being read.

    Attributes:
        origin: of the archive.
        context: how members are read, and where every skip is counted.
        package: what its members say of the package in it.
        bound: for `unpacked`.
        members: how many have been seen.
        unpacked: the bytes of those that were wanted.
    """

    origin: str
    context: ReadContext
    package: Package
    bound: int
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
        reason = _path_reason(name, self.context.streams) or skip_reason
        if not reason and size > self.context.max_bytes and not stream_kind(_base_name(name)):
            reason = "too large"
        if reason:
            self.context.tally.add(reason, self.member_origin(name))
        else:
            self.unpacked += size
        if self.members > MAX_MEMBERS or self.unpacked > self.bound:
            raise _TooLargeError
        return not reason

    def noted(self, name: str, size: int, content: IO[bytes]) -> IO[bytes]:
        """Take in what a member says of the package, and give its content, as before, to be read."""
        path = name.removeprefix("./")
        if not self.package.wants(path, size) or _folder_reason(path) not in ("", _LICENCE_FOLDER):
            return content
        data = content.read(MAX_TEXT)
        self.package.offer(path, data)
        return io.BytesIO(data)

    def documents(self, name: str, content: IO[bytes]) -> Iterator[Document]:
        """Read a member."""
        repository = repository_of_path(name)
        for document in read_file(content, _base_name(name), self.member_origin(name), self.context):
            yield replace(document, repository=repository) if repository else document

    def member_origin(self, name: str) -> str:
        """The origin of a member's Documents, as valid Unicode."""
        return f"{self.origin}!{printable_path(name.removeprefix('./'))}"


def read_archive(
    file: IO[bytes], kind: str, origin: str, context: ReadContext, package: Package
) -> Iterator[Document]:
    """Read the Documents of an open archive; problems are counted, what was read before one is kept.

    Args:
        file: the archive, open for reading; a zip must be able to seek.
        kind: "zip", "tar", "gem" or "deb", see `adjoin.corpus.formats.archive_kind`.
        origin: of the archive; its members' are "origin!path/in/it".
        context: how members are read, and where every skip is counted.
        package: takes in what the members say of the package.

    Raises:
        OSError: the disk failed.
    """
    bound = min(MAX_UNPACKED, max(FREE_BYTES, MAX_RATIO * os.fstat(file.fileno()).st_size))
    archive = _Archive(origin, context, package, bound)
    try:
        yield from _READERS[kind](file, archive)
    except (_TooLargeError, TooMuchError):
        context.tally.add("archive too large", origin)
    except OSError as error:  # of the disk if it has a number, of the decompressors if not
        if error.errno not in (None, errno.EINVAL):  # which is that of a place before the beginning of the file
            raise
        context.tally.add("corrupt archive", origin)
    except Exception:  # a damaged archive makes zipfile, tarfile and the decompressors raise anything
        context.tally.add("corrupt archive", origin)


def _path_reason(name: str, streams: bool) -> str:
    """Why a member of this name is passed over, or the empty string."""
    path = name.replace("\\", "/")
    if path.startswith("/") or ".." in path.split("/") or _DRIVE.match(name):
        return "member outside the archive"
    if reason := _folder_reason(path):
        return reason
    name = _base_name(path)
    if name.startswith("."):
        return "hidden"
    return "nested archive" if archive_kind(name) else unread_reason(name, streams=streams)


def _folder_reason(path: str) -> str:
    """Why what lies in these folders is passed over, or the empty string."""
    folders = path.removeprefix("./").split("/")[:-1]
    return next((reason for folder in folders if folder != "." and (reason := folder_skip_reason(folder))), "")


def _base_name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _read_zip(file: IO[bytes], archive: _Archive) -> Iterator[Document]:
    if _zip_directory_bytes(file) > _DIRECTORY_BYTES:
        raise _TooLargeError
    with zipfile.ZipFile(file) as opened:
        for member in opened.infolist():
            if member.is_dir():
                continue
            name, size, reason = member.filename, member.file_size, _zip_reason(member)
            wanted = archive.wants(name, size, reason)
            if not wanted and (reason or not archive.package.wants(name, size)):
                continue
            with opened.open(member) as content:
                known = archive.noted(name, size, content)
                if wanted:
                    yield from archive.documents(name, known)


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


def _read_tar(file: Readable, archive: _Archive, *, metadata: bool = False) -> Iterator[Document]:
    """Read a tar file, compressed or not; of one with metadata only what it says of the package."""
    stream = _ForwardStream(Unpacked(file), longest_read=max(archive.context.max_bytes + _STEP, 1 << 20))
    with tarfile.TarFile(fileobj=stream, mode="r") as opened:
        while (member := opened.next()) is not None:
            opened.members = []  # type: ignore[attr-defined]  # tarfile would remember every member
            if member.isdir():
                continue
            reason = _tar_reason(member)
            wanted = not metadata and archive.wants(member.name, member.size, reason)
            content = None if reason else opened.extractfile(member)
            if content is not None:
                known = archive.noted(member.name, member.size, content)
                if wanted:
                    yield from archive.documents(member.name, known)
    # tarfile takes a broken header for the end; the end proper is a block of zeros, or the end of the file.
    if stream.last.strip(b"\0"):
        raise tarfile.ReadError("broken header")


def _read_gem(file: Readable, archive: _Archive) -> Iterator[Document]:
    """Read a Ruby package: a tar file with metadata.gz and data.tar.gz, whose members are the package's."""
    stream = _ForwardStream(Unpacked(file), longest_read=max(archive.context.max_bytes + _STEP, 1 << 20))
    with tarfile.TarFile(fileobj=stream, mode="r") as opened:
        while (member := opened.next()) is not None:
            opened.members = []  # type: ignore[attr-defined]
            archive.members += 1
            content = opened.extractfile(member) if member.isreg() else None
            if content is None or archive.members > MAX_MEMBERS:
                continue
            if member.name == "metadata.gz":
                archive.package.offer("gem metadata", Unpacked(content).read(MAX_TEXT))
            elif member.name == "data.tar.gz":
                yield from _read_tar(content, archive)
    if stream.last.strip(b"\0"):
        raise tarfile.ReadError("broken header")


def _read_deb(file: Readable, archive: _Archive) -> Iterator[Document]:
    """Read a Debian package: an ar file with control.tar and data.tar, compressed in one way or another."""
    if file.read(len(_AR_START)) != _AR_START:
        raise tarfile.ReadError("no ar file")
    whole = False
    while header := file.read(_AR_HEADER):
        size = int(header[48:58])
        if header[58:] != b"`\n" or size < 0:
            raise tarfile.ReadError("broken header")
        name, part = header[:16].strip().rstrip(b"/"), _FileSlice(file, size)
        if name.startswith((b"control.tar", b"data.tar")):
            yield from _read_tar(part, archive, metadata=name.startswith(b"control"))
        whole = whole or name.startswith(b"data.tar")
        while part.read(_STEP):
            pass
        file.read(size % 2)
    if not whole:
        raise tarfile.ReadError("no data.tar")


class _FileSlice:
    """The next `size` bytes of a file, as a file."""

    def __init__(self, file: Readable, size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int) -> bytes:
        """Read `size` bytes, or what is left."""
        data = self._file.read(min(size, self._left))
        self._left = self._left - len(data) if data else 0
        return data


def _tar_reason(member: tarfile.TarInfo) -> str:
    if member.issym() or member.islnk():
        return "symbolic link" if member.issym() else "hard link"
    return "" if member.isreg() and not member.issparse() else "special file"


class _ForwardStream(io.RawIOBase):
    """A stream that only goes forward, in bounded steps: what a tar file inside a compressed one needs.

    tarfile by itself would load a header field of any stated size at once.

    Attributes:
        last: the bytes that the last read gave.
    """

    def __init__(self, inner: Readable, longest_read: int) -> None:
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


_READERS: dict[str, Callable[[IO[bytes], _Archive], Iterator[Document]]] = {
    "zip": _read_zip,
    "tar": _read_tar,
    "gem": _read_gem,
    "deb": _read_deb,
}
