"""The dataset of pairs on disk: Parquet shards and a manifest, byte-identical for identical input.

    pairs/
      pairs-00000.parquet ...   columns x, y, kind, language, origin, group, x_hash, y_hash, then optional ones:
                                name, licence, repository, negatives
      manifest.json             counts per rule and source, options, versions, a hash of every shard

The manifest is written last, when all shards are in place. A folder without one is not a dataset.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoin.errors import AdjoinError, first_line
from adjoin.files import read_json, write_atomically, wrong_types
from adjoin.outputs import Owner
from adjoin.pairs.pair import Pair

if TYPE_CHECKING:
    import pyarrow

MANIFEST = "manifest.json"
NEGATIVES = "negatives"  # the optional column, and its entry in the manifest
PROVENANCE = ("name", "licence", "repository")  # columns that a shard may lack
_REPEATING = ("kind", "language", "name", "licence", "repository")  # columns with few distinct values
FORMAT = 1
ROWS_PER_SHARD = 65_536  # about 60 MB of code and docstrings before compression
ROWS_PER_PART = 8_192  # rows per Parquet row group, the unit of reading


def _is_manifest(path: Path) -> bool:
    """Whether a file is a manifest of ours, perhaps a damaged one; many programs have files of this name."""
    with suppress(AdjoinError):
        value = read_json(path, "manifest")
        return isinstance(value, dict) and "shards" in value
    return any(path.parent.glob("pairs-*.parquet"))


DATASET = Owner(
    "a dataset of pairs",
    r"manifest\.json|pairs-\d{5,}\.parquet|lengths\.png",
    r"manifest\.json",
    _is_manifest,
)
"""What a dataset's folder holds: its own files, and the histogram that `adjoin pairs show` draws."""


def write_shards(
    pairs: Iterable[Pair], folder: Path, *, negatives: bool = False, first: int = 0
) -> list[dict[str, Any]]:
    """Write pairs into numbered Parquet files.

    Args:
        pairs: the pairs, in order.
        folder: an existing folder.
        negatives: whether to write the column of explicit negatives. The manifest must then have an entry
            `negatives`: their number.
        first: the number of the first file.

    Returns:
        One manifest entry per shard: file, rows, sha256.
    """
    shards: list[dict[str, Any]] = []
    remaining = iter(pairs)
    schema = schema_of_shards(negatives=negatives)
    while rows := list(islice(remaining, ROWS_PER_SHARD)):
        parts = (_table(rows[i : i + ROWS_PER_PART], schema) for i in range(0, len(rows), ROWS_PER_PART))
        shards.append(write_shard(parts, folder, first + len(shards)))
    return shards


def write_shard(tables: Iterable["pyarrow.Table"], folder: Path, number: int) -> dict[str, Any]:
    """Write one shard as a Parquet file.

    Args:
        tables: the pairs, at least one table, in the columns of `schema_of_shards`. Each table becomes a row
            group: `ROWS_PER_PART` rows in all but the last.
        folder: an existing folder.
        number: the number of the shard in the dataset.

    Returns:
        The shard's manifest entry: file, rows, sha256.
    """
    import pyarrow.parquet

    path, rows = folder / f"pairs-{number:05d}.parquet", 0
    remaining = iter(tables)
    first = next(remaining)
    repeating = [name for name in _REPEATING if name in first.schema.names]  # trying the others only takes time
    with pyarrow.parquet.ParquetWriter(path, first.schema, compression="zstd", use_dictionary=repeating) as writer:
        for table in chain([first], remaining):
            writer.write_table(table, row_group_size=ROWS_PER_PART)
            rows += len(table)
    return {"file": path.name, "rows": rows, "sha256": sha256_of_file(path)}


