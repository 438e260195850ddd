"""Data by its keys."""

import pytest

from adjoin.pieces.parts import Mark, Marker
from adjoin.pieces.structures.keys import json, settings, with_comments, yaml
from growth import assert_linear


def found(marks: list[Mark]) -> list[tuple[int, int, str]]:
    return [(mark.line, mark.level, mark.name) for mark in marks]


def test_yaml() -> None:
    text = """# about services
services:
  queue:
    image: redis:7   # comment
    "quoted key": 1
  web:
    command: |
      not: a key

      - nor: this
    url: http://x
list:
  - name: a
    run: x
  - name: b
--- # another document
on: push
"""
    assert found(yaml(text.split("\n"))) == [
        (0, 1, "services"),
        (2, 2, "services.queue"),
        (3, 3, "services.queue.image"),
        (4, 3, "services.queue.quoted key"),
        (5, 2, "services.web"),
        (6, 3, "services.web.command"),
        (10, 3, "services.web.url"),
        (11, 1, "list"),
        (12, 2, "list.name"),
        (13, 2, "list.run"),
        (14, 2, "list.name"),
        (16, 1, "on"),
    ]


def test_json() -> None:
    text = """{
  "scripts": {
    "build": "x",
    "te\\"st": 1
  },
  "a": [
    {"b": 1}
  ]
}"""
    assert found(json(text.split("\n"))) == [
        (1, 1, "scripts"),
        (2, 2, "scripts.build"),
        (3, 2, 'scripts.te\\"st'),
        (5, 1, "a"),
    ]
    assert json(['{"a": {"b": 1}}']) == []


def test_settings() -> None:
    text = """; top
root = true
# the project
[project]
name = "shop"
[[tool.x]] # comment
a.b: c
= nothing
[not a table
"""
    assert found(settings(text.split("\n"))) == [
        (0, 2, "root"),
        (2, 1, "project"),
        (4, 2, "project.name"),
        (5, 1, "tool.x"),
        (6, 2, "tool.x.a.b"),
    ]


def test_a_comment_belongs_to_one_mark() -> None:
    lines = ["# a", "x", "# b", "# c", "y", "", "# d", "", "z"]
    assert [mark.line for mark in with_comments([Mark(1, 1, ""), Mark(4, 1, ""), Mark(8, 1, "")], lines, "#")] == [
        0,
        2,
        8,
    ]


@pytest.mark.parametrize("marks", [yaml, json, settings])
def test_deep_nesting_takes_linear_time(marks: Marker) -> None:
    lines = [" " * min(depth, 3000) + f'"k{depth}":' for depth in range(4000)]
    assert_linear(lambda size: marks(lines[:size]), len(lines))


@pytest.mark.parametrize("marks", [yaml, json, settings])
@pytest.mark.parametrize("unit", ["a", '"', "'", "- ", " ", "a ", "[", "{", ":", '\\"', "- a: ", "#", "|"])
def test_one_long_line_takes_linear_time(marks: Marker, unit: str) -> None:
    text = unit * (1 << 18)
    assert_linear(lambda size: marks([text[:size]]), len(text))
