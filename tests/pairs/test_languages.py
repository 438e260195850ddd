"""The table of languages: a new row is enough for a new language, and every row fits its grammar."""

import re

import pytest

from adjoin.corpus.document import Document
from adjoin.corpus.formats import format_of
from adjoin.errors import AdjoinError
from adjoin.pairs import languages
from adjoin.pairs.documentation import lines_above
from adjoin.pairs.functions import function_pairs, functions
from adjoin.pairs.languages import LANGUAGES, Language, parser_for, row_for
from adjoin.tally import Tally

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

ROW = Language(
    name="gopher",
    grammar="tree_sitter_go",
    functions=frozenset({"function_declaration", "method_declaration"}),
    containers=frozenset({"source_file"}),
    documentation=lines_above,
    clean=lambda comment: re.sub(r"^\s*//\s?", "", comment, flags=re.MULTILINE),
    scopes=frozenset(),
    special=re.compile(r"main|init"),
    documented=re.compile(r"^//.*\nfunc", re.MULTILINE),
)


def test_one_row_is_a_language(parsers_here: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(languages.LANGUAGES, "gopher", ROW)
    tally = Tally()
    (pair,) = function_pairs(Document.of(SOURCE, "gopher", "store.go"), tally)
    assert pair.x == "Open gives the store at a path, or an error if there is none."
    assert pair.y.startswith("func Open(path string)")
    assert (pair.origin, pair.name, pair.language) == ("store.go:5-8", "Open", "gopher")
    assert tally.counts == {"functions": 2, "no docstring": 1}


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("go", "store.go"),
        ("python", "store.py"),
        ("java", "S.java"),
        ("rust", "s.rs"),
        ("ruby", "s.rb"),
        ("php", "s.php"),
    ],
)
def test_functions_without_documentation_are_functions(language: str, name: str) -> None:
    text = {
        "go": SOURCE,
        "python": "def Open():\n    a = 1\n    return a\n\n\ndef Close():\n    return 2\n",
        "java": "class Store {\n  void Open() {\n    a();\n  }\n\n  int Close() {\n    return 1;\n  }\n}\n",
        "rust": "/// Open\nfn Open() {\n    a()\n}\n\nfn Close() {\n    b()\n}\n",
        "ruby": "def Open\n  a\nend\n\ndef Close\n  b\nend\n",
        "php": "<?php\nfunction Open() {\n  a();\n}\n\nfunction Close() {\n  b();\n}\n",
    }[language]
    document = Document.of(text, language, name)
    assert [function.name.split(".")[-1] for function in functions(document, Tally())] == ["Open", "Close"]


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_rows_node_types_are_those_of_its_grammar(name: str) -> None:
    row, grammar = LANGUAGES[name], parser_for(name).language
    assert grammar is not None
    shared = {"function", "generator_function", "class"}  # some grammars of one family lack them
    for kind in row.functions | row.containers | row.scopes | row.above | row.passes | row.statements:
        assert grammar.id_for_node_kind(kind, True) is not None or kind in shared, kind
    assert row.scopes <= row.containers
    assert row.passes <= row.containers
    assert row.statements <= row.passes


def test_every_row_is_a_language_that_the_corpus_reads() -> None:
    read = {format_of(f"a{end}").language for end in ".py .java .js .ts .php .rb .go .rs".split()}  # type: ignore[union-attr] # noqa: SIM905
    assert set(LANGUAGES) == read | {"tsx"}


def test_a_dialect_is_chosen_by_the_files_name() -> None:
    assert row_for("typescript", "a/b.tsx").name == "tsx"
    assert row_for("typescript", "a/b.ts").name == "typescript"
    assert row_for("go", "b.tsx").name == "go"


def test_a_missing_grammar_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AdjoinError, match="no grammar for language 'cobol'"):
        parser_for("cobol")
    row = Language(
        **{**{field: getattr(ROW, field) for field in ROW.__slots__}, "name": "x", "grammar": "tree_sitter_x"}
    )
    monkeypatch.setitem(languages.LANGUAGES, "x", row)
    with pytest.raises(AdjoinError, match=r"reading x needs tree_sitter_x.*pip install adjoin"):
        parser_for("x")
