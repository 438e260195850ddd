"""Dictionaries in the format of dictd, entry by entry: `.dict`, `.dict.dz` (which is gzip).

An entry begins at the margin, below an empty line; in a dictionary that has no empty lines, as WordNet's, below an
indented one. (The index that tells it is another file, which is not at hand where an archive is read member by
member. Of seven dictionaries with 301,650 entries by their indices this finds all but 15, and 27 that are none.)

What stands below the heads "00-database-..." is about the dictionary; its licence is taken from there. A
definition that several heads have comes once, under the first.
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

_LOOKED_AT = 20_000  # lines, by which the kind of dictionary is told
_ABOUT = b"00-database-"
_FRONT = 100  # lines, in which a dictionary says what it is
_LONGEST_HEAD = 8  # words
_NO_HEADS = (b"[", b"{", b"--", b"(http", b"(ftp")
# What a dictionary says of its licence, in its own front matter. The first that holds is it.
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
    """The lines of an entry, its head among them.

    Attributes:
        first: where they begin, counted from 0.
        lines: None for one that is too long.
        size: their bytes.
    """

    first: int
    lines: list[bytes | None] = field(default_factory=list)
    size: int = 0

    def add(self, line: bytes | None) -> None:
        """Take a line in; what is no entry but endless is not held."""
        self.size += len(line or b"") + 1
        if self.size <= MAX_ENTRY:
            self.lines.append(line)

    def text(self) -> list[str]:
        """The lines without white space at their ends.

        Raises:
            UnreadableError: "record too large", "line too long", "binary" (a NUL) or "not UTF-8".
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
    """Read the Documents of a dictionary, each with what it defines as `Document.term`.

    Args:
        file: unpacked; it only goes forward.
        origin: of the dictionary, and of its Documents.
        context: how, and where every entry that gives nothing is counted.

    Raises:
        DamagedError: the file is damaged or no dictionary; what came before has been given.
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
    """A Document for each definition that no entry above had."""
    seen: set[int] = set()  # some 100 bytes a definition
    for entry in entries:
        place = f"{origin}:{entry.first + 1}"
        try:
            definitions = definitions_of(entry.text(), entry.first)
        except UnreadableError as error:
            tally.add(error.reason, place)
            continue
        if not definitions:
            tally.add("no definition", place)
        for definition in definitions:
            document = definition.document(origin, licence)
            if (key := int(content_hash(document.text), 16)) in seen:
                tally.add("definition repeated", place)
            else:
                seen.add(key)
                yield document


def licence_of(beginning: list[bytes | None]) -> str:
    """The SPDX expression of a dictionary's licence, as its front matter says it; empty if it does not.

    Args:
        beginning: its first lines.
    """
    # WordNet's front matter stands behind the entries that begin with a sign.
    front = next((number for number, row in enumerate(beginning) if row and row.startswith(_ABOUT)), 0)
    about = b" ".join(row or b"" for row in beginning[front : front + _FRONT])
    text = " ".join(about.decode("utf-8", "replace").lower().split())
    return next((match.expand(name) for sentence, name in _LICENCES if (match := sentence.search(text))), "")


def _until_damage(rows: Iterator[bytes | None], damage: list[DamagedError]) -> Iterator[bytes | None]:
    """The lines up to the damage, which is noted."""
    try:
        yield from rows
    except DamagedError as error:
        damage.append(error)


def _is_packed(beginning: list[bytes | None]) -> bool:
    """Whether the entries follow each other without an empty line."""
    below_empty = below_indented = 0
    for above, row in pairwise(beginning):
        if _is_head(row) and above is not None:
            below_empty += not above.strip()
            below_indented += above[:1].isspace() and bool(above.strip())
    return below_indented > below_empty


def _is_head(row: bytes | None) -> bool:
    """Whether a line may begin an entry: at the margin, and no source, author or address that slipped there."""
    return row is not None and bool(row[:1].strip()) and not row.startswith(_NO_HEADS)


def _entries(rows: Iterator[bytes | None], *, is_packed: bool) -> Iterator[_Entry]:
    """Each entry, without what is about the dictionary."""
    in_front = False
    for entry in _blocks(rows, is_packed=is_packed):
        head = entry.lines[0] or b""
        # A licence or a preface: what stands at the margin below such a head is no head but a paragraph.
        is_paragraph = len(head.split()) > _LONGEST_HEAD and not begins_definition(head.decode("utf-8", "replace"))
        in_front = head.startswith(_ABOUT) or (in_front and is_paragraph)
        if not in_front:
            yield entry


def _blocks(rows: Iterator[bytes | None], *, is_packed: bool) -> Iterator[_Entry]:
    """What stands between the places where an entry may begin."""
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
