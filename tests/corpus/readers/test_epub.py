"""EPUB: books built in memory."""

import contextlib
import io
import re
import zipfile
from pathlib import Path

import pytest

from adjoin.corpus.document import Document
from adjoin.corpus.readers import epub
from adjoin.corpus.readers.epub import read_epub
from adjoin.corpus.readers.sections import UnreadableError
from adjoin.tally import Tally

CONTAINER = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
PACKAGE = """<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>
<dc:title>The &amp; Book</dc:title><dc:rights>CC BY 4.0</dc:rights></metadata><manifest>
<item id="two" href="text/two.xhtml" media-type="application/xhtml+xml"/>
<item id="one" href="text/chapter%201.xhtml" media-type='application/xhtml+xml'/>
<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>
<item id="cover" href="cover.xhtml" media-type="application/xhtml+xml"/>
<item id="css" href="a.css" media-type="text/css"/>
<item id="gone" href="gone.xhtml" media-type="application/xhtml+xml"/>
</manifest><spine><itemref idref="cover"/><itemref idref="nav"/><itemref idref="one"/><itemref idref="two"/>
<itemref idref="css"/><itemref idref="gone"/><itemref idref="unknown"/></spine></package>"""
PAGE = "<html><head><title>page</title></head>\n<body><h1>{0}</h1>\n<p>Text of {0} stands here.</p></body></html>"
PAGES = {
    "META-INF/container.xml": CONTAINER,
    "OPS/book.opf": PACKAGE,
    "OPS/text/chapter 1.xhtml": PAGE.format("One"),
    "OPS/text/two.xhtml": PAGE.format("Two"),
    "OPS/nav.xhtml": PAGE.format("Nav"),
    "OPS/cover.xhtml": PAGE.format("Cover"),
}


def book(**changes: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (PAGES | {name.replace("__", "/"): text for name, text in changes.items()}).items():
            archive.writestr(name, content)
    return stream.getvalue()


def read(data: bytes) -> tuple[list[Document], Tally]:
    tally = Tally()
    return list(read_epub(data, "a.epub", tally)), tally


def test_chapters_in_the_order_of_reading() -> None:
    (one, two), tally = read(book())
    assert (one.origin, one.section, one.text) == (
        "a.epub!OPS/text/chapter 1.xhtml", "One", "Text of One stands here."
    )  # fmt: skip
    assert (one.span, one.title, one.licence) == ((3, 3), "The & Book", "CC BY 4.0")
    assert (two.origin, two.section) == ("a.epub!OPS/text/two.xhtml", "Two")
    assert tally.counts == {"missing from the book": 1}


def test_encrypted_books_are_counted() -> None:
    drm = "<encryption><enc:EncryptedData><Algorithm='aes'/></enc:EncryptedData></encryption>"
    documents, tally = read(book(**{"META-INF__encryption.xml": drm}))
    assert (documents, tally.counts) == ([], {"encrypted": 1})


def test_scrambled_fonts_do_not_matter() -> None:
    font = '<EncryptedData><x Algorithm="http://www.idpf.org/2008/embedding"/></EncryptedData>'
    documents, _ = read(book(**{"META-INF__encryption.xml": font}))
    assert len(documents) == 2


def test_encrypted_text_beside_scrambled_fonts() -> None:
    entry = '<enc:EncryptedData><enc:EncryptionMethod Algorithm="{}"/></enc:EncryptedData>'
    font, text = "http://ns.adobe.com/pdf/enc#RC", "http://www.w3.org/2001/04/xmlenc#aes128-cbc"
    opening = '<encryption xmlns:enc="http://www.w3.org/2001/04/xmlenc#">'
    encryption = f"{opening}{entry.format(font)}{entry.format(text)}</encryption>"
    documents, tally = read(book(**{"META-INF__encryption.xml": encryption}))
    assert (documents, tally.counts) == ([], {"encrypted": 1})


def test_names_in_any_namespace_and_no_comments() -> None:
    package = re.sub(r"<(/?)(package|item|itemref|spine|manifest)\b", r"<\1o:\2", PACKAGE)
    package = package.replace(" xmlns:dc", ' xmlns:o="http://www.idpf.org/2007/opf" xmlns:dc')
    package = package.replace("<o:spine>", '<o:spine><!-- <o:itemref idref="two"/> -->')
    documents, _ = read(book(**{"OPS__book.opf": package}))
    assert [document.section for document in documents] == ["One", "Two"]


def test_nothing_outside_the_book_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "other.dtd").write_text('<!ENTITY a "fetched">')
    doctype = f'<!DOCTYPE package PUBLIC "x" "{(tmp_path / "other.dtd").as_uri()}">'
    (one, _), _ = read(book(**{"OPS__book.opf": doctype + PACKAGE}))
    assert one.title == "The & Book"
    with pytest.raises(UnreadableError, match="unreadable"):
        read(book(**{"OPS__book.opf": doctype + PACKAGE.replace("&amp;", "&a;")}))


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        (PACKAGE.replace("</spine>", ""), "unreadable"),
        (PACKAGE.replace("&amp;", "&nbsp;"), "unreadable"),
        ('<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + PACKAGE, "defines entities"),
        (PACKAGE + " " * (1 << 20), "too large"),
    ],
)
def test_package_that_is_broken_or_too_large(package: str, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        read(book(**{"OPS__book.opf": package}))


def test_deeply_nested_package() -> None:
    assert read(book(**{"OPS__book.opf": "<a>" * 100_000 + "</a>" * 100_000})) == ([], Tally())


def test_pages_that_define_entities_are_refused() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><p>&b;</p>'
    (one,), tally = read(book(**{"OPS__text__two.xhtml": bomb}))
    assert one.section == "One"
    assert tally.counts["defines entities"] == 1


def test_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epub, "MAX_MEMBER", 2000)
    (one,), tally = read(book(**{"OPS__text__two.xhtml": "<p>" + "word " * 1000}))
    assert (one.section, tally.counts["too large"]) == ("One", 1)
    monkeypatch.setattr(epub, "MAX_TOTAL", len(CONTAINER) + len(PACKAGE) + 50)
    documents, tally = read(book())
    assert (documents, tally.counts["too large"]) == ([], 2)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04broken", book()[:400]])
def test_broken_files_are_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        read(data)


def test_any_byte_may_be_wrong() -> None:
    data = book()
    for place in range(0, len(data), 7):
        with contextlib.suppress(UnreadableError):
            read(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
