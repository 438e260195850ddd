"""Writing shards from the pairs that stay. Their rows are known in advance, so any worker can write any shard."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adjoin.arrow import number_array, text_array
from adjoin.mining.merging import Verdict
from adjoin.mining.parts import ROWS, PartFiles, with_repeats
from adjoin.pairs.dataset import ROWS_PER_PART, ROWS_PER_SHARD, schema_of_shards, write_shard, write_shards
from adjoin.pairs.definitions import Definition, definition_pairs
from adjoin.pairs.pair import Pair
from adjoin.pairs.terms import KIND as TERM_DEFINITION

if TYPE_CHECKING:
    import pyarrow

_INHERITED = ("licence", "repository")  # taken from the input where the pair has none


@dataclass(frozen=True, slots=True)
class ShardSlice:
    """A range of the pairs that stay in one part.

    Attributes:
        part: the part.
        first: index of the first pair, counted among the pairs that stay.
        stop: index after the last pair.
    """

    part: PartFiles
    first: int
    stop: int


@dataclass(frozen=True, slots=True)
class ShardTask:
    """One shard to write.

    Attributes:
        folder: folder of the dataset.
        number: number of the shard.
        slices: its pairs, in order.
    """

    folder: Path
    number: int
    slices: tuple[ShardSlice, ...]


def kept_file(part: PartFiles) -> Path:
    """The file that lists the rows of a part that stay."""
    return part.folder / f"part-{part.number:05d}.kept.npy"


def shard_tasks(parts: Sequence[PartFiles], verdict: Verdict, folder: Path) -> list[ShardTask]:
    """Divide the pairs that stay into shards of `ROWS_PER_SHARD`, and write each part's `kept_file`."""
    slices: list[list[ShardSlice]] = [[]]
    room = ROWS_PER_SHARD
    for number, part in enumerate(parts):
        rows = np.flatnonzero(verdict.of_part(number) == 0).astype(np.int32)
        np.save(kept_file(part), rows)
        first = 0
        while first < len(rows):
            if not room:
                slices.append([])
                room = ROWS_PER_SHARD
            stop = min(len(rows), first + room)
            slices[-1].append(ShardSlice(part, first, stop))
            room -= stop - first
            first = stop
    return [ShardTask(folder, number, tuple(some)) for number, some in enumerate(slices) if some]


def make_shard(task: ShardTask) -> dict[str, Any]:
    """Write one shard.

    Returns:
        The shard's entry in the manifest, plus "kinds": its number of pairs per kind and language.
    """
    kinds: Counter[str] = Counter()
    tables = _counting(_in_row_groups(_rows(task)), kinds)
    return {**write_shard(tables, task.folder, task.number), "kinds": dict(kinds)}


def add_definition_pairs(folder: Path, shards: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Pair definitions of one term in different dictionaries, and write these pairs to further shards.

    Args:
        folder: folder of the dataset.
        shards: the results of `make_shard` for all shards.

    Returns:
        Results as of `make_shard` for the new shards; empty if there are no such pairs.
    """
    paths = [folder / shard["file"] for shard in shards if _has_definitions(shard)]
    kinds: Counter[str] = Counter()

    def counted() -> Iterator[Pair]:
        for pair in definition_pairs(lambda: _definitions(paths)):
            kinds[f"{pair.kind} {pair.language}"] += 1
            yield pair

    made = write_shards(counted(), folder, first=len(shards)) if paths else []
    # The first shard carries all counts: the manifest holds their sum.
    return [{**shard, "kinds": {} if number else dict(kinds)} for number, shard in enumerate(made)]


def _has_definitions(shard: dict[str, Any]) -> bool:
    return any(name.startswith(f"{TERM_DEFINITION} ") for name in shard["kinds"])


def _definitions(paths: Sequence[Path]) -> Iterator[Definition]:
    import pyarrow.parquet

    for path in paths:
        with pyarrow.parquet.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group, columns=["kind", "x", "y", "origin", "language", "licence"])
                for row in rows.to_pylist():
                    if row.pop("kind") == TERM_DEFINITION:
                        yield Definition(*row.values())


def _counting(tables: Iterator["pyarrow.Table"], kinds: Counter[str]) -> Iterator["pyarrow.Table"]:
    for table in tables:
        of_rows = zip(table.column("kind").to_pylist(), table.column("language").to_pylist(), strict=True)
        for (kind, language), number in Counter(of_rows).items():
            kinds[f"{kind} {language}"] += number
        yield table


def _rows(task: ShardTask) -> Iterator["pyarrow.Table"]:
    for slice_ in task.slices:
        yield from _rows_of_slice(slice_)


def _rows_of_slice(slice_: ShardSlice) -> Iterator["pyarrow.Table"]:
    import pyarrow.parquet

    rows = np.array(np.load(kept_file(slice_.part), mmap_mode="r")[slice_.first : slice_.stop], np.int64)
    keys = np.load(slice_.part.keys, mmap_mode="r")
    inputs = slice_.part.read_report().inputs
    with pyarrow.parquet.ParquetFile(slice_.part.pairs) as file:
        for group in np.unique(rows // ROWS):
            kept = rows[rows // ROWS == group]
            table = with_repeats(file.read_row_group(int(group))).take(number_array(kept - group * ROWS))
            yield _as_shard(table, np.array(keys[kept]), inputs)


def _as_shard(table: "pyarrow.Table", keys: Any, inputs: list[dict[str, Any]]) -> "pyarrow.Table":  # noqa: ANN401 - a structured array
    """Turn rows of a part into rows of a shard: add hashes, and what a pair inherits from its input."""
    import pyarrow
    import pyarrow.compute

    columns = []
    for field in schema_of_shards():
        if field.name in ("x_hash", "y_hash"):
            columns.append(number_array(keys[field.name]))
        elif field.name in _INHERITED:
            of_inputs = text_array([given[field.name].encode() for given in inputs])
            own = table.column(field.name)
            there = pyarrow.compute.binary_length(own).cast(pyarrow.bool_())
            columns.append(pyarrow.compute.if_else(there, own, of_inputs.take(table.column("input"))))
        else:
            columns.append(table.column(field.name))
    return pyarrow.Table.from_arrays(columns, schema=schema_of_shards())


def _in_row_groups(tables: Iterator["pyarrow.Table"]) -> Iterator["pyarrow.Table"]:
    """Regroup rows into tables of `ROWS_PER_PART` rows."""
    import pyarrow

    waiting: list[pyarrow.Table] = []
    rows = 0
    for table in tables:
        waiting.append(table)
        rows += len(table)
        while rows >= ROWS_PER_PART:
            whole = pyarrow.concat_tables(waiting)
            yield whole.slice(0, ROWS_PER_PART)
            waiting, rows = [whole.slice(ROWS_PER_PART)], rows - ROWS_PER_PART
    if rows:
        yield pyarrow.concat_tables(waiting)
