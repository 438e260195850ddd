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

from adjoin.cli.terminal import DIM, MATCH, NAME, PATH, WARNING, cells, cut, one_line, painted, safe
from adjoin.index.folders.repositories import Found
from adjoin.index.search import Hit
from adjoin.ranking.lexical import terms

MOST_LINES = 8  # lines of a piece without -C: five results fit on a screen
FEWEST_LINES = 4  # with fewer matching lines than this, the lines below the definition are shown too
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
        context: lines around each matching line, as by -C; None for the usual choice of lines.
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
    asked = frozenset(terms(query))
    weak = False
    for number, found in enumerate(sorted(hits, key=lambda found: found.hit.weak)):
        if number:
            write("\n")
        if found.hit.weak and not weak:
            weak = True
            write(painted(NO_GOOD_ANSWER if number == 0 else "Weak:", WARNING if layout.colour else "") + "\n")
        for line in _shown(found, asked, layout):
            write(f"{line}\n")


def _shown(found: Found, asked: frozenset[str], layout: Layout) -> Iterator[str]:
    yield _heading(found, layout)
    if layout.explain:
        yield "  " + painted(evidence_line(found.hit), DIM if layout.colour else "")
    hit = found.hit
    lines = hit.text.split("\n")
    numbered = len(lines) == hit.last_line - hit.first_line + 1
    width = len(str(hit.last_line)) if numbered else 0
    coloured = _coloured(hit, lines) if layout.colour else {}
    previous = -1
    for place in chosen_lines(hit, asked, layout.context):
        if place > previous + 1 and previous >= 0:
            yield painted(f"  {'...':>{max(width, 3)}}", DIM if layout.colour else "")
        previous = place
        label = f"{hit.first_line + place:>{max(width, 3)}}" if numbered else " " * max(width, 1)
        yield f"  {painted(label, DIM if layout.colour else '')}  " + _line(
            lines[place], coloured.get(place), asked, layout, len(label) + 4
        )


def _heading(found: Found, layout: Layout) -> str:
    hit = found.hit
    place = f"{one_line(found.file)}:{hit.first_line}-{hit.last_line}"
    name, score = one_line(hit.name), f"{hit.score:.4f}"
    if layout.width is not None:  # a piece of several definitions has a long name
        name = cut(name, max(layout.width - cells(place) - len(score) - 4, 16))
    parts = [(place, PATH), (name, NAME), (score, DIM)]
    return "  ".join(painted(text, style if layout.colour else "") for text, style in parts if text)


def evidence_line(hit: Hit) -> str:
    """The evidence for a hit in one line, such as "vector 0.712, words 0.551, definition 1.000"."""
    return ", ".join(f"{name} {value:.3f}" for name, value in hit.evidence.items()) or "no evidence is kept"


def header_of(hit: Hit, asked: frozenset[str] = frozenset()) -> int:
    """The line that defines what a piece is.

    It is the first line that names it. A piece of several small definitions has the names of all: then it is the
    line of the one with most words of the query. Without a name it is the first line that is not empty.

    Args:
        hit: the result.
        asked: the terms of the query.

    Returns:
        The number of the line within the piece, counted from 0.
    """
    lines = hit.text.split("\n")
    headers = sorted({place for name in hit.name.split(",") if (place := _line_naming(name, lines)) is not None})
    if not headers:
        return next((place for place, line in enumerate(lines) if line.strip()), 0)
    parts = zip(headers, [*headers[1:], len(lines)], strict=True)
    shared = [
        (len(asked.intersection(terms("\n".join(lines[start:end])))), len(asked.intersection(terms(lines[start]))))
        for start, end in parts
    ]
    return headers[shared.index(max(shared))]


def _line_naming(name: str, lines: Sequence[str]) -> int | None:
    """The first line that is no comment and holds the last word of a name, such as "retry" of "Uploader.retry"."""
    words = [word.group() for word in _words(name)]
    if not words:
        return None
    named = re.compile(rf"(?<!\w){re.escape(words[-1])}(?!\w)").search
    return next(
        (place for place, line in enumerate(lines) if named(line) and not line.lstrip().startswith(_COMMENTS)),
        None,
    )


_COMMENTS = ("#", "//", "/*", "*", "--", ";", "%", "@", '"""', "'''")


def chosen_lines(hit: Hit, asked: frozenset[str], context: int | None = None) -> list[int]:
    """The lines of a piece that are shown, counted from 0 within the piece, in order.

    They are the line that defines it and the lines with most words of the query, at least half as many as the best
    line has. If those are few, the lines below the definition follow.

    Args:
        hit: the result.
        asked: the terms of the query (`ranking.lexical.terms`).
        context: lines to show around each of them; None to fill up to `FEWEST_LINES` instead.
    """
    lines = hit.text.split("\n")
    header = header_of(hit, asked)
    shared = [len(asked.intersection(terms(line))) for line in lines]
    enough = max(1, -(-max(shared) // 2))  # half as many words as the best line has
    matching = sorted(
        (place for place in range(len(lines)) if shared[place] >= enough), key=lambda one: -shared[one]
    )
    chosen = {header, *matching[: MOST_LINES - 1]}
    if context is not None:
        around = (range(place - context, place + context + 1) for place in chosen)
        return _without_small_gaps({place for places in around for place in places if 0 <= place < len(lines)})
    below = iter(range(header + 1, len(lines)))
    while len(chosen) < FEWEST_LINES and (place := next(below, None)) is not None:
        if lines[place].strip():
            chosen.add(place)
    return _without_small_gaps(chosen)


def _without_small_gaps(chosen: set[int]) -> list[int]:
    """The lines in order. A line between two chosen ones is shown, as the mark of a gap would take a line too."""
    return sorted(chosen | {place + 1 for place in chosen if place + 2 in chosen})


def best_line(hit: Hit, asked: frozenset[str]) -> int:
    """The one line of a piece for a list of places: its definition's, or else that with most words of the query.

    Returns:
        The number of the line within the piece, counted from 0.
    """
    if hit.name:
        return header_of(hit, asked)
    lines = hit.text.split("\n")
    shared = [len(asked.intersection(terms(line))) for line in lines]
    return shared.index(max(shared)) if any(shared) else header_of(hit, asked)


def _line(
    line: str, coloured: "list[tuple[str, str]] | None", asked: frozenset[str], layout: Layout, indent: int
) -> str:
    """One line of code, cut to the terminal, its parts in their colours and the words of the query emphasised."""
    text = safe(line.rstrip()).expandtabs(4)
    if layout.width is not None:
        text = cut(text[:LONGEST_LINE], max(layout.width - indent, 8))
    if not layout.colour:
        return text
    styles = _styles(text, coloured)
    for word in _words(text):
        if asked.intersection(terms(word.group())):
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


def _coloured(hit: Hit, lines: Sequence[str]) -> dict[int, list[tuple[str, str]]]:
    """Line within the piece → its parts as (style, text), tabs expanded; empty without a lexer for it."""
    if len(hit.text) > LONGEST_COLOURED:
        return {}
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(hit.language, stripnl=False, ensurenl=False)
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
