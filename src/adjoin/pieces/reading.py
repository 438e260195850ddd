"""One file on disk → its pieces, or the reason why it has none.

- Archives are read member by member, compressed files as what they hold.
- Code goes to `adjoin.pieces.code`. All other text is cut by its structure (`adjoin.pieces.kinds` says which), or
  else in windows of lines. A file that nobody knows by its name is text if its bytes are.
- Not read, and counted with their reason: binary files, files above `MAX_BYTES`, keys and signatures, lock files,
  source maps, minified copies. `unread_reason` names those that the file's name decides.
- Generated code is read like any other: it is for the ranking to place it.
- Of a large file of data (tables, logs, JSON, drawings) the first pieces are kept; of a long line of data its
  beginning and its end. Both are counted too.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import IO

from adjoin.corpus.compression import DamagedError, DecompressedStream, Readable
from adjoin.corpus.contents import BinaryFormat, read_bytes
from adjoin.corpus.document import Document
from adjoin.corpus.encodings import decode, looks_binary
from adjoin.corpus.formats import archive_kind, format_of, plain_name
from adjoin.corpus.read_context import MAX_BYTES, ReadContext
from adjoin.corpus.readers.sections import UnreadableError
from adjoin.corpus.tree import failure_reason
from adjoin.pieces.code import code_pieces
from adjoin.pieces.kinds import CODE, COMPONENT, FEW, NOTEBOOK, TABLE, TextKind, text_kind, unread_reason
from adjoin.pieces.long_lines import MAX_LINE, shorten
from adjoin.pieces.merging import merged
from adjoin.pieces.parts import Part, cut, pieces_of_parts
from adjoin.pieces.piece import PASSAGE, Piece
from adjoin.pieces.structures import blocks, headings, tables
from adjoin.pieces.structures.components import blocks_of
from adjoin.pieces.structures.notebooks import read_notebook
from adjoin.tally import Tally

NO_WORDS = "no words in it"
LONG_LINE = "long line cut"
DATA_CUT = "only the beginning of its data"
_ARMOUR = "-----BEGIN "  # first words of keys, certificates and signatures, which are base64
_START = 1 << 13  # bytes that show whether a file is binary


def read_pieces(path: Path, origin: str, tally: Tally) -> Iterator[Piece]:
    """Yield the pieces of one file on disk, in order. A file without any is counted with its reason.

    Nothing is raised for a file that cannot be read: it is counted as "unreadable" or "no permission".

    Args:
        path: the file.
        origin: its path below the indexed root, as in `Piece.path`; also the example in the tally.
        tally: counts every file and archive member that is skipped, and every one that is read in part.
    """
    try:
        with path.open("rb") as file:
            yield from opened_pieces(file, path.name, origin, tally)
    except OSError as error:
        tally.add(failure_reason(error), origin)


def opened_pieces(file: IO[bytes], name: str, origin: str, tally: Tally) -> Iterator[Piece]:
    """Yield the pieces of an open file, as `read_pieces` does.

    Args:
        file: open at its beginning; for a zip archive it must be able to seek.
        name: the file's name without folders.
        origin: as for `read_pieces`.
        tally: as for `read_pieces`.

    Raises:
        OSError: the disk failed.
    """
    kind = archive_kind(name)
    if not kind:
        yield from _file_pieces(file, name, origin, tally)
        return
    from adjoin.corpus.archives import read_members  # importing tarfile and zipfile takes long

    counted, given = tally.counts.total(), False

    def read(content: IO[bytes], member: str, member_origin: str) -> Iterator[Piece]:
        return _file_pieces(content, member, member_origin, tally)

    for piece in read_members(file, kind, origin, ReadContext(tally), read, _member_reason):
        given = True
        yield piece
    if not given and tally.counts.total() == counted:
        tally.add(NO_WORDS, origin)


def text_pieces(text: str, name: str, origin: str, tally: Tally) -> Iterator[Piece]:
    r"""Yield the pieces of a text, which has \n at its line ends.

    Args:
        text: the whole file.
        name: the file's name, without folders and without the suffix of a compression.
        origin: as for `read_pieces`.
        tally: counts long lines that are cut, and data of which only the beginning is kept.
    """
    kind = text_kind(name, text[:200].split("\n", 1)[0])
    if kind.language == "svg":  # the rest is coordinates
        text = headings.outside_tags(text)
    lines = text.split("\n")
    if kind.form == NOTEBOOK:
        pieces = _notebook_pieces(text, origin, tally)
    else:
        if kind.language in ("html", "xml"):
            lines = [line if len(line) <= MAX_LINE else headings.without_tags(line) for line in lines]
        lines, number_cut = shorten(lines, words=kind.is_prose)
        if number_cut:
            tally.add(LONG_LINE, origin, number_cut)
        if kind.form == CODE:
            pieces = iter(code_pieces("\n".join(lines), kind.language, origin, tally=tally))
        elif kind.form == COMPONENT:
            pieces = _component_pieces(lines, kind.language, origin, tally)
        else:
            pieces = _structure_pieces(lines, kind, origin)
    limit = FEW if kind.language == "text" and _is_mostly_numbers(text[:_START]) else kind.limit
    if not limit:
        yield from pieces
        return
    yield from islice(pieces, limit)
    if next(pieces, None) is not None:
        tally.add(DATA_CUT, origin)


def _is_mostly_numbers(text: str) -> bool:
    return sum(map(str.isdecimal, text)) > sum(map(str.isalpha, text))


def _file_pieces(file: Readable, name: str, origin: str, tally: Tally) -> Iterator[Piece]:
    """The pieces of a file that is no archive."""
    plain = plain_name(name)
    if reason := unread_reason(plain):
        tally.add(reason, origin)
        return
    try:
        data = _contents(file if plain == name else DecompressedStream(file), plain)
        form = format_of(plain)
        if isinstance(form, BinaryFormat):
            yield from _document_pieces(read_bytes(data, form, origin, tally))
            return
        text = decode(data)
        if text.startswith(_ARMOUR):
            raise UnreadableError("key or signature")
    except (UnreadableError, DamagedError) as error:
        tally.add(error.reason, origin)
        return
    given = False
    for piece in text_pieces(text, plain, origin, tally):
        given = True
        yield piece
    if not given:
        tally.add(NO_WORDS, origin)


def _contents(file: Readable, name: str) -> bytes:
    """The bytes of a file. Of a binary one, only the first are read."""
    start = file.read(_START)
    if looks_binary(start) and not isinstance(format_of(name), BinaryFormat):
        raise UnreadableError("binary")
    data = start + file.read(MAX_BYTES + 1 - len(start)) if len(start) == _START else start
    if len(data) > MAX_BYTES:
        raise UnreadableError("too large")
    return data


def _member_reason(path: str) -> str:
    name = path.rsplit("/", 1)[-1]
    return "nested archive" if archive_kind(name) else unread_reason(plain_name(name))


def _structure_pieces(lines: list[str], kind: TextKind, origin: str) -> Iterator[Piece]:
    """The pieces of a text whose structure is told by its lines."""
    if kind.form == TABLE:
        return tables.pieces_of_table(lines, origin, kind.language)
    is_html = kind.language == "html"
    marks = kind.marks(lines) if kind.marks is not None else []
    parts = cut(lines, marks, measure=headings.html_size if is_html else len)
    embedded: Callable[[str], str] = headings.without_decoration if kind.is_prose else str
    if is_html:
        embedded = headings.without_tags
    return pieces_of_parts(lines, parts, origin, kind.language, kind=kind.form, embedded=embedded)


def _component_pieces(lines: list[str], language: str, origin: str, tally: Tally) -> Iterator[Piece]:
    """The pieces of a Vue, Svelte or Astro component, all in the component's language."""
    pieces: list[Piece] = []
    for block in blocks_of(lines, language):
        inner = lines[block.start : block.end]
        if block.name == "script":
            code = "\n".join(inner)
            script = code_pieces(code, block.language, origin, first_line=block.start + 1, tally=tally)
            pieces += [replace(piece, language=language) for piece in script]
        else:
            parts = cut(inner, blocks.css(inner) if block.language else [])
            named = [part if part.names else Part(part.start, part.end, (block.name,)) for part in parts]
            pieces += pieces_of_parts(inner, named, origin, language, first_line=block.start + 1)
    return iter(pieces)


