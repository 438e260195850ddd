"""The word index of an SQLite index while it is written: segments, and their merging."""

import sqlite3

import numpy as np

from adjoin.index.sqlite.rows import texts_of
from adjoin.index.words import SegmentBuilder, merged
from adjoin.ranking.lexical import terms

SEGMENT_TERMS = 4_000_000  # terms that are collected before a segment is written: 16 MB, and 150 MB while it is
MOST_SEGMENTS = 12  # a query reads a row of each for every term
LARGE_SEGMENT = 16_384  # pieces; merging smaller ones takes less than a second


class WordWriter:
    """Collects the words of new pieces, and writes them as a segment."""

    def __init__(self) -> None:
        self._words = SegmentBuilder()

    def add(self, piece: int, terms: list[str]) -> None:
        """Add the terms of a piece; ids ascend."""
        self._words.add(piece, terms)

    @property
    def is_full(self) -> bool:
        """Whether a segment should be written, so that memory stays flat."""
        return len(self._words) > SEGMENT_TERMS

    def write(self, connection: sqlite3.Connection) -> None:
        """Write the words that were collected as a segment."""
        if not self._words.pieces:
            return
        pieces = self._words.pieces
        number = self._new_segment(connection, pieces)
        rows = ((term, number, first, size, data) for term, first, size, data in self._words.rows())
        connection.executemany("INSERT INTO postings VALUES (?, ?, ?, ?, ?)", rows)

    def _new_segment(self, connection: sqlite3.Connection, pieces: int) -> int:
        cursor = connection.execute("INSERT INTO segments(pieces) VALUES (?)", (pieces,))
        return int(cursor.lastrowid or 0)

    def collect_again(self, connection: sqlite3.Connection) -> None:
        """Collect the words of all pieces: a killed first run had some of them in memory only."""
        connection.execute("DELETE FROM postings")
        connection.execute("DELETE FROM segments")
        self._words = SegmentBuilder()
        query = (
            "SELECT b.first, f.path, t.data FROM blocks AS b JOIN files AS f ON f.id = b.file"
            " JOIN texts AS t ON t.first = b.first ORDER BY b.first"
        )
        for first, path, data in connection.execute(query):
            texts = texts_of(data)
            span = (first, first + len(texts) - 1)
            named = connection.execute(
                "SELECT id, path, name FROM pieces WHERE id BETWEEN ? AND ? ORDER BY id", span
            )
            for (piece, own, name), text in zip(named.fetchall(), texts, strict=True):
                self._words.add(piece, terms(f"{own or path}\n{name}\n{text}"))
            if self.is_full:
                self.write(connection)

    def merge(self, connection: sqlite3.Connection) -> None:
        """Merge small segments if there are many; all segments if most pieces in them are gone."""
        sizes = dict(connection.execute("SELECT id, pieces FROM segments").fetchall())
        (live,) = connection.execute("SELECT coalesce(sum(number), 0) FROM blocks").fetchone()
        if sum(sizes.values()) > 2 * live + 1000:
            chosen = list(sizes)
        elif len(sizes) > MOST_SEGMENTS:
            chosen = [segment for segment, pieces in sizes.items() if pieces < LARGE_SEGMENT]
        else:
            return
        if len(chosen) < 2 and sum(sizes.values()) <= 2 * live + 1000:
            return
        (highest,) = connection.execute("SELECT coalesce(max(id), 0) FROM pieces").fetchone()
        (given,) = connection.execute("SELECT value FROM meta WHERE key = 'next_piece'").fetchone()
        is_live = np.zeros(max(int(highest) + 1, int(given)), bool)
        for first, number in connection.execute("SELECT first, number FROM blocks"):
            is_live[first : first + number] = True
        marks = ",".join("?" * len(chosen))
        new = self._new_segment(connection, min(sum(sizes[segment] for segment in chosen), live))
        query = f"SELECT term, first, number, data FROM postings WHERE segment IN ({marks}) ORDER BY term, first"
        rows = merged(connection.execute(query, chosen).fetchall(), is_live)
        connection.executemany(
            "INSERT INTO postings VALUES (?, ?, ?, ?, ?)",
            [(term, new, first, number, data) for term, first, number, data in rows],
        )
        connection.execute(f"DELETE FROM postings WHERE segment IN ({marks})", chosen)
        connection.execute(f"DELETE FROM segments WHERE id IN ({marks})", chosen)
