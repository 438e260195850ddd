"""The first typed object of the flow: a Document, what people have in readable form."""

import hashlib
from dataclasses import dataclass

PROSE = "text"  # the language of every document that is not source code


def content_hash(*parts: str) -> str:
    """Sixteen hexadecimal digits that stand for these strings; the same everywhere and always."""
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def printable_path(path: str) -> str:
    """Make a path valid Unicode, so that tables can hold it: bytes that are not UTF-8 become U+FFFD."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Document:
    """One readable piece of what people have: a source file, or a section of prose.

    Attributes:
        text: the source as it stands, or prose without its markup. It is line-aligned with its origin:
            line k of the text (from 0) stands on line `span[0] + k` of the file.
        language: a programming language ("python", "go", ...), or `PROSE`.
        origin: path below the root that was read; members of an archive as "archive.whl!path/in/it.py".
        span: first and last line in the origin, counted from 1, both included.
        section: the heading above a piece of prose, without markup; empty if there is none.
        title: of the whole that a piece of prose belongs to: a record's, a page's, a message's subject.
        question: what this prose answers, where the source says so: a record's question, the mail replied to.
        licence: an SPDX expression or the source's own words, where the document brings its own (a record, say);
            empty for that of its package.
        repository: "owner/name" or an address, likewise.
        term: what this prose defines, where it is an entry of a dictionary: its head, and other words for it.
        expressions: what the term, of another language, is translated by in one of its meanings.
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
        """Make a Document, its span derived."""
        span = (first_line, first_line + text.count("\n"))
        return cls(text, language, origin, span, section, title, question, licence, repository, term, expressions)

    @property
    def id(self) -> str:
        """`content_hash` of origin, span and text."""
        return content_hash(self.origin, str(self.span), self.text)

    @property
    def is_prose(self) -> bool:
        """Whether this is running text, not source code."""
        return self.language == PROSE
