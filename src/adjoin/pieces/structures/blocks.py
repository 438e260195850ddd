"""Definitions by their first lines: Dockerfile, Makefile, Terraform, Protocol Buffers, GraphQL, CSS.

These formats begin each part with a word or a name at the beginning of a line, so lines tell their structure. The
comment directly above a part belongs to it.
"""

import re
from collections.abc import Sequence

from adjoin.pieces.parts import Mark
from adjoin.pieces.structures.keys import with_comments

_FROM = re.compile(r"\s{0,8}FROM\s+(\S{1,200})(?:\s+AS\s+(\S{1,100}))?", re.IGNORECASE)
_INSTRUCTION = re.compile(r"([A-Za-z]{3,11})\s")
_TARGET = re.compile(r"([^\s#:=?+!][^#:=]{0,200}?)\s*::?(?![=:])")
_DEFINE = re.compile(r"(?:define|export)\s+([\w.-]{1,100})|([\w.-]{1,100})\s*(?:[:?+!]{0,3}=)")
_HCL = re.compile(r"""([A-Za-z_][\w-]{0,60})((?:\s+"[^"]{0,100}"|\s+[\w-]{1,60}){0,4})\s*\{""")
_HCL_LABEL = re.compile(r'[^\s"]+')
_PROTO = re.compile(r"(\s{0,24})(?:message|service|enum|oneof|rpc|extend)\s+([\w.]{1,200})")
_GRAPHQL = re.compile(
    r"(?:extend\s+)?(type|interface|input|enum|union|scalar|directive|query|mutation|subscription|fragment|schema)\b"
    r"\s*@?([A-Za-z_]\w{0,200})?"
)


def dockerfile(lines: Sequence[str]) -> list[Mark]:
    """Marks of the stages of a Dockerfile, and of its instructions below them."""
    marks, stage = [], ""
    continued = False
    for number, line in enumerate(lines):
        if not continued:
            if match := _FROM.match(line):
                stage = match[2] or match[1]
                marks.append(Mark(number, 1, f"FROM {stage}", (match[2],) if match[2] else ()))
            elif match := _INSTRUCTION.match(line):
                instruction = match[1].upper()
                marks.append(Mark(number, 2, f"{stage} {instruction}" if stage else instruction))
        continued = line.rstrip().endswith("\\")
    return with_comments(marks, lines, "#")


def makefile(lines: Sequence[str]) -> list[Mark]:
    """Marks of the targets of a Makefile; variables are below them. A target is a symbol."""
    marks = []
    for number, line in enumerate(lines):
        if line[:1] in ("\t", " ", "#", ""):
            continue
        if ":" in line and (match := _TARGET.match(line)):
            target = match[1].strip()
            if not target.startswith("."):
                marks.append(Mark(number, 1, target, tuple(target.split()[:8])))
        elif match := _DEFINE.match(line):
            marks.append(Mark(number, 2, match[1] or match[2], (match[1] or match[2],)))
    return with_comments(marks, lines, "#")


def terraform(lines: Sequence[str]) -> list[Mark]:
    """Marks of the blocks of Terraform and HCL, such as `resource "a" "b"`, whose last label is a symbol."""
    marks = []
    outer = ""
    for number, line in enumerate(lines):
        if "{" in line and (match := _HCL.match(line)):
            labels = _HCL_LABEL.findall(match[2])
            outer = " ".join([match[1], *labels])
            marks.append(Mark(number, 1, outer, tuple(labels[-1:])))
        elif "{" in line and line[:1] == " " and (match := _HCL.match(line.lstrip())):
            level = 1 + (len(line) - len(line.lstrip()) + 1) // 2
            marks.append(Mark(number, level, f"{outer} {match[1]}".strip()))
    return with_comments(marks, lines, "#/")


def proto(lines: Sequence[str]) -> list[Mark]:
    """Marks of the messages, services, enums and calls of Protocol Buffers, which are symbols."""
    marks = []
    for number, line in enumerate(lines):
        if match := _PROTO.match(line):
            marks.append(Mark(number, 1 + len(match[1].expandtabs(2)) // 2, match[2], (match[2],)))
    return with_comments(marks, lines, "/*")


def graphql(lines: Sequence[str]) -> list[Mark]:
    """Marks of the types, operations and fragments of GraphQL, which are symbols."""
    marks = []
    for number, line in enumerate(lines):
        if match := _GRAPHQL.match(line):
            name = match[2] or match[1]
            marks.append(Mark(number, 1, f"{match[1]} {name}" if match[2] else name, (name,)))
    return with_comments(marks, lines, '#"')


def css(lines: Sequence[str]) -> list[Mark]:
    """Marks of the rules of CSS, SCSS and Less, named by their selectors."""
    marks = []
    depth = 0
    continued = in_comment = False
    for number, line in enumerate(lines):
        text = line.strip()
        if in_comment or text.startswith(("/*", "//")):
            in_comment = "*/" not in text if in_comment or text.startswith("/*") else False
            continue
        begins = "{" in text or text[-1:] == ","
        if begins and depth <= 1 and not continued and not text.startswith("}"):
            marks.append(Mark(number, depth + 1, text.split("{")[0].strip(" ,")[:100]))
        continued = text.endswith(",")
        depth = max(0, depth + text.count("{") - text.count("}"))
    return with_comments(marks, lines, "/*")
