"""The pairs on disk: Parquet shards and a manifest, the same bytes for the same input.

    pairs/
      pairs-00000.parquet ...   columns x, y, kind, language, origin, group, x_hash, y_hash, then those that
                                not every source has: name, licence, repository, negatives
      manifest.json             counts per rule and source, options, versions, a hash of every shard

A folder without a manifest is not a dataset: the manifest is written last, with the shards already in place.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoin.errors import AdjoinError
from adjoin.files import read_json, write_atomically, wrong_types
from adjoin.pairs.pair import Pair

if TYPE_CHECKING:
    import pyarrow

MANIFEST = "manifest.json"
NEGATIVES = "negatives"  # the optional column, and the manifest's entry that goes with it
PROVENANCE = ("name", "licence", "repository")  # columns that a reader can do without
_REPEATING = ("kind", "language", "name", "licence", "repository")  # columns with few different values
FORMAT = 1
ROWS_PER_SHARD = 65_536  # about 60 MB of code and docstrings before compression
ROWS_PER_PART = 8_192  # a Parquet row group: what is read at a time


def write_shards(
    pairs: Iterable[Pair], folder: Path, *, negatives: bool = False, first: int = 0
) -> list[dict[str, Any]]:
    """Write pairs into numbered Parquet files.

    Args:
        pairs: what to write.
        folder: where to.
        negatives: whether to write a column of explicit negatives, each pair's attribute `negatives`; the
            manifest must then have the entry `negatives`, how many there are.
        first: the number of the first file.

    Returns:
        One description a shard for the manifest: file, rows, sha256.
    """
    shards: list[dict[str, Any]] = []
    remaining = iter(pairs)
    schema = schema_of_shards(negatives=negatives)
    while rows := list(islice(remaining, ROWS_PER_SHARD)):
        parts = (_table(rows[i : i + ROWS_PER_PART], schema) for i in range(0, len(rows), ROWS_PER_PART))
        shards.append(write_shard(parts, folder, first + len(shards)))
    return shards


def write_shard(tables: Iterable["pyarrow.Table"], folder: Path, number: int) -> dict[str, Any]:
    """Write one shard.

    Args:
        tables: its pairs, in the columns of `schema_of_shards`: `ROWS_PER_PART` in each but the last, since a
            table becomes a row group.
        folder: where to.
        number: which shard of the dataset it is.

    Returns:
        Its description for the manifest: file, rows, sha256.
    """
    import pyarrow.parquet

    path, rows = folder / f"pairs-{number:05d}.parquet", 0
    remaining = iter(tables)
    first = next(remaining)
    repeating = [name for name in _REPEATING if name in first.schema.names]  # to look for others takes longer
    with pyarrow.parquet.ParquetWriter(path, first.schema, compression="zstd", use_dictionary=repeating) as writer:
        for table in chain([first], remaining):
            writer.write_table(table, row_group_size=ROWS_PER_PART)
            rows += len(table)
    return {"file": path.name, "rows": rows, "sha256": sha256_of_file(path)}


def schema_of_shards(*, negatives: bool = False) -> "pyarrow.Schema":
    """The columns of a shard."""
    import pyarrow

    text, number = pyarrow.string(), pyarrow.int64()
    columns = (
        ("x", text), ("y", text), ("kind", text), ("language", text), ("origin", text),
        ("group", number), ("x_hash", number), ("y_hash", number),
    )  # fmt: skip
    provenance = [(name, text) for name in PROVENANCE]
    return pyarrow.schema([*columns, *provenance, *([(NEGATIVES, pyarrow.list_(text))] if negatives else [])])


def _missing_columns(schema: "pyarrow.Schema", *, negatives: bool) -> list[str]:
    """The columns that a shard must have and has not, or has in another type."""
    wanted = [field for field in schema_of_shards(negatives=negatives) if field.name not in PROVENANCE]
    return [field.name for field in wanted if field not in list(schema)]


def _table(rows: list[Pair], schema: "pyarrow.Schema") -> "pyarrow.Table":
    import pyarrow

    columns = [pyarrow.array((getattr(p, field.name) for p in rows), field.type) for field in schema]
    return pyarrow.Table.from_arrays(columns, schema=schema)


def _is_malformed(shard: object) -> bool:
    """Whether a manifest's entry is not one that `write_shards` gave."""
    declared = {"file": str, "rows": int, "sha256": str}
    if not isinstance(shard, dict) or shard.keys() < declared.keys() or wrong_types(shard, declared):
        return True
    return bool(shard["rows"] < 0)


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Complete a dataset with its manifest; until then the folder is not one.

    Its inputs, if it names any, stand last and one a line: there may be many thousands.
    """
    digest = hashlib.sha256("".join(shard["sha256"] for shard in manifest["shards"]).encode()).hexdigest()
    manifest = {"format": FORMAT, "hash": digest, **manifest}
    inputs = manifest.pop("inputs", [])
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    if inputs:
        lines = ",\n".join("    " + json.dumps(given, ensure_ascii=False) for given in inputs)
        text = text.removesuffix("\n}") + f',\n  "inputs": [\n{lines}\n  ]\n}}'
    # Half a surrogate pair, as in a file name that is not UTF-8, becomes \\udcff: JSON's own way to write it.
    write_atomically(folder / MANIFEST, (text + "\n").encode("utf-8", "backslashreplace"))


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of one shard, at most `ROWS_PER_PART` pairs: what is read at a time, or given to a worker.

    Attributes:
        path: the shard.
        shard_rows: pairs of the whole shard.
        number: which of its row groups, from 0.
        rows: pairs of this one.
        negatives: whether the shard must have the column of explicit negatives.
    """

    path: Path
    shard_rows: int
    number: int
    rows: int
    negatives: bool

    def columns(self, wanted: Iterable[str]) -> list[str]:
        """Those of the wanted columns that the shard has; `PROVENANCE` need not be there."""
        import pyarrow.parquet

        with pyarrow.parquet.ParquetFile(self.path) as file:
            return [name for name in wanted if name in file.schema_arrow.names]

    def read(self, columns: list[str]) -> dict[str, list[Any]]:
        """The values of the columns, row by row.

        Raises:
            AdjoinError: the shard is damaged, lacks a column, or has other rows than the manifest says.
        """
        import pyarrow
        import pyarrow.parquet

        try:
            with pyarrow.parquet.ParquetFile(self.path) as file:
                lacking = _missing_columns(file.schema_arrow, negatives=self.negatives)
                if lacking or file.metadata.num_rows != self.shard_rows:
                    raise ValueError(
                        f"expected {self.shard_rows:,} rows; it has {file.metadata.num_rows:,} of"
                        f" {', '.join(file.schema_arrow.names)}{'; no ' * bool(lacking)}{', '.join(lacking)}"
                    )
                table = file.read_row_group(self.number, columns=columns)
            if len(table) != self.rows:
                raise ValueError(f"part {self.number} has {len(table):,} rows, expected {self.rows:,}")
            if any(column.null_count for column in table.columns):
                raise ValueError("values are missing in it")
            values: dict[str, list[Any]] = table.to_pydict()
            return values
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise AdjoinError(f"the shard {self.path} cannot be read ({reason}); mine the pairs again") from None


