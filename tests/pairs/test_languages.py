"""A new language is one row of the table: shown with Go's real grammar, which the table does not ship."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from adjoin.index.pieces import pieces_of
from adjoin.mining import MiningOptions, mine
from adjoin.pairs import languages
from adjoin.pairs.dataset import PairDataset
from adjoin.pairs.languages import Language, first_string_of_body, python_string

if TYPE_CHECKING:
    from tree_sitter import Node

SOURCE = """\
package store

// Open gives the store at a path,
// or an error if there is none.
func Open(path string) (*Store, error) {
\tfile, err := os.Open(path)
\treturn &Store{file}, err
}

// Not about the function below.

func (s *Store) Close() error {
\ts.open = false
\treturn s.file.Close()
}
"""


def comments_right_above(function: "Node") -> list["Node"]:
    found: list[Node] = []
    below, above = function, function.prev_sibling
    while above is not None and above.type == "comment" and below.start_point[0] - above.end_point[0] <= 1:
        found.insert(0, above)
        below, above = above, above.prev_sibling
    return found


GO = Language(
    name="go",
    grammar="tree_sitter_go",
    functions=frozenset({"function_declaration", "method_declaration"}),
    containers=frozenset({"source_file"}),
    documentation=comments_right_above,
    clean=lambda comment: re.sub(r"^\s*//\s?", "", comment, flags=re.MULTILINE),
    scopes=frozenset(),
    special=re.compile(r"main|init"),
)


def test_one_row_is_a_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(languages.LANGUAGES, "go", GO)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "store.go").write_text(SOURCE)
    manifest = mine([tmp_path / "src"], tmp_path / "pairs", MiningOptions(workers=1))
    assert manifest["kinds"] == {"docstring-function go": 1}
    assert manifest["counts"]["no docstring"] == 1
    rows = next(PairDataset.open(tmp_path / "pairs").batches(["x", "y", "origin"]))
    assert rows["x"] == ["Open gives the store at a path, or an error if there is none."]
    assert rows["y"][0].startswith("func Open(path string)")
    assert rows["origin"] == ["store.go:5-8"]


def test_the_index_knows_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from adjoin.corpus import Document

    monkeypatch.setitem(languages.LANGUAGES, "go", GO)
    found = list(pieces_of(Document.of(SOURCE, "go", "store.go")))
    assert [(p.name, p.first_line, p.last_line) for p in found if p.kind == "function"] == [
        ("Open", 3, 8),
        ("Close", 12, 15),
    ]


def test_python_docstrings() -> None:
    assert languages.LANGUAGES["python"].documentation is first_string_of_body
    assert python_string('"""One.\n\n    Two.\n    """') == "One.\n\nTwo."
    assert python_string(r"r'\d+ digits'") == r"\d+ digits"
    assert python_string("b'bytes'") == ""
    assert python_string("not a string") == ""
