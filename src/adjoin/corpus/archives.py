"""Reads zip, tar, gem and deb archives member by member, with bounds against hostile archives.

At most `max_bytes` of one member are in memory, and less of a member that is read record by record. Nothing is
written to disk. The sizes that an archive states are not trusted.

Three bounds stop a hostile archive: one million members; 256 GiB in all members; and, since a few MB could unpack
to that, 100 times the archive's size on disk (`adjoin.corpus.compression.MAX_RATIO`).
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
from typing import IO, Any, Generic, TypeVar

from adjoin.corpus.compression import (
    FREE_BYTES,
    MAX_RATIO,
    DecompressedStream,
    DecompressionBombError,
    FileSlice,
    Readable,
)
from adjoin.corpus.dispatch import read_file
from adjoin.corpus.document import Document, printable_path
from adjoin.corpus.formats import archive_kind, folder_skip_reason, stream_kind, unread_reason
from adjoin.corpus.licences import MAX_TEXT
from adjoin.corpus.package_metadata import Facts
from adjoin.corpus.provenance import Package
from adjoin.corpus.read_context import ReadContext
from adjoin.corpus.repositories import repository_of_path

MAX_MEMBERS = 1_000_000
MAX_UNPACKED = 256 << 30  # bytes in all members of one archive

_DIRECTORY_BYTES = 200_000 * 256  # of a zip file's list of members, which zipfile loads whole; about 100 per entry
_STEP = 1 << 16
_DRIVE = re.compile(r"[A-Za-z]:")
# zipfile does not bound the output of the other methods.
_BOUNDED_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# tarfile takes quadratic time over a run of digits in a header (CVE-2024-6232, before Python 3.11.10 and 3.12.6).
_MAX_DIGITS = 200
_DIGITS = bytes(ord("0") if byte in b"0123456789" else byte for byte in range(256))  # each digit → "0"
_AR_START = b"!<arch>\n"
_AR_HEADER = 60  # bytes: name 16, dates and owners 32, size 10, end mark 2

T = TypeVar("T")
MemberReader = Callable[[IO[bytes], str, str], Iterator[T]]  # (content, name without folders, origin) → its T
_Extract = Callable[[tarfile.TarInfo], IO[bytes] | None]


class _TooLargeError(Exception):
    """The archive exceeds a bound on its members or bytes."""


@dataclass(slots=True)
class _Archive(Generic[T]):
    """State of the archive that is being read.

    Attributes:
        origin: origin of the archive.
        context: options, and the tally that counts every skip.
        package: collects what members state about the package.
        bound: limit for `unpacked`.
        read: reads one member.
        reason: path of a member → the reason to skip it; "" if it is read.
        members: number of members seen so far.
        unpacked: bytes of the members read so far.
    """

    origin: str
    context: ReadContext
    package: Package
    bound: int
    read: MemberReader[T]
    reason: Callable[[str], str]
    members: int = 0
    unpacked: int = 0

    def wants(self, name: str, size: int, skip_reason: str) -> bool:
        """Count a member and return whether to read it.

        Args:
            name: path that the archive states.
            size: size in bytes that the archive states.
            skip_reason: a known reason to skip it, or "".

        Raises:
            _TooLargeError: the archive exceeds its bounds with this member.
        """
        self.members += 1
        reason = member_path_reason(name) or self.reason(name.replace("\\", "/")) or skip_reason
        if not reason and size > self.context.max_bytes and not stream_kind(_base_name(name)):
            reason = "too large"
        if reason:
            self.context.tally.add(reason, self.member_origin(name))
        else:
            self.unpacked += size
        if self.members > MAX_MEMBERS or self.unpacked > self.bound:
            raise _TooLargeError
        return not reason

    def offered(self, name: str, size: int, content: IO[bytes]) -> IO[bytes]:
        """Offer a member to the package's metadata, and return its content, still to be read."""
        path = name.removeprefix("./")
        if not self.package.wants(path, size) or _folder_reason(path):
            return content
        data = content.read(MAX_TEXT)
        self.package.offer(path, data)
        return io.BytesIO(data)

    def contents(self, name: str, content: IO[bytes]) -> Iterator[T]:
        """Yield what a member gives."""
        yield from self.read(content, _base_name(name), self.member_origin(name))

    def member_origin(self, name: str) -> str:
        """Return the origin of a member's Documents."""
        return f"{self.origin}!{printable_path(name.removeprefix('./'))}"


