r"""LaTeX → prose that keeps its lines, in one pass. No macro is expanded and no other file is read.

Kept: running text, the abstract, list items, arguments of unknown commands, inline code and short inline formulas.
Dropped: the preamble, comments, displayed formulas, floats, tables, pictures, verbatim text, bibliographies,
footnotes, citations, references, labels.

Our own parser, because pylatexenc reads 0.4 MB/s and raises RecursionError at a few hundred open braces. This pass
takes linear time.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator

from adjoin.corpus.document import Document
from adjoin.corpus.readers.sections import Rows, UnreadableError, lines_of, one_line, section_documents

_SECTION_NAMES = "part chapter section subsection subsubsection paragraph subparagraph"
_SECTIONS = frozenset(_SECTION_NAMES.split())
_VERBATIM_NAMES = (
    "verbatim Verbatim lstlisting minted comment alltt BVerbatim LVerbatim SaveVerbatim filecontents verbatimtab "
    "listing python sageblock"
)
_DROPPED_NAMES = (
    "figure table wrapfigure wraptable sidewaystable sidewaysfigure longtable tabular tabularx tabulary tabbing "
    "array tikzpicture picture pgfpicture pspicture algorithm algorithmic equation align gather multline flalign "
    "alignat eqnarray displaymath math dmath split subequations thebibliography titlepage"
)
_VERBATIM = _VERBATIM_NAMES.split()
_DROPPED = frozenset(name + star for name in (*_DROPPED_NAMES.split(), *_VERBATIM) for star in ("", "*"))
# Commands that are dropped with all their arguments, and commands that lose their first argument.
_DROPPED_COMMAND_NAMES = (
    "cite citep citet citealp citealt citeauthor citeyear citeyearpar parencite textcite autocite footcite nocite "
    "ref eqref pageref autoref cref Cref vref nameref label footnote footnotetext footnotemark thanks marginpar "
    "todo index glossary includegraphics include input bibliography bibliographystyle addbibresource "
    "printbibliography vspace hspace vskip setlength addtolength setcounter addtocounter stepcounter newcommand "
    "renewcommand providecommand newenvironment renewenvironment newtheorem DeclareMathOperator usepackage "
    "documentclass documentstyle pagestyle thispagestyle pagenumbering hypersetup geometry date author title "
    "institute affiliation address email newcounter newlength definecolor graphicspath lstset captionsetup "
    "caption color fontsize selectlanguage hyphenation markboth markright addcontentsline rule linespread "
    "RequirePackage ProvidesPackage bibitem tikzset tikz pgfplotsset"
)
_DROPPED_COMMANDS = frozenset(_DROPPED_COMMAND_NAMES.split())
_FIRST_ARGUMENT_DROPPED_NAMES = (
    "href textcolor colorbox fcolorbox raisebox parbox scalebox resizebox hyperref foreignlanguage multicolumn"
)
_FIRST_ARGUMENT_DROPPED = frozenset(_FIRST_ARGUMENT_DROPPED_NAMES.split())
_ARGUMENTS = {"minipage": 1, "multicols": 1, "adjustwidth": 2, "list": 2, "tcolorbox": 0, "spacing": 1}
_WORDS = {
    "LaTeX": "LaTeX", "TeX": "TeX", "LaTeXe": "LaTeX2e", "BibTeX": "BibTeX", "ldots": "…", "dots": "…",
    "ss": "ß", "o": "ø", "O": "Ø", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "aa": "å", "AA": "Å",
    "l": "ł", "L": "Ł", "textellipsis": "…", "i": "i", "j": "j", "S": "§", "P": "¶",
    "copyright": "©", "textregistered": "®", "texttrademark": "™",
    "textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textunderscore": "_", "textbar": "|",
    "textless": "<", "textgreater": ">", "textbullet": "•", "textendash": "–", "textemdash": "—", "quad": " ",  # noqa: RUF001
    "qquad": " ", "par": " ", "newline": " ", "linebreak": " ", "slash": "/", "textquotesingle": "'", "euro": "€",
    "item": " ", "and": ", ", "pounds": "£", "space": " ", "textdegree": "°", "degree": "°",
}  # fmt: skip
_ACCENTS = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
    "c": "\u0327", "v": "\u030c", "u": "\u0306", "H": "\u030b", "k": "\u0328", "r": "\u030a",
}  # fmt: skip
_SIGNS = {"{": "", "}": "", "~": " ", "&": " ", "``": "“", "''": "”", "---": "—", "--": "–"}  # noqa: RUF001
_TOKEN = re.compile(r"\\(?:([A-Za-z@]+)\*?|(.|\n|\Z))|\$|[{}~&]|``|''|---?", re.DOTALL)
_ACCENTED = re.compile(r"[ \t]*(?:\{\\?([A-Za-z])\}|\\?([A-Za-z]))")
_OPTION = re.compile(r"\s{0,9}\[[^\[\]]{0,400}\]")
_GAP = re.compile(r"[ \t]{0,9}\n?[ \t]{0,40}")
_SIMPLE_MATH = re.compile(r"[\w\s+=<>()',./-]{1,24}")
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%.*")
_VERBATIM_BEGIN = re.compile(rf"\\begin\{{({'|'.join(_VERBATIM)})\*?\}}")
_HOLES = re.compile(r"\(\s*[,;]?\s*\)|\[\s*[,;]?\s*\]|\s+(?=[,.;:!?)])")
_LONGEST_MATH = 1000  # characters between two dollar signs; further apart, they are not a pair


def read_latex(text: str, origin: str) -> Iterator[Document]:
    r"""Yield one Document per section, from `\part` to `\subparagraph`, and one for the abstract.

    Args:
        text: the source.
        origin: origin of the file.

    Raises:
        UnreadableError: "not LaTeX": the text has no command of three letters or more.
    """
    text = "\n".join(lines_of(text))
    if not re.search(r"\\[A-Za-z]{3}", text):
        raise UnreadableError("not LaTeX")
    parser = _LatexParser(_COMMENT.sub(r"\1", _without_verbatim(text)))
    title = parser.title()
    for section, rows in parser.sections():
        yield from section_documents(rows, section, origin, title)


def _without_verbatim(text: str) -> str:
    """Remove verbatim environments, before comments: a per cent sign begins no comment in them."""
    pieces: list[str] = []
    position = 0
    while match := _VERBATIM_BEGIN.search(text, position):
        end = text.find(f"\\end{{{match[1]}", match.end())
        stop = text.find("}", end) + 1 if end >= 0 else len(text)
        pieces += (text[position : match.start()], "\n" * text.count("\n", match.start(), stop))
        position = stop or len(text)
    return "".join([*pieces, text[position:]])


def _matching_braces(text: str) -> dict[int, int]:
    """Position of each opening brace that is closed → position of its closing brace."""
    open_at: list[int] = []
    pairs: dict[int, int] = {}
    for match in re.finditer(r"\\.|[{}]", text):
        if match[0] == "{":
            open_at.append(match.start())
        elif match[0] == "}" and open_at:
            pairs[open_at.pop()] = match.start()
    return pairs


class _LatexParser:
    """Parses a source with a cursor that only moves forward; skipped text leaves its line ends."""

    def __init__(self, text: str, pairs: dict[int, int] | None = None) -> None:
        self._text = text
        self._pairs = _matching_braces(text) if pairs is None else pairs
        self._at = 0
        self._pieces: list[str] = []
        self._line = 0  # on which the first piece begins
        self._section = ""
        self._finished: list[tuple[str, Rows]] = []
        self._next_mark: dict[str, int] = {}  # end mark → position of its next occurrence
        self._handlers: dict[str, Callable[[str], None]] = {
            "begin": self._begin, "end": self._end, "item": self._item, "def": self._skip_definition,
            "gdef": self._skip_definition, "verb": self._verb, "lstinline": self._verb, "mintinline": self._verb,
        }  # fmt: skip
        self._handlers |= dict.fromkeys(_SECTIONS, self._begin_section)
        self._handlers |= dict.fromkeys(_DROPPED_COMMANDS, self._skip_arguments)
        self._handlers |= dict.fromkeys(_FIRST_ARGUMENT_DROPPED, self._skip_first_argument)

    def title(self) -> str:
        r"""Return the argument of `\title` as one line, or ""."""
        match = re.search(r"\\title\s{0,9}(?:\[[^\]]{0,400}\]\s{0,9})?(?=\{)", self._text)
        return self._heading(match.end()) if match else ""

    def sections(self) -> list[tuple[str, Rows]]:
        """Parse the body and return the heading and the rows of each section."""
        begin = self._text.find("\\begin{document}")
        if begin >= 0:
            self._skip_to(begin + len("\\begin{document}"))
        end = self._text.find("\\end{document}", self._at)
        self._read(end if end >= 0 else len(self._text))
        self._end_section("")
        return self._finished

    def _read(self, end: int) -> None:
        text = self._text
        while match := _TOKEN.search(text, self._at, end):
            if match.start() > self._at:
                self._pieces.append(text[self._at : match.start()])
            self._at = match.end()
            name, escaped = match.groups()
            if name is not None:
                self._read_command(name)
            elif escaped is not None:
                self._read_escape(escaped)
            elif match[0] == "$":
                self._read_formula()
            else:
                self._pieces.append(_SIGNS[match[0]])
        self._pieces.append(text[self._at : max(end, self._at)])
        self._at = max(end, self._at)

    def _read_command(self, name: str) -> None:
        handler = self._handlers.get(name)
        if handler is not None:
            handler(name)
        elif name in _WORDS:
            self._pieces.append(_WORDS[name])
            if self._text[self._at : self._at + 1] == " ":
                self._at += 1
                if name not in ("LaTeX", "TeX", "ldots", "dots"):
                    return
                self._pieces.append(" ")
        elif name in _ACCENTS:
            self._add_accent(name)
        elif option := _OPTION.match(self._text, self._at):
            self._skip_to(option.end())

    def _read_escape(self, mark: str) -> None:
        if mark in "([":
            end = self._find("\\)" if mark == "(" else "\\]", 10 * _LONGEST_MATH)
            if end >= 0:
                self._add_formula(self._text[self._at : end] if mark == "(" else "", end + 2)
        elif mark in _ACCENTS:
            self._add_accent(mark)
        elif mark in "%&$#_{}":
            self._pieces.append(mark)
        else:
            self._pieces.append("\n" if mark == "\n" else " ")

    def _add_accent(self, mark: str) -> None:
        if match := _ACCENTED.match(self._text, self._at):
            self._at = match.end()
            self._pieces.append(unicodedata.normalize("NFC", (match[1] or match[2]) + _ACCENTS[mark]))

    def _read_formula(self) -> None:
        width = 2 if self._text.startswith("$", self._at) else 1
        self._at += width - 1
        end = self._find("$" * width, _LONGEST_MATH * (10 if width == 2 else 1))
        inside = self._text[self._at : end] if end >= 0 else ""
        if end >= 0 and "\n\n" not in inside:
            self._add_formula(inside if width == 1 else "", end + width)

    def _add_formula(self, inside: str, end: int) -> None:
        """Keep a formula that is short and reads like words."""
        if _SIMPLE_MATH.fullmatch(inside) and "\n" not in inside:
            self._pieces.append(inside.strip())
        self._skip_to(end)

    def _find(self, mark: str, within: int) -> int:
        """Position of the next `mark` within so many characters, or -1. No stretch is searched twice."""
        position = self._next_mark.get(mark, -1)
        if position < self._at:
            position = self._text.find(mark, self._at)
            self._next_mark[mark] = position = len(self._text) if position < 0 else position
        return position if position < min(self._at + within, len(self._text)) else -1

    def _begin(self, _: str) -> None:
        name = self._environment_name()
        if name in _DROPPED:
            end = self._find(f"\\end{{{name}}}", len(self._text))
            if end >= 0:
                self._skip_to(end)
        elif name == "abstract":
            self._end_section("Abstract")
        if option := _OPTION.match(self._text, self._at):
            self._skip_to(option.end())
        self._skip_groups(_ARGUMENTS.get(name, 0))

    def _end(self, _: str) -> None:
        if self._environment_name() == "abstract":
            self._end_section("")

    def _environment_name(self) -> str:
        """The environment name after `begin` or `end`."""
        close = self._pairs.get(self._at, -1)
        if not 0 <= close - self._at < 40:
            return ""
        name, self._at = self._text[self._at + 1 : close], close + 1
        return name.strip()

    def _begin_section(self, _: str) -> None:
        if option := _OPTION.match(self._text, self._at):
            self._skip_to(option.end())
        start = self._after_gap()
        if start in self._pairs:
            name = self._heading(start)
            self._skip_to(self._pairs[start] + 1)
            self._end_section(name)

    def _heading(self, start: int) -> str:
        """The text of a group as one line. A nested parser reads it, which ignores headings."""
        close = self._pairs.get(start, -1)
        if not 0 <= close - start <= _LONGEST_MATH:
            return ""
        text = self._text[start + 1 : close]
        if not _TOKEN.search(text):
            return one_line(text)
        inner = _LatexParser(text)
        inner._handlers |= dict.fromkeys(("begin", "end", *_SECTIONS), inner._skip_arguments)
        inner._read(close - start - 1)
        return one_line(_HOLES.sub("", "".join(inner._pieces)))

    def _skip_definition(self, _: str) -> None:
        r"""Skip `\def\name#1{...}` to the end of its first group."""
        start = self._text.find("{", self._at, self._at + 100)
        if start in self._pairs:
            self._skip_to(self._pairs[start] + 1)

    def _verb(self, name: str) -> None:
        if name == "mintinline":
            self._skip_groups(1)
        elif option := _OPTION.match(self._text, self._at):
            self._skip_to(option.end())
        mark = self._text[self._at : self._at + 1]
        end = self._text.find("}" if mark == "{" else mark, self._at + 1, self._at + _LONGEST_MATH) if mark else -1
        if end >= 0:
            self._pieces.append(self._text[self._at + 1 : end])
            self._at = end + 1

    def _item(self, _: str) -> None:
        """Keep the tag of an item without its brackets."""
        self._pieces.append(" ")
        if option := _OPTION.match(self._text, self._at):
            self._pieces.append(option[0].replace("[", " ").replace("]", " "))
            self._at = option.end()

    def _skip_arguments(self, _: str) -> None:
        self._skip_groups(4)

    def _skip_first_argument(self, _: str) -> None:
        self._skip_groups(1)

    def _skip_groups(self, most: int) -> None:
        """Skip up to `most` arguments that follow."""
        for _ in range(most):
            if option := _OPTION.match(self._text, self._at):
                self._skip_to(option.end())
            start = self._after_gap()
            if start not in self._pairs:
                return
            self._skip_to(self._pairs[start] + 1)

    def _after_gap(self) -> int:
        """Position after the white space before an argument, with at most one line end."""
        match = _GAP.match(self._text, self._at)
        return match.end() if match else self._at

    def _skip_to(self, end: int) -> None:
        self._pieces.append("\n" * self._text.count("\n", self._at, end))
        self._at = end

    def _end_section(self, name: str) -> None:
        text = "".join(self._pieces)
        lines = enumerate(text.split("\n"), start=self._line)
        rows = {line: bare for line, part in lines if (bare := _HOLES.sub("", " ".join(part.split())))}
        self._finished.append((self._section, rows))
        self._line += text.count("\n")
        self._pieces = []
        self._section = name
