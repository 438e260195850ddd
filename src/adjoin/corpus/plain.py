"""Text without markup, source code, and the description inside a Python package's metadata."""

import re
from collections.abc import Iterator

from adjoin.corpus.document import Document
from adjoin.corpus.markdown import read_markdown
from adjoin.corpus.rest import read_rest
from adjoin.corpus.sections import Reader, lines_of, section_documents

# How the field Description-Content-Type names its readers; reStructuredText is what its absence means.
_DESCRIPTION_READERS: dict[str, Reader] = {"text/markdown": read_markdown, "text/x-rst": read_rest}


def read_plain(text: str, origin: str) -> Iterator[Document]:
    """Give the whole text as one Document without a section, its paragraphs as they stand."""
    rows = {index: line.rstrip() for index, line in enumerate(lines_of(text)) if line}
    return section_documents(rows, "", origin)


def code_reader(language: str) -> Reader:
    """Make the reader of a programming language: the whole file, to the byte, as one Document."""

    def read_code(text: str, origin: str) -> Iterator[Document]:
        yield Document.of(text, language, origin)

    return read_code


def read_metadata(text: str, origin: str) -> Iterator[Document]:
    """Read the long description in a METADATA or PKG-INFO file: what stands below the header fields.

    Metadata before version 2.1 keep it, indented, in a field; such files hold no text for us.
    """
    header, blank, body = text.partition("\n\n")
    if not blank or "Metadata-Version:" not in header:
        return iter(())
    named = re.search(r"^Description-Content-Type:\s*([\w/-]+)", header, re.IGNORECASE | re.MULTILINE)
    kind = named[1].lower() if named else "text/x-rst"
    reader = _DESCRIPTION_READERS.get(kind, read_plain)
    # As many empty lines as the header has keep the body on its own lines.
    return reader("\n" * (header.count("\n") + 2) + body, origin)
