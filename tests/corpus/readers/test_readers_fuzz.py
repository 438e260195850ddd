"""Whatever a file holds, its reader ends: bounded in time and memory, with Documents that are valid or a count.

Files are drawn from the pieces of their formats: joined, repeated, nested, cut, and with bytes changed.
"""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from adjoin.corpus import Source, SourceRecord, read_source
from adjoin.tally import Tally
from fuzzing import fuzz

PROSE = b"The door opens with the key of the guard. "
CODE = b'def open_door(key):\n    """Open the door with the key of the guard."""\n    return key\n'
# Format → a file name, how it begins, and pieces of it, apart by spaces; "_" stands for a space, "~" for \n.
TEXTS: dict[str, tuple[str, bytes, bytes]] = {
    "html": (
        "a.html",
        b"<html><head><title>T</title></head><body>",
        b"<p> </p> <div> </div> <li> <ul> <table><tr><td> <a_href=x> </a> <br> <pre> </pre> <h1> </h2> "
        b"<script> "
        b"</script> <!-- --> <![CDATA[ ]]> &amp; &#99999999; &#xd800; &# & < > <p_class=' \" = <svg> "
        b"<form> <select> "
        b"<option> <template> <?php ?> </ <b> <title> data: ~ \xff \xe2\x80\xa8 ]]> <P/> </body> <frameset>",
    ),
    "markdown": (
        "a.md",
        b"# Title\n\n",
        b"# ## ``` ~~~ ` `` * ** _ __ [ ] ( ) [a](b) ![a](b) > - 1. | |-|-| ~|a|b|~ <a> <!-- --> &amp; "
        b"\\ === --- ~ ~~ "
        b"____ [a]: <http://a> http:// <details> :::note :: {#a} $$ ~---~ title:_a ~_~- \t \xe2\x80\xa8",
    ),
    "rest": (
        "a.rst",
        b"Title\n=====\n\n",
        b"* ** ` `` | : :a: :ref:`a` .._note:: .._include::_a .. .._[1] .._a:_b .._|a|_image::_b ___ ~ "
        b"~~ ____- - 1. "
        b"(a) :: ==== ---- ~====~ ==_==~ +-+ |a| -a,_--all_ a_ a__ `_ \\ >>> __ #. ~~___ \t \xc2\x85",
    ),
    "latex": (
        "a.tex",
        rb"\documentclass{article}\begin{document}" + b"\n",
        rb"\section{ } { [ ] $ $$ \[ \] \( \) \begin{a} \end{a} \begin{itemize} \item \end{itemize} "
        rb"\verb| | % \\ & # "
        rb"\def\a{\a\a} \a \newcommand{\b}[1]{\b{#1}} \b{x} \input{a} \footnote{ \cite{a} \'e \char\" "
        rb"\begin{verbatim} "
        rb"\end{verbatim} ~ \let\x=\y \if \fi \begin{equation} ^ _ \emph{ \href{a}{ \begin{document} "
        rb"\end{document} \$",
    ),
    "man": (
        "a.1",
        b".TH A 1\n.SH NAME\na \\- b\n",
        b"~.SH_A ~.TP ~.PP ~.B_a ~.so_a.1 ~.de_a ~.. ~.a ~.ig ~.if_n ~.ie_t_\\{\\ ~.el \\} ~.\\} "
        b"~.ds_a_\\*a \\*a \\*(ab \\*[ "
        b"\\fB \\fR \\f[ \\( \\(bu \\[u0041] \\N'9' \\s+1 \\n(ab \\ \\\" ~.TS ~.TE ~.nf ~.fi ~.RS ~.RE "
        b"~.Dd ~.Sh_N ~.Op_Fl_a "
        b"~.Bl ~.It ~.El ~.EQ ~.EN ' ~'br ~.while \\$1 \\w'a' \\h'1' \\c",
    ),
    "plain": (
        "a.txt",
        b"Title\n=====\n\n",
        b"=== --- ~===~ 1. 1.2. ~1._Title~ ***_START_OF_THE_PROJECT_GUTENBERG "
        b"***_END_OF_THIS_PROJECT_GUTENBERG "
        b"[Page_1] ~RFC_1_May_2001 |--| +--+ ~ ~~ \r \f \x1b[31m \xe2\x80\xa8 \xff \xfe \0 \t ____ ... "
        b"Title:_a",
    ),
    "metadata": (
        "PKG-INFO",
        b"Metadata-Version: 2.1\n",
        b"Description-Content-Type:_text/markdown~ Description-Content-Type:_a/ License:_MIT~ ~~ ~ "
        b"Name:_a~ # == :: * `",
    ),
    "code": (
        "a.py",
        b"# -*- coding: ",
        b"rot13 utf-7 utf-16 koi8-r zip hex idna undefined unicode_escape cp037 hz iso2022_kr _-*-~ \xff "
        b"\xe9 \0 \x1b$ ~{ "
        b"\xfe\xff \xff\xfe ~ x_=_1~ vim:_fenc= charset= +AGE- =41 \\u0041 \x0e \xf0\x9f \xed\xa0\x80",
    ),
    "json_lines": (
        "a.jsonl",
        b'{"text": "' + PROSE + b'"}\n',
        b'{"text":_" "}~ { } [ ] , : " \\ \\u0041 \\ud800 \\u0000 "id":_ 9999999999 1e999 NaN -Infinity '
        b'null true {"a": '
        b'[[ {"text":_"a","text":_"b"}~ ~ ~~ "license":_["MIT",_1] "question":_"a" "answer":_"b" \xff '
        b"\xef\xbb\xbf \0 _",
    ),
    "mail": (
        "a.eml",
        b"Subject: a\nMessage-ID: <a@b>\n",
        b"~Subject:_=?utf-8?q?a?= =?rot13?b?eA==?= =? ?= ~Content-Type:_text/plain;_charset= utf-7 "
        b"utf-16 zip idna "
        b"koi8-r \xff ~Content-Type:_multipart/mixed;_boundary=b ~--b~ ~--b--~ ~~ ~ "
        b"~Content-Type:_message/rfc822~~ "
        b"~Content-Transfer-Encoding:_base64 ~Content-Transfer-Encoding:_quoted-printable ~>_ "
        b"~On_a_wrote:~ ~--_~ "
        b"~Content-Type:_text/html;_charset*0*=a''b ; \" ( <p> =E9 ~In-Reply-To:_<a@b> <a@b> eA== \0 "
        b"~-----BEGIN_PGP_SIGNED_MESSAGE-----~",
    ),
    "mbox": (
        "a.mbox",
        b"From a@b Mon Jan  1 12:00:00 2001\nSubject: a\n\nA text.\n\n",
        b"~From_a@b_Mon_Jan__1_12:00:00_2001~Subject:_b~ ~~ ~From_ ~>From_ Message-ID:_<a@b>~ "
        b"In-Reply-To:_<a@b>~ ~ 1:11 "
        b"~>_a~ wrote:~ \xff \0",
    ),
    "dictionary": (
        "a.dict",
        b"00-database-info\n   A dictionary.\n\nword\n   n 1: the meaning of it\n",
        b"~word~ ~___n_1:_ {a} { } [ ] [syn:_{b}] \\a\\ ; : -- See_{a}, Syn. (a) <a> ~~ ~ ____ 1. "
        b"[1913_Webster] "
        b"00-database-short~ \xff \0 / ~a_/a/~",
    ),
    "translations": (
        "a.dict",
        b"00-database-short\n     Danish-English FreeDict Dictionary\n\na /a/\n",
        b'~a_/a/~ 1._a,_b~ < > ( ) [ ] { } <a> (a) ,_ ;_ see: " ~ ~~ \xff \0 ____',
    ),
    "web_archive": (
        "a.warc",
        b"WARC/1.0\r\nWARC-Type: conversion\r\nContent-Type: text/plain\r\nContent-Length: "
        b"10\r\n\r\n0123456789\r\n\r\n",
        b"WARC/1.0\r\n WARC-Type:_response\r\n WARC-Type:_warcinfo\r\n Content-Length:_60\r\n "
        b"Content-Length:_-1\r\n "
        b"Content-Length:_9999999999999999999\r\n Content-Type:_application/http\r\n "
        b"WARC-Target-URI:_http://a\r\n \r\n "
        b"\r\n\r\n HTTP/1.1_200_OK\r\n Content-Type:_text/html;_charset=zip\r\n Content-Encoding:_gzip\r\n "
        b"Transfer-Encoding:_chunked\r\n ffffffff\r\n 5\r\n 0\r\n <p> \x1f\x8b\x08 : \xff \0 \x1b[31m",
    ),
}


