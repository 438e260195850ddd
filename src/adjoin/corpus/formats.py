"""The table of what can be read: by a file's name, its language and its reader."""

import re
from collections.abc import Iterator

from adjoin.corpus.code_languages import CODE_SUFFIXES
from adjoin.corpus.contents import BinaryFormat, Format
from adjoin.corpus.document import PROSE, Document
from adjoin.corpus.readers.html import HTML_FORMAT
from adjoin.corpus.readers.latex import read_latex
from adjoin.corpus.readers.man import read_man
from adjoin.corpus.readers.markdown import read_markdown
from adjoin.corpus.readers.plain import code_reader, read_metadata, read_plain
from adjoin.corpus.readers.rest import read_rest
from adjoin.tally import Tally


def _read_epub(data: bytes, origin: str, tally: Tally) -> Iterator[Document]:
    from adjoin.corpus.readers.epub import read_epub  # zipfile takes as long to import as all else here

    return read_epub(data, origin, tally)


_PLAIN = Format(PROSE, read_plain)
_MAN_PAGE = Format(PROSE, read_man)
_PROSE_FORMATS: dict[str, Format | BinaryFormat] = {
    ".txt .text": _PLAIN,
    ".md .markdown": Format(PROSE, read_markdown),
    ".rst": Format(PROSE, read_rest),
    ".html .htm .xhtml": HTML_FORMAT,
    ".tex .latex": Format(PROSE, read_latex),
    ".epub": BinaryFormat(_read_epub),
}
# Section 1 to 9, and what follows it: `ls.1`, `Test::More.3pm`, `x509.1ssl`; a library's `libz.so.1` is none.
_MAN_NAME = re.compile(r"(?<!\.so)\.[1-9][a-z]{0,9}$", re.IGNORECASE)
_BY_SUFFIX: dict[str, Format | BinaryFormat] = {
    suffix: form
    for suffixes, form in [
        *_PROSE_FORMATS.items(),
        *((suffixes, Format(name, code_reader(name))) for name, suffixes in CODE_SUFFIXES.items()),
    ]
    for suffix in suffixes.split()
}
_BY_NAME: dict[str, Format | BinaryFormat] = {
    "METADATA": Format(PROSE, read_metadata),
    "PKG-INFO": Format(PROSE, read_metadata),
    "README": _PLAIN,
    "CHANGELOG": _PLAIN,
    "CHANGES": _PLAIN,
    "NEWS": _PLAIN,
}
_DATA_NAMES = "cmakelists.txt entry_points.txt requirements.txt robots.txt sources.txt top_level.txt"
_NOT_PROSE = frozenset(_DATA_NAMES.split())

# Around any one readable file; `adjoin.corpus.compression` goes by the first bytes, since names lie.
_COMPRESSIONS = (".gz", ".dz", ".zst", ".xz", ".bz2")  # .dz: gzip, for dictionaries
_ARCHIVE_SUFFIXES = {
    "zip": (".whl", ".zip", ".egg", ".jar", ".nupkg"),
    "tar": (
        *(".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst"),
        ".crate",  # of Rust: a tar.gz
    ),
    "gem": (".gem",),  # of Ruby: a tar with a tar.gz inside
    "deb": (".deb", ".udeb"),  # of Debian: an ar file with two tar files inside
}
# Files of any size with one record after the other; an .eml is one mail, a stream of one.
_STREAM_SUFFIXES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".warc": "warc",
    ".wet": "warc",
    ".mbox": "mbox",
    ".eml": "mail",
    ".dict": "dict",  # of dictd
}

# The same text in every project: it would only teach a model that all projects are alike.
_LICENCE = re.compile(r"(?:un)?licen[cs]es?|copying|notices?", re.IGNORECASE)

# Folders that tools fill, with copies of other people's files or with what they can make again.
_TOOL_NAMES = "__pycache__ __pypackages__ node_modules bower_components vendor _vendor third_party Pods CVS"
_TOOL_FOLDERS = frozenset(_TOOL_NAMES.split())


def plain_name(name: str) -> str:
    """The name of a file without the suffix of its compression: `ls.1` of `ls.1.gz`."""
    return name[: name.rfind(".")] if _suffix(name) in _COMPRESSIONS else name


def format_of(name: str) -> Format | BinaryFormat | None:
    """How a file of this name is read, or None if it cannot be; the case of the suffix does not matter."""
    name = plain_name(name)
    form = _BY_NAME.get(name) or _BY_SUFFIX.get(_suffix(name))
    return _MAN_PAGE if form is None and _MAN_NAME.search(name) else form


def archive_kind(name: str) -> str:
    """Tell the kind of archive: "zip", "tar", "gem", "deb" or, for a name that is none's, the empty string."""
    lower = name.lower()
    return next((kind for kind, suffixes in _ARCHIVE_SUFFIXES.items() if lower.endswith(suffixes)), "")


def stream_kind(name: str) -> str:
    """Tell the kind of a file of records, "jsonl" or one of the others; the empty string for no such file."""
    return _STREAM_SUFFIXES.get(_suffix(plain_name(name)), "")


def folder_skip_reason(name: str) -> str:
    """Tell why a folder of this name is passed over; the empty string if it is not."""
    if name.startswith("."):
        return "hidden"
    if _LICENCE.fullmatch(name):
        return "licence text"
    return "cache or vendored folder" if name in _TOOL_FOLDERS else ""


def file_skip_reason(name: str, *, streams: bool = True) -> str:
    """Tell why a file of this name is passed over; the empty string if it is read, as an archive too."""
    if name.startswith("."):
        return "hidden"
    return "" if archive_kind(name) else unread_reason(name, streams=streams)


def unread_reason(name: str, *, streams: bool = True) -> str:
    """Tell why a file of this name, no archive, is not read; the empty string if it is.

    Args:
        name: without folders.
        streams: whether files of records are read.
    """
    name = plain_name(name)
    if stream_kind(name):
        return "" if streams else "unknown format"
    form = format_of(name)
    if form is None or form.language == PROSE:
        leading_word = re.split(r"[-_. ]", name, maxsplit=1)[0]
        if _LICENCE.fullmatch(leading_word):
            return "licence text"
    return "unknown format" if form is None or name.lower() in _NOT_PROSE else ""


def _suffix(name: str) -> str:
    """The last suffix in lower case, the empty string if there is none."""
    stem, _, suffix = name.rpartition(".")
    return f".{suffix.lower()}" if stem and suffix else ""