def _notebook_pieces(text: str, origin: str, tally: Tally) -> Iterator[Piece]:
    """The pieces of a notebook's cells; small neighbours are merged. The heading above a cell names it."""
    notebook = read_notebook(text)
    heading = ""
    pieces: list[Piece] = []
    for cell in notebook.cells:
        lines, number_cut = shorten(cell.lines, words=cell.kind != "code")
        if number_cut:
            tally.add(LONG_LINE, origin, number_cut)
        if cell.kind == "code":
            found = code_pieces("\n".join(lines), notebook.language, origin, tally=tally)
            found = [piece if piece.name else replace(piece, name=heading) for piece in found]
        else:
            marks = headings.markdown(lines)
            heading = marks[-1].name if marks else heading
            parts = cut(lines, marks)
            found = list(
                pieces_of_parts(
                    lines, parts, origin, notebook.language, kind=PASSAGE, embedded=headings.without_decoration
                )
            )
        numbers = cell.numbers
        pieces += [
            replace(piece, first_line=numbers[piece.first_line - 1], last_line=numbers[piece.last_line - 1])
            for piece in found
        ]
    return merged(pieces)


def _document_pieces(documents: Iterator[Document]) -> Iterator[Piece]:
    """The pieces of a binary format that holds prose, such as EPUB."""
    for document in documents:
        lines = document.text.split("\n")
        parts = [Part(part.start, part.end, (document.section,)) for part in cut(lines, [])]
        yield from pieces_of_parts(
            lines, parts, document.origin, document.language, kind=PASSAGE, first_line=document.span[0]
        )
