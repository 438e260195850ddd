"""Templates of boilerplate documentation."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.cleaning.templates import template, template_hash


@pytest.mark.parametrize(
    ("x", "name", "expected"),
    [
        ("Sets the `retry_count` of this request.", "Request.setRetryCount", "_ the _ of this _"),
        ("Gets the user's mail id.", "getMailId", "_ the user s _"),
        ("Returns all users.", "get_user", "returns all _"),
        ('Handle the "OnClick" event of {@link Button}.', "x", "handle the _ event of _"),
        ("Creates a new instance of FooBarImpl.", "x", "creates a new instance of _"),
        ("Run the test 12 of test_add and os.path.join", "x", "run the test _ of _ and _"),
        ("Marshals m into the wire format.", "XXX_Marshal", "_ m into the wire format"),
        ("Reads a file/socket, e.g. of HTTP.", "x", "reads a _ of _"),
        ("Solve a linear system of equations.", "solver", "solve a linear system of equations"),
        ("Öffnet die Datei", "", "öffnet die datei"),
        ("", "x", ""),
    ],
)
def test_template(x: str, name: str, expected: str) -> None:
    assert template(x, name) == expected


def test_getters_share_a_template_and_sentences_of_their_own_do_not() -> None:
    sentence = "{0} returns the {1} field if it's non-nil, zero value otherwise."
    names = ["GetName", "GetUserID", "GetHTMLURL", "GetCreatedAt"]
    assert len({template_hash(sentence.format(name, name[3:]), name) for name in names}) == 1
    own = ["Sort the rows by their first column.", "Sort the columns by their first row.", "Read a page."]
    assert len({template_hash(x, "f") for x in own}) == 3


def test_the_hash_is_the_same_everywhere() -> None:
    assert template_hash("Gets the name.", "getName") == template_hash("Gets the id", "getId") == GETTER


GETTER = -1821483115618459056  # parts written by one version must meet those of another


@given(st.text(max_size=80), st.text(max_size=20))
def test_any_text_has_one(x: str, name: str) -> None:
    words = template(x, name).split()
    assert all(first != "_" or second != "_" for first, second in itertools.pairwise(words))
    assert -(2**63) <= template_hash(x, name) < 2**63
