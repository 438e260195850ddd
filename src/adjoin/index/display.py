"""Output of hits: text for a terminal or a pipe, and JSON values.

Indexed files are not trusted. Control characters in them, such as escape codes that change a terminal's colours or
title, are replaced in text output.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.syntax import Syntax
from rich.text import Text

from adjoin.corpus.document import PROSE
from adjoin.index.search import Hit
from adjoin.ranking.lexical import terms

SHOWN_LINES = 12  # lines of code per hit: three hits fit on a screen
SHOWN_CHARACTERS = 600  # characters of prose per hit: about the same area at 80 columns
THEME = "ansi_dark"  # only the 16 colours of the user's own terminal theme
_EMPHASIS = "bold reverse"


def as_json(hits: Sequence[Hit]) -> list[dict[str, Any]]:
    """Convert hits to JSON values. Keys are the attributes of `Hit`; texts are unchanged."""
    return [asdict(hit) for hit in hits]


def show(hits: Sequence[Hit], console: Console, *, query: str = "") -> None:
    """Print hits: path, lines, score and name, then the first lines with their numbers.

    A terminal gets colours, and lines truncated to its width. A file or a pipe gets plain, complete lines.

    Args:
        hits: the hits, best first.
        console: where to print.
        query: its words are highlighted; stop words are not.
    """
    words = sorted({word for word in query.split() if terms(word)})  # stop words have no terms
    # Programs that read a pipe need complete lines, `path:first-last` above all.
    whole = not console.is_terminal
    if not hits:
        console.print("Nothing found.")
    for number, hit in enumerate(hits):
        if number:
            console.print()
        console.print(_heading(hit), soft_wrap=whole)
        if hit.language == PROSE:
            console.print(_prose(hit, words, whole), soft_wrap=whole)
        else:
            for line in _code(hit, words):
                console.print(line, soft_wrap=whole, no_wrap=True, overflow="ignore" if whole else "ellipsis")


def _heading(hit: Hit) -> Text:
    heading = Text(f"{_safe(hit.path)}:{hit.first_line}-{hit.last_line}", style="bold cyan")
    heading.append(f"  {hit.score:.4f}", style="not bold dim")
    if hit.name:
        heading.append(f"  {_safe(hit.name)}", style="not bold green")
    return heading


def _code(hit: Hit, words: Sequence[str]) -> list[Text]:
    """The first lines with their numbers in the file."""
    lines = hit.text.split("\n")
    shown = _safe("\n".join(lines[:SHOWN_LINES])).expandtabs(4)
    coloured = Syntax("", hit.language, theme=THEME, background_color="default").highlight(shown)
    coloured.highlight_words(words, _EMPHASIS, case_sensitive=False)
    width = len(str(hit.last_line))
    numbered = []
    for number, line in enumerate(coloured.split("\n", allow_blank=True)[: len(lines)], start=hit.first_line):
        line.rstrip()
        numbered.append(Text.assemble((f"  {number:>{width}} ", "dim"), line))
    if len(lines) > SHOWN_LINES:
        del numbered[SHOWN_LINES:]  # a lexer may add a line end of its own
        numbered.append(Text(f"  {'':>{width}} … {len(lines) - SHOWN_LINES} more lines", style="dim"))
    return numbered


def _prose(hit: Hit, words: Sequence[str], whole: bool) -> Text | Padding:
    text = Text(_safe(hit.text))
    if len(text) > SHOWN_CHARACTERS:
        text = Text(_safe(hit.text)[:SHOWN_CHARACTERS].rsplit(" ", 1)[0] + " …")
    text.highlight_words(words, _EMPHASIS, case_sensitive=False)
    return Text("  ").append_text(text) if whole else Padding(text, (0, 0, 0, 2), expand=False)


def _safe(text: str) -> str:
    """Replace each control character, except line ends and tabs, by U+FFFD."""
    return "".join(
        character
        if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf")
        else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )
