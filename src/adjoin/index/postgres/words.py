"""The word index of an index in PostgreSQL while it is written: segments, and their merging."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from adjoin.index.postgres.rows import key_of
from adjoin.index.postgres.tables import one_row
from adjoin.index.sqlite.segments import LARGE_SEGMENT, MOST_SEGMENTS, SEGMENT_TERMS
from adjoin.index.words import Row, SegmentBuilder, merged

if TYPE_CHECKING:
    from adjoin.index.postgres.connecting import Connection


class WordWriter:
    """Collects the words of new pieces, and writes them as a segment."""

    def __init__(self) -> None:
        self._words = SegmentBuilder()

    def add(self, piece: int, terms: list[str]) -> None:
        """Add the terms of a piece; ids ascend."""
        self._words.add(piece, terms)

    def write_if_full(self, connection: "Connection") -> None:
        """Write a segment if many words are collected, so that memory stays flat."""
        if len(self._words) > SEGMENT_TERMS:
            self.write(connection)

    def write(self, connection: "Connection") -> None:
        """Write the words that were collected as a segment."""
        if self._words.pieces:
            number = _new_segment(connection, self._words.pieces)
            _copy_postings(connection, number, self._words.rows())

    def merge(self, connection: "Connection") -> None:
        """Merge small segments if there are many; all segments if most pieces in them are gone."""
        sizes: dict[int, int] = dict(connection.execute("SELECT id, pieces FROM segments").fetchall())
        (live,) = one_row(connection, "SELECT coalesce(sum(number), 0)::bigint FROM blocks")
        most_are_gone = sum(sizes.values()) > 2 * live + 1000
        if not most_are_gone and len(sizes) <= MOST_SEGMENTS:
            return
        chosen = [segment for segment, pieces in sizes.items() if most_are_gone or pieces < LARGE_SEGMENT]
        if len(chosen) < 2 and not most_are_gone:
            return
        (highest,) = one_row(connection, "SELECT value::bigint FROM meta WHERE key = 'next_piece'")
        is_live = np.zeros(highest, bool)
        for first, number in connection.execute("SELECT first, number FROM blocks").fetchall():
            is_live[first : first + number] = True
        rows = connection.execute(
            "SELECT term, first, number, data FROM postings WHERE segment = ANY(%s) ORDER BY term, first",
            (chosen,),
            binary=True,
        ).fetchall()
        new = _new_segment(connection, min(sum(sizes[segment] for segment in chosen), live))
        _copy_postings(connection, new, merged(rows, is_live))
        connection.execute("DELETE FROM postings WHERE segment = ANY(%s)", (chosen,))
        connection.execute("DELETE FROM segments WHERE id = ANY(%s)", (chosen,))


def _new_segment(connection: "Connection", pieces: int) -> int:
    query = "INSERT INTO segments SELECT coalesce(max(id), 0) + 1, %s FROM segments RETURNING id"
    return int(one_row(connection, query, (pieces,))[0])


def _copy_postings(connection: "Connection", segment: int, rows: Iterable[Row]) -> None:
    with connection.cursor().copy("COPY postings FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["text", "int4", "int8", "int4", "bytea"])
        for term, first, number, data in rows:
            copy.write_row((key_of(term), segment, first, number, data))
