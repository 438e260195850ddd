r"""Manual pages → prose that keeps its lines: roff with the man and mdoc macros.

Kept: paragraphs, and list items with their tags; a tag moves to the first line of its item. Dropped: synopses,
examples and other unfilled text, tables, comments, and sections that are much the same on every page (see also,
authors, copyright). The page's title is the text below NAME: "ls - list directory contents".
"""

import re
from collections.abc import Iterator

from adjoin.corpus.document import Document
from adjoin.corpus.readers.sections import Rows, UnreadableError, lines_of, one_line, put, section_documents

_IS_MAN = re.compile(r"^[.'][ \t]*(?:TH|SH|Dt|Sh|Dd)\b", re.MULTILINE)
_REDIRECT = re.compile(r"(?:\s|[.']\\\".*\n|\.\n)*\.so\s+\S+\s*(?:\n|$)")
_MAX_MACRO_LINE = 4096  # characters; longer lines are data

# Escapes.
_ESCAPE = re.compile(
    r"""\\(?:
        (?P<comment>["\#].*)                                                     # to the end of the line
      | \((?P<two>..) | \[(?P<name>[^\]\n]{1,40})\] | C'(?P<quoted>[^'\n]{1,40})'  # a character by its name
      | \*(?:\((?P<string2>..)|\[(?P<string>[^\]\n]{1,40})\]|(?P<string1>.))     # a string
      | [fFgkmMnYV][-+]?(?:\(..|\[[^\]\n]{0,80}\]|.)                             # a font, a colour, a number
      | s(?:[-+]?\(..|[-+]?\[[^\]\n]{0,20}\]|'[^'\n]{0,20}'|[-+]?[1-3]\d|[-+]?\d)   # a size
      | [ABbDHhLlNoRSvwXxZ]'[^'\n]{0,200}'                                       # a motion, a drawing
      | \$(?:\(..|\[[^\]\n]{0,40}\]|.)                                           # a macro's argument
      | (?P<other>.)
      | $                                                                        # the line goes on
    )""",
    re.VERBOSE,
)
_OTHERS = {"e": "\\", "\\": "\\", "-": "-", "'": "'", "`": "`", ".": ".", " ": " ", "~": " ", "0": " ", "t": " "}
_CHARACTER_TABLE = (
    "aq ' dq \" lq “ rq ” oq ‘ cq ’ bq ‚ Bq „ em — en – hy - mi - pl + mu × di ÷ eq = <= ≤ >= ≥ != ≠ == ≡ ~= ≈ "  # noqa: RUF001
    "ap ~ co © rg ® tm ™ bu • ** * sq □ de ° sc § ps ¶ dg † dd ‡ ha ^ ti ~ rs \\ sl / ba | or | br | ul _ ru _ "
    "lB [ rB ] lC { rC } la ⟨ ra ⟩ at @ sh # Do $ Eu € Po £ ct ¢ ga ` aa ´ -> → <- ← <> ↔ ua ↑ da ↓ ss ß AE Æ "  # noqa: RUF001
    "ae æ OE Œ oe œ o/ ø O/ Ø :a ä :o ö :u ü :A Ä :O Ö :U Ü :e ë :i ï 'e é 'a á 'o ó 'i í 'u ú 'E É `e è `a à "
    "`o ò `u ù ^e ê ^a â ^o ô ^i î ^u û ,c ç ,C Ç ~n ñ ~a ã ~o õ oa å oA Å 12 ½ 14 ¼ 34 ¾ +- ± if ∞ *a α *b β "  # noqa: RUF001
    "*g γ *d δ *e ε *l λ *m μ *p π *s σ *W Ω Fo « Fc » fo ‹ fc › ff ff fi fi fl fl Fi ffi Fl ffl r! ¡ r? ¿ "  # noqa: RUF001
    "no ¬ tno ¬ mo ∈ pc · md ⋅"
)
_CHARACTER_NAMES = _CHARACTER_TABLE.split()
_CHARACTERS = dict(zip(_CHARACTER_NAMES[::2], _CHARACTER_NAMES[1::2], strict=True))
_STRINGS = {
    "lq": "“", "rq": "”", "R": "®", "Tm": "™", "S": "", "Aq": "'", "Lq": "“", "Rq": "”", "Le": "≤", "Ge": "≥",
    "Ne": "≠", "Pm": "±", "L": '"', "C`": "", "C'": "", 'L"': '"', 'R"': '"', "--": "--", "PI": "pi",
}  # fmt: skip

