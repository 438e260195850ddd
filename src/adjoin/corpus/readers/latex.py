r"""LaTeX → prose on its own lines, by one pass of our own; nothing is expanded and no file is followed.

Kept: running text, the abstract, list items, the text inside commands that are not known, code and short
mathematics inside a line. Emptied: the preamble, comments, mathematics on lines of its own, floats, tables,
pictures, verbatim text, bibliographies, footnotes, citations, references, labels.

pylatexenc reads 0.4 MB/s and raises RecursionError at a few hundred open braces; this pass takes linear time.
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
# Commands that go with all their arguments, and those of whose arguments the first goes.
_GONE_NAMES = (
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
_GONE = frozenset(_GONE_NAMES.split())
_FIRST_GONE_NAMES = (
    "href textcolor colorbox fcolorbox raisebox parbox scalebox resizebox hyperref foreignlanguage multicolumn"
)
_FIRST_GONE = frozenset(_FIRST_GONE_NAMES.split())
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
_LONGEST_MATH = 1000  # characters between two dollar signs; further apart, they are no pair


def read_latex(text: str, origin: str) -> Iterator[Document]:
    r"""Give one Document per section, from `\part` to `\subparagraph`; its abstract is one, too.

    Raises:
        UnreadableError: "not LaTeX", where there is no command of letters.
    """
    text = "\n".join(lines_of(text))
    if not re.search(r"\\[A-Za-z]{3}", text):
        raise UnreadableError("not LaTeX")
    parser = _LatexParser(_COMMENT.sub(r"\1", _without_verbatim(text)))
    title = parser.title()
    for section, rows in parser.sections():
        yield from section_documents(rows, section, origin, title)


def _without_verbatim(text: str) -> str:
    """Verbatim text goes first, since a per cent sign begins no comment there."""
    pieces: list[str] = []
    position = 0
    while match := _VERBATIM_BEGIN.search(text, position):
        end = text.find(f"\\end{{{match[1]}", match.end())
        stop = text.find("}", end) + 1 if end >= 0 else len(text)
        pieces += (text[position : match.start()], "\n" * text.count("\n", match.start(), stop))
        position = stop or len(text)
    return "".join([*pieces, text[position:]])


def _matching_braces(text: str) -> dict[int, int]:
    """Where each brace that is closed opens → where it closes."""
    open_at: list[int] = []
    pairs: dict[int, int] = {}
    for match in re.finditer(r"\\.|[{}]", text):
        if match[0] == "{":
            open_at.append(match.start())
        elif match[0] == "}" and open_at:
            pairs[open_at.pop()] = match.start()
    return pairs


class _LatexParser:
    """Reads a source from a cursor that only moves forward; what is passed over leaves its line ends."""

    def __init__(self, text: str, pairs: dict[int, int] | None = None) -> None:
        self._text = text
        self._pairs = _matching_braces(text) if pairs is None else pairs
        self._at = 0
        self._pieces: list[str] = []
        self._line = 0  # of the first piece
        self._section = ""
        self._finished: list[tuple[str, Rows]] = []
        self._next: dict[str, int] = {}  # an end mark that was looked for → where the next one stands
        self._handlers: dict[str, Callable[[str], None]] = {
            "begin": self._begin, "end": self._end, "def": self._define, "gdef": self._define, "verb": self._verb,
            "lstinline": self._verb, "mintinline": self._verb, "item": self._item,
        }  # fmt: skip
        self._handlers |= dict.fromkeys(_SECTIONS, self._head)
        self._handlers |= dict.fromkeys(_GONE, self._drop_arguments)
        self._handlers |= dict.fromkeys(_FIRST_GONE, self._drop_first_argument)

    def title(self) -> str:
        r"""What `\title` is given."""
        match = re.search(r"\\title\s{0,9}(?:\[[^\]]{0,400}\]\s{0,9})?(?=\{)", self._text)
        return self._heading(match.end()) if match else ""

    def sections(self) -> list[tuple[str, Rows]]:
        """Each section of the body: its heading, and line → text."""
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
                self._command(name)
            elif escaped is not None:
                self._escape(escaped)
            elif match[0] == "$":
                self._dollar()
            else:
                self._pieces.append(_SIGNS[match[0]])
        self._pieces.append(text[self._at : max(end, self._at)])
        self._at = max(end, self._at)

    def _command(self, name: str) -> None:
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
            self._accent(name)
        elif option := _OPTION.match(self._text, self._at):
            self._skip_to(option.end())

    def _escape(self, mark: str) -> None:
        if mark in "([":
            end = self._find("\\)" if mark == "(" else "\\]", 10 * _LONGEST_MATH)
            if end >= 0:
                self._mathematics(self._text[self._at : end] if mark == "(" else "", end + 2)
        elif mark in _ACCENTS:
            self._accent(mark)
        elif mark in "%&$#_{}":
            self._pieces.append(mark)
        else:
            self._pieces.append("\n" if mark == "\n" else " ")

    def _accent(self, mark: str) -> None:
        if match := _ACCENTED.match(self._text, self._at):
            self._at = match.end()
            self._pieces.append(unicodedata.normalize("NFC", (match[1] or match[2]) + _ACCENTS[mark]))

    def _dollar(self) -> None:
        width = 2 if self._text.startswith("$", self._at) else 1
        self._at += width - 1
        end = self._find("$" * width, _LONGEST_MATH * (10 if width == 2 else 1))
        inside = self._text[self._at : end] if end >= 0 else ""
        if end >= 0 and "\n\n" not in inside:
            self._mathematics(inside if width == 1 else "", end + width)

    def _mathematics(self, inside: str, end: int) -> None:
        """Keep what is short and reads like words."""
        if _SIMPLE_MATH.fullmatch(inside) and "\n" not in inside:
            self._pieces.append(inside.strip())
        self._skip_to(end)

    def _find(self, mark: str, within: int) -> int:
        """Where the next `mark` stands, if it is so near; -1 otherwise. Each stretch is searched once."""
        place = self._next.get(mark, -1)
        if place < self._at:
            place = self._text.find(mark, self._at)
            self._next[mark] = place = len(self._text) if place < 0 else place
        return place if place < min(self._at + within, len(self._text)) else -1

    def _begin(self, _: str) -> None:
        name = self._name()
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
        if self._name() == "abstract":
            self._end_section("")

    def _name(self) -> str:
        """The argument of `begin` and `end`."""
        close = self._pairs.get(self._at, -1)
        if not 0 <= close - self._at < 40:
            return ""
        name, self._at = self._text[self._at + 1 : close], close + 1
        return name.strip()

    def _head(self, _: str) -> None:
        if option := _OPTION.match(self._text, self._at):
            self._skip_to(option.end())
        start = self._gap()
        if start in self._pairs:
            name = self._heading(start)
            self._skip_to(self._pairs[start] + 1)
            self._end_section(name)

    def _heading(self, start: int) -> str:
        """The text of a group, as one line; it is read by itself, and headings in it are none."""
        close = self._pairs.get(start, -1)
        if not 0 <= close - start <= _LONGEST_MATH:
            return ""
        text = self._text[start + 1 : close]
        if not _TOKEN.search(text):
            return one_line(text)
        inner = _LatexParser(text)
        inner._handlers |= dict.fromkeys(("begin", "end", *_SECTIONS), inner._drop_arguments)
        inner._read(close - start - 1)
        return one_line(_HOLES.sub("", "".join(inner._pieces)))

    def _define(self, _: str) -> None:
        r"""`\def\name#1{...}`: to the end of its first group."""
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
        """The tag of an item stays, without its brackets."""
        self._pieces.append(" ")
        if option := _OPTION.match(self._text, self._at):
            self._pieces += (option[0].replace("[", " ").replace("]", " "),)
            self._at = option.end()

    def _drop_arguments(self, _: str) -> None:
        self._skip_groups(4)

    def _drop_first_argument(self, _: str) -> None:
        self._skip_groups(1)

    def _skip_groups(self, most: int) -> None:
        """Pass over the arguments that follow, up to so many."""
        for _ in range(most):
            if option := _OPTION.match(self._text, self._at):
                self._skip_to(option.end())
            start = self._gap()
            if start not in self._pairs:
                return
            self._skip_to(self._pairs[start] + 1)

    def _gap(self) -> int:
        """Where the white space before an argument ends, at most one line's end."""
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