def read_archive(
    file: IO[bytes], kind: str, origin: str, context: ReadContext, package: Package
) -> Iterator[Document]:
    """Yield the Documents of an open archive. Damage is counted; Documents before it have been yielded.

    Args:
        file: the archive, open for reading; for a zip it must be able to seek.
        kind: "zip", "tar", "gem" or "deb", see `adjoin.corpus.formats.archive_kind`.
        origin: origin of the archive; a member's is "origin!path/in/it".
        context: options, and the tally that counts every skip.
        package: collects what the members state about the package.

    Raises:
        OSError: the disk failed.
    """

    def read(content: IO[bytes], name: str, member: str) -> Iterator[Document]:
        repository = repository_of_path(member.removeprefix(f"{origin}!"))
        for document in read_file(content, name, member, context):
            yield replace(document, repository=repository) if repository else document

    def reason(path: str) -> str:
        if reason := _folder_reason(path):
            return reason
        name = _base_name(path)
        if name.startswith("."):
            return "hidden"
        return "nested archive" if archive_kind(name) else unread_reason(name, streams=context.streams)

    yield from read_members(file, kind, origin, context, read, reason, package)


def read_members(
    file: IO[bytes],
    kind: str,
    origin: str,
    context: ReadContext,
    read: MemberReader[T],
    reason: Callable[[str], str],
    package: Package | None = None,
) -> Iterator[T]:
    """Yield what `read` gives for each member of an open archive that is wanted. Damage is counted.

    Args:
        file: the archive, open for reading; for a zip it must be able to seek.
        kind: "zip", "tar", "gem" or "deb", see `adjoin.corpus.formats.archive_kind`.
        origin: origin of the archive; a member's is "origin!path/in/it".
        context: options, and the tally that counts every skip.
        read: called with a member's content, its name without folders and its origin.
        reason: path of a member → the reason to skip it; "" if it is read.
        package: collects what the members state about the package.

    Raises:
        OSError: the disk failed.
    """
    bound = min(MAX_UNPACKED, max(FREE_BYTES, MAX_RATIO * os.fstat(file.fileno()).st_size))
    archive = _Archive(origin, context, package or Package(Facts()), bound, read, reason)
    try:
        yield from _READERS[kind](file, archive)
    except (_TooLargeError, DecompressionBombError):
        context.tally.add("archive too large", origin)
    except OSError as error:  # of the disk if it has a number, of the decompressors if not
        if error.errno not in (None, errno.EINVAL):  # EINVAL: a seek before the beginning of the file
            raise
        context.tally.add("corrupt archive", origin)
    except Exception:  # a damaged archive makes zipfile, tarfile and the decompressors raise anything
        context.tally.add("corrupt archive", origin)


def member_path_reason(name: str) -> str:
    """Return the reason to skip a member whose path leads out of the archive; "" for any other."""
    path = name.replace("\\", "/")
    outside = path.startswith("/") or ".." in path.split("/") or _DRIVE.match(name)
    return "member outside the archive" if outside else ""


def _folder_reason(path: str) -> str:
    """The reason to skip the files in these folders, or ""."""
    folders = path.removeprefix("./").split("/")[:-1]
    return next((reason for folder in folders if folder != "." and (reason := folder_skip_reason(folder))), "")


