r"""reStructuredText → prose on its own lines, of Sphinx's kind as well, by one pass of our own over the lines.

Kept: paragraphs, list items, terms, field bodies, and the inside of directives that hold prose (notes, warnings,
descriptions of functions and classes). A role of any name becomes its text, `:func:`~os.walk`` becomes `walk`.
Emptied: all other directives, comments, literal blocks, tables, link targets, substitution definitions.

docutils reads 0.5 MB/s, of which its state machines and nodes take nine tenths, and stops at deep indentation.
"""

import re
from collections.abc import Iterator

from adjoin.corpus.document import Document
from adjoin.corpus.readers.sections import Rows, UnreadableError, lines_of, one_line, put, section_documents

MAX_CHARACTERS = 8 << 20
# Bullets and numbers in a row on one line: nobody writes them, and each would be a list of its own.
_LISTS_IN_LISTS = re.compile(r" *(?:(?:[-*+]|\(?\w{1,9}[.)]) +){6}")

# Directives that hold running text, docutils' own and those of Sphinx; names of Sphinx's domains ("py:function")
# are looked up without the domain. In the first kind the text begins beside the name, in the second below an
# argument that is none: a signature, a title, a class.
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

# What may stand before and behind inline markup.
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
# The line ends of a link's target, which vanishes; the marks behind it stay with its words.
_SWALLOWED = re.compile(r"(\0+)([.,;:!?)\]\"'”’]*)")  # noqa: RUF001
_MAX_PARAGRAPH = 1 << 13  # the end of each start of markup is looked for, in quadratic time if there is none
_LONG = 1000  # characters from which on a paragraph with more than a third of markup is a drawing or data


def read_rest(text: str, origin: str) -> Iterator[Document]:
    """Give one Document per section; titles of any level start a new one and name it.

    Raises:
        UnreadableError: more than `MAX_CHARACTERS`, or lists nested on one line beyond reason.
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
    """Goes over the lines of a page once; every method leaves the cursor behind what it has read.

    Attributes:
        sections: the finished sections: heading, and line → text.
    """

    def __init__(self, lines: list[str]) -> None:
        self.sections: list[tuple[str, Rows]] = []
        self._lines = lines
        self._at = 0
        self._section = ""
        self._rows: Rows = {}

    def title(self) -> str:
        """The first heading, if nothing stands above it."""
        return next((section for section, rows in self.sections if section or rows), "")

    def read(self) -> None:
        """Read the whole page."""
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
        """Read a heading, a rule or a table, if one begins here."""
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
        """Read one block that begins at this indentation; what it holds, if deeper, is left for the next."""
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
                self._at += 1  # the argument goes on, or options stand below it
        else:
            self._skip_deeper(indent)

    def _replace(self, indent: int, rest: str) -> None:
        """Leave the rest of a line to be read as the beginning of what stands, deeper, below it."""
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
        """Whether the line below belongs to an item: "A. Einstein" begins a paragraph, and so does "-1 or"."""
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
    """Whether a rule is long enough to stand below a title; one of four is, however long the title."""
    return len(rule) >= len(title) or len(rule) >= 4


def _without_markup(text: str) -> str:
    """The text of a paragraph, with as many line ends as before, each in its place."""
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
