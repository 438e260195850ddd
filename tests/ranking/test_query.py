"""A query is read as a symbol, a path, an error message or words."""

import pytest

from adjoin.ranking.query import ERROR, PATH, SYMBOL, WORDS, Name, read_query


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("createStore", SYMBOL),
        ("Command.Execute", SYMBOL),
        ("app.run", SYMBOL),
        ("std::vector", SYMBOL),
        ("$scope", SYMBOL),
        ("empty?", SYMBOL),
        ("render_template()", SYMBOL),
        ("->poll", SYMBOL),
        ("`useMemo`", SYMBOL),
        ("src/app", PATH),
        ("app.py", PATH),
        ("resolveResponse.ts:20", PATH),
        ("./src/app.py:20:5", PATH),
        ("TypeError: cannot read property 'x' of undefined", ERROR),
        ("fatal: unable to access 'https://host/': failed", ERROR),
        ("how are routes registered", WORDS),
        ("error handlers", WORDS),
        ("what happens when a required field is missing", WORDS),
        ("日本語 の 検索", WORDS),
        ("?!", WORDS),
        ("", WORDS),
    ],
)
def test_kinds(text: str, kind: str) -> None:
    assert read_query(text).kind == kind


def test_a_path_gives_its_line_and_the_name_that_it_may_be() -> None:
    query = read_query("./src/resolveResponse.ts:20:3")
    assert (query.path, query.line, query.symbols) == ("src/resolveResponse.ts", 20, ("resolveResponse",))


def test_a_qualified_name_is_looked_up_by_its_last_part() -> None:
    assert read_query("flask.Flask::run()").names == (Name("run", "Flask", 1.0),)


def test_names_within_a_question() -> None:
    names = {
        name.text: name.strength
        for name in read_query("How does parse_args call Parser and halt() in HTTP?").names
    }
    assert names == {"parse_args": 1.0, "Parser": 0.5, "halt": 1.0}


def test_the_first_word_of_a_sentence_is_no_name() -> None:
    assert read_query("Routes are registered").names == ()


def test_question_words_are_no_terms_unless_there_is_nothing_else() -> None:
    assert read_query("how do we retry an upload").terms == ("retri", "upload")
    assert read_query("how").terms == ("how",)


def test_repeated_terms_are_kept_and_words_are_not() -> None:
    query = read_query("copy the copy")
    assert query.terms == ("copi", "copi")
    assert query.words == ("copi",)


def test_neighbours_are_joined_and_give_initials() -> None:
    query = read_query("URL-encoded server-sent events")
    assert "urlencoded" in query.pairs
    assert "sse" in query.initials
    assert set(query.path_words) >= {"event", "urlencoded", "sse"}


def test_two_letters_are_initials_of_capitalised_words_only() -> None:
    assert "ci" not in read_query("build a container image for a release").initials
    assert "ci" not in read_query("Container image of a release").initials
    assert "th" in read_query("how Template Haskell derives instances").initials


def test_a_quotation_is_a_phrase_and_else_the_whole_query() -> None:
    assert read_query('where is "No Such  Host" raised').phrases == ("no such host",)
    assert read_query("No such  host here").phrases == ("no such host here",)
    assert read_query("no host").phrases == ()
    assert read_query("no such host here").runs == ("no such host", "such host here")


def test_a_question_about_tests_asks_for_them() -> None:
    assert read_query("how is the upload tested").asks_for == {"test"}