# Macros.
_ENDS = {  # macro that begins a dropped block → macro that ends it
    "nf": "fi", "EX": "EE", "TS": "TE", "EQ": "EN", "PS": "PE", "SY": "YS", "Vb": "Ve", "Rs": "Re", "Bd": "Ed",
    "de": ".", "de1": ".", "am": ".", "ig": ".", "dsh": ".", "DS": "DE", "CS": "CE", "cs": "ce",
}  # fmt: skip
_DROPPED_SECTIONS = re.compile(
    r"name|synopsis|see also|authors?|copyright.*|licen[cs]e.*|colophon|reporting bugs|bug reports|index",
    re.IGNORECASE,
)
_BULLET = re.compile(r"[-•*o·+—–□]|\(?\w{1,3}[.)]|")  # noqa: RUF001
_HEADS, _ITEMS = frozenset({"SH", "SS", "Sh", "Ss"}), frozenset({"IP", "It", "HP"})
_ALTERNATING = frozenset({"BR", "BI", "IB", "IR", "RB", "RI"})
_FONTS = frozenset({"B", "I", "R", "SM", "SB", "CW"})
_LINKS = frozenset({"UR", "UE", "MT", "ME"})  # the address is dropped; the text has its own lines
# mdoc: marks around a quotation. Macros that end in "o" and "c" open and close it on different lines.
_QUOTES = {"D": "“”", "S": "‘’", "P": "()", "B": "[]", "O": "[]", "A": "<>", "Q": '""', "Br": "{}"}  # noqa: RUF001
_OPENING = {f"{name}{'p' if name == 'O' else 'q'}": marks for name, marks in _QUOTES.items()}
_OPENING["Ql"] = _QUOTES["S"]
_OPEN = {f"{name}o": marks[0] for name, marks in _QUOTES.items()}
_CLOSE = {f"{name}c": marks[1] for name, marks in _QUOTES.items()}
_SYSTEMS = {
    "Ux": "UNIX", "Bx": "BSD", "Fx": "FreeBSD", "Nx": "NetBSD", "Ox": "OpenBSD", "Dx": "DragonFly", "At": "UNIX",
}  # fmt: skip
_WORD_MACROS = (
    "Ad An Ar Cd Cm Dv Em Er Ev Fa Fl Fn Ft Ic In Li Lk Ms Mt Nm No Ns Pa Pf Sx Sy Tn Va Vt Xr St Ap Xo Xc"
)
_WORDS = frozenset(_WORD_MACROS.split())
_MDOC = _WORDS | set(_OPENING) | set(_OPEN) | set(_CLOSE) | set(_SYSTEMS)
_CLOSING_MARKS = frozenset(".,:;)]?!")
_ARGUMENT = re.compile(r'[ \t]*(?:"((?:[^"]|"")*)"?|((?:\\ |[^ \t])+))')


def read_man(text: str, origin: str) -> Iterator[Document]:
    """Yield one Document per section and subsection of a manual page.

    Args:
        text: the page.
        origin: origin of the page.

    Raises:
        UnreadableError: "not a man page", or "redirect" for a page that only names another.
    """
    if _REDIRECT.match(text) and text.count("\n") < 20:
        raise UnreadableError("redirect")
    if not _IS_MAN.search(text):
        raise UnreadableError("not a man page")
    parser = _ManPageParser()
    for line, content in enumerate(lines_of(text)):
        parser.read_line(line, content)
    parser.end_section("")
    for section, rows in parser.sections:
        yield from section_documents(rows, section, origin, parser.title)


