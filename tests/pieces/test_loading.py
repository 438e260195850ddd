import os
import subprocess
import sys
from pathlib import Path

import pytest

from adjoin.pieces.loading import bundled_parser

PIECES = """
from adjoin.pieces.code import code_pieces
print([piece.name for piece in code_pieces("int a(void) { return 1; }", "c", "a.c")])
"""


def names(**changed: str) -> bytes:
    environment = os.environ | changed
    command = [sys.executable, "-c", PIECES]
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout


def test_a_parser_is_loaded_once() -> None:
    parser = bundled_parser("c")
    assert parser is not None
    assert bundled_parser("c") is parser
    assert parser.parse(b"int a;").root_node.type == "translation_unit"


def test_a_grammar_that_the_package_lacks_is_none() -> None:
    assert bundled_parser("no such language") is None


def test_a_cache_that_cannot_be_written_is_replaced_by_a_temporary_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    cache = str(tmp_path / "file" / "cache")  # below a file: not even root can write there
    assert names(SEMBLE_GRAMMARS_CACHE_DIR=cache, TMPDIR=str(temporary)) == b"['a']\n"
    assert list(temporary.iterdir()) == []  # removed at the end


def test_a_broken_library_is_replaced_too(tmp_path: Path) -> None:
    names(SEMBLE_GRAMMARS_CACHE_DIR=str(tmp_path))
    [library] = [path for path in tmp_path.rglob("*") if path.is_file()]
    library.write_bytes(b"no library")
    assert names(SEMBLE_GRAMMARS_CACHE_DIR=str(tmp_path)) == b"['a']\n"


def test_without_the_package_there_is_no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "semble_grammars", None)
    bundled_parser.cache_clear()
    assert bundled_parser("c") is None
    bundled_parser.cache_clear()
