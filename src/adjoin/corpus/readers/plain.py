"""Reads plain text, source code, and the description in a Python package's metadata."""

import re
from collections.abc import Iterator

from adjoin.corpus.document import PROSE, Document
from adjoin.corpus.readers.markdown import read_markdown
from adjoin.corpus.readers.rest import read_rest
from adjoin.corpus.readers.sections import Reader, one_line, only_newlines

# Value of Description-Content-Type → reader. Without that field, it is reStructuredText.
_DESCRIPTION_READERS: dict[str, Reader] = {"text/markdown": read_markdown, "text/x-rst": read_rest}

# Beginnings of the lines that are examined: rules, frames, and the number of a heading.
_MARK = re.compile(r"\n[ \t]*+(?:[=~^*#_+|/\\<-]|\.[. ]|(?<=\n)\d\d?\.)")
_RULE = re.compile(r"\s*([=\-~^*#_+.])\1{2,}\s*")
_NUMBERED = re.compile(r"(?:\d{1,2}\.|\d{1,2}(?:\.\d{1,3}){1,4}\.?)\s{1,4}(\S.{0,60}?[^\s.,:;?!\d])")
_SPACES = " \t\xa0\u3000"
_LONGEST_HEADING = 80  # characters
_PAGE_FOOT = re.compile(r"\[Page \w+\]$")
_PAGE_HEAD = re.compile(r"(?:RFC \d+|Internet[- ]Draft)\b.* (?:19|20)\d\d$", re.IGNORECASE)
_GUTENBERG = "PROJECT GUTENBERG"
_GUTENBERG_MARK = re.compile(r"\*\*\* ?(START|END) OF TH(?:E|IS) PROJECT GUTENBERG\b")


def read_plain(text: str, origin: str) -> Iterator[Document]:
    """Yield one Document per section of a plain text, its paragraphs unchanged.

    A section is named by an underlined line, or by a numbered line on its own ("3.2.  Title"). Removed: rules,
    boxes, drawings, headers and footers of printed pages, and Project Gutenberg's text around its books.
    """
    text = only_newlines(text)
    if any(f"{space}\n" in text for space in _SPACES):  # half of all files have none
        text = "\n".join([line.rstrip() for line in text.split("\n")])
    text = text.rstrip()
    lines = text.split("\n")
    first, last, title = _book(lines) if _GUTENBERG in text else (0, len(lines), "")
    if "[Page " in text:
        _empty_page_ends(lines)
    headings = _headings(lines, _marked_lines(text, first, last))
    if not title and headings and not any(lines[first : min(headings)]):
        title = headings[min(headings)]
    section = ""
    for heading in [*sorted(headings), last]:
        yield from _documents(lines, first, heading, section, origin, title)
        first, section = heading, headings.get(heading, "")


def _marked_lines(text: str, first: int, last: int) -> list[int]:
    """The lines from `first` to `last` that begin with a mark or a digit, by one search."""
    marked = []
    line = position = 0
    text = f"\n{text}"
    for match in _MARK.finditer(text):
        line += text.count("\n", position, match.end())
        position = match.end()
        if first < line <= last:
            marked.append(line - 1)
    return marked


def _documents(
    lines: list[str], first: int, last: int, section: str, origin: str, title: str
) -> Iterator[Document]:
    """The Document of lines `first` to `last`, `last` excluded; none if they are empty."""
    while first < last and not lines[first]:
        first += 1
    while first < last and not lines[last - 1]:
        last -= 1
    if first < last:
        text = "\n".join(lines[first:last])
        yield Document.of(text, PROSE, origin, first_line=first + 1, section=section, title=title)


def _book(lines: list[str]) -> tuple[int, int, str]:
    """The first line of a Project Gutenberg book, the line after its last, and its title."""
    first, last, title = 0, len(lines), ""
    for index, line in enumerate(lines):
        if line.startswith("Title:") and not title:
            title = line[6:].strip()
        elif match := _GUTENBERG_MARK.match(line):
            if match[1] == "START":
                first = index + 1
            else:
                last = index
                break
    return first, max(first, last), title


def _headings(lines: list[str], marks: list[int]) -> dict[int, str]:
    """Find the headings among the marked lines, as line → text; empty them, and rules and drawings."""
    headings: dict[int, str] = {}
    for index in marks:
        line = lines[index]
        if _RULE.fullmatch(line):
            above = lines[index - 1] if index else ""
            if above and _is_underlined(lines, index):
                headings[index - 1] = one_line(above)
                lines[index - 1] = ""
            lines[index] = ""
        elif match := _NUMBERED.fullmatch(line):
            if not any(lines[max(index - 1, 0) : index] + lines[index + 1 : index + 2]) and match[1][0].isupper():
                headings[index] = one_line(line)
                lines[index] = ""
        elif not line[0].isdigit() and _is_drawing(line.strip()):
            lines[index] = ""
    return headings


def _is_underlined(lines: list[str], index: int) -> bool:
    """Whether the rule on this line underlines a heading: one short line, no longer than the rule."""
    above = lines[index - 1]
    stands_alone = index < 2 or not lines[index - 2]  # a rule above it has been emptied
    return stands_alone and len(above.strip()) <= min(_LONGEST_HEADING, len(lines[index].strip()) + 3)


def _is_drawing(line: str) -> bool:
    """Whether a line belongs to a table, box or picture: framed by bars, or at most a third alphanumeric."""
    if len(line) < 8:
        return False
    if line[0] in "|+" and line[-1] in "|+":
        return True
    return sum(map(str.isalnum, line)) * 3 < len(line) - line.count(" ")


def _empty_page_ends(lines: list[str]) -> None:
    """Empty the footer of each printed page and the header of the next, as in RFCs."""
    for index, line in enumerate(lines):
        if line.endswith("]") and _PAGE_FOOT.search(line):
            lines[index] = ""
            head = next((below for below in range(index + 1, min(index + 6, len(lines))) if lines[below]), index)
            if _PAGE_HEAD.match(lines[head].strip()):
                lines[head] = ""


def code_reader(language: str) -> Reader:
    """Return a reader that yields a whole source file, unchanged, as one Document in this language."""

    def read_code(text: str, origin: str) -> Iterator[Document]:
        yield Document.of(text, language, origin)

    return read_code


def read_metadata(text: str, origin: str) -> Iterator[Document]:
    """Yield the Documents of the long description in a METADATA or PKG-INFO file, below its header fields.

    Metadata before version 2.1 have the description in a field; it is not read.
    """
    header, blank, body = text.partition("\n\n")
    if not blank or "Metadata-Version:" not in header:
        return iter(())
    named = re.search(r"^Description-Content-Type:\s*([\w/-]+)", header, re.IGNORECASE | re.MULTILINE)
    kind = named[1].lower() if named else "text/x-rst"
    reader = _DESCRIPTION_READERS.get(kind, read_plain)
    # As many empty lines as the header has keep the body on its own lines.
    return reader("\n" * (header.count("\n") + 2) + body, origin)
