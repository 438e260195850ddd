"""Inspection of a dataset: samples, lengths, and a histogram of the lengths."""

import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from adjoin.errors import AdjoinError
from adjoin.files import write_atomically
from adjoin.pairs.dataset import PROVENANCE, PairDataset

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_SHOWN = ("x", "y", "kind", "language", "origin")


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths of the pairs of one kind and language, in characters.

    Attributes:
        what: kind and language, such as "docstring-function python".
        x: length of each x.
        y: length of each y.
    """

    what: str
    x: npt.NDArray[np.int64]
    y: npt.NDArray[np.int64]


def lengths_of(dataset: PairDataset) -> list[Lengths]:
    """Measure the lengths of all pairs, by kind and language.

    Raises:
        AdjoinError: a shard is damaged.
    """
    lengths: dict[str, tuple[list[int], list[int]]] = {}
    for rows in dataset.batches(["x", "y", "kind", "language"]):
        for x, y, kind, language in zip(rows["x"], rows["y"], rows["kind"], rows["language"], strict=True):
            xs, ys = lengths.setdefault(f"{kind} {language}", ([], []))
            xs.append(len(x))
            ys.append(len(y))
    return [Lengths(what, np.array(xs), np.array(ys)) for what, (xs, ys) in sorted(lengths.items())]


def samples_of(
    dataset: PairDataset, number: int, seed: int, *, kind: str = "", language: str = ""
) -> list[dict[str, Any]]:
    """Draw random pairs.

    Args:
        dataset: the dataset to draw from.
        number: how many pairs; all if the dataset has fewer.
        seed: seed of the draw.
        kind: only pairs of this kind; empty for any.
        language: only pairs of this language; empty for any.

    Returns:
        One dictionary per pair, column name to value, in the order of the dataset.

    Raises:
        AdjoinError: no pair has this kind and language, or a shard is damaged.
    """
    rows = [
        row
        for row, (its_kind, its_language) in enumerate(_kinds(dataset))
        if kind in ("", its_kind) and language in ("", its_language)
    ]
    if not rows:
        known = ", ".join(dataset.manifest.get("kinds", {}))
        raise AdjoinError(f"no pair of kind {kind!r} and language {language!r}; {dataset.folder} has {known}")
    drawn = sorted(random.Random(seed).sample(rows, min(number, len(rows))))
    return list(_rows_at(dataset, drawn))


def _kinds(dataset: PairDataset) -> Iterator[tuple[str, str]]:
    for rows in dataset.batches(["kind", "language"]):
        yield from zip(rows["kind"], rows["language"], strict=True)


def _rows_at(dataset: PairDataset, numbers: Sequence[int]) -> Iterator[dict[str, Any]]:
    remaining, first = list(numbers), 0
    for part in dataset.parts():
        here = [row - first for row in remaining if row < first + part.rows]
        if here:
            columns = part.read([*_SHOWN, *part.columns(PROVENANCE)])
            yield from ({name: values[row] for name, values in columns.items()} for row in here)
        remaining, first = remaining[len(here) :], first + part.rows


def draw_lengths(lengths: Sequence[Lengths], path: Path) -> None:
    """Draw histograms of the lengths into a PNG file, one row per kind and language.

    Raises:
        AdjoinError: matplotlib is not installed.
        OSError: the file may not be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise AdjoinError("drawing needs matplotlib: pip install 'adjoin[train]'") from None
    figure = Figure(figsize=(9, 1.2 + 1.3 * len(lengths)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(lengths), 2, squeeze=False)
    for row, of_kind in zip(axes, lengths, strict=True):
        for axis, side, values, colour in zip(
            row, "xy", (of_kind.x, of_kind.y), ("#4477aa", "#cc6677"), strict=True
        ):
            largest = max(10, int(values.max(initial=1)))
            axis.hist(np.maximum(values, 1), bins=np.geomspace(1, largest, 60), color=colour)
            axis.set_xscale("log")
            axis.axvline(float(np.median(values)), color="black", linewidth=0.8)
            axis.set_title(
                f"{side} of {len(values):,} {of_kind.what}, median {np.median(values):,.0f}", fontsize=9
            )
            axis.tick_params(labelsize=8)
            axis.spines[["top", "right"]].set_visible(False)
        row[0].set_ylabel("pairs", fontsize=8)
    for axis in axes[-1]:
        axis.set_xlabel("characters", fontsize=8)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=110)
    write_atomically(path, drawn.getvalue())
