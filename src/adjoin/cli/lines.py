"""Which lines of a piece are shown: the one that defines it, and those that answer the query."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from adjoin.index.search import Hit
from adjoin.ranking.lexical import terms
from adjoin.ranking.query import read_query

MOST_LINES = 8  # lines of a piece without -C: five results fit on a screen
FEWEST_LINES = 4  # with fewer matching lines than this, the lines below the definition are shown too
_COMMENTS = ("#", "//", "/*", "*", "--", ";", "%", "@", '"""', "'''")
_words = re.compile(r"\w+").finditer


@dataclass(frozen=True, slots=True)
class Asked:
    """What a line of a piece may answer.

    Attributes:
        terms: the terms of the query, as `ranking.lexical.terms` gives them.
        names: the names of code in it; a line that has one as a whole word comes before all others.
    """

    terms: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()

    def shared(self, line: str) -> tuple[bool, int]:
        """Whether a line has one of the names as a whole word, and how many of the terms it has."""
        return any(_has_word(line, name) for name in self.names), len(self.terms.intersection(terms(line)))


def read_asked(query: str) -> Asked:
    """The terms and the names of a query; nothing of an empty one."""
    return Asked(frozenset(terms(query)), read_query(query).symbols if query.strip() else ())


def _has_word(line: str, word: str) -> bool:
    return word in line and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", line) is not None


def header_of(hit: Hit, asked: Asked = Asked()) -> int:
    """The line that defines what a piece is.

    It is the first line that names it. A piece of several small definitions has the names of all: then it is the
    line with a name of the query, or else of the definition with most words of the query. Without a name it is the
    first line with a name of the query, or else the first that is not empty.

    Args:
        hit: the result.
        asked: what the query asks for.

    Returns:
        The number of the line within the piece, counted from 0.
    """
    lines = hit.text.split("\n")
    headers = sorted({place for name in hit.name.split(",") if (place := _line_naming(name, lines)) is not None})
    if not headers:
        named = (place for place, line in enumerate(lines) if asked.shared(line)[0])
        return next(named, next((place for place, line in enumerate(lines) if line.strip()), 0))
    parts = zip(headers, [*headers[1:], len(lines)], strict=True)
    shared = [_shared_by_part(lines[start:end], asked) for start, end in parts]
    return headers[shared.index(max(shared))]


def _shared_by_part(lines: Sequence[str], asked: Asked) -> tuple[bool, int, int]:
    """What a definition shares with a query: a name in its first line, terms in all, terms in its first line."""
    named, in_header = asked.shared(lines[0])
    return named, len(asked.terms.intersection(terms("\n".join(lines)))), in_header


def _line_naming(name: str, lines: Sequence[str]) -> int | None:
    """The first line that is no comment and holds the last word of a name, such as "retry" of "Uploader.retry"."""
    words = [word.group() for word in _words(name)]
    if not words:
        return None
    return next(
        (
            place
            for place, line in enumerate(lines)
            if _has_word(line, words[-1]) and not line.lstrip().startswith(_COMMENTS)
        ),
        None,
    )


def chosen_lines(
    hit: Hit, asked: Asked, context: int | None = None, *, above: int = 0, below: int = 0
) -> list[int]:
    """The lines of a piece that are shown, in order.

    They are the line that defines it and the lines with most words of the query, at least half as many as the best
    line has; a line with a name of the query comes first. If those are few, the lines below the definition follow.

    Args:
        hit: the result.
        asked: what the query asks for.
        context: lines to show around each of them; None to fill up to `FEWEST_LINES` instead.
        above: number of known lines above the piece, which the context may show.
        below: number of known lines below it.

    Returns:
        Numbers of lines, counted from 0 within the piece; negative ones are above it.
    """
    lines = hit.text.split("\n")
    header = header_of(hit, asked)
    shared = [asked.shared(line) for line in lines]
    enough = max(1, -(-max(number for _, number in shared) // 2))  # half as many words as the best line has
    matching = [place for place, (named, number) in enumerate(shared) if named or number >= enough]
    matching.sort(key=lambda place: shared[place], reverse=True)
    chosen = {header, *matching[: MOST_LINES - 1]}
    if context is not None:
        context = min(context, above + len(lines) + below)
        around = (range(place - context, place + context + 1) for place in chosen)
        return _without_small_gaps(
            {place for places in around for place in places if -above <= place < len(lines) + below}
        )
    rest = iter(range(header + 1, len(lines)))
    while len(chosen) < FEWEST_LINES and (place := next(rest, None)) is not None:
        if lines[place].strip():
            chosen.add(place)
    return _without_small_gaps(chosen)


def _without_small_gaps(chosen: set[int]) -> list[int]:
    """The lines in order. A line between two chosen ones is shown, as the mark of a gap would take a line too."""
    return sorted(chosen | {place + 1 for place in chosen if place + 2 in chosen})


def best_line(hit: Hit, asked: Asked) -> int:
    """The one line of a piece for a list of places: its definition's, or else that with most words of the query.

    Returns:
        The number of the line within the piece, counted from 0.
    """
    if hit.name:
        return header_of(hit, asked)
    shared = [asked.shared(line) for line in hit.text.split("\n")]
    return shared.index(max(shared)) if any(number for _, number in shared) else header_of(hit, asked)
