"""Results of a search for people: where each piece is, the line that defines it, and the lines that answer.

    src/net/upload.py:98-131  Uploader.retry  0.8123
       98  def retry(self, path):
      ...
      105      delay = backoff(attempt)

A terminal gets colours, and lines cut to its width. A pipe gets the same lines, plain and whole.
"""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from adjoin.cli.lines import Asked, chosen_lines, read_asked
from adjoin.cli.terminal import DIM, MATCH, NAME, PATH, WARNING, cells, cut, one_line, painted, safe
from adjoin.index.folders.repositories import Found
from adjoin.index.naming import also_line, short_name
from adjoin.index.search import Hit
from adjoin.ranking.lexical import terms

LONGEST_LINE = 600  # characters of a line on a terminal; minified code has lines of megabytes
NOTHING = "Nothing found."
NO_GOOD_ANSWER = "No good answer; the nearest are:"
_words = re.compile(r"\w+").finditer


@dataclass(frozen=True, slots=True)
class Layout:
    """How results are shown.

    Attributes:
        colour: whether to send escape codes.
        width: columns of the terminal; None to leave lines whole.
        context: lines around each matching line, as by -C, beyond the piece too; None for the usual choice of
            lines.
        explain: whether to show the evidence of each hit.
    """

    colour: bool = False
    width: int | None = None
    context: int | None = None
    explain: bool = False


def terminal_width() -> int:
    """The columns of the terminal, from COLUMNS or from the terminal itself."""
    return shutil.get_terminal_size().columns


def write_hits(hits: Sequence[Found], query: str, layout: Layout, write: Callable[[str], object]) -> None:
    """Write the results of a search, best first.

    Weak results, those below the ranking's floor, stand at the end, below a line that says so.

    Args:
        hits: the results.
        query: its words choose the lines to show, and are emphasised.
        layout: how.
        write: takes text with its line ends, such as `sys.stdout.write`.
    """
    if not hits:
        write(f"{NOTHING}\n")
    asked = read_asked(query)
    weak = False
    for number, found in enumerate(sorted(hits, key=lambda found: found.hit.weak)):
        if number:
            write("\n")
        if found.hit.weak and not weak:
            weak = True
            write(painted(NO_GOOD_ANSWER if number == 0 else "Weak:", WARNING if layout.colour else "") + "\n")
        for line in _shown(found, asked, layout):
            write(f"{line}\n")


def _shown(found: Found, asked: Asked, layout: Layout) -> Iterator[str]:
    yield _heading(found, layout)
    dim = DIM if layout.colour else ""
    if layout.explain:
        yield "  " + painted(evidence_line(found.hit), dim)
    yield from _lines(found, asked, layout)
    if also := one_line(also_line(found.hit.also)):
        yield "  " + painted(cut(also, max(layout.width - 2, 8)) if layout.width is not None else also, dim)


def _lines(found: Found, asked: Asked, layout: Layout) -> Iterator[str]:
    """The chosen lines of a piece, with their numbers, and the file's lines around it if -C asks for them."""
    hit, context = found.hit, layout.context
    lines = hit.text.split("\n")
    numbered = len(lines) == hit.last_line - hit.first_line + 1
    above = below = 0
    if context and numbered:
        from adjoin.index.folders.context import lines_around  # reads encodings, which no other search needs

        before, after = lines_around(found, context)
        lines, above, below = [*before, *lines, *after], len(before), len(after)
    width = len(str(hit.last_line + below)) if numbered else 0
    coloured = _coloured(hit.language, lines) if layout.colour else {}
    dim = DIM if layout.colour else ""
    previous = None
    for place in chosen_lines(hit, asked, context, above=above, below=below):
        if previous is not None and place > previous + 1:
            yield painted(f"  {'...':>{max(width, 3)}}", dim)
        previous = place
        label = f"{hit.first_line + place:>{max(width, 3)}}" if numbered else " " * max(width, 1)
        yield f"  {painted(label, dim)}  " + _line(
            lines[above + place], coloured.get(above + place), asked, layout, len(label) + 4
        )


def _heading(found: Found, layout: Layout) -> str:
    hit = found.hit
    place = f"{one_line(found.file)}:{hit.first_line}-{hit.last_line}"
    name, score = one_line(short_name(hit.name)), f"{hit.score:.4f}"
    if layout.width is not None:
        name = cut(name, max(layout.width - cells(place) - len(score) - 4, 16))
    parts = [(place, PATH), (name, NAME), (score, DIM)]
    return "  ".join(painted(text, style if layout.colour else "") for text, style in parts if text)


def evidence_line(hit: Hit) -> str:
    """The evidence for a hit in one line, such as "vector 0.712, words 0.551, definition 1.000"."""
    return ", ".join(f"{name} {value:.3f}" for name, value in hit.evidence.items()) or "no evidence is kept"


def _line(line: str, coloured: "list[tuple[str, str]] | None", asked: Asked, layout: Layout, indent: int) -> str:
    """One line of code, cut to the terminal, its parts in their colours and the words of the query emphasised."""
    text = safe(line.rstrip()).expandtabs(4)
    if layout.width is not None:
        text = cut(text[:LONGEST_LINE], max(layout.width - indent, 8))
    if not layout.colour:
        return text
    styles = _styles(text, coloured)
    for word in _words(text):
        if asked.terms.intersection(terms(word.group())):
            styles[word.start() : word.end()] = [MATCH] * (word.end() - word.start())
    return _joined(text, styles)


def _styles(text: str, coloured: "list[tuple[str, str]] | None") -> list[str]:
    """The style of each character."""
    styles: list[str] = []
    for style, part in coloured or ():
        styles += [style] * len(part)
    return (styles + [""] * len(text))[: len(text)]


def _joined(text: str, styles: list[str]) -> str:
    parts, start = [], 0
    for place in range(1, len(text) + 1):
        if place == len(text) or styles[place] != styles[start]:
            parts.append(painted(text[start:place], styles[start]))
            start = place
    return "".join(parts)


LONGEST_COLOURED = 20_000  # characters of a piece; a longer one is shown in one colour


def _coloured(language: str, lines: Sequence[str]) -> dict[int, list[tuple[str, str]]]:
    """Number of a line → its parts as (style, text), tabs expanded; empty without a lexer for the language."""
    if sum(map(len, lines)) + len(lines) > LONGEST_COLOURED + 1:
        return {}
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return {}
    text = "\n".join(safe(line.rstrip()).expandtabs(4) for line in lines)
    parts: dict[int, list[tuple[str, str]]] = {0: []}
    for token, value in lexer.get_tokens(text):
        style = next((style for kind, style in _TOKENS if kind in str(token)), "")
        for number, part in enumerate(value.split("\n")):
            if number:
                parts[len(parts)] = []
            parts[len(parts) - 1].append((style, part))
    return parts


# The 16 colours of the user's own terminal, by the name of the token.
_TOKENS = (
    ("Comment", "2"),
    ("String", "32"),
    ("Number", "36"),
    ("Keyword", "34"),
    ("Name.Function", "33"),
    ("Name.Class", "33"),
    ("Name.Tag", "34"),
    ("Name.Decorator", "35"),
)
