"""The one writer of a token cache: what it appends counts once it is on the disk and cache.json says so.

A killed build loses `PARTS_PER_SAVE` parts at most. The next one goes on behind the last part saved and ends with
the same bytes.
"""

from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.batches.columns import GrowingColumn
from adjoin.errors import AdjoinError
from adjoin.files import read_json, write_json, wrong_types

FORMAT = 2
STATE = "cache.json"
PARTS_PER_SAVE = 8  # 65,536 pairs

# A column of offsets → the column that it cuts up; one row more than things, from 0 to the other's length.
OFFSETS = {
    "x_offsets": "x_ids",
    "y_offsets": "y_ids",
    "negative_offsets": "negative_ids",
    "negative_bounds": "negative_hash",  # where each pair's explicit negatives begin and end among all
}


@dataclass(frozen=True, slots=True)
class CacheState:
    """The content of cache.json: what the columns are of, and how many of their rows count.

    Attributes:
        format: of the columns.
        datasets: the hash of each dataset, in order.
        tokenizer: the SHA-256 of its tokenizer.json.
        vocabulary: V, one more than the highest token id.
        max_tokens: of a sequence.
        negatives: whether there are columns of explicit negatives.
        complete: whether all is done.
        parts: how many parts of the datasets are in the columns.
        truncated: texts that lost their end.
        encoded: texts in all.
        sources: pairs of each source, in the order in which they came up.
        rows: rows of each column.
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
        """The same work with nothing of it done."""
        return CacheState(
            self.format, self.datasets, self.tokenizer, self.vocabulary, self.max_tokens, self.negatives
        )

    @property
    def pairs(self) -> int:
        """How many pairs there are so far."""
        return sum(self.sources.values())

    def columns(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """The type and the shape of a row of each column."""
        ids = "<u2" if self.vocabulary <= 1 << 16 else "<i4"
        sides = ("x", "y", *(["negative"] * self.negatives))
        layout: dict[str, tuple[str, tuple[int, ...]]] = {f"{side}_ids": (ids, ()) for side in sides}
        layout |= {f"{side}_offsets": ("<i8", ()) for side in sides}
        layout |= {"identity": ("<i8", (3,)), "counts": ("<i8", (2, self.vocabulary))}
        if self.negatives:
            layout |= {"negative_hash": ("<i8", ()), "negative_bounds": ("<i8", ())}
        return layout | {rows_of_source(number): ("<i8", ()) for number in range(len(self.sources))}


def rows_of_source(number: int) -> str:
    """The name of the column that lists the pairs of a source."""
    return f"rows-{number:05d}"


def read_state(folder: Path) -> CacheState:
    """What cache.json says.

    Raises:
        AdjoinError: it is missing or damaged.
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


@dataclass(frozen=True, slots=True)
class TokenizedPart:
    """A part of a dataset, tokenized.

    Attributes:
        columns: its piece of each column; offsets are counted from the part's beginning, the 0 there left out.
        sources: the source of each pair.
        counts_2V: in how many sequences of x and y each token stands, and how often in all.
        truncated: texts that lost their end.
        encoded: texts in all.
    """

    columns: dict[str, NDArray[Any]]
    sources: list[str]
    counts_2V: NDArray[np.int64]
    truncated: int
    encoded: int


class Writer:
    """Appends tokenized parts to the columns of a cache, behind the last one saved.

    Attributes:
        state: how far it is.
    """

    def __init__(self, folder: Path, work: CacheState) -> None:
        """Go on in `folder` if what it holds is of the same work, begin afresh if not."""
        self._folder = folder
        self._columns: dict[str, GrowingColumn] = {}
        self._counts_2V = np.zeros((2, work.vocabulary), np.int64)
        self._unsaved = 0
        self.state = self._begin(work)

    def _begin(self, work: CacheState) -> CacheState:
        try:
            state = read_state(self._folder)
            if state.fresh() == work:
                self._open(state)
                return state
        except (AdjoinError, ValueError, OSError):  # fewer rows than were counted: the machine crashed
            self.close()
        (self._folder / STATE).unlink(missing_ok=True)
        for path in self._folder.glob("rows-*.npy"):
            path.unlink()  # there may be fewer sources now
        self._open(work)
        return work

    def _open(self, state: CacheState) -> None:
        for name, (dtype, row_shape) in state.columns().items():
            if not state.complete:
                self._open_column(name, dtype, row_shape, state.rows.get(name, 0))

    def _open_column(self, name: str, dtype: str, row_shape: tuple[int, ...], rows: int) -> None:
        column = GrowingColumn(self._folder / f"{name}.npy", dtype, row_shape, rows=rows)
        self._columns[name] = column
        if name in OFFSETS and not rows:
            column.append(np.zeros(1, np.int64))

    def append(self, part: TokenizedPart) -> None:
        """Add the next part, and save every now and then."""
        ends = {name: self._columns[cut].rows for name, cut in OFFSETS.items() if cut in self._columns}
        for name, values in part.columns.items():
            if name in self._columns:  # where no dataset has explicit negatives, there are no columns of them
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
        known = dict(self.state.sources)
        kinds = list(dict.fromkeys(names))
        places = {name: place for place, name in enumerate(kinds)}
        source_n = np.fromiter(map(places.__getitem__, names), np.int64, len(names))
        for place, name in enumerate(kinds):
            if name not in known:
                self._open_column(rows_of_source(len(known)), "<i8", (), 0)
                known[name] = 0
            rows = self.state.pairs + np.flatnonzero(source_n == place)
            self._columns[rows_of_source(list(known).index(name))].append(rows)
            known[name] += len(rows)
        self.state = replace(self.state, sources=known)

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
        """Close the columns and say that all is done."""
        self._save(complete=True)

    def close(self) -> None:
        """Let go of the files as they are."""
        for column in self._columns.values():
            column.close()
        self._columns.clear()
