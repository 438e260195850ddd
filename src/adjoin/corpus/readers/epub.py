"""EPUB → the prose of its chapters, in reading order.

A book is a zip file with a package document, which names the title and the pages in reading order (the "spine").
Its XML is parsed by defusedxml, which refuses entities and fetches nothing. Pages are read as HTML.
"""

import codecs
import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from adjoin.corpus.document import Document
from adjoin.corpus.readers.html import read_html
from adjoin.corpus.readers.sections import UnreadableError, one_line, with_unix_line_ends
from adjoin.tally import Tally

MAX_MEMBER = 8 << 20  # bytes of one page
MAX_XML = 1 << 20  # bytes of a file that is parsed as XML, whose tree takes up to 40 times as much memory
MAX_TOTAL = 64 << 20  # bytes of all members that are read; a long novel has three million
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
# Books that anyone may read have obfuscated fonts; any other encryption method hides the text.
_FONT_OBFUSCATION = frozenset({"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"})
_LICENCE_NAME = re.compile(r"licen[cs]e|public domain|\bCC[- ](?:BY|0)|creative commons", re.IGNORECASE)
_PAGE_TYPES = frozenset({"application/xhtml+xml", "text/html", "text/x-oeb1-document"})
# Pages that are not the book's text, by the last part of their path.
_FRONT_AND_BACK_MATTER = re.compile(
    r"(?:.*[-_.])?(?:cover|title-?page|toc|nav|ncx|contents|copyright|colophon|imprint|dedication|genindex|index|search)"
    r"(?:[-_.]?(?:page|img|image|\d+))?",
    re.IGNORECASE,
)


def read_epub(data: bytes, origin: str, tally: Tally) -> Iterator[Document]:
    """Yield the Documents of each page of a book. Their title is the book's.

    Args:
        data: the whole file.
        origin: origin of the book; a page's is "book.epub!path/of/page.xhtml".
        tally: counts pages that cannot be read, and a book that is encrypted.

    Raises:
        UnreadableError: the file is no EPUB, or broken.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield from _read_book(_Book(archive), origin, tally)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError):
        raise UnreadableError("unreadable") from None


class _Book:
    """The members of the zip file, read within bounds."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._members = {info.filename: info for info in archive.infolist()}
        self._bytes_left = MAX_TOTAL

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def text(self, name: str, max_bytes: int = MAX_MEMBER) -> str:
        """The text of a member, decoded.

        Raises:
            UnreadableError: it is missing, too large, encrypted, not UTF-8, or defines entities.
        """
        info = self._members.get(name)
        if info is None:
            raise UnreadableError("missing from the book")
        if info.flag_bits & 1:
            raise UnreadableError("encrypted")
        max_bytes = min(max_bytes, MAX_MEMBER)
        with self._archive.open(info) as stream:
            content = stream.read(max_bytes + 1)  # the size in the header may be wrong
        self._bytes_left -= len(content)
        if len(content) > max_bytes or self._bytes_left < 0:
            raise UnreadableError("too large")
        try:
            text = content.decode("utf-16" if content.startswith(_UTF16_MARKS) else "utf-8-sig")
        except ValueError:
            raise UnreadableError("not UTF-8") from None
        if "<!ENTITY" in text:
            raise UnreadableError("defines entities")
        return with_unix_line_ends(text)

    def xml(self, name: str) -> Element:
        """The root element of an XML member, its names without their namespaces.

        Raises:
            UnreadableError: as for `text`, or "unreadable": the XML is not well-formed.
        """
        try:
            root: Element = fromstring(self.text(name, MAX_XML))
        except (ParseError, DefusedXmlException):
            raise UnreadableError("unreadable") from None
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        return root


def _read_book(book: _Book, origin: str, tally: Tally) -> Iterator[Document]:
    if _is_encrypted(book):
        tally.add("encrypted", origin)
        return
    rootfile = book.xml(_CONTAINER).find(".//rootfile")
    package_path = rootfile.get("full-path", "") if rootfile is not None else ""
    package = book.xml(package_path)
    title, rights = (one_line(package.findtext(f".//{name}") or "") for name in ("title", "rights"))
    for name in _spine(package, posixpath.dirname(package_path)):
        page_origin = f"{origin}!{name}"
        try:
            documents = list(read_html(book.text(name), page_origin))
        except UnreadableError as error:
            tally.add(error.reason, page_origin)
            continue
        for document in documents:
            yield replace(document, title=title or document.title, licence=_named_licence(rights))


def _is_encrypted(book: _Book) -> bool:
    """Whether anything but fonts is encrypted; an encryption file that cannot be read counts as a yes."""
    if _ENCRYPTION not in book:
        return False
    try:
        entries = list(book.xml(_ENCRYPTION).iter("EncryptedData"))
    except UnreadableError:
        return True
    return any(
        not any(element.get("Algorithm") in _FONT_OBFUSCATION for element in entry.iter()) for entry in entries
    )


def _spine(package: Element, folder: str) -> list[str]:
    """The members that hold the book's text, each once, in reading order."""
    items = {item.get("id", ""): item for item in package.iter("item")}
    names: dict[str, None] = {}
    for reference in package.iter("itemref"):
        item = items.get(reference.get("idref", ""))
        if item is None or item.get("media-type") not in _PAGE_TYPES or reference.get("linear") == "no":
            continue
        path = unquote(item.get("href", ""))
        stem = posixpath.splitext(posixpath.basename(path))[0]
        is_navigation = "nav" in item.get("properties", "").split()
        if path and not is_navigation and not _FRONT_AND_BACK_MATTER.fullmatch(stem):
            names[posixpath.normpath(posixpath.join(folder, path))] = None
    return list(names)


def _named_licence(rights: str) -> str:
    """The book's statement of rights if it names a licence, not only a holder."""
    return rights if len(rights) <= 200 and _LICENCE_NAME.search(rights) else ""
