"""Reads dictionaries in dictd format (`.dict`, or `.dict.dz`, which is gzip) entry by entry.

An entry begins at the left margin below an empty line. In a dictionary without empty lines, such as WordNet, it
begins below an indented line. The index file would say so, but it is not at hand when an archive is read member by
member. On seven dictionaries with 301,650 indexed entries, this rule misses 15 and adds 27 false ones.

The entries "00-database-..." describe the dictionary and state its licence. A definition that several headwords
share is yielded once, under the first.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice, pairwise

from adjoin.corpus.compression import DamagedError, Readable
from adjoin.corpus.dictd.definitions import begins_definition, definitions_of
from adjoin.corpus.dictd.translations import read_translations, translates_into_english
from adjoin.corpus.document import Document, content_hash
from adjoin.corpus.read_context import ReadContext
from adjoin.corpus.readers.lines import lines
from adjoin.corpus.readers.sections import UnreadableError, only_newlines
from adjoin.tally import Tally

MAX_LINE = 20_000  # bytes
MAX_ENTRY = 1 << 18  # bytes

_LOOKED_AT = 20_000  # lines that decide the kind of dictionary
_ABOUT = b"00-database-"
_FRONT = 100  # lines of front matter that are searched for a licence
_LONGEST_HEAD = 8  # words
_NO_HEADS = (b"[", b"{", b"--", b"(http", b"(ftp")
# Sentences in the front matter that state the licence. The first that matches counts.
_LICENCES = [
    (re.compile(sentence), name)
    for sentence, name in [
        (r"gnu free documentation license, version (\d\.\d) or any later version", r"GFDL-\1-or-later"),
        (r"gnu general public license as published by the free software foundation; either version (\d)(?:\.0)?"
         r"(?: of the license)?,? or \(at your option\) any later version", r"GPL-\1.0-or-later"),
        (r"gnu general public license ver\. (\d)\.0 (?:and|or) any later version", r"GPL-\1.0-or-later"),
        (r"gnu general public license, version 3 \(gplv3\) and the gnu affero general public license, version 3",
         "GPL-3.0-only AND AGPL-3.0-only"),
        (r"creative commons attribution-share ?alike (?:licen[cs]e )?\(?v?3\.0", "CC-BY-SA-3.0"),
        (r"creative commons attribution 3\.0", "CC-BY-3.0"),
        (r"this software and database is being provided to you, the licensee, by princeton university under the "
         r"following license", "LicenseRef-scancode-wordnet"),
        (r"(?:is|are|this) in the public domain|a public domain text|place this in the public domain",
         "public domain"),
    ]
]  # fmt: skip


@dataclass(slots=True)
class _Entry:
    """The lines of one entry, headword included.

    Attributes:
        first: line of the file on which it begins, counted from 0.
        lines: its lines; None for one that is too long.
        size: bytes of its lines.
    """

    first: int
    lines: list[bytes | None] = field(default_factory=list)
    size: int = 0

    def add(self, line: bytes | None) -> None:
        """Add a line; lines beyond `MAX_ENTRY` bytes are counted but not held."""
        self.size += len(line or b"") + 1
        if self.size <= MAX_ENTRY:
            self.lines.append(line)

    def text(self) -> list[str]:
        """Return the lines without white space at their ends.

        Raises:
            UnreadableError: "record too large", "line too long", "binary" (contains a NUL) or "not UTF-8".
        """
        if self.size > MAX_ENTRY:
            raise UnreadableError("record too large")
        if None in self.lines:
            raise UnreadableError("line too long")
        data = b"\n".join(line or b"" for line in self.lines)
        if b"\0" in data:
            raise UnreadableError("binary")
        try:
            return [line.rstrip() for line in only_newlines(data.decode()).split("\n")]
        except UnicodeDecodeError:
            raise UnreadableError("not UTF-8") from None


def read_dictionary(file: Readable, origin: str, context: ReadContext) -> Iterator[Document]:
    """Yield one Document per definition in a dictionary, with the defined words as `Document.term`.

    Args:
        file: not compressed; read forward only.
        origin: origin of the dictionary and its Documents.
        context: options, and the tally that counts every entry without a Document.

    Raises:
        DamagedError: the file is damaged or no dictionary; Documents before the damage have been yielded.
        OSError: the disk failed.
    """
    damage: list[DamagedError] = []
    rows = _until_damage(lines(file, MAX_LINE), damage)
    beginning = list(islice(rows, _LOOKED_AT))
    if any(row and b"\0" in row for row in beginning):
        raise DamagedError("binary")
    if not any(row and row.startswith(_ABOUT) for row in beginning):
        raise damage[0] if damage else DamagedError("no dictionary")
    licence = licence_of(beginning)
    if translates_into_english(beginning):
        yield from read_translations(chain(beginning, rows), origin, licence, context.tally)
    else:
        entries = _entries(chain(beginning, rows), is_packed=_is_packed(beginning))
        yield from _definitions(entries, origin, licence, context.tally)
    if damage:
        raise damage[0]


def _definitions(entries: Iterator[_Entry], origin: str, licence: str, tally: Tally) -> Iterator[Document]:
    """One Document per definition that no earlier entry has."""
    seen: set[int] = set()  # some 100 bytes per definition
    for entry in entries:
        entry_origin = f"{origin}:{entry.first + 1}"
        try:
            definitions = definitions_of(entry.text(), entry.first)
        except UnreadableError as error:
            tally.add(error.reason, entry_origin)
            continue
        if not definitions:
            tally.add("no definition", entry_origin)
        for definition in definitions:
            document = definition.document(origin, licence)
            if (key := int(content_hash(document.text), 16)) in seen:
                tally.add("definition repeated", entry_origin)
            else:
                seen.add(key)
                yield document


def licence_of(beginning: list[bytes | None]) -> str:
    """Return the SPDX expression of the licence that a dictionary's front matter states, or "".

    Args:
        beginning: first lines of the dictionary.
    """
    # WordNet's front matter follows the entries that begin with a punctuation mark.
    front = next((number for number, row in enumerate(beginning) if row and row.startswith(_ABOUT)), 0)
    about = b" ".join(row or b"" for row in beginning[front : front + _FRONT])
    text = " ".join(about.decode("utf-8", "replace").lower().split())
    return next((match.expand(name) for sentence, name in _LICENCES if (match := sentence.search(text))), "")


def _until_damage(rows: Iterator[bytes | None], damage: list[DamagedError]) -> Iterator[bytes | None]:
    """The lines before any damage, which is appended to `damage`."""
    try:
        yield from rows
    except DamagedError as error:
        damage.append(error)


def _is_packed(beginning: list[bytes | None]) -> bool:
    """Whether entries follow each other without an empty line."""
    below_empty = below_indented = 0
    for above, row in pairwise(beginning):
        if _is_head(row) and above is not None:
            below_empty += not above.strip()
            below_indented += above[:1].isspace() and bool(above.strip())
    return below_indented > below_empty


def _is_head(row: bytes | None) -> bool:
    """Whether a line may begin an entry: it is at the margin, and no stray source, author or address."""
    return row is not None and bool(row[:1].strip()) and not row.startswith(_NO_HEADS)


def _entries(rows: Iterator[bytes | None], *, is_packed: bool) -> Iterator[_Entry]:
    """The entries, without those that describe the dictionary."""
    in_front = False
    for entry in _blocks(rows, is_packed=is_packed):
        head = entry.lines[0] or b""
        # In a licence or a preface, a long line at the margin begins a paragraph, not an entry.
        is_paragraph = len(head.split()) > _LONGEST_HEAD and not begins_definition(head.decode("utf-8", "replace"))
        in_front = head.startswith(_ABOUT) or (in_front and is_paragraph)
        if not in_front:
            yield entry


def _blocks(rows: Iterator[bytes | None], *, is_packed: bool) -> Iterator[_Entry]:
    """The blocks of lines between the places where an entry may begin."""
    block = _Entry(0)
    above: bytes | None = b""
    for number, row in enumerate(rows):
        begins = above is not None and (not above.strip() or (is_packed and above[:1].isspace()))
        if _is_head(row) and (begins or (row or b"").startswith(_ABOUT)):
            if block.lines:
                yield block
            block = _Entry(number)
        if block.lines or _is_head(row):
            block.add(row)
        above = row
    if block.lines:
        yield block
