# ruff: noqa: E501 - each sample on a line of its own
"""Every reader against broken input: more than 10,000 files, none of which may crash, hang or vanish uncounted.

Each starts whole, is damaged (bytes flipped, cut out, put in, doubled), and goes the whole way to pairs.
"""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import tarfile
import time
import zipfile
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adjoin.corpus import Source, SourceRecord, read_source
from adjoin.mining import MiningOptions
from adjoin.mining.making import pairs_of
from adjoin.pairs.pair import Pair
from adjoin.tally import Tally
from small_sources import NOUNS, function_source, paragraph_about

pytestmark = pytest.mark.slow

LONGEST = 5.0  # seconds of the CPU for a few kilobytes: a thousand times what they take

PROSE = "\n\n".join(map(paragraph_about, NOUNS[:6]))
MARKDOWN = f"---\ntitle: x\n---\n# How is it made?\n\n{PROSE}\n\n```py\nx = [1]\n```\n\n| a | b |\n|---|---|\n| *c* | <b>d</b> |\n"
REST = f"Title\n=====\n\n.. note:: It is *so*.\n\n{PROSE}\n\n::\n\n  code\n\n====  ====\na     b\n====  ====\n1     2\n====  ====\n"
HTML = (
    f"<!doctype html><html><head><title>T</title><script>a < b</script></head><body><nav><a href=x>y</a></nav>"
    f"<main><h1>How?</h1><p>{PROSE.replace(chr(10) * 2, '</p><p>')}</p><pre>x</pre><table><tr><td>1</table></main></body></html>"
)
MAN = f'.TH LS 1\n.SH NAME\nls \\- list\n.SH DESCRIPTION\n.PP\n{PROSE}\n.TP\n\\fB\\-a\\fR\nAll "of it".\n.nf\nx\n.fi\n'
LATEX = f"\\documentclass{{a}}\n\\begin{{document}}\n\\section{{How?}}\n{PROSE}\n\\cite{{x}} $a^2$ % no\n\\begin{{verbatim}}\nx\n\\end{{verbatim}}\n\\end{{document}}\n"
MAIL = (
    f"From a@b Thu Jan  1 00:00:00 1970\nMessage-ID: <1@b>\nSubject: Why?\nFrom: a@b\nMIME-Version: 1.0\n"
    f'Content-Type: multipart/mixed; boundary="="\n\n--=\nContent-Type: text/plain; charset=utf-8\n\n{PROSE}\n--=--\n\n'
)
REPLY = f"From c@d Thu Jan  1 00:00:00 1970\nIn-Reply-To: <1@b>\nSubject: Re: Why?\nContent-Transfer-Encoding: quoted-printable\n\n> So\n=C3=A9 {PROSE}\n-- \nme\n"
SOURCES = {
    ".py": function_source("open", "file") * 3,
    ".go": "package a\n\n// Open opens the named file and waits.\nfunc Open(name string) int {\n\tx := 1\n\treturn x\n}\n",
    ".java": "class A {\n  /** Opens the named {@link File} and waits. */\n  int open(String a) {\n    int x = 1;\n    return x;\n  }\n}\n",
    ".ts": "/** Opens the named file and waits. */\nexport const open = (a: string): number => {\n  const x = 1;\n  return x;\n};\n",
    ".php": "<?php\n/**\n * Opens the named file and waits.\n */\nfunction open($a) {\n  $x = 1;\n  return $x;\n}\n",
    ".rb": "# Opens the named file and waits.\ndef open(a)\n  x = 1\n  x\nend\n",
}


def records() -> list[dict[str, str]]:
    return [
        {"id": str(i), "title": "How is it made?", "text": PROSE, "question": "Why?", "license": "MIT"}
        for i in (1, 2)
    ]


def parquet() -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(records()), file)
    return file.getvalue()


def zipped(members: dict[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return file.getvalue()


def tarred(members: dict[str, bytes], mode: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return file.getvalue()


def deb() -> bytes:
    def member(name: str, data: bytes) -> bytes:
        return (
            f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
        )

    data = tarred({"./usr/share/man/man1/ls.1.gz": gzip.compress(MAN.encode(), mtime=0)}, "w:xz")
    return b"!<arch>\n" + member("debian-binary", b"2.0\n") + member("data.tar.xz", data)


def warc(kind: str, mime: str, body: bytes) -> bytes:
    head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: http://a.b/c\r\nWARC-Record-ID: <urn:uuid:1>\r\n"
    return f"{head}Content-Type: {mime}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body + b"\r\n\r\n"


def epub() -> bytes:
    container = '<container><rootfiles><rootfile full-path="a.opf"/></rootfiles></container>'
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest><item id="a" href="a.xhtml"'
        ' media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/></spine></package>'
    )
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": container,
            "a.opf": package,
            "a.xhtml": HTML,
        }
    )


