"""The words of a path and the kinds of files."""

import pytest

from adjoin.ranking.paths import (
    BENCHMARK,
    DECLARATION,
    DOCUMENT,
    DOOR,
    EXAMPLE,
    FOREIGN,
    LOCALE,
    OLD,
    TEST,
    kind_of_file,
    kinds_asked_for,
    matches,
    path_words,
)


def test_words_of_a_path() -> None:
    words = path_words("src/bodyParsers/urlencoded_form.ex")
    assert words.stem == ("urlencod", "form")
    assert words.parent == ("bodi", "parser")
    assert words.folders == ("src", "bodi", "parser")
    assert words.name == "urlencodedform"
    assert words.all == ("urlencod", "form", "src", "bodi", "parser")


def test_only_the_last_suffix_is_no_part_of_the_name() -> None:
    assert path_words("SqlMapper.Identity.cs").stem == ("sql", "mapper", "ident")
    assert path_words("Makefile").stem == ("makefil",)
    assert path_words(".gitignore").name == "gitignore"


def test_a_member_of_an_archive_lies_in_it() -> None:
    assert path_words("lib/a.whl!pkg/main.py").parent == ("pkg",)


@pytest.mark.parametrize(
    ("word", "path_word"), [("config", "config"), ("configur", "config"), ("arg", "argument"), ("context", "ctx")]
)
def test_words_that_stand_for_each_other(word: str, path_word: str) -> None:
    assert matches(word, path_word)


@pytest.mark.parametrize(
    ("word", "path_word"),
    [
        ("command", "co"),
        ("text", "context"),
        ("context", "ctz"),
        ("manag", "mana1"),
        ("token", "tree"),
        ("fly", "f"),
    ],
)
def test_words_that_do_not(word: str, path_word: str) -> None:
    assert not matches(word, path_word)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("src/app.py", ""),
        ("src/testing.py", ""),
        ("src/latest/contest.go", ""),
        ("lib/test_functions.bash", ""),
        ("tests/helper.py", TEST),
        ("src/test_app.py", TEST),
        ("app_test.go", TEST),
        ("src/app.spec.ts", TEST),
        ("src/AppTest.java", TEST),
        ("src/Latest.java", ""),
        ("examples/app.py", EXAMPLE),
        ("bench/app.rs", BENCHMARK),
        ("src/_compat.py", OLD),
        ("pkg/deprecated/app.py", OLD),
        ("node_modules/left/pad.js", FOREIGN),
        ("src/locales/de.ts", LOCALE),
        ("types/app.d.ts", DECLARATION),
        ("src/app.min.js", DECLARATION),
        ("src/api.pb.go", DECLARATION),
        ("src/__init__.py", DOOR),
        ("src/index.ts", DOOR),
    ],
)
def test_kinds_of_code_files(path: str, kind: str) -> None:
    assert kind_of_file(path, "python") == kind


def test_prose_is_a_kind() -> None:
    assert kind_of_file("README.md", "text") == DOCUMENT


def test_a_question_names_the_kinds_it_asks_for() -> None:
    assert kinds_asked_for(("how", "are", "uploads", "tested")) == {TEST}
    assert kinds_asked_for(("upload", "retry")) == frozenset()


def test_a_module_of_rust_is_named_by_its_folder() -> None:
    assert path_words("src/extract/mod.rs").stem == path_words("src/extract.rs").stem
    assert path_words("src/extract/mod.rs").name == path_words("src/extract.rs").name
    assert kind_of_file("src/extract/mod.rs", "rust") == ""
    assert path_words("mod.rs").stem == ("mod",)
