"""Each kind of evidence on its own."""

from dataclasses import replace

import pytest

from adjoin.ranking.evidence import (
    Candidate,
    Definitions,
    PathWording,
    are_near_copies,
    demoted_kind,
    name_evidence,
    phrase_evidence,
    place_evidence,
)
from adjoin.ranking.query import read_query

PIECE = Candidate(
    1, "src/upload/retry.py", "python", "function", "Upload.retry_all", ("retry_all",), 10, 20, 0, 0, ""
)


def defined(query: str, piece: Candidate = PIECE) -> float:
    return Definitions(read_query(query).names).evidence(piece)


def test_the_exact_name_counts_full_and_another_spelling_half() -> None:
    assert defined("retry_all") == 1.0
    assert defined("retryAll") == 0.5
    assert defined("retry_one") == 0.0


def test_a_qualifier_is_a_class_a_module_or_something_else() -> None:
    assert defined("Upload.retry_all") == 1.0
    assert defined("retry.retry_all") == defined("src.retry_all") == 0.75
    assert defined("Up.retry_all") == 0.5


def test_a_capitalised_word_within_a_question_is_half_a_name() -> None:
    piece = replace(PIECE, symbols=("Uploader",))
    assert defined("what does the Uploader do", piece) == 0.5


def test_words_of_the_path() -> None:
    assert PathWording(read_query("retry uploads")).evidence(PIECE.path) == (0.5, 0.5, 0.5)
    assert PathWording(read_query("retry")).evidence(PIECE.path) == (1.0, 1.0, 0.0)
    assert PathWording(read_query("delete")).evidence(PIECE.path) == (0.0, 0.0, 0.0)
    assert PathWording(read_query("")).evidence(PIECE.path) == (0.0, 0.0, 0.0)


def test_a_name_with_more_words_than_the_query_is_less_exact() -> None:
    wording = PathWording(read_query("retry uploads"))
    stem, exact, _ = wording.evidence("src/retry_policy.py")
    assert (stem, exact) == (0.5, 0.25)


def test_joined_words_and_initials_name_a_file() -> None:
    assert PathWording(read_query("url encoded")).evidence("lib/urlencoded.ex")[:2] == (1.0, 1.0)
    assert PathWording(read_query("server-sent events")).evidence("lib/sse.ts")[0] == pytest.approx(2 / 3)


def test_words_of_a_symbol() -> None:
    words = frozenset(read_query("session management").words)
    assert name_evidence(words, 2, ("SessionManager",)) == 1.0
    assert name_evidence(words, 2, ("SessionLimit",)) == 0.25
    assert name_evidence(words, 2, ("other", "session")) == 0.5
    assert name_evidence(words, 2, ("other",)) == 0.0


def test_wording() -> None:
    text = 'raise Broken(f"cannot open the\n   Upload {name}: try again")'
    assert phrase_evidence(read_query('"open the upload"'), text) == 1.0
    assert phrase_evidence(read_query("cannot open the upload x1: try again"), text) == pytest.approx(0.4)
    assert phrase_evidence(read_query("one two three"), text) == 0.0


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("retry.py", 1.0),
        ("upload/retry.py:15", 1.0),
        ("upload/retry.py:30", 0.75),
        ("src/upload", 0.5),
        ("etry.py", 0.0),
        ("upload retry", 0.0),
    ],
)
def test_place(query: str, value: float) -> None:
    assert place_evidence(read_query(query), PIECE) == value


def test_a_kind_that_the_query_asks_for_is_not_demoted() -> None:
    assert demoted_kind(read_query("retry an upload"), "tests/upload.py", "python") == "test"
    assert demoted_kind(read_query("how is retry tested"), "tests/upload.py", "python") == ""


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a b c d e f g h i", "a b c d e f g h j", True),
        ("a b c d e", "a b c d f", False),
        ("a b c", "a b c d e f g", False),
        ("", "", True),
        ("", "a", False),
    ],
)
def test_near_copies(one: str, other: str, expected: bool) -> None:
    assert are_near_copies(frozenset(one.split()), frozenset(other.split())) is expected
