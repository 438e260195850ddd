"""One file on disk → its pieces: the kinds of files, and what is counted."""

import gzip
import io
import json
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus.read_context import MAX_BYTES
from adjoin.pieces.piece import Piece
from adjoin.pieces.reading import DATA_CUT, LONG_LINE, NO_WORDS, read_pieces, text_pieces
from adjoin.tally import Tally
from growth import assert_linear


def read(folder: Path, name: str, content: str | bytes, tally: Tally | None = None) -> list[Piece]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_pieces(path, f"dir/{name}", Tally() if tally is None else tally))


def reason(folder: Path, name: str, content: str | bytes) -> str:
    tally = Tally()
    assert read(folder, name, content, tally) == []
    assert tally.examples == {name: [f"dir/{tally_name}"] for name, tally_name in [(*tally.counts, name)]}
    return tally.summary()


NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "source": ["# Churn model\n", "We predict which customers leave."]},
        {"cell_type": "code", "source": ["def churn_features(frame):\n", "    return frame\n"]},
    ]
}
# One file a kind: its content, and what of it must be in a piece of this language at these lines.
KINDS = {
    "Cart.svelte": (
        "<script>\n  // adds one article\n  function putIntoBasket(a) { b = [a]; }\n</script>\n<button/>\n",
        [("svelte", "adds one article", 2, 3)],
    ),
    "LoginForm.vue": (
        "<template>\n  <form @submit='signIn'/>\n</template>\n<script setup lang=\"ts\">\n"
        "/** Keep the session token. */\nasync function signIn(a: string) {\n  return 1\n}\n</script>\n"
        "<style>\n.form { color: red }\n</style>\n",
        [("vue", "<form @submit", 1, 3), ("vue", "session token", 5, 8), ("vue", ".form {", 11, 11)],
    ),
    "churn.ipynb": (json.dumps(NOTEBOOK, indent=1), [("python", "leave.\ndef churn_features(frame):", 6, 14)]),
    "setup.mdx": ("---\ntitle: S\n---\nimport X from './x'\n\n# Getting started\n\nTwo commands.\n",
                  [("mdx", "Two commands", 1, 8)]),
    "compose.yaml": ("services:\n  queue:\n    image: redis:7 # thumbnails\n", [("yaml", "thumbnails", 1, 3)]),
    "Dockerfile": ("FROM python\n# installs the worker\nRUN pip install x\n", [("dockerfile", "worker", 1, 3)]),
    "Makefile": ("build-image: ## the container image\n\tdocker build\n", [("makefile", "container image", 1, 2)]),
    "main.tf": ('resource "s3" "uploads" {\n  b = 1 # where uploads are kept\n}\n', [("terraform", "kept", 1, 3)]),
    "refund.proto": ("// refund an order\nmessage Refund { string id = 1; }\n", [("proto", "an order", 1, 2)]),
    "schema.graphql": ('type Query {\n  "All orders"\n  orders: [O!]!\n}\n', [("graphql", "All orders", 1, 4)]),
    "style.css": (".basket { display: grid; } /* the basket's layout */\n", [("css", "layout", 1, 1)]),
    "helper.pyi": ("def helper(x: int) -> int: ...\n", [("python", "helper", 1, 1)]),
    "imprint.phtml": ("<?php\n// shows the imprint\nfunction imprint() {}\n", [("php", "shows the", 1, 3)]),
    "refund.adoc": ("= Refund handbook\n\nThe money back.\n", [("asciidoc", "money back", 1, 3)]),
    "oncall.org": ("#+TITLE: Oncall\n* The queue is stuck\nRestart it.\n", [("org", "Restart", 1, 3)]),
    "purge-uploads": ("#!/usr/bin/env python3\ndef purge(days):\n    return days\n", [("python", "purge", 1, 3)]),
    "Rakefile": ("def deploy\n  run 'x'\nend\n", [("ruby", "deploy", 1, 3)]),
    "deploy.rake": ("task :deploy do\n  sh 'cap deploy'\nend\n", [("ruby", "cap deploy", 1, 3)]),
    "Foo.vb": ("Class Foo\nEnd Class\n", [("vb", "Class Foo", 1, 2)]),
    "Foo.csproj": ("<Project><PropertyGroup/></Project>\n", [("xml", "PropertyGroup", 1, 1)]),
    "pyproject.toml": ('[project]\nname = "shop"\n', [("toml", "shop", 1, 2)]),
    "main.rs": ("fn main() {}\n", [("rust", "main", 1, 1)]),
    "sign.go": ("package p\n\n// Sign signs.\nfunc Sign() {}\n", [("go", "Sign signs", 1, 4)]),
    "release.yml": ("name: publish a release\non: push\n", [("yaml", "publish a release", 1, 2)]),
    "notes.unknown": ("what nobody knows\n", [("text", "nobody knows", 1, 1)]),
    "LICENSE": ("Permission is granted\n", [("text", "granted", 1, 1)]),
    "a.csv": ("city,people\nRome,3\n", [("csv", "Rome", 1, 2)]),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_kinds(tmp_path: Path, name: str) -> None:
    content, expected = KINDS[name]
    tally = Tally()
    pieces = read(tmp_path, name, content, tally)
    assert tally.counts == {}
    for language, words, first, last in expected:
        [piece] = [piece for piece in pieces if words in piece.text]
        assert (piece.language, piece.first_line, piece.last_line) == (language, first, last)
        assert piece.path == f"dir/{name}"


def test_names_and_symbols_of_structures(tmp_path: Path) -> None:
    [target] = read(tmp_path, "Makefile", KINDS["Makefile"][0])
    assert (target.name, target.symbols) == ("build-image", ("build-image",))
    [message] = read(tmp_path, "a.proto", KINDS["refund.proto"][0])
    assert (message.name, message.symbols) == ("Refund", ("Refund",))
    [cell] = read(tmp_path, "a.ipynb", KINDS["churn.ipynb"][0])
    assert cell.symbols == ("churn_features",)


PROSE = {
    "install.md": (
        "# Gateway\n\nIt starts.\n\n```bash\ngatewayctl serve\n```\n\n| a | b |\n| --- | --- |\n"
        "| `retry_backoff_ms` | 250 |\n\n```yaml\nbreaker:\n  failure_threshold: 5\n```\n\n    indented_block\n\n"
        "- [ ] enable `hsts_preload`\n",
        ["gatewayctl", "retry_backoff_ms", "failure_threshold", "indented_block", "hsts_preload"],
    ),
    "api.rst": (
        "Client\n======\n\n.. code-block:: python\n\n   heartbeat_seconds=15\n\n.. option:: --drain-timeout\n",
        ["heartbeat_seconds", "--drain-timeout"],
    ),
    "page.html": (
        "<html><body><h1>T</h1><pre>ERR_GW_4711 upstream</pre><table><tr><td>ERR_GW_4712</td></tr></table></body>",
        ["ERR_GW_4711", "ERR_GW_4712"],
    ),
}


@pytest.mark.parametrize("name", PROSE)
def test_all_of_prose_is_found(tmp_path: Path, name: str) -> None:
    content, words = PROSE[name]
    pieces = read(tmp_path, name, content)
    for word in words:
        assert any(word in piece.text for piece in pieces)
        assert any(word.strip("-") in piece.embedded for piece in pieces)
    lines = content.split("\n")
    for piece in pieces:
        assert piece.text == "\n".join(lines[piece.first_line - 1 : piece.last_line])


@pytest.mark.parametrize(
    ("name", "content", "kept"),
    [
        ("data.py", "TABLE = b'{}'\n\n\ndef checksum(block):\n    return 1\n", ["TABLE = b'", "def checksum"]),
        (
            "guide.md",
            "# Lock\n\nHold it.\n\n![photo]({})\n\nIt is red.\n",
            ["![photo](", "Hold it.", "It is red."],
        ),
        ("icon.ts", "export function draw() {{\n  a()\n}}\nexport const LOGO = '{}';\n", ["draw", "LOGO = '"]),
    ],
)
def test_a_long_line_costs_that_line_only(tmp_path: Path, name: str, content: str, kept: list[str]) -> None:
    tally = Tally()
    pieces = read(tmp_path, name, content.format("A" * 30_000), tally)
    for words in kept:
        assert any(words in piece.text for piece in pieces)
    assert sum(len(piece.text) for piece in pieces) < 2_000
    assert tally.counts == {LONG_LINE: 1}
    assert tally.examples == {LONG_LINE: [f"dir/{name}"]}


def test_code_around_a_long_line_is_still_parsed(tmp_path: Path) -> None:
    pieces = read(tmp_path, "a.py", f"X = '{'A' * 30_000}'\n\n\ndef after():\n    return 1\n")
    assert any("after" in piece.symbols for piece in pieces)


def test_a_page_on_one_line_is_read_to_its_end(tmp_path: Path) -> None:
    tally = Tally()
    pieces = read(tmp_path, "a.html", "<p>" + "<b class='x y z'>some words</b> " * 500 + "needle</p>", tally)
    assert any("needle" in piece.text for piece in pieces)
    assert tally.counts == {}


def test_the_words_of_a_drawing(tmp_path: Path) -> None:
    [piece] = read(tmp_path, "a.svg", "<svg>\n<path\n d='M1 2C3'/>\n<text>Gateway</text>\n</svg>\n")
    assert (piece.text.strip(), piece.first_line) == ("Gateway", 4)


def test_a_large_file_of_data_is_read_in_part(tmp_path: Path) -> None:
    tally = Tally()
    pieces = read(tmp_path, "a.csv", "city,people\n" + "Rome,2800000\n" * 20_000, tally)
    assert 10 < len(pieces) < 100
    assert pieces[0].text.startswith("city,people")
    assert tally.counts == {DATA_CUT: 1}
    prose = read(tmp_path, "a.txt", "A line of a book that is long.\n" * 20_000)
    assert prose[-1].last_line == 20_000
    numbers = read(tmp_path, "b.txt", "1.5e-07 2.5e+05 3.0 4.0\n" * 20_000)
    assert len(numbers) < 100


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.py", "", "1 empty"),
        ("a.md", " \n\n", "1 empty"),
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0", "1 binary"),
        ("a.py", b"x = 1\0", "1 binary"),
        ("a.txt", "12 34\n==\n", f"1 {NO_WORDS}"),
        ("a.ipynb", '{"cells": []}', f"1 {NO_WORDS}"),
        ("yarn.lock", "x", "1 lock file"),
        ("a.asc", "-----BEGIN PGP SIGNATURE-----\nabc\n", "1 key or signature"),
        ("a.svg", "<svg>\n<path\n d='M1 2C3'/>\n</svg>\n", f"1 {NO_WORDS}"),
        ("a.min.js", "x", "1 minified"),
        ("a.js.map", "x", "1 source map"),
        ("a.sql", "insert into x;\n" * (MAX_BYTES // 15 + 1), "1 too large"),
        ("a.txt.gz", b"\x1f\x8b broken", "1 truncated"),
        ("a.zip", b"no archive", "1 corrupt archive"),
    ],
)
def test_what_gives_no_piece_is_counted_with_its_name(
    tmp_path: Path, name: str, content: str | bytes, expected: str
) -> None:
    assert reason(tmp_path, name, content) == expected


def test_what_cannot_be_opened_is_counted(tmp_path: Path) -> None:
    tally = Tally()
    assert list(read_pieces(tmp_path / "missing.py", "missing.py", tally)) == []
    assert tally.examples == {"unreadable": ["missing.py"]}


def test_other_encodings(tmp_path: Path) -> None:
    declared = "# -*- coding: koi8-r -*-\ndef f():\n    return 'л'\n"
    assert any("'л'" in piece.text for piece in read(tmp_path, "a.py", declared.encode("koi8-r")))
    assert "größer" in read(tmp_path, "a.md", "# Prüfung\n\nOb die Größe größer ist.\n".encode("latin-1"))[0].text
    assert "größer" in read(tmp_path, "b.md", "größer".encode("utf-16"))[0].text


def test_compressed_files_and_archives(tmp_path: Path) -> None:
    [piece] = read(tmp_path, "a.py.gz", gzip.compress(b"def packed():\n    pass\n"))
    assert (piece.path, piece.symbols) == ("dir/a.py.gz", ("packed",))

    members = {
        "p/a.py": b"def inside():\n    pass\n",
        "p/b.zip": b"PK",
        "p/c.bin": b"\0",
        "p/license/d.md": b"# D\n",
    }
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.writestr("../out.py", "x")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as packed:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            packed.addfile(info, io.BytesIO(data))
    for name, others in (("a.whl", {"member outside the archive": 1}), ("a.tar.gz", {})):
        tally = Tally()
        paths = [piece.path for piece in read_pieces(tmp_path / name, name, tally)]
        assert paths == [f"{name}!p/a.py", f"{name}!p/license/d.md"]
        assert tally.counts == {"nested archive": 1, "binary": 1, **others}
        assert tally.examples["binary"] == [f"{name}!p/c.bin"]


def test_an_archive_without_members_is_counted(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w"):
        pass
    assert reason(tmp_path, "a.zip", data.getvalue()) == f"1 {NO_WORDS}"


NAMES = [
    "a.md", "a.rst", "a.txt", "a.html", "a.yaml", "a.json", "a.toml", "Dockerfile", "Makefile", "a.tf", "a.proto",
    "a.graphql", "a.css", "a.vue", "a.svelte", "a.astro", "a.ipynb", "a.csv", "a.xml", "a.unknown", "a.vb", "a.py",
]  # fmt: skip
LINES = ["", "  ", "# h", "==", "```", "a: b", "  c: |", "- d: e", '"k": {', "}", "<script>", "</script>", "[t]",
         "FROM x AS y", "all: b", "message M {", "type Q {", ".a {", "<h1>x</h1>", "x" * 3000, "wo rd " * 800,
         "---", "def f():", "    return 1", "12 34", "é\u2028\x0c"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=40)
@given(lines=st.lists(st.sampled_from(LINES), max_size=60))
def test_any_text_in_any_structure(name: str, lines: list[str]) -> None:
    pieces = list(text_pieces("\n".join(lines), name, name, Tally()))
    for piece in pieces:
        assert 1 <= piece.first_line <= piece.last_line <= max(1, len(lines))
        assert piece.text.strip()
        assert piece.embedded.strip()
    if name in ("a.ipynb", "a.py", "a.vb", "a.vue", "a.svelte", "a.astro"):
        return  # tags and front matter of components are in no piece; test_code.py tests code
    covered = [number for piece in pieces for number in range(piece.first_line, piece.last_line + 1)]
    lettered = {number for number, line in enumerate(lines, 1) if any(map(str.isalpha, line))}
    assert lettered <= set(covered)
    if all(len(line) < 1000 for line in lines):
        assert len(covered) == len(set(covered))


@pytest.mark.parametrize("name", ["a.md", "a.json", "a.yaml", "a.html", "a.ipynb", "a.vue", "a.unknown"])
@pytest.mark.parametrize("unit", ["[", '{"a":', "<div>", "a ", "- ", "x"])
def test_a_megabyte_on_one_line_takes_linear_time(name: str, unit: str) -> None:
    text = (unit * (1 << 20))[: 1 << 20]
    assert_linear(lambda size: list(text_pieces(text[:size], name, name, Tally())), len(text))


@pytest.mark.parametrize("name", ["a.json", "a.yaml", "a.html"])
def test_deep_nesting_takes_linear_time(name: str) -> None:
    unit = {"a.json": '{"k":', "a.yaml": "k:", "a.html": "<div>k"}[name]
    lines = [" " * (depth % 500) + unit for depth in range(20_000)]
    assert_linear(lambda size: list(text_pieces("\n".join(lines[:size]), name, name, Tally())), len(lines))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x")
    (tmp_path / "a.py").chmod(0)
    tally = Tally()
    assert list(read_pieces(tmp_path / "a.py", "a.py", tally)) == []
    assert tally.counts == {"no permission": 1}