def _base_name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _read_zip(file: IO[bytes], archive: _Archive[T]) -> Iterator[T]:
    if _zip_directory_bytes(file) > _DIRECTORY_BYTES:
        raise _TooLargeError
    with zipfile.ZipFile(file) as opened:
        for member in opened.infolist():
            if member.is_dir():
                continue
            name, size, reason = member.filename, member.file_size, _zip_reason(member)
            is_document = archive.wants(name, size, reason)
            if not is_document and (reason or not archive.package.wants(name, size)):
                continue
            with opened.open(member) as content:
                member_file = archive.offered(name, size, content)
                if is_document:
                    yield from archive.contents(name, member_file)


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
    """The size of a zip file's list of members, from the record at its end; 0 if there is none."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - (1 << 16) - 100))  # the record ends with a comment of up to 65,535 bytes
    tail = file.read()
    file.seek(0)
    record = tail.rfind(b"PK\x05\x06")
    stated = int.from_bytes(tail[record + 12 : record + 16], "little") if record >= 0 else 0
    wide = tail.rfind(b"PK\x06\x06", 0, max(record, 0))  # zip64 has the size in eight bytes
    if wide >= 0:
        stated = int.from_bytes(tail[wide + 40 : wide + 48], "little")
    return stated


def _read_tar(file: Readable, archive: _Archive[T], *, metadata: bool = False) -> Iterator[T]:
    """Read a tar file, compressed or not. With `metadata`, its members only describe the package."""
    for member, extract in _tar_members(file, archive):
        if member.isdir():
            continue
        reason = _tar_reason(member)
        is_document = not metadata and archive.wants(member.name, member.size, reason)
        content = None if reason else extract(member)
        if content is not None:
            member_file = archive.offered(member.name, member.size, content)
            if is_document:
                yield from archive.contents(member.name, member_file)


def _read_gem(file: Readable, archive: _Archive[T]) -> Iterator[T]:
    """Read a Ruby gem: a tar file with metadata.gz and data.tar.gz, which holds the files."""
    for member, extract in _tar_members(file, archive):
        archive.members += 1
        content = extract(member) if member.isreg() else None
        if content is None or archive.members > MAX_MEMBERS:
            continue
        if member.name == "metadata.gz":
            archive.package.offer("gem metadata", DecompressedStream(content).read(MAX_TEXT))
        elif member.name == "data.tar.gz":
            yield from _read_tar(content, archive)


def _tar_members(file: Readable, archive: _Archive[T]) -> Iterator[tuple[tarfile.TarInfo, _Extract]]:
    """The members of a tar file, each with the function that opens it before the next is read."""
    stream = _ForwardStream(DecompressedStream(file), longest_read=max(archive.context.max_bytes + _STEP, 1 << 20))
    with tarfile.TarFile(fileobj=stream, mode="r", tarinfo=_Member) as opened:
        while (member := opened.next()) is not None:
            opened.members = []  # type: ignore[attr-defined]  # tarfile would remember every member
            yield member, opened.extractfile
    # tarfile takes a broken header for the end. A true end is a block of zeros, or the end of the file.
    if stream.last.strip(b"\0"):
        raise tarfile.ReadError("broken header")


class _Member(tarfile.TarInfo):
    """A member whose extended header is looked at before tarfile searches it."""

    def _proc_pax(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        stream = archive.fileobj
        assert isinstance(stream, _ForwardStream)
        header = stream.read(-(-self.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)
        if b"0" * _MAX_DIGITS in header.translate(_DIGITS):
            raise tarfile.ReadError(f"a header with a number of {_MAX_DIGITS} digits")
        stream.give_back(header)
        return super()._proc_pax(archive)  # type: ignore[misc,no-any-return]


def _read_deb(file: Readable, archive: _Archive[T]) -> Iterator[T]:
    """Read a Debian package: an ar file with control.tar and data.tar, each compressed or not."""
    if file.read(len(_AR_START)) != _AR_START:
        raise tarfile.ReadError("no ar file")
    has_data = False
    while header := file.read(_AR_HEADER):
        size = int(header[48:58])
        if header[58:] != b"`\n" or size < 0:
            raise tarfile.ReadError("broken header")
        name, part = header[:16].strip().rstrip(b"/"), FileSlice(file, size)
        if name.startswith((b"control.tar", b"data.tar")):
            yield from _read_tar(part, archive, metadata=name.startswith(b"control"))
        has_data = has_data or name.startswith(b"data.tar")
        while part.read(_STEP):
            pass
        file.read(size % 2)
    if not has_data:
        raise tarfile.ReadError("no data.tar")


def _tar_reason(member: tarfile.TarInfo) -> str:
    if member.issym() or member.islnk():
        return "symbolic link" if member.issym() else "hard link"
    return "" if member.isreg() and not member.issparse() else "special file"


class _ForwardStream(io.RawIOBase):
    """A stream for tarfile that only goes forward, in bounded steps.

    Without it, tarfile would load a header field of any stated size at once.

    Attributes:
        last: the bytes returned by the last read.
    """

    def __init__(self, inner: Readable, longest_read: int) -> None:
        self.last = b""
        self._inner = inner
        self._waiting = b""
        self._longest_read = longest_read
        self._position = 0

    def readable(self) -> bool:
        """Always true; tarfile asks."""
        return True

    def tell(self) -> int:
        """Return the position in the decompressed stream."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Read `size` bytes, or what is left.

        Raises:
            tarfile.ReadError: `size` is more than any member or header that is read.
        """
        if not 0 <= size <= self._longest_read:
            raise tarfile.ReadError(f"a header of {size} bytes; expected at most {self._longest_read}")
        self.last, self._waiting = self._waiting[:size], self._waiting[size:]
        if len(self.last) < size:
            self.last += self._inner.read(size - len(self.last))
            if len(self.last) < size:
                self._inner.read(1)  # it raises the damage that cut this read short
        self._position += len(self.last)
        return self.last

    def give_back(self, data: bytes) -> None:
        """Let the next read begin with these bytes, which the last one returned."""
        self._waiting = data + self._waiting
        self._position -= len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go forward to `offset`, or to the end if that comes first.

        Raises:
            _TooLargeError: `offset` is beyond `MAX_UNPACKED`.
            tarfile.ReadError: `offset` is before the current position; going back would mean to start again.
        """
        if offset > MAX_UNPACKED:
            raise _TooLargeError
        if offset < self._position or whence != io.SEEK_SET:
            raise tarfile.ReadError(f"a member at {offset}, expected none before {self._position}")
        while self._position < offset and self.read(min(_STEP, offset - self._position)):
            pass
        return self._position


_READERS: dict[str, Callable[[IO[bytes], _Archive[Any]], Iterator[Any]]] = {
    "zip": _read_zip,
    "tar": _read_tar,
    "gem": _read_gem,
    "deb": _read_deb,
}