class _ManPageParser:
    """Parses a page line by line.

    Attributes:
        sections: heading and rows of each finished section.
        title: the text below NAME.
    """

    def __init__(self) -> None:
        self.sections: list[tuple[str, Rows]] = []
        self.title = ""
        self._strings = dict(_STRINGS)
        self._section = ""
        self._outer_section = ""  # the section that holds the subsection
        self._rows: Rows = {}
        self._tag = ""  # tag of a list item whose text has not come yet
        self._name = ""  # mdoc: the name that Nm stands for
        self._awaits_heading = ""  # macro of a heading whose text is on the next line
        self._block_end = ""  # macro that ends the dropped block
        self._skipped_braces = 0  # open braces of a condition that does not hold
        self._in_command = False  # whether a shell command, marked by "$ ", continues
        self._condition_held = False  # whether the last condition held

    def read_line(self, line: int, content: str) -> None:
        """Parse one line, counted from 0."""
        if self._skipped_braces:
            self._skipped_braces += content.count("\\{") - content.count("\\}")
        elif content[:1] in (".", "'"):
            self._read_request(line, content)
        elif content and not self._block_end:
            text = self._plain(content)
            if not self._in_command and not text.startswith("$ "):
                self._add(line, text)
            self._in_command = text.endswith("\\") and (self._in_command or text.startswith("$ "))

    def end_section(self, name: str) -> None:
        """End the open section and begin one of this name."""
        below_name = self._section.casefold() in ("name", "nombre", "nom", "bezeichnung")
        if below_name and not self.title:
            self.title = one_line(" ".join(self._rows.values()))
        if not _DROPPED_SECTIONS.fullmatch(self._outer_section) and not below_name:
            self.sections.append((self._section, self._rows))
        self._section, self._rows, self._tag = name, {}, ""

    def _add(self, line: int, text: str) -> None:
        if self._awaits_heading:
            macro, self._awaits_heading = self._awaits_heading, ""
            self._begin_section(macro, text)
        elif text.strip():
            put(self._rows, line, f"{self._tag} {text}")
            self._tag = ""

    def _read_request(self, line: int, content: str) -> None:
        bare = content[1:].strip()
        name, _, rest = bare.replace("\t", " ", 1).partition(" ")
        if name.startswith('\\"') or not name or len(content) > _MAX_MACRO_LINE:
            if self._block_end == "." and bare == ".":
                self._block_end = ""
            return
        if self._block_end:
            self._read_dropped(name)
        elif name[:2] in ("if", "ie", "el"):
            self._read_condition(line, bare)
        elif name in _ENDS:
            filled = name == "Bd" and ("-filled" in rest or "-ragged" in rest)
            self._block_end = "" if filled else _ENDS[name]
        else:
            self._read_macro(line, name, rest)

    def _read_dropped(self, name: str) -> None:
        """A macro in a dropped block: its end, or a heading, which ends all but definitions and tables."""
        if name == self._block_end or (name in _HEADS and self._block_end in ("fi", "EE", "Ed", "YS", "Ve")):
            self._block_end = ""

    def _read_condition(self, line: int, bare: str) -> None:
        """`.if`, `.ie` and `.el`: the conditions of nroff and of groff hold, all others do not."""
        match = re.match(r"(?:(?:if|ie) *(!?)(\S*)|el) *(.*)", bare)
        if not match:
            return
        if bare.startswith("el"):
            holds = not self._condition_held
        else:
            holds = self._condition_held = not match[1] and (match[2] == "n" or match[2].startswith(r"\n(.g"))
        rest = match[3]
        if not holds:
            self._skipped_braces = max(bare.count("\\{") - bare.count("\\}"), 0)
        elif rest.startswith(("\\{", ".", "'")):
            self.read_line(line, rest.removeprefix("\\{").removeprefix("\\").strip()[:_MAX_MACRO_LINE])

    def _read_macro(self, line: int, name: str, rest: str) -> None:
        if name in _HEADS:
            if rest:
                self._begin_section(name, self._words(name, rest))
            else:
                self._awaits_heading = name
        elif name == "ds":
            key, _, value = rest.partition(" ")
            self._strings[key[:40]] = self._plain(value.strip().removeprefix('"'))[:100]
        elif name in _ITEMS:
            tag = self._words(name, rest)
            self._tag = "" if _BULLET.fullmatch(tag) else tag
        elif name == "Nd":
            self._add(line, f"- {self._words(name, rest)}")
        elif name in _ALTERNATING or name in _FONTS or name in _MDOC or name in _LINKS:
            self._add(line, self._words(name, rest))

    def _begin_section(self, macro: str, name: str) -> None:
        self._block_end = ""
        name = one_line(name)
        if macro in ("SH", "Sh"):
            self.end_section(name)
            self._outer_section = name
        else:
            self.end_section(name)

    def _words(self, macro: str, rest: str) -> str:
        """The text that the arguments of a macro show."""
        arguments = [quoted.replace('""', '"') or bare for quoted, bare in _ARGUMENT.findall(rest)]
        if macro in _LINKS:
            return self._plain(" ".join(arguments[1:] if macro in ("UR", "MT") else arguments))
        if macro == "IP":
            return self._plain("".join(arguments[:1]))
        if macro in _ALTERNATING:
            return self._plain("".join(arguments))
        if macro in _MDOC:
            return self._mdoc([macro, *arguments])
        return self._mdoc(arguments) if macro in ("It", "Sh", "Ss", "Nd") else self._plain(" ".join(arguments))

    def _mdoc(self, arguments: list[str]) -> str:
        """The text of an mdoc line, in which macros call each other."""
        line = _MdocLine()
        for index, argument in enumerate(arguments):
            if argument == "Nm":
                named = arguments[index + 1 : index + 2]
                if named and named[0] not in _MDOC and named[0] not in _CLOSING_MARKS:
                    self._name = self._name or self._plain(named[0])
                else:
                    line.add(self._name)
            elif argument in _MDOC:
                line.call(argument)
            else:
                line.add(self._plain(argument))
        return line.text()

    def _plain(self, text: str) -> str:
        return _ESCAPE.sub(self._escaped, text) if "\\" in text else text

    def _escaped(self, match: re.Match[str]) -> str:
        kind = match.lastgroup
        if kind is None or kind == "comment":
            return ""
        value = match[kind]
        if kind == "other":
            return _OTHERS.get(value, "")
        if kind in ("string", "string1", "string2"):
            return self._strings.get(value, "")
        if value[0] == "u" and re.fullmatch(r"u[0-9A-F]{4,5}", value):
            return chr(int(value[1:], 16))
        return _CHARACTERS.get(value, "")


