"""The part that one task makes, on disk. A part counts only when its report, written last, exists beside the rest.

part-00000.parquet            pairs in order, with the number of each pair's input; x is null where it repeats the
                              y of the row before
part-00000.keys.npy           the numbers that the merge decides by, one row per pair, see `KEYS`
part-00000.signatures.npy     MinHash signatures of y, one row per pair
part-00000.json               the report: inputs with hashes and counts
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from adjoin.files import flush_to_disk, read_as, write_json
from adjoin.npy import GrowingArray

if TYPE_CHECKING:
    import pyarrow

KEYS = np.dtype(
    [
        ("x_hash", np.int64),
        ("y_hash", np.int64),
        ("template", np.int64),  # hash of x without names and numbers; of a name, all of it
        ("input", np.int32),  # within the part
        ("kind", np.int8),  # index in ALL_KINDS
        ("licensed", np.bool_),  # whether the pair has its own licence; otherwise its input's counts
    ]
)
_BLOCK = 1 << 16  # rows of keys read at a time
ROWS = 4096  # pairs processed at a time: about 6 MB of text


@dataclass(frozen=True, slots=True)
class PartReport:
    """The content of a part's report.

    Attributes:
        rows: number of pairs before the merge.
        inputs: one entry per input: its hash, its facts and its counts.
        examples: reason to the first few places where something was left out.
    """

    rows: int
    inputs: list[dict[str, Any]]
    examples: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class PartFiles:
    """The files of one part.

    Attributes:
        folder: the work folder.
        number: the number of its task.
    """

    folder: Path
    number: int

    def _named(self, ending: str) -> Path:
        return self.folder / f"part-{self.number:05d}{ending}"

    @property
    def pairs(self) -> Path:
        """Path of the Parquet file of pairs."""
        return self._named(".parquet")

    @property
    def keys(self) -> Path:
        """Path of the .npy file of `KEYS`."""
        return self._named(".keys.npy")

    @property
    def signatures(self) -> Path:
        """Path of the .npy file of signatures, one row per pair."""
        return self._named(".signatures.npy")

    @property
    def report(self) -> Path:
        """Path of the JSON file that is written last."""
        return self._named(".json")

    @property
    def done(self) -> bool:
        """Whether the part is complete: the report is there, and all that it reports on."""
        return all(path.is_file() for path in (self.report, self.pairs, self.keys, self.signatures))

    def key_blocks(self) -> Iterator[npt.NDArray[np.void]]:
        """The keys of all rows, `_BLOCK` rows at a time. A memory map would count as this process's memory."""
        with self.keys.open("rb") as file:
            np.lib.format.read_magic(file)
            np.lib.format.read_array_header_1_0(file)
            while len(block := np.fromfile(file, KEYS, _BLOCK)):
                yield block

    def read_report(self) -> PartReport:
        """Read the part's report.

        Raises:
            AdjoinError: the report is missing or damaged.
        """
        return read_as(self.report, PartReport, "report of a part", f"remove {self.folder} and mine again")


def schema() -> "pyarrow.Schema":
    """The Parquet schema of a part."""
    import pyarrow

    text = pyarrow.string()
    names = ("x", "y", "kind", "language", "origin", "name", "licence", "repository")
    return pyarrow.schema(
        [*((name, text) for name in names), ("group", pyarrow.int64()), ("input", pyarrow.int32())]
    )


def without_repeats(x: npt.NDArray[np.int32], y: npt.NDArray[np.int32]) -> "pyarrow.Int32Array":
    """Indices of x, null where x repeats the y of the row before, so that a passage is written once.

    Args:
        x: text index of each row's x [R].
        y: text index of each row's y [R].
    """
    import pyarrow

    there = np.ones(len(x), np.bool_)
    there[1:] = x[1:] != y[:-1]
    valid = pyarrow.py_buffer(np.packbits(there, bitorder="little"))
    return pyarrow.Int32Array.from_buffers(pyarrow.int32(), len(x), [valid, pyarrow.py_buffer(x)])


def with_repeats(table: "pyarrow.Table") -> "pyarrow.Table":
    """Undo `without_repeats`: rows from the start of a row group on, with every x filled in."""
    import pyarrow
    import pyarrow.compute

    x, y = (table.column(side).combine_chunks() for side in ("x", "y"))
    if not x.null_count:
        return table
    before = pyarrow.concat_arrays([x.slice(0, 1), y.slice(0, len(y) - 1)])
    return table.set_column(table.schema.get_field_index("x"), "x", pyarrow.compute.coalesce(x, before))


class PartWriter:
    """Writes a part `ROWS` pairs at a time, in bounded memory.

    Args:
        files: the files to write.
        width: bytes per signature.
    """

    def __init__(self, files: PartFiles, width: int) -> None:
        import pyarrow.parquet

        self.rows = 0
        self._files = files
        self._keys = GrowingArray(files.keys, KEYS)
        self._signatures = GrowingArray(files.signatures, np.uint8, (width,))
        self._parquet = pyarrow.parquet.ParquetWriter(
            files.pairs, schema(), compression="lz4", use_dictionary=["kind", "language", "licence", "repository"]
        )

    def write(self, table: "pyarrow.Table", keys: npt.NDArray[np.void], signatures: npt.NDArray[np.uint8]) -> None:
        """Append pairs with their keys and signatures."""
        self.rows += len(table)
        self._parquet.write_table(table, row_group_size=ROWS)
        self._keys.append(keys)
        self._signatures.append(signatures)

    def finish(self, inputs: list[dict[str, Any]], examples: dict[str, list[str]]) -> None:
        """Complete the part: flush its files to disk and write its report, a `PartReport`."""
        self._parquet.close()
        flush_to_disk(self._files.pairs)
        self._keys.finish()
        self._signatures.finish()
        write_json(self._files.report, asdict(PartReport(self.rows, inputs, examples)))

    def close(self) -> None:
        """Close the files. Without a report the part does not count."""
        self._parquet.close()
        self._keys.close()
        self._signatures.close()
