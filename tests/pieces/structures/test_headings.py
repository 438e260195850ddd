"""Prose by its headings."""

import pytest

from adjoin.pieces.parts import Mark, Marker
from adjoin.pieces.structures import headings
from adjoin.pieces.structures.headings import asciidoc, html, latex, man, markdown, org, rest
from growth import assert_linear


def found(marks: list[Mark]) -> list[tuple[int, str]]:
    return [(mark.line, mark.name) for mark in marks]


def test_markdown() -> None:
    text = """---
title: not a heading
# nor this
---
# Guide #
Setext
------
no heading
===
```sh
# a comment
```
~~~
# a comment
~~~
    # code
## Install
### `Linux`
# Next
#hashtag
"""
    assert found(markdown(text.split("\n"))) == [
        (4, "Guide"),
        (16, "Guide > Install"),
        (17, "Guide > Install > `Linux`"),
        (18, "Next"),
    ]
    assert found(markdown(["", "Title", "=====", "", "Sub", "---"])) == [(1, "Title"), (4, "Title > Sub")]


def test_a_fence_ends_with_as_many_marks_as_it_began_with() -> None:
    lines = ["````", "```", "# code", "````", "# Heading", "- ```", "  # code", "  ```", "# Last"]
    assert found(markdown(lines)) == [(4, "Heading"), (8, "Last")]


def test_rest() -> None:
    text = """=====
Title
=====

Section
-------

.. option:: --drain-timeout

   Seconds.

.. py:function:: connect(host)

Other
-----

not a
heading: the line above is no blank
---------
"""
    assert found(rest(text.split("\n"))) == [
        (0, "Title"),
        (4, "Title > Section"),
        (7, "Title > Section > --drain-timeout"),
        (11, "Title > Section > connect(host)"),
        (13, "Title > Other"),
    ]


def test_a_transition_is_no_heading() -> None:
    assert found(rest(["text", "", "-----", "", "text", "", "a", "a"])) == []


@pytest.mark.parametrize(
    ("marks", "lines", "expected"),
    [
        (
            asciidoc,
            ["= Book", "a", "== Part", "==== ===="],
            [(0, "Book"), (2, "Book > Part"), (3, "Book > Part > ====")],
        ),
        (org, ["#+TITLE: x", "* TODO One", "** Two", "*bold*"], [(1, "TODO One"), (2, "TODO One > Two")]),
        (
            latex,
            [r"\section{One}", r"\subsection*{Two} text", r"\sectional{x}"],
            [(0, "One"), (1, "One > Two")],
        ),
        (man, [".TH X 1", '.SH "NAME"', ".SS sub", ".Sh MDOC"], [(1, "NAME"), (2, "NAME > sub"), (3, "MDOC")]),
        (
            html,
            ["<h1 class='a'>One <b>b</b></h1>", "<H2>", "Two", "</H2>", "<header>", "<p>x"],
            [(0, "One b"), (1, "One b > Two")],
        ),
    ],
)
def test_other_formats(marks: Marker, lines: list[str], expected: list[tuple[int, str]]) -> None:
    assert found(marks(lines)) == expected


def test_what_is_embedded() -> None:
    assert headings.without_tags("<p>a\n <b>b</b></p><br>c") == "a b c"
    page = "<p align='x'><img src='y'/>[b](http://c/d) List<String></p>"
    assert headings.without_decoration(page) == "[b] List<String>"
    assert headings.without_decoration("| `a` | b-c |\n| --- | --- |\n```sh\nx_y --z") == "`a` b-c sh x_y z"


@pytest.mark.parametrize("marks", [markdown, rest, asciidoc, org, latex, man, html])
@pytest.mark.parametrize(
    "unit", ["#", "# ", "`", "=", "*", "<", "<h1", "\\section{", ".. option:: ", "> ", " ", "- "]
)
def test_one_long_line_takes_linear_time(marks: Marker, unit: str) -> None:
    text = unit * (1 << 18)
    assert_linear(lambda size: marks([text[:size], text[:size]]), len(text))


@pytest.mark.parametrize("marks", [markdown, rest, html])
@pytest.mark.parametrize("line", ["# a", "a\n=", "<h2>a", "```", ".. option:: a", "   # a"])
def test_many_lines_take_linear_time(marks: Marker, line: str) -> None:
    lines = f"{line}\n".split("\n") * 20_000
    assert_linear(lambda size: marks(lines[:size]), len(lines))
