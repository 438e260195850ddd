r"""reStructuredText, also Sphinx's → prose that keeps its lines, in one pass over the lines.

Kept: paragraphs, list items, terms, field bodies, and the content of directives that hold prose (notes, warnings,
descriptions of functions and classes). A role of any name becomes its text: `:func:`~os.walk`` becomes `walk`.
Dropped: all other directives, comments, literal blocks, tables, link targets, substitution definitions.

Our own parser, because docutils reads 0.5 MB/s, nine tenths of it in state machines and nodes, and stops at deep
indentation.
"""

import re
from collections.abc import Iterator

from adjoin.corpus.document import Document
from adjoin.corpus.readers.sections import Rows, UnreadableError, lines_of, one_line, put, section_documents

MAX_CHARACTERS = 8 << 20
# Six bullets or numbers in a row on one line: nobody writes them, and each would nest another list.
_LISTS_IN_LISTS = re.compile(r" *(?:(?:[-*+]|\(?\w{1,9}[.)]) +){6}")

# Directives of docutils and Sphinx that hold prose. Names of Sphinx domains ("py:function") are looked up without
# the domain. The text of a note begins beside the name; that of a description begins below an argument, such as a
# signature, a title or a class.
_NOTE_NAMES = (
    "attention caution danger error hint important note tip warning epigraph highlights pull-quote compound "
    "versionadded versionchanged versionremoved deprecated seealso"
)
_DESCRIPTION_NAMES = (
    "admonition topic sidebar container class rst-class function method classmethod staticmethod attribute "
    "property data exception module describe object option decorator decoratormethod confval envvar cmdoption "
    "member type var macro struct enum glossary only tab tab-item dropdown details"
)
_NOTES, _DESCRIPTIONS = frozenset(_NOTE_NAMES.split()), frozenset(_DESCRIPTION_NAMES.split())

_RULE = re.compile(r"([!-/:-@\[-`{-~])\1*")  # a line of one punctuation mark
_DIRECTIVE = re.compile(r"\.\. +(?:\|[^|]+\| *)?([\w:+.-]+?) ?::(?: +|$)")
_FOOTNOTE = re.compile(r"\.\. +\[[^\]]{1,80}\](?: +|$)")
_FIELD = re.compile(r":(?![: ])(?:[^:\\`]|\\.|:(?! |$))*?[^\\ ]?:(?: +|$)")
_OPTIONS = re.compile(
    r"(?:-\w(?: ?<?\w[\w-]*>?)?|(?:--|/|\+)\w[\w-]*(?:[ =]<?[\w.-]+>?)?)"
    r"(?:, (?:--?|/|\+)\w[\w-]*(?:[ =]<?[\w.-]+>?)?)*(?:  +|$)"
)
_BULLETS = "*+-•‣"
_ITEM = re.compile(r"(?:[*+•‣-]|\(?(?:\d+|#|[A-Za-z]|[ivxlcdm]{1,8}|[IVXLCDM]{1,8})[.)])(?: +|$)")
_GRID_TABLE, _SIMPLE_TABLE = re.compile(r"\+-[-+]*-\+$"), re.compile(r"=+(?: +=+)+$")

# Characters that may precede and follow inline markup.
_BEFORE, _BEHIND = r"(?<![^\s'\"(\[{<\-/:“‘«—–])", r"(?![^\s'\")\]}>\-/\\:.,;!?”’»…—–])"  # noqa: RUF001
_INLINE = re.compile(
    rf"""\\(?P<escaped>[\s\S])
      | {_BEFORE}(?:
        ``(?P<literal>(?!\s)(?:[^`]|`(?!`))*?[^\s`]`*?)``
      | (?::(?P<before>[\w.+:-]+):)?_?`(?P<text>(?![\s`])(?:[^`\\]|\\[\s\S])+)`
        (?::(?P<after>[\w.+:-]+):|__?)?
      | \*\*(?P<strong>(?![\s*])(?:[^*\\]|\\[\s\S]|\*(?!\*))+)(?<!\s)\*\*
      | \*(?P<emphasis>(?![\s*])(?:[^*\\]|\\[\s\S])+)(?<!\s)\*
      | \|(?P<substitution>(?![\s|])[^|\n]+)(?<!\s)\|(?:__?)?
      | \[(?P<note>[\#*]|\#?[\w.+:-]+)\]_
      | (?P<reference>(?:(?!_)\w)+(?:[-._+:](?:(?!_)\w)+)*)__?
      ){_BEHIND}
    """,
    re.VERBOSE,
)
_MARKUP = re.compile(r"[\\`*|]|_(?!\w)")
_TITLED = re.compile(r"([\s\S]*?)\s*<[^<>]*>")
_TEXTLESS_ROLES = frozenset({"raw", "math"})
# Line ends of a removed link target (as NULs), and the punctuation after it, which stays with its words.
_SWALLOWED = re.compile(r"(\0+)([.,;:!?)\]\"'”’]*)")  # noqa: RUF001
_MAX_PARAGRAPH = 1 << 13  # characters; unclosed markup takes quadratic time
_LONG = 1000  # characters; a longer paragraph with more than a third of markup is a drawing or data


