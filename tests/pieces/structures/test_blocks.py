"""Definitions by their first lines."""

import pytest

from adjoin.pieces.parts import Mark, Marker
from adjoin.pieces.structures.blocks import css, dockerfile, graphql, makefile, proto, terraform
from growth import assert_linear


def found(marks: list[Mark]) -> list[tuple[int, str]]:
    return [(mark.line, mark.name) for mark in marks]


def test_dockerfile() -> None:
    text = """# base
FROM python:3.12 AS build
# installs
RUN pip install a \\
  FROM b
from scratch
COPY --from=build /a /b
"""
    marks = dockerfile(text.split("\n"))
    assert found(marks) == [(0, "FROM build"), (2, "build RUN"), (5, "FROM scratch"), (6, "scratch COPY")]
    assert marks[0].symbols == ("build",)


def test_makefile() -> None:
    text = """CC := gcc
.PHONY: all
# builds
all lib: main.o ## help
\tcc: -o x
url = http://x
define rules
endef
%.o: %.c
"""
    marks = makefile(text.split("\n"))
    assert found(marks) == [(0, "CC"), (2, "all lib"), (5, "url"), (6, "rules"), (8, "%.o")]
    assert marks[1].symbols == ("all", "lib")


def test_terraform() -> None:
    text = """# where uploads are kept
resource "aws_s3_bucket" "uploads" {
  bucket = "x"
  lifecycle_rule {
    id = 1
  }
}
locals {
"""
    marks = terraform(text.split("\n"))
    assert found(marks) == [
        (0, "resource aws_s3_bucket uploads"),
        (3, "resource aws_s3_bucket uploads lifecycle_rule"),
        (7, "locals"),
    ]
    assert marks[0].symbols == ("uploads",)


def test_proto() -> None:
    text = """syntax = "proto3";
// A request.
message RefundRequest {
  enum Kind { A = 0; }
  string message = 1;
}
service Refunds {
  rpc Refund(RefundRequest) returns (Empty);
}
"""
    marks = proto(text.split("\n"))
    assert [(mark.line, mark.level, *mark.symbols) for mark in marks] == [
        (1, 1, "RefundRequest"),
        (3, 2, "Kind"),
        (6, 1, "Refunds"),
        (7, 2, "Refund"),
    ]


def test_graphql() -> None:
    text = (
        '"About a shop"\ntype Shop @key(fields: "id") {\n  type: String\n}\nschema {\n}\nextend type Query {\n}\n'
    )
    marks = graphql(text.split("\n"))
    assert [(mark.line, mark.name, *mark.symbols) for mark in marks] == [
        (0, "type Shop", "Shop"),
        (4, "schema", "schema"),
        (6, "type Query", "Query"),
    ]


def test_css() -> None:
    text = """/* the basket:
 .not { */
.basket,
.cart {
  color: red;
  &:hover { color: blue; }
}
@media print {
  .a { b: c }
}
"""
    assert found(css(text.split("\n"))) == [(2, ".basket"), (5, "&:hover"), (7, "@media print"), (8, ".a")]


@pytest.mark.parametrize("marks", [dockerfile, makefile, terraform, proto, graphql, css])
@pytest.mark.parametrize(
    "unit", ["a", "a ", " ", "{", "}", '"', 'a "b" ', ":", "FROM a AS ", "type ", "=", "/*", ","]
)
def test_one_long_line_takes_linear_time(marks: Marker, unit: str) -> None:
    text = unit * (1 << 18)
    assert_linear(lambda size: marks([text[:size], f"  {text[:size]}"]), len(text))
