"""The record of a source after reading, and compressed files of all kinds."""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from adjoin.corpus import Source, SourceRecord, find_sources, read_source, reading
from adjoin.tally import Tally

RECORD = json.dumps({"text": "x"}).encode() + b"\n"


def zip_bytes() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("p/a.py", "x = 1\n")
        archive.writestr(
            "p-1.dist-info/METADATA", "Name: p\nVersion: 1\nLicense: MIT\nHome-page: https://github.com/o/n\n"
        )
    return buffer.getvalue()


def tar_bytes() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in (("package/a.js", b"x"), ("package/package.json", b'{"name": "p", "license": "MIT"}')):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def parquet_bytes() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"text": ["x"]}), buffer)
    return buffer.getvalue()


FILES = {
    "a.py": b"x = 1\n",
    "big.txt": b"word " * 2_000_000,
    "a.txt.gz": gzip.compress(b"text") + b"garbage",
    "a.jsonl": RECORD * 1000,
    "a.jsonl.zst": zstandard.ZstdCompressor().compress(RECORD * 1000),
    "a.whl": zip_bytes(),
    "a.tgz": tar_bytes() + bytes(100_000),
    "broken.tgz": tar_bytes()[:60] + b"x" * 100_000,
    "broken.zip": b"no zip" * 1000,
    "a.parquet": parquet_bytes(),
    "a.mbox": b"no mailbox" * 100_000,
    "empty.txt": b"",
    "unknown.bin": b"x" * 100_000,
}


@pytest.mark.parametrize("name", FILES)
def test_hash_and_size_are_those_of_the_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name])
    record = SourceRecord()
    list(read_source(Source(path, name), Tally(), record=record))
    assert record.sha256 == hashlib.sha256(FILES[name]).hexdigest()
    assert record.bytes == len(FILES[name])


@pytest.mark.parametrize("name", [name for name in FILES if not name.endswith((".zip", ".whl", ".parquet"))])
def test_file_is_read_once(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name])
    opened: list[reading._HashingFile] = []

    class Counting(reading._HashingFile):
        def __init__(self, path: Path) -> None:
            super().__init__(path)
            opened.append(self)

        def seek(self, offset: int, whence: int = 0, /) -> int:
            raise AssertionError("it must not go back")

    monkeypatch.setattr(reading, "_HashingFile", Counting)
    list(read_source(Source(path, name), Tally(), record=SourceRecord()))
    (file,) = opened
    assert file.size == len(FILES[name])


def test_package_of_an_archive(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(FILES["a.whl"])
    (tmp_path / "a.tgz").write_bytes(FILES["a.tgz"])
    wheel, npm = SourceRecord(), SourceRecord()
    list(read_source(Source(tmp_path / "a.whl", "a.whl"), Tally(), record=wheel))
    list(read_source(Source(tmp_path / "a.tgz", "a.tgz", "GPL-3.0-only", "x/y"), Tally(), record=npm))
    assert (wheel.licence, wheel.repository, wheel.package, wheel.version) == ("MIT", "o/n", "p", "1")
    assert (npm.licence, npm.repository, npm.package, npm.version) == ("MIT", "x/y", "p", "")


def test_package_of_a_plain_file_is_that_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x")
    record = SourceRecord()
    list(read_source(Source(tmp_path / "a.py", "a.py", "MIT", "o/n"), Tally(), record=record))
    assert (record.licence, record.repository) == ("MIT", "o/n")


WAYS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstandard.ZstdCompressor().compress}


@pytest.mark.parametrize("way", WAYS)
def test_compressed_files(tmp_path: Path, way: str) -> None:
    for name, data in (("notes.txt", b"One.\n\nTwo."), ("a.py", b"\nx = 1\n"), ("a.bin", b"x")):
        (tmp_path / f"{name}.{way}").write_bytes(WAYS[way](data))
    (tmp_path / f"plain.md.{way}").write_bytes(b"# T\n\nnot compressed\n")
    (tmp_path / f"LICENSE.{way}").write_bytes(WAYS[way](b"x"))
    tally = Tally()
    sources = find_sources([tmp_path], tally)
    documents = [document for source in sources for document in read_source(source, tally)]
    assert [(document.origin, document.text, document.language) for document in documents] == [
        (f"a.py.{way}", "\nx = 1\n", "python"),
        (f"notes.txt.{way}", "One.\n\nTwo.", "text"),
        (f"plain.md.{way}", "not compressed", "text"),
    ]
    assert tally.counts == {"unknown format": 1, "licence text": 1}


@pytest.mark.parametrize("way", WAYS)
def test_compressed_file_with_too_much_inside_or_broken(tmp_path: Path, way: str) -> None:
    packed = WAYS[way](b"word " * 1_000_000)
    (tmp_path / f"a.txt.{way}").write_bytes(packed)
    (tmp_path / f"b.txt.{way}").write_bytes(WAYS[way](b"text")[:-3])
    tally = Tally()
    for source in find_sources([tmp_path], tally):
        assert list(read_source(source, tally)) == []
    assert tally.counts == {"too large": 1, "truncated": 1}