def read_rest(text: str, origin: str) -> Iterator[Document]:
    """Yield one Document per section; a heading of any level begins and names a section.

    Args:
        text: the file.
        origin: origin of the file.

    Raises:
        UnreadableError: "too large": more than `MAX_CHARACTERS`; "unreadable": six lists nested on one line.
    """
    if len(text) > MAX_CHARACTERS:
        raise UnreadableError("too large")
    lines = [line.expandtabs(8).rstrip() for line in lines_of(text)]
    if any(map(_LISTS_IN_LISTS.match, lines)):
        raise UnreadableError("unreadable")
    parser = _RestParser(lines)
    parser.read()
    title = parser.title()
    for section, rows in parser.sections:
        yield from section_documents(rows, section, origin, title)


class _RestParser:
    """Parses the lines of a page once. Every method leaves the cursor after what it has read.

    Attributes:
        sections: heading and rows of each finished section.
    """

    def __init__(self, lines: list[str]) -> None:
        self.sections: list[tuple[str, Rows]] = []
        self._lines = lines
        self._at = 0
        self._section = ""
        self._rows: Rows = {}

    def title(self) -> str:
        """Return the first heading if no text precedes it, else ""."""
        return next((section for section, rows in self.sections if section or rows), "")

    def read(self) -> None:
        """Parse the whole page."""
        lines = self._lines
        while self._at < len(lines):
            line = lines[self._at]
            if not line:
                self._at += 1
            elif not self._head(line):
                self._block(line, len(line) - len(line.lstrip(" ")))
        self.sections.append((self._section, self._rows))

    def _line(self, index: int) -> str:
        return self._lines[index] if index < len(self._lines) else ""

    def _head(self, line: str) -> bool:
        """Read a heading or a rule, if one begins here."""
        rule = _RULE.fullmatch(line)
        below = self._line(self._at + 1)
        if rule and below and self._line(self._at + 2) == line and len(line) >= len(below.strip()):
            self._begin_section(below)
            self._at += 3
        elif (
            not rule and _indent(line) == _indent(below) and _RULE.fullmatch(below.lstrip()) and _fits(line, below)
        ):
            self._begin_section(line)
            self._at += 2
        elif rule and len(line) >= 4 and not below:
            self._at += 1
        else:
            return False
        return True

    def _begin_section(self, heading: str) -> None:
        self.sections.append((self._section, self._rows))
        self._section, self._rows = one_line(_without_markup(heading.strip())), {}

    def _block(self, line: str, indent: int) -> None:
        """Read one block at this indentation; blocks nested in it are left to the next call."""
        bare = line[indent:]
        if bare.startswith("..") and (len(bare) == 2 or bare[2] == " "):
            self._explicit(bare, indent)
        elif bare.startswith("__ "):
            self._at += 1
        elif bare.startswith(">>> ") or _GRID_TABLE.fullmatch(bare):
            self._skip_to_blank()
        elif _SIMPLE_TABLE.fullmatch(bare):
            self._skip_simple_table()
        elif bare == "|" or bare.startswith("| "):
            self._put(self._at, _without_markup(bare[2:]))
            self._at += 1
        else:
            self._text(bare, indent)

    def _explicit(self, bare: str, indent: int) -> None:
        """A directive, a footnote, a target or a comment."""
        if match := _FOOTNOTE.match(bare):
            self._replace(indent, bare[match.end() :])
            return
        match = _DIRECTIVE.match(bare)
        name = match[1].rpartition(":")[2].lower() if match and "|" not in match[0] else ""
        self._at += 1
        if name in _NOTES and match:
            if rest := bare[match.end() :]:
                self._at -= 1
                self._replace(indent, rest)
                return
            self._skip_options(indent)
        elif name in _DESCRIPTIONS:
            while (line := self._line(self._at)) and _indent(line) > indent:
                self._at += 1  # more of the argument, or options
        else:
            self._skip_deeper(indent)

    def _replace(self, indent: int, rest: str) -> None:
        """Replace a line by its rest, indented like the nested text below it, to be read next."""
        deeper = _indent(self._line(self._at + 1))
        self._lines[self._at] = " " * (deeper if deeper > indent else indent + 1) + rest
        if not rest:
            self._at += 1

    def _skip_options(self, indent: int) -> None:
        while (line := self._line(self._at)) and _indent(line) > indent and _FIELD.match(line.lstrip()):
            self._at += 1

    def _skip_deeper(self, indent: int) -> None:
        while self._at < len(self._lines) and (not (line := self._lines[self._at]) or _indent(line) > indent):
            self._at += 1

    def _skip_to_blank(self) -> None:
        while self._line(self._at):
            self._at += 1

    def _skip_simple_table(self) -> None:
        borders = 0
        while self._at < len(self._lines):
            border = _SIMPLE_TABLE.fullmatch(self._lines[self._at].lstrip()) is not None
            borders += border
            self._at += 1
            if border and borders >= 2 and not self._line(self._at):
                return

    def _text(self, bare: str, indent: int) -> None:
        """A list item, a field, an option, or a paragraph."""
        mark = _ITEM.match(bare) or _FIELD.match(bare) or _OPTIONS.match(bare)
        if mark and self._is_item(bare, indent, mark):
            self._replace(indent, bare[mark.end() :])
            return
        start = self._at
        paragraph = [bare]
        self._at += 1
        while (line := self._line(self._at)) and _indent(line) == indent and not line.startswith(".. ", indent):
            paragraph.append(line[indent:])
            self._at += 1
        if len(paragraph) == 1 and line and _indent(line) > indent:
            paragraph[0] = re.split(r" : ", bare, maxsplit=1)[0]  # a term, without its classifiers
        self._paragraph(start, paragraph, indent)

    def _is_item(self, bare: str, indent: int, mark: re.Match[str]) -> bool:
        """Whether the line below belongs to an item: "A. Einstein" and "-1 or" begin paragraphs."""
        below = self._line(self._at + 1)
        if bare[0] in _BULLETS:
            return True
        return (
            not below
            or _indent(below) > indent
            or bool(_ITEM.match(below[indent:]) or _FIELD.match(below[indent:]))
        )

    def _paragraph(self, start: int, paragraph: list[str], indent: int) -> None:
        literal = paragraph[-1].endswith("::")
        if literal:
            paragraph[-1] = (
                paragraph[-1][:-2].rstrip()
                if paragraph[-1] == "::" or paragraph[-1][-3] == " "
                else paragraph[-1][:-1]
            )
        text = "\n".join(paragraph)
        for line, part in enumerate(_without_markup(text).split("\n"), start=start):
            self._put(line, part)
        if literal:
            self._skip_literal(indent)

    def _skip_literal(self, indent: int) -> None:
        while self._at < len(self._lines) and not self._lines[self._at]:
            self._at += 1
        line = self._line(self._at)
        if _indent(line) > indent:
            self._skip_deeper(indent)
        elif line and not line[indent : indent + 1].isalnum() and not line.startswith(".. ", indent):
            mark = line[indent]
            while (line := self._line(self._at)) and line[indent : indent + 1] == mark:
                self._at += 1

    def _put(self, line: int, text: str) -> None:
        put(self._rows, line, text)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _fits(title: str, rule: str) -> bool:
    """Whether a rule is long enough to underline a title; four characters always are."""
    return len(rule) >= len(title) or len(rule) >= 4


