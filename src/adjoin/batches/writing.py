"""Writer and state of a token cache: appended rows count once they are on the disk and in cache.json.

A killed build loses at most `PARTS_PER_SAVE` parts. The next build continues after the last saved part and ends
with the same bytes.
"""

from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.batches.columns import open_column
from adjoin.errors import AdjoinError
from adjoin.files import read_json, write_json, wrong_types
from adjoin.npy import GrowingArray
from adjoin.outputs import Owner

FORMAT = 2
STATE = "cache.json"
PARTS_PER_SAVE = 8  # 65,536 pairs
CACHE = Owner(
    "a token cache",
    r"cache\.json|tokenizer\.json|(x|y|negative)_(ids|offsets)\.npy|(identity|counts)\.npy|rows-\d{5,}\.npy"
    r"|negative_(hash|bounds)\.npy",
)

# Column of offsets → the column that it divides. It has one row more than elements, from 0 to the other's length.
OFFSETS = {
    "x_offsets": "x_ids",
    "y_offsets": "y_ids",
    "negative_offsets": "negative_ids",
    "negative_bounds": "negative_hash",  # first and last explicit negative of each pair
}


@dataclass(frozen=True, slots=True)
class CacheState:
    """The content of cache.json: inputs of the build, progress, and rows of each column.

    Attributes:
        format: format version of the columns.
        datasets: hash of each dataset, in order.
        tokenizer: SHA-256 of tokenizer.json.
        vocabulary: V, one more than the highest token id.
        max_tokens: maximum sequence length.
        negatives: whether there are columns of explicit negatives.
        complete: whether the build is finished.
        parts: number of dataset parts in the columns.
        truncated: texts longer than the maximum sequence length.
        encoded: texts in all.
        sources: number of pairs of each source, in order of appearance.
        rows: number of valid rows of each column.
    """

    format: int
    datasets: list[str]
    tokenizer: str
    vocabulary: int
    max_tokens: int
    negatives: bool
    complete: bool = False
    parts: int = 0
    truncated: int = 0
    encoded: int = 0
    sources: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    def fresh(self) -> "CacheState":
        """Return the state of the same build before its first part."""
        return CacheState(
            self.format, self.datasets, self.tokenizer, self.vocabulary, self.max_tokens, self.negatives
        )

    @property
    def pairs(self) -> int:
        """Number of pairs so far."""
        return sum(self.sources.values())

    def columns(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Return dtype and row shape of each column."""
        ids = "<u2" if self.vocabulary <= 1 << 16 else "<i4"
        sides = ("x", "y", *(["negative"] * self.negatives))
        layout: dict[str, tuple[str, tuple[int, ...]]] = {f"{side}_ids": (ids, ()) for side in sides}
        layout |= {f"{side}_offsets": ("<i8", ()) for side in sides}
        layout |= {"identity": ("<i8", (3,)), "counts": ("<i8", (2, self.vocabulary))}
        if self.negatives:
            layout |= {"negative_hash": ("<i8", ()), "negative_bounds": ("<i8", ())}
        return layout | {rows_of_source(number): ("<i8", ()) for number in range(len(self.sources))}


def rows_of_source(number: int) -> str:
    """Return the name of the column with the pair numbers of a source."""
    return f"rows-{number:05d}"


def read_state(folder: Path) -> CacheState:
    """Read cache.json.

    Raises:
        AdjoinError: the file is missing or damaged.
    """
    value = read_json(folder / STATE, "state of the token cache")
    declared: dict[str, Any] = {entry.name: entry.type for entry in fields(CacheState)}
    if not isinstance(value, dict) or value.keys() != declared.keys() or wrong_types(value, declared):
        raise AdjoinError(f"{folder / STATE} is damaged: expected {', '.join(declared)}; remove {folder}")
    numbers = [*value["sources"].values(), *value["rows"].values(), value["parts"], value["vocabulary"]]
    state = CacheState(**value)
    if state.format != FORMAT or any(type(number) is not int or number < 0 for number in numbers):
        raise AdjoinError(f"{folder / STATE} is damaged or not of format {FORMAT}; remove {folder}")
    if state.parts and state.rows.keys() != state.columns().keys():
        raise AdjoinError(
            f"{folder / STATE} is damaged: its columns are not those of its sources; remove {folder}"
        )
    return state


def is_built(folder: Path, work: CacheState) -> bool:
    """Whether a folder holds the finished cache of a build, with all its columns.

    Args:
        folder: the cache's folder.
        work: state of the build before its first part.
    """
    try:
        state = read_state(folder)
        if not state.complete or state.fresh() != work:
            return False
        for name, rows in state.rows.items():
            open_column(folder / f"{name}.npy", rows)
    except AdjoinError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class TokenizedPart:
    """The token columns of one part of a dataset.

    Attributes:
        columns: rows of each column; offsets count from the start of the part, without the leading 0.
        sources: source of each pair.
        counts_2V: document frequency and occurrences of each token in x and y.
        truncated: texts longer than the maximum sequence length.
        encoded: texts in all.
    """

    columns: dict[str, NDArray[Any]]
    sources: list[str]
    counts_2V: NDArray[np.int64]
    truncated: int
    encoded: int


class Writer:
    """Appends tokenized parts to the columns of a cache, after the last part that was saved.

    Attributes:
        state: progress of the build.
    """

    def __init__(self, folder: Path, work: CacheState) -> None:
        """Resume the unfinished build in `folder` if its inputs are the same, else start again.

        Args:
            folder: the cache's folder.
            work: state of the build before its first part.
        """
        self._folder = folder
        self._columns: dict[str, GrowingArray] = {}
        self._counts_2V = np.zeros((2, work.vocabulary), np.int64)
        self._unsaved = 0
        self.state = self._begin(work)

    def _begin(self, work: CacheState) -> CacheState:
        try:
            state = read_state(self._folder)
            if state.fresh() == work and not state.complete:
                self._open(state)
                return state
        except (AdjoinError, ValueError, OSError):  # fewer rows than cache.json says: the machine crashed
            self.close()
        (self._folder / STATE).unlink(missing_ok=True)
        for path in self._folder.glob("rows-*.npy"):
            path.unlink()  # there may be fewer sources now
        self._open(work)
        return work

    def _open(self, state: CacheState) -> None:
        for name, (dtype, row_shape) in state.columns().items():
            self._open_column(name, dtype, row_shape, state.rows.get(name, 0))

    def _open_column(self, name: str, dtype: str, row_shape: tuple[int, ...], rows: int) -> None:
        column = GrowingArray(self._folder / f"{name}.npy", dtype, row_shape, rows=rows)
        self._columns[name] = column
        if name in OFFSETS and not rows:
            column.append(np.zeros(1, np.int64))

    def append(self, part: TokenizedPart) -> None:
        """Append the next part; every `PARTS_PER_SAVE` parts are saved."""
        ends = {name: self._columns[cut].rows for name, cut in OFFSETS.items() if cut in self._columns}
        for name, values in part.columns.items():
            if name in self._columns:  # no dataset has explicit negatives: there are no columns for them
                self._columns[name].append(values + ends[name] if name in ends else values)
        self._append_sources(part.sources)
        self._counts_2V += part.counts_2V
        self._unsaved += 1
        self.state = replace(
            self.state,
            parts=self.state.parts + 1,
            truncated=self.state.truncated + part.truncated,
            encoded=self.state.encoded + part.encoded,
        )
        if self.state.parts % PARTS_PER_SAVE == 0:
            self._save()

    def _append_sources(self, names: list[str]) -> None:
        sources = dict(self.state.sources)
        distinct = list(dict.fromkeys(names))
        indices = {name: index for index, name in enumerate(distinct)}
        source_n = np.fromiter(map(indices.__getitem__, names), np.int64, len(names))
        for index, name in enumerate(distinct):
            if name not in sources:
                self._open_column(rows_of_source(len(sources)), "<i8", (), 0)
                sources[name] = 0
            rows = self.state.pairs + np.flatnonzero(source_n == index)
            self._columns[rows_of_source(list(sources).index(name))].append(rows)
            sources[name] += len(rows)
        self.state = replace(self.state, sources=sources)

    def _save(self, *, complete: bool = False) -> None:
        if self._unsaved:
            self._columns["counts"].append(self._counts_2V[None])
            self._counts_2V[:] = 0
            self._unsaved = 0
        for column in self._columns.values():
            column.finish() if complete else column.flush()
        rows = {name: column.rows for name, column in self._columns.items()}
        self.state = replace(self.state, complete=complete, rows=rows)
        write_json(self._folder / STATE, asdict(self.state))

    def finish(self) -> None:
        """Finish the columns and mark the cache as complete."""
        self._save(complete=True)

    def close(self) -> None:
        """Close the files without saving."""
        for column in self._columns.values():
            column.close()
        self._columns.clear()
