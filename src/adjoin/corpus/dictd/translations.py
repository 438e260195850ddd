r"""Bilingual dictionaries into English, in dictd format, as a source of English paraphrases.

    højhus /hojhus/ <n>                                            headword, recognised by its pronunciation
    apartment building, block of flats, house with several floors  its translations: one line for one meaning ...
    høne /hone/
    1. chicken, hen                                                ... or one numbered line per meaning
    2. fowl

The expressions on one line are paraphrases of each other, since they translate the same meaning. Lines further
down are references, examples and remarks.
"""

import re
from collections.abc import Iterator

from adjoin.corpus.dictd.marks import MAX_NESTED
from adjoin.corpus.document import PROSE, Document
from adjoin.tally import Tally

MAX_LINES = 200  # lines of one entry that are read
NO_EXPRESSIONS = "no translation"

_TITLE = re.compile(rb".{1,80}- ?English .{0,60}\bdictionary\s*", re.IGNORECASE)
_TITLE_WITHIN = 3  # lines
_HEAD = re.compile(r"\S.{0,200}? /[^/]{1,400}/(?:, .{1,1000})?(?: <[^<>]{1,60}>)?")
_MEANING = re.compile(r"\d{1,2}\. +")
_REMARK = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|\([^()]*\)|\{[^{}]*\}")
_NO_MEANING = re.compile(r'\s*(?:see:|Synonyms?:|Antonyms?:|Note:|"|/)')
_APART = re.compile(r"[,;] ")


def translates_into_english(beginning: list[bytes | None]) -> bool:
    """Return whether a dictionary's title says so, as in "Danish-English FreeDict Dictionary".

    Args:
        beginning: first lines of the dictionary.
    """
    return any(_TITLE.fullmatch(row) for row in beginning[:_TITLE_WITHIN] if row)


def read_translations(rows: Iterator[bytes | None], origin: str, licence: str, tally: Tally) -> Iterator[Document]:
    """Yield one Document per meaning: `Document.expressions` translate the headword, `Document.term`.

    Args:
        rows: lines of the dictionary; None for one that is too long.
        origin: origin of the dictionary.
        licence: licence of the dictionary.
        tally: counts headwords without expressions, and lines that are not UTF-8.
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
    """The Documents of one entry, whose headword is on line `first`, counted from 0."""
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
    """Split a line into its distinct expressions, without remarks: `muck <n>, dirt [Br.]` → "muck", "dirt".

    A line whose remarks are nested as deep as `MAX_NESTED` has none.
    """
    for _ in range(MAX_NESTED):
        less = _REMARK.sub(" ", line)
        if less == line:
            break
        line = less
    else:
        return ()
    parts = (" ".join(part.split()).strip(" .,;:") for part in _APART.split(line + " "))
    return tuple(dict.fromkeys(part for part in parts if any(map(str.isalpha, part))))
