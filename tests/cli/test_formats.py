"""Results for programs. Keys and fields are public: these tests freeze them."""

import json
from dataclasses import asdict
from pathlib import Path

from adjoin.cli.formats import as_json, distinct_files, files_text, json_text, vimgrep_text
from adjoin.index.folders.repositories import Found
from adjoin.index.search import Hit, Place

ALSO = (Place(40, 44, "down, Table.left, Table.right, Table.up"),)


def found(path: str, text: str = "# c\ndef up():\n\treturn 1", *, weak: bool = False, name: str = "up") -> Found:
    last = 10 + text.count("\n")
    hit = Hit(path, 10, last, "python", "function", name, 0.5, text, weak, {"vector": 0.25}, ALSO)
    return Found(hit, f"repo/{path}", Path("/home/repo"))


def test_json() -> None:
    one = found("a.py")
    assert as_json(one) == {
        "path": "a.py",
        "root": "/home/repo",
        "file": "repo/a.py",
        "first_line": 10,
        "last_line": 12,
        "language": "python",
        "kind": "function",
        "name": "up",
        "score": 0.5,
        "weak": False,
        "evidence": {"vector": 0.25},
        "also": [{"first_line": 40, "last_line": 44, "name": "down, Table.left, Table.right, …"}],
        "text": "# c\ndef up():\n\treturn 1",
    }
    assert json.loads(json_text([one, one])) == [as_json(one)] * 2
    assert json.loads(json_text([])) == []
    assert set(asdict(one.hit)) <= set(as_json(one))


def test_json_is_ascii_and_keeps_every_character() -> None:
    text = json_text([found("a.py", "\x1b[31m\u202e é \ud800")])
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text)[0]["text"] == "\x1b[31m\u202e é \ud800"


def test_vimgrep() -> None:
    assert vimgrep_text([found("a.py"), found("b.py", weak=True)], "up") == "repo/a.py:11:1:def up():\n"
    assert (
        vimgrep_text([found("a.py", "x = 1\n\té = retry()", name="")], "retry") == "repo/a.py:11:2:\té = retry()\n"
    )
    assert vimgrep_text([found("a\n.py", "\x1b = 1", name="")], "x") == "repo/a�.py:10:1:� = 1\n"


def test_files() -> None:
    hits = [found("a b.py"), found("a b.py"), found("w.py", weak=True), found("c\n.py"), found("d.py")]
    assert files_text(hits, 2) == "repo/a b.py\nrepo/c�.py\n"
    assert files_text(hits, 9, null=True) == "repo/a b.py\0repo/c\n.py\0repo/d.py\0"
    assert files_text([], 9) == ""
    assert distinct_files(hits) == ["repo/a b.py", "repo/w.py", "repo/c\n.py", "repo/d.py"]


def test_a_name_of_many_definitions_is_cut() -> None:
    names = ", ".join(f"MACRO_{number}" for number in range(45))
    assert as_json(found("a.py", name=names))["name"] == "MACRO_0, MACRO_1, MACRO_2, …"


def test_vimgrep_points_at_the_name_that_was_asked_for() -> None:
    text = "char *dump_TRUNC(jv x) {\n  dump_string(x); dump_string(x);\n}\n\nchar *dump(jv x) {\n}"
    one = found("a.c", text, name="dump_TRUNC, dump")
    assert vimgrep_text([one], "dump") == "repo/a.c:14:1:char *dump(jv x) {\n"
    assert vimgrep_text([one], "dump_TRUNC") == "repo/a.c:10:1:char *dump_TRUNC(jv x) {\n"
    assert vimgrep_text([found("a.c", "x = dumps()\ny = dump", name="")], "dump").startswith("repo/a.c:11:1:")
