"""EPUB → the prose of its chapters, in the order of reading.

A book is a zip file with a package document, which names the title and the order ("spine") of its pages. Both are
found by regular expressions, not by a parser of XML: no entity is expanded and nothing outside is fetched.
"""

import codecs
import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from urllib.parse import unquote

from adjoin.corpus.document import Document
from adjoin.corpus.readers.html import read_html
from adjoin.corpus.readers.sections import UnreadableError, one_line
from adjoin.tally import Tally

MAX_MEMBER = 8 << 20  # bytes of one page
MAX_TOTAL = 512 << 20  # bytes of all pages
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
# Fonts are scrambled in books that anyone may read; any other method hides the text.
_ENCRYPTED = re.compile(r"<(?:\w+:)?EncryptedData\b(.*?)</(?:\w+:)?EncryptedData", re.DOTALL)
_FONT_SCRAMBLING = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_ROOTFILE = re.compile(r"<(?:\w+:)?rootfile\b([^>]*)>")
_TITLE = re.compile(r"<(?:\w+:)?title\b[^>]*>([^<]*)<")
_RIGHTS = re.compile(r"<(?:\w+:)?rights\b[^>]*>([^<]*)<")
_LICENCE_NAME = re.compile(r"licen[cs]e|public domain|\bCC[- ](?:BY|0)|creative commons", re.IGNORECASE)
_ITEM = re.compile(r"<(?:\w+:)?item\b([^>]*)>")
_ITEM_REFERENCE = re.compile(r"<(?:\w+:)?itemref\b([^>]*)>")
_ATTRIBUTE = re.compile(r"([\w:-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_PAGE_TYPES = frozenset({"application/xhtml+xml", "text/html", "text/x-oeb1-document"})
# Pages that are not the book's text, by the last part of their path or their identifier.
_AROUND = re.compile(
    r"(?:.*[-_.])?(?:cover|title-?page|toc|nav|ncx|contents|copyright|colophon|imprint|dedication|genindex|index|search)"
    r"(?:[-_.]?(?:page|img|image|\d+))?",
    re.IGNORECASE,
)


def read_epub(data: bytes, origin: str, tally: Tally) -> Iterator[Document]:
    """Give the Documents of each page, of origin "book.epub!path/of/page.xhtml"; the title is the book's.

    Args:
        data: the whole file.
        origin: of the book.
        tally: where pages that cannot be read are counted, and a book that is encrypted.

    Raises:
        UnreadableError: it is no EPUB, or broken.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield from _read_book(_Book(archive), origin, tally)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError):
        raise UnreadableError("unreadable") from None


class _Book:
    """The members of the zip file, each read within bounds."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._members = {info.filename: info for info in archive.infolist()}
        self._left = MAX_TOTAL

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def text(self, name: str) -> str:
        """The text of a member, decoded.

        Raises:
            UnreadableError: it is not there, too large, encrypted or not UTF-8.
        """
        info = self._members.get(name)
        if info is None:
            raise UnreadableError("missing from the book")
        if info.flag_bits & 1:
            raise UnreadableError("encrypted")
        with self._archive.open(info) as stream:
            content = stream.read(MAX_MEMBER + 1)  # what the header says of its size may be wrong
        self._left -= len(content)
        if len(content) > MAX_MEMBER or self._left < 0:
            raise UnreadableError("too large")
        try:
            text = content.decode("utf-16" if content.startswith(_UTF16_MARKS) else "utf-8-sig")
        except ValueError:
            raise UnreadableError("not UTF-8") from None
        if "<!ENTITY" in text:
            raise UnreadableError("defines entities")
        return text.replace("\r\n", "\n").replace("\r", "\n")


def _read_book(book: _Book, origin: str, tally: Tally) -> Iterator[Document]:
    if _is_encrypted(book):
        tally.add("encrypted", origin)
        return
    root = _ROOTFILE.search(book.text(_CONTAINER))
    package_name = _attributes(root[1]).get("full-path", "") if root else ""
    package = book.text(package_name)
    title, rights = (_first(pattern, package) for pattern in (_TITLE, _RIGHTS))
    for name in _spine(package, posixpath.dirname(package_name)):
        place = f"{origin}!{name}"
        try:
            documents = list(read_html(book.text(name), place))
        except UnreadableError as error:
            tally.add(error.reason, place)
            continue
        for document in documents:
            yield replace(document, title=title or document.title, licence=_named_licence(rights))


def _first(pattern: re.Pattern[str], package: str) -> str:
    match = pattern.search(package)
    return one_line(unescape(match[1])) if match else ""


def _is_encrypted(book: _Book) -> bool:
    if _ENCRYPTION not in book:
        return False
    return any(
        not any(method in match[1] for method in _FONT_SCRAMBLING)
        for match in _ENCRYPTED.finditer(book.text(_ENCRYPTION))
    )


def _spine(package: str, folder: str) -> list[str]:
    """The members that hold the book's text, in the order of reading."""
    items = {item.get("id", ""): item for match in _ITEM.finditer(package) for item in (_attributes(match[1]),)}
    names: dict[str, None] = {}  # each once, and in order
    for match in _ITEM_REFERENCE.finditer(package):
        reference = _attributes(match[1])
        item = items.get(reference.get("idref", ""), {})
        path = unquote(item.get("href", ""))
        stem = posixpath.splitext(posixpath.basename(path))[0]
        is_page = item.get("media-type") in _PAGE_TYPES and reference.get("linear") != "no"
        is_around = "nav" in item.get("properties", "").split() or _AROUND.fullmatch(stem)
        if path and is_page and not is_around:
            names[posixpath.normpath(posixpath.join(folder, path))] = None
    return list(names)


def _attributes(text: str) -> dict[str, str]:
    return {name: unescape(double or single) for name, double, single in _ATTRIBUTE.findall(text)}


def _named_licence(rights: str) -> str:
    """The rights that a book states, where they name a licence and not only who holds them."""
    return rights if len(rights) <= 200 and _LICENCE_NAME.search(rights) else ""
