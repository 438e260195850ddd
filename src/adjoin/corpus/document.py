"""The first typed object of the flow: a Document, what people have in readable form."""

import hashlib
from dataclasses import dataclass

PROSE = "text"  # the language of every document that is not source code


def content_hash(*parts: str) -> str:
    """Sixteen hexadecimal digits that stand for these strings; the same everywhere and always."""
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Document:
    """One readable piece of what people have: a source file, or a section of prose.

    Attributes:
        id: `content_hash` of origin, span and text.
        text: the source as it stands, or prose without its markup. It is line-aligned with its origin:
            line k of the text (from 0) stands on line `span[0] + k` of the file.
        language: a programming language ("python", "go", ...), or `PROSE`.
        origin: path below the root that was read; members of an archive as "archive.whl!path/in/it.py".
        span: first and last line in the origin, counted from 1, both included.
        section: the heading above a piece of prose, without markup; empty if there is none.
    """

    id: str
    text: str
    language: str
    origin: str
    span: tuple[int, int]
    section: str = ""

    @classmethod
    def of(cls, text: str, language: str, origin: str, *, first_line: int = 1, section: str = "") -> "Document":
        """Make a Document, its id and span derived."""
        span = (first_line, first_line + text.count("\n"))
        return cls(content_hash(origin, str(span), text), text, language, origin, span, section)

    @property
    def is_prose(self) -> bool:
        """Whether this is running text, not source code."""
        return self.language == PROSE