def _pieces(names: bytes) -> list[bytes]:
    return [piece.replace(b"_", b" ").replace(b"~", b"\n") for piece in names.split(b" ") if piece]


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """The same bytes with some changed, cut out, or repeated; in a third of all cases none."""
    content = bytearray(data)
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 6]))):
        place, end = draw(st.integers(0, len(content))), draw(st.integers(0, 40))
        change = draw(st.sampled_from(["bytes", "bytes", "flip", "cut", "repeat", "end"]))
        if change == "bytes":
            content[place : place + end % 9] = draw(
                st.one_of(st.binary(max_size=8), st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f"]))
            )
        elif change == "flip" and place < len(content):
            content[place] ^= 1 << end % 8
        elif change == "cut":
            del content[place : place + end]
        elif change == "repeat":
            content[place:place] = content[place : place + end] * draw(st.sampled_from([1, 2, 50]))
        elif change == "end":
            del content[place:]
    return bytes(content)


@st.composite
def texts(draw: st.DrawFn, kind: str) -> tuple[str, bytes]:
    """The name and content of a file that is made of pieces, compressed or not."""
    name, start, names = TEXTS[kind]
    pieces = st.sampled_from([*_pieces(names), PROSE, b" ", b"\n", b"a"])
    parts = draw(st.lists(st.tuples(pieces, st.sampled_from([1, 1, 1, 1, 2, 30, 3000])), max_size=12))
    content = b"".join(piece * number for piece, number in parts)
    content *= draw(st.sampled_from([1, 1, 1, 1, 20]))
    content = (
        (start if draw(st.integers(0, 4)) else b"") + content[: 1 << 16] + draw(st.sampled_from([PROSE, b""]))
    )
    return draw(compressed(name, draw(mutated(content)) if draw(st.booleans()) else content))


@st.composite
def compressed(draw: st.DrawFn, name: str, content: bytes) -> tuple[str, bytes]:
    """A file, in a third of all cases compressed, its parts one after the other, and damaged."""
    how = draw(st.sampled_from([""] * 8 + ["gz", "bz2", "xz", "zst"]))
    if not how:
        return name, content
    compress = COMPRESSORS[how]
    data = compress(content[: len(content) // 2]) + compress(content[len(content) // 2 :])
    return f"{name}.{how}", draw(mutated(data * draw(st.sampled_from([1, 1, 3]))))


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gz": lambda data: gzip.compress(data, 1, mtime=0),
    "bz2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
    "zst": zstandard.compress,
}


MEMBERS: list[tuple[str, bytes]] = [
    *(("a.py", CODE), ("b/c.md", b"# A\n\n" + PROSE), ("../up.py", CODE), ("/abs.py", CODE), ("c:\\d.py", CODE)),
    *(("x" * 300 + ".py", CODE), ("a\nb.py", CODE), ("\x1b[31m.py", CODE), ("n.zip", b"PK\5\6" + bytes(18))),
    *(("big.txt", PROSE * 3000), ("zeros.txt", bytes(1 << 20)), ("a.jsonl", b'{"text": "a"}\n' * 300)),
    *(("PKG-INFO", b"Metadata-Version: 2.1\nLicense: MIT\n\n" + PROSE), ("e.txt.gz", gzip.compress(PROSE * 9))),
]
BOOK: list[tuple[str, bytes]] = [
    ("META-INF/container.xml", b'<container><rootfiles><rootfile full-path="c.opf"/></rootfiles></container>'),
    (
        "c.opf",
        b'<package><metadata><title>T</title></metadata><manifest><item id="i" href="p.xhtml" '
        b'media-type="text/html"/>'
        b'</manifest><spine><itemref idref="i"/></spine></package>',
    ),
    ("p.xhtml", b"<html><body><h1>A</h1><p>" + PROSE * 9 + b"</p></body></html>"),
]
XML = [
    *(
        b"<a>" * 3000,
        b"</package>",
        b'<!DOCTYPE a [<!ENTITY b "c">]>&b;',
        b'<?xml version="1.0" encoding="utf-7"?>',
    ),
    *(b"<item id='i' href='../../../etc/passwd' media-type='text/html'/>", b"<title>", b"\xff\xfe", b"<![CDATA["),
]


@lru_cache(500)
def _zipped(members: tuple[tuple[str, bytes], ...], method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


@lru_cache(500)
def _tarred(members: tuple[tuple[str, bytes], ...], form: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            member.pax_headers = {"comment": "9" * 300, "path": name}
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _ar(*parts: tuple[bytes, bytes]) -> bytes:
    packed = b"!<arch>\n"
    for name, data in parts:
        packed += (
            name.ljust(16)
            + b"0".ljust(32)
            + str(len(data)).encode().ljust(10)
            + b"`\n"
            + data
            + b"\n" * (len(data) % 2)
        )
    return packed


@st.composite
def archives(draw: st.DrawFn, kind: str) -> tuple[str, bytes]:
    """An archive of one kind, with some of the same members, damaged or not."""
    if kind == "epub":
        changed = draw(st.integers(0, len(BOOK)))  # this page of the book, or the whole file
        pages = []
        for number, (name, data) in enumerate(BOOK):
            start = draw(st.sampled_from([b"", *XML])) if number == changed else b""
            pages.append((name, draw(mutated(start + data)) if number == changed else data))
        data = _zipped(tuple(pages), zipfile.ZIP_DEFLATED)
        return "a.epub", draw(mutated(data)) if changed == len(BOOK) else data
    members = tuple(draw(st.lists(st.sampled_from(MEMBERS), min_size=1, max_size=4, unique=True)))
    if kind == "zip":
        method = draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA]))
        return "a.zip", draw(mutated(_zipped(members, method)))
    form = draw(st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT]))
    if form == tarfile.USTAR_FORMAT:
        members = tuple(member for member in members if len(member[0]) < 100)
    data = _tarred(members, form)
    if draw(st.booleans()):
        data = draw(mutated(data))
    if kind == "gem":
        inner = (
            ("metadata.gz", gzip.compress(b"name: a\nlicenses:\n- MIT\n")),
            ("data.tar.gz", gzip.compress(data, 1)),
        )
        return "a.gem", draw(mutated(_tarred(inner, tarfile.USTAR_FORMAT)))
    if kind == "deb":
        packed = COMPRESSORS[draw(st.sampled_from(sorted(COMPRESSORS)))](data)
        return "a.deb", draw(mutated(_ar((b"debian-binary", b"2.0\n"), (b"data.tar.xz", packed))))
    return draw(compressed("a.tar", data))