def _without_markup(text: str) -> str:
    """The text of a paragraph without markup, with every line end where it was."""
    marks = len(_MARKUP.findall(text))
    if not marks or len(text) > _MAX_PARAGRAPH or (len(text) > _LONG and marks * 3 > len(text)):
        return text
    text = _INLINE.sub(_plain, text)
    return _SWALLOWED.sub(lambda match: match[2] + "\n" * len(match[1]), text) if "\0" in text else text


def _unescaped(text: str) -> str:
    return re.sub(r"\\([\s\S])", r"\1", text) if "\\" in text else text


def _plain(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind == "escaped":
        return "" if match["escaped"] == " " else match["escaped"]
    text = match["text"]
    if text is None:
        shown = match[kind] if kind else ""
        if kind == "note":
            return "" if shown[0] in "#*" else shown
        return shown if kind == "literal" else _unescaped(shown)
    role = (match["before"] or match["after"] or "").lower()
    if role in _TEXTLESS_ROLES:
        return "\n" * text.count("\n")
    titled = _TITLED.fullmatch(text)
    bare = titled[1] if titled and titled[1] else text
    if bare is text and role and bare.startswith("~"):  # Sphinx: show the last part of the dotted name
        bare = bare.rpartition(".")[2].lstrip("~")
    if role:
        bare = bare.removeprefix("!")
    bare = _unescaped(bare)
    return bare + "\0" * (text.count("\n") - bare.count("\n"))
