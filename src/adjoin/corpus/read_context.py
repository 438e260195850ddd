"""The options and the tally that every reader of files shares."""

from dataclasses import dataclass

from adjoin.corpus.readers.records import DEFAULT_COLUMNS, Columns
from adjoin.tally import Tally

MAX_BYTES = 4 << 20  # of one file or archive member; larger ones hold data or generated code


@dataclass(frozen=True, slots=True)
class ReadContext:
    """Options for reading files, and the tally that counts what is skipped.

    Attributes:
        tally: counts every skip with its reason.
        max_bytes: size limit of one file or archive member, in bytes; larger ones are skipped. Files of records
            have no limit.
        columns: field names of records.
        streams: whether files of records are read.
    """

    tally: Tally
    max_bytes: int = MAX_BYTES
    columns: Columns = DEFAULT_COLUMNS
    streams: bool = True