@dataclass(frozen=True)
class PairDataset:
    """A finished dataset of pairs.

    Attributes:
        folder: where it lies.
        manifest: the parsed manifest.json.
    """

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> "PairDataset":
        """Open a dataset that `adjoin mine` wrote.

        Raises:
            AdjoinError: there is none, it is unfinished, damaged, of another format, or a shard is missing.
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

    @property
    def hash(self) -> str:
        """A SHA-256 over all shards."""
        return str(self.manifest["hash"])

    @property
    def has_negatives(self) -> bool:
        """Whether some of its pairs bring explicit negatives, in the column `negatives`."""
        return bool(self.manifest.get(NEGATIVES))

    def parts(self) -> Iterator[Part]:
        """All pairs in order, in stretches that are read one by one."""
        for shard in self.manifest["shards"]:
            path, rows = self.folder / shard["file"], shard["rows"]
            for number, first in enumerate(range(0, rows, ROWS_PER_PART)):
                yield Part(path, rows, number, min(ROWS_PER_PART, rows - first), NEGATIVES in self.manifest)

    def batches(self, columns: list[str]) -> Iterator[dict[str, list[Any]]]:
        """Read the columns of all shards in order, at most `ROWS_PER_PART` rows at a time.

        Raises:
            AdjoinError: a shard is damaged, lacks a column, or has another number of rows than the manifest says.
        """
        return (part.read(columns) for part in self.parts())
