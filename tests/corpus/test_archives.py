"""Archives are read without unpacking them to disk, within bounds on what is read and held in memory."""

import bz2
import gzip
import io
import lzma
import os
import struct
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus import Document, Source, SourceRecord, archives, find_sources, read_source
from adjoin.tally import Tally

Members = dict[str, bytes]


def read(path: Path, tally: Tally, max_bytes: int = 1 << 16) -> list[Document]:
    sources = find_sources([path], tally)
    return [document for source in sources for document in read_source(source, tally, max_bytes=max_bytes)]


def zip_bytes(members: Members) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def write_zip(path: Path, members: Members) -> Path:
    path.write_bytes(zip_bytes(members))
    return path


def tar_bytes(members: Members, mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


GOOD: Members = {
    "pkg/a.py": b"x = 1\n" * 300,
    "pkg/data.bin": os.urandom(5000),
    "README.md": b"# T\n\ntext\n",
    "pkg/even.go": b"x" * 512,  # a whole tar block
    "pkg/b.py": b"y = 2\n",
}


@pytest.mark.parametrize("suffix", ["zip", "whl", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz"])
def test_reads_members_in_place(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p.{suffix}"
    modes = {"tar": "w", "tar.gz": "w:gz", "tgz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}
    if suffix in modes:
        path.write_bytes(tar_bytes(GOOD, modes[suffix]))
    else:
        write_zip(path, GOOD)
    tally = Tally()
    documents = read(path, tally)
    assert [document.origin for document in documents] == [
        f"p.{suffix}!{name}" for name in ("pkg/a.py", "README.md", "pkg/even.go", "pkg/b.py")
    ]
    assert documents[0].text == GOOD["pkg/a.py"].decode()
    assert (documents[1].section, documents[1].span) == ("T", (3, 3))
    assert tally.counts == {"unknown format": 1}
    assert list(tmp_path.iterdir()) == [path]


BAD_NAMES: Members = {
    "/abs.py": b"1", "a/../../up.py": b"1", "..\\up.py": b"1", "C:\\x.py": b"1",
    ".hidden/a.py": b"1",
    "node_modules/a.js": b"1", "inner.zip": b"1", "LICENSE": b"x", "empty.py": b"", "ok.py": b"1",
}  # fmt: skip


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_members_that_are_passed_over(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"p.{kind}"
    if kind == "zip":
        write_zip(path, BAD_NAMES)
    else:
        path.write_bytes(tar_bytes(BAD_NAMES))
    tally = Tally()
    assert [document.origin for document in read(path, tally)] == [f"p.{kind}!ok.py"]
    assert tally.counts == {
        "member outside the archive": 4, "hidden": 1, "cache or vendored folder": 1, "nested archive": 1,
        "licence text": 1, "empty": 1,
    }  # fmt: skip


def test_links_and_devices_in_a_tar(tmp_path: Path) -> None:
    path = tmp_path / "p.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind in (("s.py", tarfile.SYMTYPE), ("h.py", tarfile.LNKTYPE), ("f.py", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    tally = Tally()
    assert read(path, tally) == []
    assert tally.counts == {"symbolic link": 1, "hard link": 1, "special file": 1}


def test_link_in_a_zip(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("s.py")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    tally = Tally()
    assert read(tmp_path / "p.zip", tally) == []
    assert tally.counts == {"symbolic link": 1}


@pytest.mark.parametrize("name", ["p.zip", "p.tar", "p.tar.gz", "p.tar.xz"])
@pytest.mark.parametrize(
    "data", [b"", b"nonsense" * 200, b"PK\x03\x04", b"\x1f\x8b\x08", b"PK\x05\x06" + b"\xff" * 18]
)
def test_no_archive(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    tally = Tally()
    assert read(tmp_path / name, tally) == []
    assert set(tally.counts) <= {"corrupt archive", "archive too large"}
    assert tally.counts or not data
    assert all(places == [name] for places in tally.examples.values())


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_truncated_tar_keeps_what_came_before(tmp_path: Path, mode: str) -> None:
    members = {"a.py": b"x = 1\n", "b.py": os.urandom(40_000).hex()[:60_000].encode(), "c.py": b"y = 1\n"}
    data = tar_bytes(members, mode)
    path = tmp_path / "p.tar.gz"
    path.write_bytes(data[: len(data) // 2])
    tally = Tally()
    documents = read(path, tally)
    assert [document.origin for document in documents] in (["p.tar.gz!a.py"], [])
    assert documents or mode in ("w:bz2", "w:xz")  # these give nothing before a whole block
    assert tally.counts == {"corrupt archive": 1}


def test_tar_with_a_broken_header_in_the_middle(tmp_path: Path) -> None:
    data = bytearray(tar_bytes({"a.py": b"x", "b.py": b"y", "c.py": b"z"}))
    data[1024:1100] = b"\xff" * 76
    (tmp_path / "p.tar").write_bytes(data)
    tally = Tally()
    assert [document.origin for document in read(tmp_path / "p.tar", tally)] == ["p.tar!a.py"]
    assert tally.counts == {"corrupt archive": 1}


def test_corrupt_zip_member_keeps_what_came_before(tmp_path: Path) -> None:
    path = write_zip(
        tmp_path / "p.zip", {"a.py": b"x = 1\n", "b.py": os.urandom(3000).hex().encode(), "c.py": b"1"}
    )
    data = bytearray(path.read_bytes())
    middle = data.index(b"b.py") + 1000
    data[middle : middle + 50] = b"\xff" * 50
    path.write_bytes(data)
    tally = Tally()
    assert [document.origin for document in read(path, tally)] == ["p.zip!a.py"]
    assert tally.counts == {"corrupt archive": 1}


def peak_of_reading(path: Path, tally: Tally) -> int:
    tracemalloc.start()
    try:
        assert read(path, tally) == []
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_zip_bomb_that_says_so(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "p.zip", {"a.py": bytes(30 << 20)})
    tally = Tally()
    assert peak_of_reading(path, tally) < 2 << 20
    assert tally.counts == {"too large": 1}


def test_zip_bomb_whose_header_lies(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "p.zip", {"a.py": b" " * (30 << 20)})
    data = path.read_bytes().replace(struct.pack("<L", 30 << 20), struct.pack("<L", 100))
    path.write_bytes(data)
    tally = Tally()
    assert peak_of_reading(path, tally) < 2 << 20
    assert tally.counts == {"corrupt archive": 1}


def test_tar_bomb_in_a_header(tmp_path: Path) -> None:
    """A long name of 30 MB, which tarfile alone would load at once."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 30 << 20
    path = tmp_path / "p.tar.gz"
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(30 << 20)))
    tally = Tally()
    assert peak_of_reading(path, tally) < 2 << 20
    assert tally.counts == {"corrupt archive": 1}


def test_member_beyond_the_bound_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "p.tgz").write_bytes(tar_bytes({"a.py": b"x" * 70_000, "b.py": b"y"}, "w:gz"))
    tally = Tally()
    assert [document.text for document in read(tmp_path / "p.tgz", tally)] == ["y"]
    assert tally.counts == {"too large": 1}


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize(
    ("bound", "value"), [("MAX_MEMBERS", 2), ("MAX_UNPACKED", 2500), ("_DIRECTORY_BYTES", 10)]
)
def test_bounds_of_the_whole(
    tmp_path: Path, kind: str, bound: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = {f"{letter}.py": b"x" * 1000 for letter in "abcd"}
    path = tmp_path / f"p.{kind}"
    if kind == "zip":
        write_zip(path, members)
    else:
        path.write_bytes(tar_bytes(members))
    monkeypatch.setattr(archives, bound, value)
    tally = Tally()
    documents = read(path, tally)
    if (kind, bound) == ("tar", "_DIRECTORY_BYTES"):
        assert (len(documents), tally.counts) == (4, {})
    else:
        assert len(documents) < 3
        assert tally.counts == {"archive too large": 1}


def test_encrypted_and_oddly_compressed_members(tmp_path: Path) -> None:
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.py", b"x", zipfile.ZIP_BZIP2)
        archive.writestr("b.py", b"x")
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 8] |= 1
    path.write_bytes(data)
    tally = Tally()
    assert read(path, tally) == []
    assert tally.counts == {"unknown compression": 1, "encrypted": 1}


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def ar_bytes(members: Members) -> bytes:
    pieces = [b"!<arch>\n"]
    for name, data in members.items():
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n"
        pieces += [header.encode(), data, b"\n" * (len(data) % 2)]
    return b"".join(pieces)


def deb_bytes(data: bytes, suffix: str) -> bytes:
    control = tar_bytes(
        {"./control": b"Package: libp-dev\nSource: p\nVersion: 1\nHomepage: https://github.com/o/n\n"}
    )
    return ar_bytes(
        {"debian-binary": b"2.0\n", "control.tar.xz": lzma.compress(control), f"data.tar.{suffix}": data}
    )


DEB: Members = {
    "./usr/share/gocode/src/github.com/x/y/a.go": b"package a\n",
    "./usr/share/doc/libp-dev/copyright": b"Format: x\n\nFiles: *\nLicense: GPL-2+\n",
    "./usr/share/doc/libp-dev/notes.txt.gz": gzip.compress(b"Notes."),
    "./usr/lib/a.jsonl": b'{"text": "one"}\n{"text": "two"}\n',
}


@pytest.mark.parametrize("suffix", ["xz", "gz", "zst", "bz2"])
def test_debian_package(tmp_path: Path, suffix: str) -> None:
    ways = {"xz": lzma.compress, "gz": gzip.compress, "zst": zstd, "bz2": bz2.compress}
    path = tmp_path / "p.deb"
    path.write_bytes(deb_bytes(ways[suffix](tar_bytes(DEB)), suffix))
    tally, record = Tally(), SourceRecord()
    documents = list(read_source(Source(path, "p.deb"), tally, record=record))
    assert [(document.origin, document.repository) for document in documents] == [
        ("p.deb!usr/share/gocode/src/github.com/x/y/a.go", "x/y"),
        ("p.deb!usr/share/doc/libp-dev/notes.txt.gz", ""),
        ("p.deb!usr/lib/a.jsonl#1", ""),
        ("p.deb!usr/lib/a.jsonl#2", ""),
    ]
    assert (record.licence, record.repository) == ("GPL-2.0-or-later", "o/n")
    assert (record.package, record.version) == ("p", "1")
    assert tally.counts == {"unknown format": 1}


def test_ruby_package(tmp_path: Path) -> None:
    metadata = b"name: p\nversion: !ruby/object:Gem::Version\n  version: '1'\nlicenses:\n- MIT\n"
    data = gzip.compress(tar_bytes({"lib/p.rb": b"x = 1\n", "inner.zip": b"x"}))
    path = tmp_path / "p.gem"
    path.write_bytes(
        tar_bytes({"metadata.gz": gzip.compress(metadata), "data.tar.gz": data, "checksums.yaml.gz": b""})
    )
    tally, record = Tally(), SourceRecord()
    documents = list(read_source(Source(path, "p.gem"), tally, record=record))
    assert [document.origin for document in documents] == ["p.gem!lib/p.rb"]
    assert (record.licence, record.package, record.version) == ("MIT", "p", "1")
    assert tally.counts == {"nested archive": 1}


@pytest.mark.parametrize("name", ["p.tar.zst", "p.tzst", "p.crate", "p.tbz2", "p.txz", "p.nupkg", "p.jar"])
def test_other_suffixes(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name in ("p.nupkg", "p.jar"):
        write_zip(path, {"a.py": b"x"})
    else:
        packed = {"p.crate": gzip.compress, "p.tbz2": bz2.compress, "p.txz": lzma.compress}.get(name, zstd)
        path.write_bytes(packed(tar_bytes({"a.py": b"x"})))
    assert [document.text for document in read(path, Tally())] == ["x"]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_streams_in_an_archive_have_no_bound_but_may_be_left_out(tmp_path: Path, kind: str) -> None:
    members = {"a.jsonl": b'{"text": "x"}\n' * 10_000, "b.eml": b"Subject: s\n\nhello\n"}
    path = tmp_path / f"p.{kind}"
    if kind == "zip":
        write_zip(path, members)
    else:
        path.write_bytes(tar_bytes(members))
    assert len(read(path, Tally())) == 10_001
    (source,) = find_sources([path], tally := Tally(), streams=False)
    assert list(read_source(source, tally)) == []
    assert tally.counts == {"unknown format": 2}


def test_damaged_stream_in_an_archive_is_its_own(tmp_path: Path) -> None:
    good = gzip.compress(b'{"text": "x"}\n' * 1000)
    path = tmp_path / "p.tar"
    path.write_bytes(tar_bytes({"a.jsonl.gz": good[:-10], "b.py": b"y", "c.parquet": b"PAR1x"}))
    tally = Tally()
    assert {document.text for document in read(path, tally)} == {"x", "y"}
    assert tally.counts == {"truncated": 1, "damaged": 1}


@pytest.mark.parametrize("data", [b"", b"!<arch>\n", b"!<arch>\nx", b"no ar", ar_bytes({"data.tar.xz": b"x"})])
def test_no_debian_package(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "p.deb").write_bytes(data)
    tally = Tally()
    assert read(tmp_path / "p.deb", tally) == []
    assert tally.counts == {"corrupt archive": 1}


BREAKABLE = {
    "p.deb": deb_bytes(gzip.compress(tar_bytes(DEB)), "gz"),
    "p.gem": tar_bytes({"data.tar.gz": gzip.compress(tar_bytes(DEB))}),
    "p.tar.zst": zstd(tar_bytes(DEB)),
    "p.tar": tar_bytes(DEB),
    "p.zip": zip_bytes(DEB),
}


@pytest.mark.parametrize("name", BREAKABLE)
@settings(max_examples=100)
@given(place=st.floats(0, 1), bytes_there=st.binary(max_size=30), dropped=st.integers(0, 600))
def test_no_bytes_break_an_archive(
    tmp_path_factory: pytest.TempPathFactory, name: str, place: float, bytes_there: bytes, dropped: int
) -> None:
    data = BREAKABLE[name]
    cut = int(place * len(data))
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(data[:cut] + bytes_there + data[cut + dropped :])
    tally = Tally()
    documents = list(read_source(Source(path, name), tally, record=SourceRecord()))
    assert documents or tally.counts or path.stat().st_size < 200


@pytest.mark.parametrize(
    "header", [b"9" * 900_000, (b"9" * 300 + b" k=v\n") * 2000, b"12 a=" + b"1" * 500 + b"\n"]
)
def test_a_header_of_digits_is_refused_before_tarfile_searches_it(tmp_path: Path, header: bytes) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, len(header)
    padding = bytes(-len(header) % tarfile.BLOCKSIZE)
    path = tmp_path / "a.tar"
    path.write_bytes(info.tobuf() + header + padding + tar_bytes({"a.py": b"x = 1\n"}))
    tally = Tally()
    assert read(path, tally) == []
    assert tally.counts == {"corrupt archive": 1}


def test_extended_headers_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("é" * 80 + ".py")
        info.size, info.mtime = 6, 1_700_000_000.123456789  # type: ignore[assignment]
        archive.addfile(info, io.BytesIO(b"x = 1\n"))
    assert [document.origin for document in read(path, Tally())] == ["a.tar!" + "é" * 80 + ".py"]


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz"])
def test_a_tar_that_unpacks_to_too_much_is_said_to_be_too_large(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.tar.{suffix}"
    path.write_bytes(tar_bytes({f"{number}.txt": bytes(1 << 20) for number in range(60)}, f"w:{suffix}"))
    tally = Tally()
    assert read(path, tally, 1 << 21) == []
    assert tally.counts["archive too large"] == 1
    assert "corrupt archive" not in tally.counts
