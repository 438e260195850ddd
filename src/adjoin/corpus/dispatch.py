"""Read one open file: choose its reader by its name, decompress it, and yield its Documents."""

from collections.abc import Callable, Iterator
from typing import IO

from adjoin.corpus.compression import DamagedError, DecompressedStream, Readable
from adjoin.corpus.contents import read_bytes
from adjoin.corpus.document import Document
from adjoin.corpus.formats import format_of, plain_name, stream_kind
from adjoin.corpus.read_context import ReadContext


def read_file(file: IO[bytes], name: str, origin: str, context: ReadContext) -> Iterator[Document]:
    """Yield the Documents of one open file that is not an archive; it may be compressed.

    Files of records are read record by record, all others as a whole.

    Args:
        file: open at its beginning. Only Parquet needs one that can seek.
        name: file name without folders; it decides the format.
        origin: origin of its Documents; also the example in the tally.
        context: options, and the tally that counts every skip.

    Raises:
        OSError: the disk failed.
    """
    if kind := stream_kind(name):
        yield from _read_stream(file, kind, origin, context)
        return
    form = format_of(name)
    if form is None:
        context.tally.add("unknown format", origin)
        return
    if plain_name(name) == name:
        data = file.read(context.max_bytes + 1)
    else:
        try:
            unpacked = DecompressedStream(file)
            data = unpacked.read(context.max_bytes + 1)
            if len(data) <= context.max_bytes:
                unpacked.read(1)  # damage is raised only after all that precedes it has been read
        except DamagedError as error:
            context.tally.add(error.reason, origin)
            return
    if len(data) > context.max_bytes:
        context.tally.add("too large", origin)
    else:
        yield from read_bytes(data, form, origin, context.tally)


def _read_stream(file: IO[bytes], kind: str, origin: str, context: ReadContext) -> Iterator[Document]:
    try:
        if kind == "parquet":
            from adjoin.corpus.readers.parquet import read_parquet

            yield from read_parquet(file, origin, context)
        else:
            yield from _stream_reader(kind)(DecompressedStream(file), origin, context)
    except DamagedError as error:
        context.tally.add(error.reason, origin)


def _stream_reader(kind: str) -> Callable[[Readable, str, ReadContext], Iterator[Document]]:
    """The reader of one kind of stream. Its module is imported here, so that unused parsers cost nothing."""
    if kind == "jsonl":
        from adjoin.corpus.readers.json_lines import read_json_lines

        return read_json_lines
    if kind == "warc":
        from adjoin.corpus.readers.webarchive import read_warc

        return read_warc
    if kind == "dict":
        from adjoin.corpus.dictd.dictionaries import read_dictionary

        return read_dictionary
    from adjoin.corpus.readers.mail import read_mbox, read_one_mail

    return read_mbox if kind == "mbox" else read_one_mail
