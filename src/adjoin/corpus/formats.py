"""The table of what can be read: by a file's name, its language and its reader."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from adjoin.corpus.document import PROSE
from adjoin.corpus.html import read_html
from adjoin.corpus.markdown import read_markdown
from adjoin.corpus.plain import code_reader, read_metadata, read_plain
from adjoin.corpus.rest import read_rest
from adjoin.corpus.sections import Reader


@dataclass(frozen=True, slots=True)
class Format:
    """How one kind of file is read.

    Attributes:
        language: of its Documents: a programming language, or `PROSE`.
        reader: (text, origin) → Documents.
        long_lines: whether lines of any length are welcome; elsewhere they betray data and minified code.
    """

    language: str
    reader: Reader
    long_lines: bool = False


_CODE_SUFFIXES = {
    "bash": ".bash",
    "c": ".c .h",
    "clojure": ".clj .cljs",
    "cpp": ".cc .cpp .cxx .hh .hpp .hxx .cu .cuh",
    "csharp": ".cs",
    "cython": ".pyx .pxd",
    "dart": ".dart",
    "elixir": ".ex .exs",
    "erlang": ".erl .hrl",
    "fortran": ".f .f90 .f95 .f03",
    "go": ".go",
    "groovy": ".groovy .gradle",
    "haskell": ".hs",
    "java": ".java",
    "javascript": ".js .mjs .cjs .jsx",
    "julia": ".jl",
    "kotlin": ".kt .kts",
    "lua": ".lua",
    "objectivec": ".m .mm",
    "ocaml": ".ml .mli",
    "perl": ".pl .pm",
    "php": ".php",
    "powershell": ".ps1 .psm1",
    "python": ".py",  # not .pyi: stubs repeat the signatures of the source and have no bodies
    "r": ".r",
    "ruby": ".rb",
    "rust": ".rs",
    "scala": ".scala .sc",
    "shell": ".sh .zsh .ksh",
    "sql": ".sql",
    "swift": ".swift",
    "typescript": ".ts .tsx .mts .cts",
    "zig": ".zig",
}
_PLAIN = Format(PROSE, read_plain)
_PROSE_FORMATS = {
    ".txt .text": _PLAIN,
    ".md .markdown": Format(PROSE, read_markdown),
    ".rst": Format(PROSE, read_rest),
    ".html .htm .xhtml": Format(PROSE, read_html, long_lines=True),
}
_BY_SUFFIX: dict[str, Format] = {
    suffix: form
    for suffixes, form in [
        *_PROSE_FORMATS.items(),
        *((suffixes, Format(name, code_reader(name))) for name, suffixes in _CODE_SUFFIXES.items()),
    ]
    for suffix in suffixes.split()
}
_BY_NAME: dict[str, Format] = {
    "METADATA": Format(PROSE, read_metadata),
    "PKG-INFO": Format(PROSE, read_metadata),
    "README": _PLAIN,
    "CHANGELOG": _PLAIN,
    "CHANGES": _PLAIN,
    "NEWS": _PLAIN,
}
_DATA_NAMES = "cmakelists.txt entry_points.txt requirements.txt robots.txt sources.txt top_level.txt"
_NOT_PROSE = frozenset(_DATA_NAMES.split())

_ZIP_SUFFIXES = (".whl", ".zip", ".egg", ".jar")
_TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

# The same text in every project: it would only teach a model that all projects are alike.
_LICENCE = re.compile(r"(?:un)?licen[cs]es?|copying|notices?", re.IGNORECASE)

# Folders that tools fill, with copies of other people's files or with what they can make again.
_TOOL_NAMES = "__pycache__ __pypackages__ node_modules bower_components vendor _vendor third_party Pods CVS"
_TOOL_FOLDERS = frozenset(_TOOL_NAMES.split())


def format_of(name: str) -> Format | None:
    """How a file of this name is read, or None if it cannot be; the case of the suffix does not matter."""
    return _BY_NAME.get(name) or _BY_SUFFIX.get(_suffix(name))


def archive_kind(name: str) -> str:
    """Tell the kind of archive: "zip", "tar" or, if the name is not an archive's, the empty string."""
    lower = name.lower()
    if lower.endswith(_ZIP_SUFFIXES):
        return "zip"
    return "tar" if lower.endswith(_TAR_SUFFIXES) else ""


def folder_skip_reason(name: str) -> str:
    """Tell why a folder of this name is passed over; the empty string if it is not."""
    if name.startswith("."):
        return "hidden"
    if _LICENCE.fullmatch(name):
        return "licence text"
    return "cache or vendored folder" if name in _TOOL_FOLDERS else ""


def file_skip_reason(name: str) -> str:
    """Tell why a file of this name is passed over; the empty string if it is read, as an archive too."""
    if name.startswith("."):
        return "hidden"
    return "" if archive_kind(name) else unread_reason(name)


def unread_reason(name: str) -> str:
    """Tell why the text of a file of this name is not read; the empty string if it is."""
    form = format_of(name)
    if form is None or form.language == PROSE:
        leading_word = re.split(r"[-_. ]", name, maxsplit=1)[0]
        if _LICENCE.fullmatch(leading_word):
            return "licence text"
    return "unknown format" if form is None or name.lower() in _NOT_PROSE else ""


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