@cache
def _tables() -> list[bytes]:
    rows = [f"text {number} " * (number % 7) if number % 5 else None for number in range(60)]
    licences = [["MIT", None, "Apache-2.0"][: number % 4] if number % 3 else None for number in range(60)]
    table = pa.table({"text": rows, "id": list(range(60)), "license": licences})
    repeated = pa.array(["y" * 5000]).dictionary_encode().take(pa.array([0] * 60))
    options: list[tuple[Any, dict[str, Any]]] = [
        *(
            (table, {"compression": name, "data_page_version": "2.0"})
            for name in ("none", "snappy", "gzip", "zstd")
        ),
        *((table, {"compression": name, "row_group_size": 25}) for name in ("none", "lz4", "brotli")),
        (table, {"use_dictionary": False, "compression": "none", "store_schema": False}),
        (table, {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}, "compression": "none"}),
        (table, {"use_dictionary": False, "column_encoding": {"text": "DELTA_LENGTH_BYTE_ARRAY"}}),
        (pa.table({"text": repeated, "title": pa.array(rows, pa.large_string())}), {"compression": "none"}),
        (pa.table({"text": pa.array(rows, pa.string_view()), "id": [{"a": [1]}] * 60}), {"compression": "none"}),
    ]
    written = []
    for columns, how in options:
        buffer = io.BytesIO()
        pq.write_table(columns, buffer, **how)
        written.append(buffer.getvalue())
    return written


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, bytes]:
    """A Parquet file with changed bytes, most of them in its description at the end, whose length is mended."""
    data = draw(st.sampled_from(_tables()))
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    pages, description = data[4:footer], data[footer:-8]
    if draw(st.booleans()):
        description = draw(mutated(description))
    else:
        pages = draw(mutated(pages))
    content = b"PAR1" + pages + description + len(description).to_bytes(4, "little") + b"PAR1"
    return draw(compressed("a.parquet", content))