class _MdocLine:
    """Joins the words of one mdoc line."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._closing: list[str] = []  # marks that close the open quotations
        self._macro = ""
        self._joins = True  # whether the next word follows without a space

    def call(self, macro: str) -> None:
        """Add a macro."""
        if macro in _OPENING:
            self._put(_OPENING[macro][0])
            self._closing.append(_OPENING[macro][1])
            self._joins = True
        elif macro in _OPEN:
            self._put(_OPEN[macro])
            self._joins = True
        elif macro in _CLOSE or macro == "Ap":
            self._joins = True
            self._put(_CLOSE.get(macro, "'"))
            self._joins = macro == "Ap"
        elif macro in _SYSTEMS:
            self._put(_SYSTEMS[macro])
        elif macro == "Ns":
            self._joins = True
        elif macro == "Fl" and self._macro == "Fl":
            self._put("-")
        self._macro = macro

    def add(self, word: str) -> None:
        """Add a word in the form that the macro before it gives it."""
        if not word:
            return
        if word in _CLOSING_MARKS:
            self._joins = True
            if self._macro == "Fl":
                self._put("-")
                self._joins = True
            self._put(word)
        elif self._macro == "Fl":
            self._put(f"-{word}")
        elif self._macro == "Xr" and word[:1].isdigit():
            self._put_joined(f"({word})")
        elif self._macro == "Fn":
            self._put(f"{word}()")
        elif self._macro == "St":
            self._put("POSIX" if word.startswith("-p1") else "the standard")
        else:
            self._put(word)
            self._joins = self._macro == "Pf" or word in ("(", "[")
        if self._macro in ("Fn", "St", "Pf"):
            self._macro = ""

    def text(self) -> str:
        """Return the line with its quotations closed."""
        marks = []
        while self._pieces and self._closing and self._pieces[-1] in (".", ",", ":", ";"):
            marks.append(self._pieces.pop())  # follows the closing mark
        return "".join([*self._pieces, *reversed(self._closing), *reversed(marks)])

    def _put(self, word: str) -> None:
        if not self._joins and self._pieces:
            self._pieces.append(" ")
        self._pieces.append(word)
        self._joins = False

    def _put_joined(self, word: str) -> None:
        self._joins = True
        self._put(word)
