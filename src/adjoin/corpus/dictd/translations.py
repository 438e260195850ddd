r"""A dictionary of another language into English, in the format of dictd: what means the same in English.

    højhus /hojhus/ <n>                                            a head, told by its pronunciation
    apartment building, block of flats, house with several floors  its translations: one line for one meaning ...
    høne /hone/
    1. chicken, hen                                                ... or a numbered line for each
    2. fowl

The expressions of a line are each other's paraphrases, and nobody had to say so: whoever translated the head put
them beside one another. Lines further down are references, examples and remarks.
"""

import re
from collections.abc import Iterator

from adjoin.corpus.document import PROSE, Document
from adjoin.tally import Tally

MAX_LINES = 200  # of an entry
NO_EXPRESSIONS = "no translation"

_TITLE = re.compile(rb".{1,80}- ?English .{0,60}\bdictionary\s*", re.IGNORECASE)
_TITLE_WITHIN = 3  # lines
_HEAD = re.compile(r"\S.{0,200}? /[^/]{1,400}/(?:, .{1,1000})?(?: <[^<>]{1,60}>)?")
_MEANING = re.compile(r"\d{1,2}\. +")
_REMARK = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|\([^()]*\)|\{[^{}]*\}")
_NO_MEANING = re.compile(r'\s*(?:see:|Synonyms?:|Antonyms?:|Note:|"|/)')
_APART = re.compile(r"[,;] ")


def translates_into_english(beginning: list[bytes | None]) -> bool:
    """Whether a dictionary says so in its title: "Danish-English FreeDict Dictionary".

    Args:
        beginning: its first lines.
    """
    return any(_TITLE.fullmatch(row) for row in beginning[:_TITLE_WITHIN] if row)


def read_translations(rows: Iterator[bytes | None], origin: str, licence: str, tally: Tally) -> Iterator[Document]:
    """A Document for each meaning: its expressions as `Document.expressions`, the head it translates as its term.

    Args:
        rows: the lines of the dictionary; None for one that is too long.
        origin: of the dictionary.
        licence: of the dictionary.
        tally: where every head without expressions is counted, and lines that are not UTF-8.
    """
    head, first, block = "", 0, list[str]()
    for number, row in enumerate(rows):
        try:
            line = (row or b"").decode().rstrip()
        except UnicodeDecodeError:
            tally.add("not UTF-8", f"{origin}:{number + 1}")
            continue
        if not _HEAD.fullmatch(line):
            if len(block) < MAX_LINES:
                block.append(line)
            continue
        if head:
            yield from _meanings(head, block, origin, first, licence, tally)
        head, first, block = line.partition(" /")[0], number, []
    if head:
        yield from _meanings(head, block, origin, first, licence, tally)


def _meanings(
    head: str, lines: list[str], origin: str, first: int, licence: str, tally: Tally
) -> Iterator[Document]:
    """Those of one entry, whose head stands on the line `first`, counted from 0."""
    number_of_meanings, is_open = 0, True
    for number, line in enumerate(lines, first + 2):
        is_open |= bool(_MEANING.match(line))
        if not is_open or _NO_MEANING.match(line):
            continue
        if expressions := expressions_of(_MEANING.sub("", line, count=1)):
            number_of_meanings, is_open = number_of_meanings + 1, False
            text = ", ".join(expressions)
            yield Document.of(
                text, PROSE, origin, first_line=number, licence=licence, term=head, expressions=expressions
            )
    if not number_of_meanings:
        tally.add(NO_EXPRESSIONS, f"{origin}:{first + 1}")


def expressions_of(line: str) -> tuple[str, ...]:
    """The expressions of a line, each once, without remarks: `muck <n>, dirt [Br.]` → "muck", "dirt"."""
    while (less := _REMARK.sub(" ", line)) != line:
        line = less
    parts = (" ".join(part.split()).strip(" .,;:") for part in _APART.split(line + " "))
    return tuple(dict.fromkeys(part for part in parts if any(map(str.isalpha, part))))