def read(name: str, content: bytes) -> None:
    """Read a file and look at its Documents and counts."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        documents = list(read_source(Source(path, name), tally, record=SourceRecord()))
    for document in documents:
        json.dumps([document.text, document.title, document.section, document.question]).encode()
        assert document.text.encode()
        assert "\r" not in document.text
        assert document.span[1] - document.span[0] == document.text.count("\n")
    assert documents or tally.counts


ARCHIVES = ("zip", "tar", "gem", "deb", "epub")
FILES = {kind: texts(kind) for kind in TEXTS} | {kind: archives(kind) for kind in ARCHIVES} | {"parquet": tables()}


def _case_of(kind: str) -> Callable[..., None]:
    @given(FILES[kind])
    def one_case(file: tuple[str, bytes]) -> None:
        read(*file)

    one_case.__name__ = f"read_{kind}"
    return one_case


CASES = {kind: _case_of(kind) for kind in FILES}
globals().update({case.__name__: case for case in CASES.values()})  # the harness finds them by name


@given(st.one_of(*FILES.values()))
def read_any(file: tuple[str, bytes]) -> None:
    """A file of any format."""
    read(*file)


def test_a_few_hundred_files_of_any_format() -> None:
    fuzz(read_any, 600)


@pytest.mark.slow
@pytest.mark.parametrize("kind", FILES)
def test_thousands_of_files(kind: str) -> None:
    fuzz(CASES[kind])