def schema_of_shards(*, negatives: bool = False) -> "pyarrow.Schema":
    """Return the Arrow schema of a shard.

    Args:
        negatives: whether it has the column of explicit negatives.
    """
    import pyarrow

    text, number = pyarrow.string(), pyarrow.int64()
    columns = (
        ("x", text), ("y", text), ("kind", text), ("language", text), ("origin", text),
        ("group", number), ("x_hash", number), ("y_hash", number),
    )  # fmt: skip
    provenance = [(name, text) for name in PROVENANCE]
    return pyarrow.schema([*columns, *provenance, *([(NEGATIVES, pyarrow.list_(text))] if negatives else [])])


def _missing_columns(schema: "pyarrow.Schema", *, negatives: bool) -> list[str]:
    """The required columns that a shard lacks, or has with another type."""
    required = [field for field in schema_of_shards(negatives=negatives) if field.name not in PROVENANCE]
    return [field.name for field in required if field not in list(schema)]


def _table(rows: list[Pair], schema: "pyarrow.Schema") -> "pyarrow.Table":
    import pyarrow

    columns = [pyarrow.array((getattr(p, field.name) for p in rows), field.type) for field in schema]
    return pyarrow.Table.from_arrays(columns, schema=schema)


def _is_malformed(shard: object) -> bool:
    """Whether a manifest entry cannot come from `write_shards`."""
    declared = {"file": str, "rows": int, "sha256": str}
    if not isinstance(shard, dict) or shard.keys() < declared.keys() or wrong_types(shard, declared):
        return True
    return bool(shard["rows"] < 0)


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest, which makes the folder a dataset.

    Args:
        folder: the folder with all shards.
        manifest: JSON values, with the entry `shards` from `write_shards`. The entries `format` and `hash` are
            added. `inputs` is written last, one input per line, since there may be thousands.
    """
    digest = hashlib.sha256("".join(shard["sha256"] for shard in manifest["shards"]).encode()).hexdigest()
    manifest = {"format": FORMAT, "hash": digest, **manifest}
    inputs = manifest.pop("inputs", [])
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    if inputs:
        lines = ",\n".join("    " + json.dumps(given, ensure_ascii=False) for given in inputs)
        text = text.removesuffix("\n}") + f',\n  "inputs": [\n{lines}\n  ]\n}}'
    # A lone surrogate, as in a file name that is not UTF-8, becomes the JSON escape \\udcff.
    write_atomically(folder / MANIFEST, (text + "\n").encode("utf-8", "backslashreplace"))


@dataclass(frozen=True, slots=True)
class Part:
    """One row group of a shard, at most `ROWS_PER_PART` pairs: the unit of reading, and of work for a worker.

    Attributes:
        path: the shard's file.
        shard_rows: number of pairs in the whole shard.
        number: index of the row group in the shard.
        rows: number of pairs in the row group.
        negatives: whether the shard must have the column of explicit negatives.
    """

    path: Path
    shard_rows: int
    number: int
    rows: int
    negatives: bool

    def columns(self, names: Iterable[str]) -> list[str]:
        """Return those of the named columns that the shard has; it may lack those in `PROVENANCE`."""
        import pyarrow.parquet

        with pyarrow.parquet.ParquetFile(self.path) as file:
            return [name for name in names if name in file.schema_arrow.names]

    def read(self, columns: list[str]) -> dict[str, list[Any]]:
        """Read columns.

        Args:
            columns: names of columns that the shard has.

        Returns:
            Name of column → its values, one per pair.

        Raises:
            AdjoinError: the shard is damaged, lacks a column, or its number of rows differs from the manifest.
        """
        import pyarrow
        import pyarrow.parquet

        try:
            with pyarrow.parquet.ParquetFile(self.path) as file:
                missing = _missing_columns(file.schema_arrow, negatives=self.negatives)
                if missing or file.metadata.num_rows != self.shard_rows:
                    raise ValueError(
                        f"expected {self.shard_rows:,} rows; it has {file.metadata.num_rows:,} of"
                        f" {', '.join(file.schema_arrow.names)}{'; no ' * bool(missing)}{', '.join(missing)}"
                    )
                table = file.read_row_group(self.number, columns=columns)
            if len(table) != self.rows:
                raise ValueError(f"part {self.number} has {len(table):,} rows, expected {self.rows:,}")
            if any(column.null_count for column in table.columns):
                raise ValueError("values are missing in it")
            values: dict[str, list[Any]] = table.to_pydict()
            return values
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise AdjoinError(
                f"the shard {self.path} cannot be read ({first_line(error)}); mine the pairs again"
            ) from None


@dataclass(frozen=True)
class PairDataset:
    """A finished dataset of pairs. Its length is the number of pairs.

    Attributes:
        folder: the dataset's folder.
        manifest: the parsed manifest.json.
    """

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> "PairDataset":
        """Open a dataset that `adjoin mine` wrote.

        Raises:
            AdjoinError: the dataset is missing, unfinished, damaged or of another format, or a shard is missing.
        """
        if not folder.is_dir():
            raise AdjoinError(f"no pairs at {folder}: expected a folder made by `adjoin mine ... --out {folder}`")
        if not (folder / MANIFEST).exists():
            raise AdjoinError(f"{folder} has no {MANIFEST}: mining did not finish; run `adjoin mine` again")
        manifest = read_json(folder / MANIFEST, "manifest")
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise AdjoinError(f"{folder / MANIFEST} is not a manifest of format {FORMAT}; mine the pairs again")
        shards = manifest.get("shards")
        if (
            not isinstance(manifest.get("hash"), str)
            or not isinstance(shards, list)
            or any(map(_is_malformed, shards))
        ):
            raise AdjoinError(
                f"{folder / MANIFEST} is damaged: expected a hash, and shards each with file, rows and sha256;"
                " mine the pairs again"
            )
        for shard in shards:
            if not (folder / shard["file"]).is_file():
                raise AdjoinError(f"{folder} lacks its shard {shard['file']}; mine the pairs again")
        return cls(folder, manifest)

    def __len__(self) -> int:
        return sum(shard["rows"] for shard in self.manifest["shards"])

    def check_unchanged(self) -> None:
        """Check that the folder still holds what was opened: read all shards again and compare their hashes.

        Call it after the shards were read, so that what was read is what the manifest says.

        Raises:
            AdjoinError: the dataset was replaced, or a shard is not the one of the manifest.
        """
        if PairDataset.open(self.folder).hash != self.hash:
            raise AdjoinError(f"the dataset {self.folder} changed while it was read: run again")
        for shard in self.manifest["shards"]:
            if sha256_of_file(self.folder / shard["file"]) != shard["sha256"]:
                raise AdjoinError(
                    f"the shard {self.folder / shard['file']} is not the one that {MANIFEST} describes: it changed"
                    " while it was read, or is damaged; mine the pairs again"
                )

    @property
    def hash(self) -> str:
        """The SHA-256 over all shards, in hexadecimal."""
        return str(self.manifest["hash"])

    @property
    def has_negatives(self) -> bool:
        """Whether some pairs have explicit negatives, in the column `negatives`."""
        return bool(self.manifest.get(NEGATIVES))

    def parts(self) -> Iterator[Part]:
        """Yield all row groups in order; none is read yet."""
        for shard in self.manifest["shards"]:
            path, rows = self.folder / shard["file"], shard["rows"]
            for number, first in enumerate(range(0, rows, ROWS_PER_PART)):
                yield Part(path, rows, number, min(ROWS_PER_PART, rows - first), NEGATIVES in self.manifest)

    def batches(self, columns: list[str]) -> Iterator[dict[str, list[Any]]]:
        """Read columns of all shards in order, at most `ROWS_PER_PART` rows at a time.

        Args:
            columns: names of columns that the shards have.

        Yields:
            Name of column → its values, one per pair.

        Raises:
            AdjoinError: a shard is damaged, lacks a column, or its number of rows differs from the manifest.
        """
        return (part.read(columns) for part in self.parts())
