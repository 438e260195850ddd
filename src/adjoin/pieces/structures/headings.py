"""Prose by its headings: Markdown, reStructuredText, AsciiDoc, Org, LaTeX, man pages, HTML and plain text.

Each function maps the lines of a file to the marks of its headings. A section holds everything below its heading:
code blocks, tables and lists too. The name of a section holds the headings above it: "Install > Linux".
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from adjoin.pieces.parts import SEPARATOR, Mark

_NAMED_LEVELS = 3  # headings in a name
_MAX_HEADING = 100  # characters of one heading in a name

_FENCE = re.compile(r" {0,3}(?:> ?|[-*+] +|\d{1,9}[.)] +){0,4}\s{0,8}(`{3,}|~{3,})(.*)")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FRONT_MATTER = frozenset({"---", "+++"})
_RST_RULE = re.compile(r"([!-/:-@[-`{-~])\1{2,}$")
_RST_DIRECTIVE = re.compile(
    r"( {0,12})\.\. (?:[a-z+]{1,12}:)?(option|program|function|class|method|attribute|data|module|confval|setting"
    r"|envvar|command|describe|exception|macro|type|var|property|staticmethod|classmethod|describe|glossary)"
    r":: ?(.*)"
)
_ASCIIDOC = re.compile(r"(={1,6}) +(\S.*)")
_ORG = re.compile(r"(\*{1,8}) +(\S.*)")
_LATEX_LEVELS = ("part", "chapter", "section", "subsection", "subsubsection", "paragraph")
_LATEX = re.compile(rf"\s{{0,20}}\\({'|'.join(_LATEX_LEVELS)})\*?(?:\[[^\]]*\])?\{{([^}}]*)")
_MAN = re.compile(r"\.(SH|Sh|SS|Ss)[ \t]+(.*)")
_HTML_HEADING = re.compile(r"<[hH]([1-6])\b[^<>]*>")
_MARKUP_SHARE = 3  # pages of generated documentation are nine tenths markup
_TAG = re.compile(r"<[^<>]*>")


def named(headings: Iterable[tuple[int, int, str]]) -> list[Mark]:
    """Marks of headings, given as (line, level, text) in order, named by the headings around them."""
    marks: list[Mark] = []
    above: list[tuple[int, str]] = []
    for line, level, text in headings:
        while above and above[-1][0] >= level:
            above.pop()
        above.append((level, " ".join(text.split())[:_MAX_HEADING]))
        name = SEPARATOR.join(text for _, text in above[-_NAMED_LEVELS:] if text)
        marks.append(Mark(line, level, name))
    return marks


def markdown(lines: Sequence[str]) -> list[Mark]:
    """Marks of the headings of Markdown and MDX, of both styles; "#" in a fenced code block is no heading."""
    return named(_markdown_headings(lines))


def _markdown_headings(lines: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    fence = ""
    start = _front_matter_end(lines)
    for number in range(start, len(lines)):
        line = lines[number]
        if fence:
            if line.lstrip(" \t>").startswith(fence) and not line.strip(" \t>" + fence[0]):
                fence = ""
        elif ("```" in line or "~~~" in line) and (match := _FENCE.match(line)):
            if match[1][0] == "~" or "`" not in match[2]:
                fence = match[1]
        elif line.lstrip()[:1] == "#":
            if match := _ATX.match(line):
                yield number, len(match[1]), (match[2] or "").rstrip("# \t")
        elif line[:1] in ("=", "-", " ") and number > start and _SETEXT.match(line):
            above = lines[number - 1].strip()
            if above and above[0] not in "#>-*+|<=" and (number < 2 or not lines[number - 2].strip()):
                yield number - 1, 1 if "=" in line else 2, above


def _front_matter_end(lines: Sequence[str]) -> int:
    if not lines or lines[0].rstrip() not in _FRONT_MATTER:
        return 0
    fence = lines[0].rstrip()
    return next((number + 1 for number in range(1, len(lines)) if lines[number].rstrip() == fence), 0)


def rest(lines: Sequence[str]) -> list[Mark]:
    """Marks of the headings of reStructuredText and of plain text that underlines them, and of its directives."""
    styles: list[tuple[str, bool]] = []
    headings: list[tuple[int, int, str]] = []
    taken = -1  # the last line that belongs to a heading
    for number, line in enumerate(lines):
        if number <= taken:
            continue
        if heading := _rest_heading(lines, number):
            text_line, style, taken = heading
            if style not in styles:
                styles.append(style)
            headings.append((number, styles.index(style) + 1, lines[text_line]))
        elif ":: " in line and (match := _RST_DIRECTIVE.match(line)):
            headings.append((number, 7 + len(match[1]), match[3]))
    return named(headings)


def _rest_heading(lines: Sequence[str], number: int) -> tuple[int, tuple[str, bool], int] | None:
    """A heading that begins on this line: the line of its text, its style, and its last line."""
    line = lines[number].rstrip()
    if not line or line[0] == " " or number + 1 >= len(lines):
        return None
    below = lines[number + 1].rstrip()
    if _RST_RULE.match(line):
        lower = lines[number + 2].rstrip() if number + 2 < len(lines) else ""
        if below.strip() and lower == line and len(below) <= len(line) + 2:
            return number + 1, (line[0], True), number + 2
        return None
    if _RST_RULE.match(below) and len(below) >= min(len(line), 80) - 3:
        above = lines[number - 1].strip() if number else ""
        return (number, (below[0], False), number + 1) if not above else None
    return None


def asciidoc(lines: Sequence[str]) -> list[Mark]:
    """Marks of the headings of AsciiDoc: "== Title"."""
    return _prefixed(lines, "=", _ASCIIDOC)


def org(lines: Sequence[str]) -> list[Mark]:
    """Marks of the headings of Org: "** Title"."""
    return _prefixed(lines, "*", _ORG)


def _prefixed(lines: Sequence[str], sign: str, heading: re.Pattern[str]) -> list[Mark]:
    matches = ((number, heading.match(line)) for number, line in enumerate(lines) if line.startswith(sign))
    return named((number, len(match[1]), match[2]) for number, match in matches if match)


def latex(lines: Sequence[str]) -> list[Mark]:
    r"""Marks of the headings of LaTeX: \section and its like."""
    matches = ((number, _LATEX.match(line)) for number, line in enumerate(lines) if "\\" in line)
    return named((number, _LATEX_LEVELS.index(match[1]) + 1, match[2]) for number, match in matches if match)


def man(lines: Sequence[str]) -> list[Mark]:
    """Marks of the headings of a man page: .SH and .SS."""
    found = ((number, _MAN.match(line)) for number, line in enumerate(lines) if line.startswith(".S"))
    return named((line, 1 if match[1][1] in "Hh" else 2, match[2].strip('"')) for line, match in found if match)


def html(lines: Sequence[str]) -> list[Mark]:
    """Marks of the lines with a heading of HTML, <h1> to <h6>."""
    headings = []
    for number, line in enumerate(lines):
        if "<h" in line or "<H" in line:
            match = _HTML_HEADING.search(line)
            if match:
                end = line.find("</", match.end())
                inner = line[match.end() : match.end() + 300 if end < 0 else end]
                text = _TAG.sub(" ", inner) or next((below for below in lines[number + 1 : number + 2]), "")
                headings.append((number, int(match[1]), text))
    return named(headings)


def without_tags(text: str) -> str:
    """What an encoder reads of HTML: the text with tags removed and white space collapsed."""
    return " ".join(_TAG.sub(" ", text).split())


def outside_tags(text: str) -> str:
    """A text of markup with its tags removed and its lines kept, such as the words in a drawing."""
    return _TAG.sub(lambda tag: "\n" * tag[0].count("\n") or " ", text)


def html_size(line: str) -> int:
    """The characters that a line of HTML counts as: its text, or a third of it all where it is mostly markup."""
    if "<" not in line:
        return len(line)
    return max(len(without_tags(line)), len(line) // _MARKUP_SHARE)


_DECORATION = re.compile(r"[|*_=~^#+`>-]{2,}|[|]")
_LINK_TARGET = re.compile(r"\]\([^()\s]*+\)")
# Tags of pages inside Markdown. Other words between angle brackets may be code: `List<String>`.
_PAGE_TAG = re.compile(
    r"</?(?:a|b|br|center|code|details|div|em|h[1-6]|i|img|kbd|li|p|picture|source|span|strong|sub|summary|sup|table"
    r"|tbody|td|th|thead|tr|ul)\b[^<>]*+>"
)


def without_decoration(text: str) -> str:
    """What an encoder reads of prose: the text without the targets of links, page tags, rules and fences."""
    if "](" in text:
        text = _LINK_TARGET.sub("]", text)
    if "<" in text:
        text = _PAGE_TAG.sub(" ", text)
    return " ".join(_DECORATION.sub(" ", text).split())
