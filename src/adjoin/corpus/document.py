"""Document: one readable piece of a file, the unit that everything else works on."""

import hashlib
from dataclasses import dataclass

PROSE = "text"  # language of every document that is not source code


def content_hash(*parts: str) -> str:
    """Hash strings to 16 hexadecimal digits (64-bit BLAKE2b), the same on every machine."""
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def printable_path(path: str) -> str:
    """Make a path valid Unicode, so that tables can hold it: bytes that are not UTF-8 become U+FFFD."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Document:
    """One readable piece of a file: a source file, or a section of prose.

    Attributes:
        text: source code unchanged, or prose without its markup. It is line-aligned with the file: line k of the
            text (from 0) is line `span[0] + k` of the file.
        language: a programming language ("python", "go", ...), or `PROSE`.
        origin: path below the root that was read; "archive.whl!path/in/it.py" for a member of an archive.
        span: first and last line in the origin, counted from 1, both included.
        section: heading above a section of prose, without markup; empty if there is none.
        title: title of the whole record or page, or subject of the message, that prose belongs to.
        question: the question that this prose answers, if the source states it: a record's question, or the
            message that a mail replies to.
        licence: SPDX expression, or the source's own words, if the document states its own licence (as a record
            may). Empty if the licence is that of the package.
        repository: "owner/name" or an address, if the document states its own; empty if it is the package's.
        term: for a dictionary entry, the headword and its synonyms.
        expressions: for an entry of a bilingual dictionary, the translations of the term in one of its meanings.
    """

    text: str
    language: str
    origin: str
    span: tuple[int, int]
    section: str = ""
    title: str = ""
    question: str = ""
    licence: str = ""
    repository: str = ""
    term: str = ""
    expressions: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        text: str,
        language: str,
        origin: str,
        *,
        first_line: int = 1,
        section: str = "",
        title: str = "",
        question: str = "",
        licence: str = "",
        repository: str = "",
        term: str = "",
        expressions: tuple[str, ...] = (),
    ) -> "Document":
        """Make a Document from its first line; the span follows from the text."""
        span = (first_line, first_line + text.count("\n"))
        return cls(text, language, origin, span, section, title, question, licence, repository, term, expressions)

    @property
    def id(self) -> str:
        """16 hexadecimal digits: the `content_hash` of origin, span and text."""
        return content_hash(self.origin, str(self.span), self.text)

    @property
    def is_prose(self) -> bool:
        """Whether this is prose, not source code."""
        return self.language == PROSE
