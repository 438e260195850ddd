"""What one kind of text (prose, or code) may not repeat: an index of hashes that workers map into their memory.

Three questions are asked of a batch of texts, all about their letters only (see `ngrams`):
    equal      is the whole text one that is held out?
    contained  does it contain a short held-out text, or a held-out function or its body, from end to end?
    stretches  which of its stretches stand in held-out texts?
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adjoin.cleaning.decontamination.ngrams import (
    EIGHT,
    Hashes,
    Letters,
    Positions,
    Table,
    bloom_filter,
    bloom_hits,
    is_in_sorted,
    mixed,
)


class NgramShape(NamedTuple):
    """Lengths, in letters; the first two are multiples of eight.

    Attributes:
        gram: of the stretches that are looked up, one from the start of each word.
        anchor: of the beginnings by which texts to be contained are found; shorter ones are not. At most a gram.
        gap: between the starts of two grams of one stretch: a word may be missing that was cut differently.
    """

    gram: int
    anchor: int
    gap: int


class Matches(NamedTuple):
    """Stretches of a batch that are held out.

    Attributes:
        texts: [N] which text of the batch each is in.
        first, end: [N] positions of its first letter and behind its last.
    """

    texts: Positions
    first: Positions
    end: Positions


@dataclass(frozen=True)
class NgramIndex:
    """Sorted hashes, and filters before them; each an array that may lie on the disk.

    Attributes:
        grams: filter of all grams.
        openings: filter of `anchors`.
        anchors: [N] hashes of the beginnings of the contained, ascending.
        lengths: [N] of those, in letters.
        outlines: [N] their outlines.
        contained: digests of the contained.
        wholes: outlines of whole texts.
        whole_digests: their digests.
        query_digests: of those that are queries.
        shape: lengths of what is looked up.
    """

    grams: Table
    openings: Table
    anchors: Table
    lengths: Table
    outlines: Table
    contained: Table
    wholes: Table
    whole_digests: Table
    query_digests: Table
    shape: NgramShape

    def save(self, folder: Path, name: str) -> list[Path]:
        """Write the arrays as `folder/name-*.npy`, which are returned."""
        files = {field: folder / f"{name}-{field}.npy" for field in _arrays()}
        for field, file in files.items():
            np.save(file, getattr(self, field))
        return list(files.values())

    @classmethod
    def open(cls, folder: Path, name: str, shape: NgramShape) -> "NgramIndex":
        """Map the arrays into memory.

        Raises:
            OSError, ValueError: one is missing or damaged.
        """
        files = {field: folder / f"{name}-{field}.npy" for field in _arrays()}
        arrays = {field: np.load(file, mmap_mode="r").view(np.ndarray) for field, file in files.items()}
        return cls(**arrays, shape=shape)

    def search(self, letters: Letters) -> tuple[Matches, Matches]:
        """The stretches of two grams or more, and the contained texts."""
        starts = letters.starts
        openings = letters.chain(starts, self.shape.anchor)
        grams = mixed(letters.chain(starts, self.shape.gram, openings, self.shape.anchor))
        openings = mixed(openings)
        opened = bloom_hits(self.openings, openings)
        positions = starts[bloom_hits(self.grams, grams)]
        return self._stretches(letters, positions), self._contained(letters, starts[opened], openings[opened])

    def _stretches(self, letters: Letters, positions: Positions) -> Matches:
        if not len(positions):
            return Matches(positions, positions, positions)
        breaks = np.flatnonzero(np.diff(positions) > self.shape.gap) + 1
        first = positions[np.concatenate([[0], breaks])]
        last = positions[np.concatenate([breaks, [len(positions)]]) - 1]
        several = last > first
        first, end = first[several], last[several] + self.shape.gram
        texts = letters.texts_at(first)
        return Matches(texts, first, np.minimum(end, letters.bounds[texts + 1] - 1))

    def _contained(self, letters: Letters, positions: Positions, openings: Hashes) -> Matches:
        low = np.searchsorted(self.anchors, openings)
        number = np.searchsorted(self.anchors, openings, side="right") - low
        nth = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
        row = np.repeat(low, number) + nth
        first = np.repeat(positions, number)
        end = first + self.lengths[row]
        texts = letters.texts_at(first)
        fits = np.flatnonzero(end < letters.bounds[texts + 1])
        row, texts, first, end = row[fits], texts[fits], first[fits], end[fits]
        candidates = np.flatnonzero(letters.outlines(first, end) == self.outlines[row])
        texts, first, end = texts[candidates], first[candidates], end[candidates]
        same = np.flatnonzero(is_in_sorted(self.contained, letters.digests(first, end)))
        return Matches(texts[same], first[same], end[same])

    def equal(self, letters: Letters) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """[T] whether each text is held out as it is, and whether it is a held-out query."""
        first, end = letters.bounds[:-1], letters.bounds[1:] - 1
        short = np.flatnonzero((end > first) & (end - first < EIGHT))
        long = np.flatnonzero(end - first >= EIGHT)
        candidates = np.append(short, long[is_in_sorted(self.wholes, letters.outlines(first[long], end[long]))])
        digests = letters.digests(first[candidates], end[candidates])
        equal = np.zeros((2, len(first)), np.bool_)
        equal[0, candidates] = is_in_sorted(self.whole_digests, digests)
        equal[1, candidates] = is_in_sorted(self.query_digests, digests)
        return equal[0], equal[1]


class NgramIndexBuilder:
    """Gathers the hashes of held-out texts; memory grows by 8 bytes a word until the index is made."""

    def __init__(self, shape: NgramShape) -> None:
        self._shape = shape
        self._parts: dict[str, list[Any]] = {name: [] for name in _arrays() if name != "openings"}

    def add_grams(self, letters: Letters) -> None:
        """Hold out the stretches of these texts."""
        ends = letters.bounds[letters.texts_at(letters.starts) + 1]
        inside = letters.starts[letters.starts + self._shape.gram < ends]
        self._parts["grams"].append(np.unique(mixed(letters.chain(inside, self._shape.gram))))

    def add_wholes(self, letters: Letters, least: int, is_query: NDArray[np.bool_]) -> None:
        """Hold out texts equal to these, from `least` letters on."""
        enough = np.diff(letters.bounds) - 1 >= max(least, 1)
        first, end = letters.bounds[:-1][enough], letters.bounds[1:][enough] - 1
        digests = letters.digests(first, end)
        self._parts["whole_digests"].append(digests)
        self._parts["query_digests"].append(digests[is_query[enough]])
        long = end - first >= EIGHT
        self._parts["wholes"].append(letters.outlines(first[long], end[long]))

    def add_contained(self, letters: Letters, least: int, most: int) -> None:
        """Hold out texts that contain these from the first word to the end, `least` to `most` letters."""
        nth = np.searchsorted(letters.starts, letters.bounds[:-1])
        first = np.append(letters.starts, letters.bounds[-1])[nth]
        end = letters.bounds[1:] - 1
        fits = (end - first >= max(least, self._shape.anchor)) & (end - first <= most)
        first, end = first[fits], end[fits]
        self._parts["anchors"].append(mixed(letters.chain(first, self._shape.anchor)))
        self._parts["lengths"].append(end - first)
        self._parts["outlines"].append(letters.outlines(first, end))
        self._parts["contained"].append(letters.digests(first, end))

    def make(self) -> NgramIndex:
        """The index; the same for the same texts in any order, however often each came."""
        joined = {
            name: np.concatenate([np.zeros(0, np.uint64), *(part.astype(np.uint64) for part in parts)])
            for name, parts in self._parts.items()
        }
        rows = np.stack([joined["anchors"], joined["lengths"], joined["outlines"]])
        anchors, lengths, outlines = np.unique(rows, axis=1)
        return NgramIndex(
            grams=bloom_filter(np.unique(joined["grams"])),
            openings=bloom_filter(np.unique(anchors)),
            anchors=np.ascontiguousarray(anchors),
            lengths=lengths.astype(np.int64),
            outlines=np.ascontiguousarray(outlines),
            contained=np.unique(joined["contained"]),
            wholes=np.unique(joined["wholes"]),
            whole_digests=np.unique(joined["whole_digests"]),
            query_digests=np.unique(joined["query_digests"]),
            shape=self._shape,
        )


def _arrays() -> list[str]:
    return [field.name for field in fields(NgramIndex) if field.name != "shape"]
