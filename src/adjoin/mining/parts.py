"""The part of a dataset that one task makes, on disk: whole or absent.

part-00000.parquet            its pairs, in order, and the number of each one's input; null for an x that is the y
                              of the row before
part-00000.keys.npy           the numbers by which the merge decides, a row a pair, see `KEYS`
part-00000.signatures.npy     MinHash signatures of y, a row a pair
part-00000.json               its inputs with hashes and counts; written last
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from adjoin.errors import AdjoinError
from adjoin.files import flush_to_disk, read_json, write_json

if TYPE_CHECKING:
    import pyarrow

KEYS = np.dtype(
    [
        ("x_hash", np.int64),
        ("y_hash", np.int64),
        ("template", np.int64),  # of x: what is left of it without names and numbers; of a name all
        ("input", np.int32),  # within the part
        ("kind", np.int8),  # place in ALL_KINDS
        ("licensed", np.bool_),  # whether the pair brings a licence of its own; else its input's counts
    ]
)
_BLOCK = 1 << 16  # rows of keys read at a time
ROWS = 4096  # pairs that are worked on at a time: 6 MB of text


@dataclass(frozen=True, slots=True)
class PartFiles:
    """Where a part lies.

    Attributes:
        folder: the work folder.
        number: of its task.
    """

    folder: Path
    number: int

    def _named(self, ending: str) -> Path:
        return self.folder / f"part-{self.number:05d}{ending}"

    @property
    def pairs(self) -> Path:
        """The Parquet file."""
        return self._named(".parquet")

    @property
    def keys(self) -> Path:
        """An array of `KEYS`."""
        return self._named(".keys.npy")

    @property
    def signatures(self) -> Path:
        """A matrix with a signature a row."""
        return self._named(".signatures.npy")

    @property
    def report(self) -> Path:
        """The JSON file that says the part is whole."""
        return self._named(".json")

    @property
    def done(self) -> bool:
        """Whether the part is whole."""
        return self.report.exists()

    def key_blocks(self) -> Iterator[npt.NDArray[np.void]]:
        """The keys of all rows, `_BLOCK` rows at a time: the pages of a memory map would all count as ours."""
        with self.keys.open("rb") as file:
            np.lib.format.read_magic(file)
            np.lib.format.read_array_header_1_0(file)
            while len(block := np.fromfile(file, KEYS, _BLOCK)):
                yield block

    def read_report(self) -> dict[str, Any]:
        """Its inputs with their hashes and counts.

        Raises:
            AdjoinError: it is missing or damaged.
        """
        report = read_json(self.report, "report of a part")
        if not isinstance(report, dict) or not isinstance(report.get("inputs"), list):
            raise AdjoinError(f"{self.report} is damaged: remove {self.folder} and mine again")
        return report


def schema() -> "pyarrow.Schema":
    """The columns of a part."""
    import pyarrow

    text = pyarrow.string()
    names = ("x", "y", "kind", "language", "origin", "name", "licence", "repository")
    return pyarrow.schema(
        [*((name, text) for name in names), ("group", pyarrow.int64()), ("input", pyarrow.int32())]
    )


def without_repeats(x: npt.NDArray[np.int32], y: npt.NDArray[np.int32]) -> "pyarrow.Int32Array":
    """Places of x among texts, null where it is the y of the row before: a passage is written once, not twice.

    Args:
        x: which text is each row's x [R].
        y: which is its y [R].
    """
    import pyarrow

    there = np.ones(len(x), np.bool_)
    there[1:] = x[1:] != y[:-1]
    valid = pyarrow.py_buffer(np.packbits(there, bitorder="little"))
    return pyarrow.Int32Array.from_buffers(pyarrow.int32(), len(x), [valid, pyarrow.py_buffer(x)])


def with_repeats(table: "pyarrow.Table") -> "pyarrow.Table":
    """Some rows of a part from the first of a row group on, each x in its place again."""
    import pyarrow
    import pyarrow.compute

    x, y = (table.column(side).combine_chunks() for side in ("x", "y"))
    if not x.null_count:
        return table
    before = pyarrow.concat_arrays([x.slice(0, 1), y.slice(0, len(y) - 1)])
    return table.set_column(table.schema.get_field_index("x"), "x", pyarrow.compute.coalesce(x, before))


class _GrowingArray:
    """An .npy file that rows are added to: its header leaves room for any number of them."""

    def __init__(self, path: Path, dtype: np.dtype[Any], width: tuple[int, ...]) -> None:
        self._dtype, self._width, self._rows = dtype, width, 0
        self._file = path.open("wb")
        self._write_header()

    def append(self, rows: npt.NDArray[Any]) -> None:
        self._file.write(np.ascontiguousarray(rows, self._dtype).tobytes())
        self._rows += len(rows)

    def close(self) -> None:
        self._file.seek(0)
        self._write_header()
        self._file.close()

    def _write_header(self) -> None:
        description = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self._rows, *self._width),
        }
        np.lib.format.write_array_header_1_0(self._file, description)


class PartWriter:
    """Writes a part, `ROWS` pairs at a time; memory holds no more than those, however long the part becomes.

    Args:
        files: where to.
        width: bytes of a signature.
    """

    def __init__(self, files: PartFiles, width: int) -> None:
        import pyarrow.parquet

        self.rows = 0
        self._files = files
        self._keys = _GrowingArray(files.keys, KEYS, ())
        self._signatures = _GrowingArray(files.signatures, np.dtype(np.uint8), (width,))
        self._parquet = pyarrow.parquet.ParquetWriter(
            files.pairs, schema(), compression="lz4", use_dictionary=["kind", "language", "licence", "repository"]
        )

    def write(self, table: "pyarrow.Table", keys: npt.NDArray[np.void], signatures: npt.NDArray[np.uint8]) -> None:
        """Add pairs with their keys and signatures."""
        self.rows += len(table)
        self._parquet.write_table(table, row_group_size=ROWS)
        self._keys.append(keys)
        self._signatures.append(signatures)

    def finish(self, report: dict[str, Any]) -> None:
        """Make the part whole."""
        self.close()
        for path in (self._files.pairs, self._files.keys, self._files.signatures):
            flush_to_disk(path)
        write_json(self._files.report, {"rows": self.rows, **report})

    def close(self) -> None:
        """Close the files; without its report the part counts as absent."""
        self._parquet.close()
        self._keys.close()
        self._signatures.close()