LINES = "".join(json.dumps(record) + "\n" for record in records()).encode()
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + HTML.encode()
FORMATS: dict[str, bytes] = {
    "a.txt": PROSE.encode(),
    "a.md": MARKDOWN.encode(),
    "a.rst": REST.encode(),
    "a.html": HTML.encode(),
    "a.1": MAN.encode(),
    "a.tex": LATEX.encode(),
    "a.epub": epub(),
    "a.jsonl": LINES,
    "a.parquet": parquet(),
    "a.warc": warc("response", "application/http; msgtype=response", PAGE),
    "a.wet.gz": gzip.compress(warc("conversion", "text/plain", PROSE.encode()), mtime=0),
    "a.mbox": (MAIL + REPLY).encode(),
    "a.eml": MAIL.partition("\n")[2].encode(),
    "a.jsonl.zst": zstandard.compress(LINES),
    "a.txt.xz": lzma.compress(PROSE.encode()),
    "a.md.bz2": bz2.compress(MARKDOWN.encode()),
    "a.whl": zipped({"a/b.py": SOURCES[".py"], "a.dist-info/METADATA": f"Metadata-Version: 2.1\nLicense: MIT\n\n{PROSE}"}),
    "a.tgz": tarred({"package/a.ts": SOURCES[".ts"].encode(), "package/package.json": b'{"license": "MIT"}'}, "w:gz"),
    "a.deb": deb(),
    **{f"a{suffix}": text.encode() for suffix, text in SOURCES.items() if suffix in (".py", ".go", ".java", ".php")},
}  # fmt: skip
EXAMPLES = -(-10_000 // len(FORMATS))  # of each

damage = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "put", "double", "end"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(1, 200),
        st.one_of(
            st.binary(max_size=12),
            st.sampled_from(
                [b"\0", b"\xff\xfe", b"<", b"{" * 50, b"\n" * 9, b"[" * 99, b"\\", b'"""', b"\xed\xa0\x80"]
            ),
        ),
    ),
    min_size=1,
    max_size=4,
)


def damaged(data: bytes, changes: list[tuple[str, float, int, bytes]]) -> bytes:
    for kind, where, length, other in changes:
        at = int(where * len(data))
        if kind == "flip" and data:
            data = data[:at] + bytes([data[at] ^ (length % 255 + 1)]) + data[at + 1 :]
        elif kind == "cut":
            data = data[:at] + data[at + length :]
        elif kind == "put":
            data = data[:at] + other + data[at:]
        elif kind == "double":
            data = data[: at + length] + data[at:]
        elif kind == "end":
            data = data[:at]
    return data


def read_whole(path: Path) -> tuple[Tally, list[Pair], SourceRecord]:
    tally, record, pairs = Tally(), SourceRecord(), []
    for document in read_source(Source(path, path.name), tally, record=record):
        tally.add("documents")
        pairs.extend(pairs_of(document, tally, MiningOptions()))
    return tally, pairs, record


@pytest.mark.parametrize("name", FORMATS)
def test_undamaged_it_is_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(FORMATS[name])
    tally, pairs, record = read_whole(path)
    assert pairs, tally.summary()
    assert record.sha256 == hashlib.sha256(FORMATS[name]).hexdigest()


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_it_is_read_as_far_as_it_goes_and_the_rest_counted(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("broken") / name
    tried = 0

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(damage)
    def check(changes: list[tuple[str, float, int, bytes]]) -> None:
        nonlocal tried
        tried += 1
        data = damaged(FORMATS[name], changes)
        path.write_bytes(data)
        began = time.process_time()
        tally, pairs, record = read_whole(path)
        assert time.process_time() - began < LONGEST
        assert tally.counts, "nothing vanishes uncounted"
        assert record.sha256 == hashlib.sha256(data).hexdigest(), "each byte is read, once"
        for pair in pairs:
            pair.x.encode()
            pair.y.encode()

    check()
    assert tried * len(FORMATS) >= 10_000
