"""A memory-mapped index of hashed n-grams and whole texts of evaluation data; one for prose, one for code.

It answers three questions about a batch of normalized texts (see `ngrams`):
    equal      is the whole text a held-out one?
    contained  does it contain a whole short held-out text, or a whole held-out function or body?
    stretches  which of its spans also occur in held-out texts?
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
    """Lengths in letters. `gram` and `anchor` are multiples of eight.

    Attributes:
        gram: length of the n-grams that are looked up, one from the start of each word.
        anchor: length of the prefix by which a contained text is found, at most `gram`; shorter ones are not.
        gap: largest distance between the starts of two n-grams of one stretch. It allows for a missing word.
    """

    gram: int
    anchor: int
    gap: int


class Matches(NamedTuple):
    """Spans of a batch of texts that occur in held-out texts.

    Attributes:
        texts: [N] index of the text that each span is in.
        first: [N] position of the first letter.
        end: [N] position after the last letter.
    """

    texts: Positions
    first: Positions
    end: Positions


@dataclass(frozen=True)
class NgramIndex:
    """Bloom filters and sorted hashes of held-out texts; each array may be memory-mapped.

    "Contained" texts are those that a training text may not contain as a whole.

    Attributes:
        grams: Bloom filter of all n-grams.
        openings: Bloom filter of `anchors`.
        anchors: [N] hashes of the prefixes of contained texts, ascending.
        lengths: [N] length of each contained text, in letters.
        outlines: [N] `Letters.outlines` of each contained text.
        contained: sorted `Letters.digests` of contained texts.
        wholes: sorted outlines of whole texts.
        whole_digests: sorted digests of whole texts.
        query_digests: sorted digests of those whole texts that are queries.
        shape: lengths of n-grams, prefixes and gaps.
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
        """Write each array to `folder/name-<array>.npy` and return the paths."""
        files = {field: folder / f"{name}-{field}.npy" for field in _arrays()}
        for field, file in files.items():
            np.save(file, getattr(self, field))
        return list(files.values())

    @classmethod
    def open(cls, folder: Path, name: str, shape: NgramShape) -> "NgramIndex":
        """Map the arrays that `save` wrote into memory.

        Raises:
            OSError: a file is missing.
            ValueError: a file is damaged.
        """
        files = {field: folder / f"{name}-{field}.npy" for field in _arrays()}
        arrays = {field: np.load(file, mmap_mode="r").view(np.ndarray) for field, file in files.items()}
        return cls(**arrays, shape=shape)

    def search(self, letters: Letters) -> tuple[Matches, Matches]:
        """Find held-out spans in texts.

        Returns:
            Stretches of two or more neighbouring n-grams, and whole contained texts.
        """
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
        """Return two masks [T]: texts that equal a held-out text, and those that equal a held-out query."""
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
    """Collects the hashes of held-out texts for an `NgramIndex`; it takes 8 bytes of memory per word."""

    def __init__(self, shape: NgramShape) -> None:
        self._shape = shape
        self._parts: dict[str, list[Any]] = {name: [] for name in _arrays() if name != "openings"}

    def add_grams(self, letters: Letters) -> None:
        """Add the n-grams of texts: no stretch of them may occur in a training text."""
        ends = letters.bounds[letters.texts_at(letters.starts) + 1]
        inside = letters.starts[letters.starts + self._shape.gram < ends]
        self._parts["grams"].append(np.unique(mixed(letters.chain(inside, self._shape.gram))))

    def add_wholes(self, letters: Letters, least: int, is_query: NDArray[np.bool_]) -> None:
        """Add whole texts: no training text may equal one.

        Args:
            letters: the texts [T].
            least: shorter texts, in letters, are passed over.
            is_query: [T] which of them are queries.
        """
        enough = np.diff(letters.bounds) - 1 >= max(least, 1)
        first, end = letters.bounds[:-1][enough], letters.bounds[1:][enough] - 1
        digests = letters.digests(first, end)
        self._parts["whole_digests"].append(digests)
        self._parts["query_digests"].append(digests[is_query[enough]])
        long = end - first >= EIGHT
        self._parts["wholes"].append(letters.outlines(first[long], end[long]))

    def add_contained(self, letters: Letters, least: int, most: int) -> None:
        """Add texts that no training text may contain from the first word to the end.

        Args:
            letters: the texts [T].
            least: shorter texts, in letters, are passed over.
            most: longer texts, in letters, are passed over.
        """
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
        """Build the index. The order of the texts and repeated ones make no difference."""
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
