"""Which files can be read: a table from file names to formats, and the reasons to skip a file or folder."""

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
    from adjoin.corpus.readers.epub import read_epub  # importing zipfile takes as long as all else here

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
# A section from 1 to 9 and its extension: `ls.1`, `Test::More.3pm`, `x509.1ssl`; but not `libz.so.1`.
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

# Suffixes of one compressed file. `adjoin.corpus.compression` looks at the first bytes, since names may lie.
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
# Files of any size, read record by record. An .eml file is a stream of one mail.
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

# Licence texts are the same in every project: they would only teach a model that all projects are similar.
_LICENCE = re.compile(r"(?:un)?licen[cs]es?|copying|notices?", re.IGNORECASE)

# Folders that tools fill with copies of other projects or with generated files.
_TOOL_NAMES = "__pycache__ __pypackages__ node_modules bower_components vendor _vendor third_party Pods CVS"
_TOOL_FOLDERS = frozenset(_TOOL_NAMES.split())


def plain_name(name: str) -> str:
    """Remove the suffix of a compression from a file name: `ls.1.gz` → `ls.1`."""
    return name[: name.rfind(".")] if _suffix(name) in _COMPRESSIONS else name


def format_of(name: str) -> Format | BinaryFormat | None:
    """Look up the format of a file by its name, ignoring the suffix's case; None if it cannot be read."""
    name = plain_name(name)
    form = _BY_NAME.get(name) or _BY_SUFFIX.get(_suffix(name))
    return _MAN_PAGE if form is None and _MAN_NAME.search(name) else form


def archive_kind(name: str) -> str:
    """Return the kind of archive that a name stands for: "zip", "tar", "gem" or "deb"; "" if it is no archive."""
    lower = name.lower()
    return next((kind for kind, suffixes in _ARCHIVE_SUFFIXES.items() if lower.endswith(suffixes)), "")


def stream_kind(name: str) -> str:
    """Return the kind of a file that is read record by record; "" for any other file.

    Kinds: "jsonl", "parquet", "warc", "mbox", "mail", "dict".
    """
    return _STREAM_SUFFIXES.get(_suffix(plain_name(name)), "")


def folder_skip_reason(name: str) -> str:
    """Return the reason to skip a folder of this name; "" if it is walked."""
    if name.startswith("."):
        return "hidden"
    return "cache or vendored folder" if name in _TOOL_FOLDERS else ""


def file_skip_reason(name: str, *, streams: bool = True) -> str:
    """Return the reason to skip a file of this name; "" if it is read, as an archive or otherwise."""
    if name.startswith("."):
        return "hidden"
    return "" if archive_kind(name) else unread_reason(name, streams=streams)


def unread_reason(name: str, *, streams: bool = True) -> str:
    """Return the reason not to read a file of this name, other than an archive; "" if it is read.

    Args:
        name: file name without folders.
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
    """The last suffix in lower case; "" if there is none."""
    stem, _, suffix = name.rpartition(".")
    return f".{suffix.lower()}" if stem and suffix else ""
