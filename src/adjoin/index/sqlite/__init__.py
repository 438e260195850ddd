"""The embedded store: one SQLite file below the indexed folder.

    .adjoin/
      index.sqlite     files, pieces, vectors, words and names: all that a search reads
      index.sqlite-wal, index.sqlite-shm     SQLite's own, while a process has it open
      sketch           sign bits of the vectors of a large index (approximate.py); a search can do without
      pending.sqlite   what an unfinished refresh has embedded; deleted when it is done
      lock             held by the process that refreshes
      .gitignore       `*`: git never shows the folder

A refresh is one transaction, so a version is complete or does not exist. SQLite's write-ahead log lets searches
read the old version while the new one is written. What a refresh embeds before that transaction is committed batch
by batch to pending.sqlite, so a killed run loses one batch. Two cases differ:

- The first refresh has no reader. It commits its batches to index.sqlite itself, under version 0, which no search
  reads, and ends by naming version 1.
- A refresh of a few files, one batch, needs no pending.sqlite.

Another model's vectors are all made before the transaction that replaces the old ones.
"""

from adjoin.index.sqlite.database import DATABASE
from adjoin.index.sqlite.embedded import SQLiteStore
from adjoin.index.sqlite.snapshot import SQLiteSnapshot, open_snapshot

__all__ = ["DATABASE", "SQLiteSnapshot", "SQLiteStore", "open_snapshot"]
