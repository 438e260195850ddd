"""The pairs on disk: Parquet shards and a manifest, the same bytes for the same input.

    pairs/
      pairs-00000.parquet ...   columns x, y, kind, language, origin, group, x_hash, y_hash
      manifest.json             counts per rule and source, options, versions, a hash of every shard

A folder without a manifest is not a dataset: the manifest is written last, with the shards already in place.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoin.errors import AdjoinError
from adjoin.files import read_json, write_json, wrong_types
from adjoin.pairs.pair import Pair

if TYPE_CHECKING:
    import pyarrow

MANIFEST = "manifest.json"
FORMAT = 1
ROWS_PER_SHARD = 65_536  # about 60 MB of code and docstrings before compression


def write_shards(pairs: Iterable[Pair], folder: Path) -> list[dict[str, Any]]:
    """Write pairs into numbered Parquet files.

    Returns:
        One description a shard for the manifest: file, rows, sha256.
    """
    import pyarrow.parquet

    shards: list[dict[str, Any]] = []
    remaining = iter(pairs)
    while rows := list(islice(remaining, ROWS_PER_SHARD)):
        path = folder / f"pairs-{len(shards):05d}.parquet"
        pyarrow.parquet.write_table(_table(rows), path, compression="zstd", row_group_size=8_192)
        shards.append({"file": path.name, "rows": len(rows), "sha256": sha256_of_file(path)})
    return shards


def _schema() -> "pyarrow.Schema":
    import pyarrow

    text, number = pyarrow.string(), pyarrow.int64()
    columns = (
        ("x", text), ("y", text), ("kind", text), ("language", text), ("origin", text),
        ("group", number), ("x_hash", number), ("y_hash", number),
    )  # fmt: skip
    return pyarrow.schema(columns)


def _table(rows: list[Pair]) -> "pyarrow.Table":
    import pyarrow

    columns = [pyarrow.array((getattr(p, field.name) for p in rows), field.type) for field in _schema()]
    return pyarrow.Table.from_arrays(columns, schema=_schema())


def _damaged(shard: object) -> bool:
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
    """Complete a dataset with its manifest; until then the folder is not one."""
    digest = hashlib.sha256("".join(shard["sha256"] for shard in manifest["shards"]).encode()).hexdigest()
    write_json(folder / MANIFEST, {"format": FORMAT, "hash": digest, **manifest})


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
        if not isinstance(manifest.get("hash"), str) or not isinstance(shards, list) or any(map(_damaged, shards)):
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

    def batches(self, columns: list[str], rows: int = 8_192) -> Iterator[dict[str, list[Any]]]:
        """Read the columns of all shards in order, at most `rows` rows at a time.

        Raises:
            AdjoinError: a shard is damaged, lacks a column, or has another number of rows than the manifest says.
        """
        import pyarrow
        import pyarrow.parquet

        expected = _schema()
        for shard in self.manifest["shards"]:
            path = self.folder / shard["file"]
            try:
                with pyarrow.parquet.ParquetFile(path) as file:
                    if not file.schema_arrow.equals(expected) or file.metadata.num_rows != shard["rows"]:
                        raise ValueError(
                            f"expected {shard['rows']:,} rows of {', '.join(expected.names)};"
                            f" it has {file.metadata.num_rows:,} of {', '.join(file.schema_arrow.names)}"
                        )
                    for batch in file.iter_batches(rows, columns=columns):
                        if any(column.null_count for column in batch.columns):
                            raise ValueError("values are missing in it")
                        yield batch.to_pydict()
            except (pyarrow.ArrowException, OSError, ValueError) as error:
                reason = str(error).splitlines()[0]
                raise AdjoinError(f"the shard {path} cannot be read ({reason}); mine the pairs again") from None
