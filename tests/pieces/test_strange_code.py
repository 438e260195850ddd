"""Code that crashes a parser, hangs it or fills the memory costs its file the syntax tree, and no more."""

import json
import zipfile
from pathlib import Path

import pytest

from adjoin.pairs.quality import TOO_DEEP, UNPARSABLE
from adjoin.pieces.code import code_pieces
from adjoin.pieces.reading import read_pieces
from adjoin.sandbox import CRASHED
from adjoin.tally import Tally

GOOD = "def open_the_door(key, door):\n    door.turn(key)\n    return door.open()\n"
# Each killed the process, or took it gigabytes or for ever.
STRANGE = {
    "Kotlin's scanner hangs at the end": ("kotlin", "class A\n@"),
    "at the end of an annotation": ("kotlin", "class A { val x = 1\n@foo("),
    "Perl's scanner calls itself": ("perl", "my $x = qq{" + "{" * 400_000),
    "Perl's word": ("perl", f"print <<{'A' * 4000};\n"),
    "Perl's word after a comment": ("perl", f"print << # name\n'{'é' * 9000}';\n"),
    "Perl's word in a text": ("perl", f"print <<A;\n{'b' * 9000}\nA\n"),
    "gigabytes of Python": ("python", "/*\n" * 40_000),
    "gigabytes of Ruby": ("ruby", "s{>fn\nfrom\n" * 10_000),
    "gigabytes of Java": ("java", "a (* " * 20_000),
    "gigabytes of C": ("c", "x => " * 3000),
    "lists of words in C": ("c", "%w(" * 3000),
    "lists of words in C#": ("csharp", "%w(" * 3000),
    "templates in C#": ("csharp", "template <" * 3000),
    "types in C#": ("csharp", "A<" * 3000),
    "calls or comparisons in Kotlin": ("kotlin", "f<a>(b) < " * 3000),
    "gigabytes of Objective-C": ("objectivec", "x => " * 3000),
    "levels of Python": ("python", "".join(" " * n + "if x:\n" for n in range(600))),
}
REASONS = {CRASHED, TOO_DEEP, UNPARSABLE}


@pytest.mark.parametrize("name", STRANGE)
def test_what_no_parser_survives_becomes_windows(name: str) -> None:
    language, text = STRANGE[name]
    end = "" if language == "kotlin" and text.startswith("class") else "\nneedle\n"
    tally = Tally()
    pieces = code_pieces(text + end, language, "strange", tally=tally)
    assert (set(tally.counts) & REASONS, tally.counts.total()) == (set(tally.counts), 1)
    assert list(tally.examples.values()) == [["strange"]]
    assert (end.strip() or "class A") in "\n".join(piece.text for piece in pieces)
    assert [piece.symbols for piece in code_pieces(GOOD, "python", "a.py")] == [("open_the_door",)]


def test_a_strange_member_of_an_archive_costs_that_member(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("good.py", GOOD)
        archive.writestr("Broken.kt", "class A\n@")
        archive.writestr("deep.py", STRANGE["gigabytes of Python"][1])
        archive.writestr("other.py", GOOD)
    tally = Tally()
    pieces = list(read_pieces(tmp_path / "a.zip", "a.zip", tally))
    assert [piece.path for piece in pieces] == ["a.zip!good.py", "a.zip!Broken.kt", "a.zip!other.py"]
    places = {UNPARSABLE: ["a.zip!Broken.kt"], CRASHED: ["a.zip!deep.py"], "no words in it": ["a.zip!deep.py"]}
    assert tally.examples == places


def test_strange_code_in_a_notebook_and_in_a_component_costs_that_part(tmp_path: Path) -> None:
    script = "x => y (*\n" * 9000
    (tmp_path / "a.vue").write_text(f"<script>\n{script}</script>\n<style>\n.needle {{}}\n</style>\n")
    cells = [{"cell_type": "code", "source": text} for text in (GOOD, STRANGE["gigabytes of Python"][1], GOOD)]
    (tmp_path / "a.ipynb").write_text(json.dumps({"nbformat": 4, "metadata": {}, "cells": cells}))
    for name in ("a.vue", "a.ipynb"):
        tally = Tally()
        text = "\n".join(piece.text for piece in read_pieces(tmp_path / name, name, tally))
        assert ("needle" if name == "a.vue" else "open_the_door") in text
        assert set(tally.counts) <= REASONS
        assert {place for places in tally.examples.values() for place in places} <= {name}
