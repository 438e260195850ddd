"""Labelled texts on disk: classification tasks and scored pairs in tab-separated files.

NAME/labels.tsv                    label, name
NAME/train.tsv, dev.tsv, test.tsv  label, text; or label, text1, text2. dev.tsv is optional
NAME/all.tsv                       instead of those, if there is no standard split
NAME/SUBSET.tsv                    score, text1, text2 (similarity)

Files are UTF-8 with one header line and no quoting. Columns are found by name, and further columns are ignored.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.data.folders import name_of, task_folders
from adjoin.files import numbered_lines

TRAIN, DEV, TEST, ALL = "train", "dev", "test", "all"
SPLITS = (TRAIN, DEV, TEST, ALL)
LABELS = "labels.tsv"

Row = tuple[int, list[str]]  # line number from 1, requested columns


@dataclass(frozen=True, eq=False)
class ClassificationTask:
    """Labelled texts, or labelled pairs of texts.

    Attributes:
        name: name of the task in the report.
        texts: N texts.
        seconds: the second text of each pair, N of them. Empty if the items are single texts.
        labels: label of each item, int64, shape (N,).
        names: label → name.
        splits: split of each item: `TRAIN`, `DEV` or `TEST`; or `ALL` for all of them, for cross-validation.

    Raises:
        AdjoinError: lists differ in length, a split is unknown, or train or test is missing. Also if a label has
            no name, if train has one label only, or if it lacks a label of the other splits.
    """

    name: str
    texts: list[str]
    seconds: list[str]
    labels: NDArray[np.int64]
    names: dict[int, str]
    splits: list[str]

    def __post_init__(self) -> None:
        items = len(self.texts)
        if len(self.labels) != items or len(self.splits) != items or len(self.seconds) not in (0, items):
            raise AdjoinError(
                f"task {self.name} has {items:,} texts, {len(self.seconds):,} second texts, "
                f"{len(self.labels):,} labels and {len(self.splits):,} splits: expected as many of each; "
                "give every item its own"
            )
        used = set(self.splits)
        if used not in ({ALL}, {TRAIN, TEST}, {TRAIN, DEV, TEST}):
            raise AdjoinError(
                f"task {self.name} has the splits {sorted(used)}: expected train and test, with dev or without, or"
                " all; name them so"
            )
        if unnamed := set(self.labels.tolist()) - self.names.keys():
            raise AdjoinError(f"task {self.name} has no name for label {min(unnamed)}: add it to the names")
        trained = set(self.labels[self.rows(ALL if self.crossed else TRAIN)].tolist())
        if len(trained) < 2:
            raise AdjoinError(
                f"task {self.name} trains on the label {min(trained)} ({self.names[min(trained)]}) alone: "
                "expected at least two labels; add items of another"
            )
        if untrained := set(self.labels.tolist()) - trained:
            raise AdjoinError(
                f"task {self.name} has label {min(untrained)} ({self.names[min(untrained)]}) outside of train "
                "only: expected every label in train; add items of it or leave it out"
            )

    @property
    def crossed(self) -> bool:
        """Whether the task has no standard split and is evaluated by cross-validation."""
        return self.splits[0] == ALL

    def rows(self, split: str) -> NDArray[np.int64]:
        """Indices of the items of a split, in order."""
        return np.flatnonzero(np.array(self.splits) == split)


@dataclass(frozen=True, eq=False)
class ScoredPairs:
    """P pairs of texts with a gold score each.

    Attributes:
        texts1: first text of each pair, P of them.
        texts2: second text of each pair, P of them.
        scores: similarity of each pair as judged by people, float64, shape (P,). STS uses 0 to 5, but only the
            order matters.
    """

    texts1: list[str]
    texts2: list[str]
    scores: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SimilarityTask:
    """A sentence similarity task: scored pairs in named subsets.

    Attributes:
        name: name of the task in the report.
        subsets: name → pairs, sorted by name; at least one.
    """

    name: str
    subsets: dict[str, ScoredPairs]


def load_classification(folder: Path, limit: int | None = None, seed: int = 0) -> list[ClassificationTask]:
    """Read the classification tasks of a folder, sorted by path.

    The folder is a task, or contains tasks one level below or, if there are none, two levels below. Other folders
    are skipped.

    Args:
        folder: where to look.
        limit: at most this many items per split, stratified by label, with at least one item of each label.
        seed: of that draw.

    Raises:
        AdjoinError: the folder is missing or has no task, the limit is below the number of labels, or a file is
            missing, empty, damaged or inconsistent. The message names the file and, if possible, the line.
    """
    return [_classification(path, limit, seed) for path in classification_folders(folder)]


def classification_folders(folder: Path) -> list[Path]:
    """The folders of `load_classification`, found by their header lines.

    Raises:
        AdjoinError: the folder is missing or has no task.
    """
    expected = f"{LABELS} with train.tsv and test.tsv, or with all.tsv (label, text)"
    return task_folders(folder, _is_classification, expected)


def load_similarity(folder: Path, limit: int | None = None, seed: int = 0) -> list[SimilarityTask]:
    """Read the sentence similarity tasks of a folder, sorted by path.

    The folder is a task, or contains tasks one level below or, if there are none, two levels below. Other folders
    are skipped.

    Args:
        folder: where to look.
        limit: at most this many pairs per subset.
        seed: of that draw.

    Raises:
        AdjoinError: as for `load_classification`.
    """
    return [_similarity(path, limit, seed) for path in similarity_folders(folder)]


def similarity_folders(folder: Path) -> list[Path]:
    """The folders of `load_similarity`, found by their header lines.

    Raises:
        AdjoinError: the folder is missing or has no task.
    """
    return task_folders(folder, _is_similarity, "files SUBSET.tsv (score, text1, text2)")


def _is_classification(folder: Path) -> bool:
    return (folder / LABELS).is_file() or any("label" in _header(folder / f"{split}.tsv") for split in SPLITS)


def _is_similarity(folder: Path) -> bool:
    """Whether the headers are those of scored pairs. MRPC also has two texts, and BEIR's judgments have a score.

    A folder with only empty files counts as a damaged task.
    """
    if _is_classification(folder):
        return False
    files = sorted(folder.glob("*.tsv"))
    headers = [header for file in files if (header := _header(file))]
    if any({"text1", "text2"} & set(header) for header in headers):
        return True
    return bool(files) and not headers


def _header(file: Path) -> list[str]:
    """The columns of a file; empty if the file is missing or empty."""
    if not file.is_file():
        return []
    with file.open("rb") as content:
        line = content.readline(1 << 16).decode("utf-8", "replace")
    return line.removeprefix("\ufeff").rstrip("\r\n").split("\t") if line.strip() else []


def _classification(folder: Path, limit: int | None, seed: int) -> ClassificationTask:
    names = _names(folder / LABELS)
    files = {split: folder / f"{split}.tsv" for split in SPLITS if (folder / f"{split}.tsv").is_file()}
    if set(files) not in ({ALL}, {TRAIN, TEST}, {TRAIN, DEV, TEST}):
        raise AdjoinError(
            f"{folder} has {', '.join(file.name for file in files.values()) or 'no split'}: expected train.tsv "
            "and test.tsv, with dev.tsv or without, or all.tsv alone; add or remove files"
        )
    pairs = {split: "text" not in _header(file) and "text1" in _header(file) for split, file in files.items()}
    if len(set(pairs.values())) > 1:
        file = files[next(split for split in pairs if pairs[split])]
        raise AdjoinError(f"{file} has pairs and another split of {folder} has single texts: expected one kind")
    columns = ("text1", "text2") if all(pairs.values()) else ("text",)
    labels: list[int] = []
    texts: list[list[str]] = []
    splits: list[str] = []
    for split, file in files.items():
        items = [
            (_label(file, number, label, names), rest) for number, (label, *rest) in _rows(file, "label", *columns)
        ]
        if split in (TRAIN, ALL) and len({label for label, _ in items}) < 2:
            label = items[0][0]
            raise AdjoinError(
                f"{file} has only the label {label} ({names[label]}): expected at least two to train on; add items"
            )
        if untrained := {label for label, _ in items} - set(labels) if split in (DEV, TEST) else set():
            raise AdjoinError(
                f"{file} has the label {min(untrained)} ({names[min(untrained)]}) that train.tsv lacks: expected "
                "every label in train; add items of it or leave it out"
            )
        for index in _drawn([label for label, _ in items], limit, seed, file):
            labels.append(items[index][0])
            texts.append(items[index][1])
            splits.append(split)
    return ClassificationTask(
        name=name_of(folder),
        texts=[item[0] for item in texts],
        seconds=[item[1] for item in texts] if len(columns) == 2 else [],
        labels=np.array(labels, dtype=np.int64),
        names=names,
        splits=splits,
    )


def _similarity(folder: Path, limit: int | None, seed: int) -> SimilarityTask:
    subsets = {}
    for file in sorted(folder.glob("*.tsv")):
        rows = list(_rows(file, "score", "text1", "text2"))
        scores = [_score(file, number, score) for number, (score, _, _) in rows]
        if len(set(scores)) < 2:
            raise AdjoinError(
                f"{file} has only the score {scores[0]:g}, of {len(scores):,} pairs: expected scores that differ, "
                "since equal ones put nothing in order; copy the file again"
            )
        drawn = _drawn([0] * len(rows), limit, seed, file)
        subsets[file.stem] = ScoredPairs(
            texts1=[rows[index][1][1] for index in drawn],
            texts2=[rows[index][1][2] for index in drawn],
            scores=np.array([scores[index] for index in drawn], dtype=np.float64),
        )
    return SimilarityTask(name_of(folder), subsets)


def _names(file: Path) -> dict[int, str]:
    if not file.is_file():
        raise AdjoinError(
            f"evaluation data {file.parent} has no {LABELS}: add the file, with the columns label, name"
        )
    names: dict[int, str] = {}
    for number, (label, name) in _rows(file, "label", "name"):
        key = _whole(file, number, label)
        if key in names:
            raise AdjoinError(
                f"{file}, line {number} names label {key} again: expected one name each; remove a line"
            )
        names[key] = name
    return names


def _label(file: Path, number: int, field: str, names: Mapping[int, str]) -> int:
    label = _whole(file, number, field)
    if label not in names:
        raise AdjoinError(
            f"{file}, line {number} has label {label}, which {LABELS} lacks: expected one of "
            f"{', '.join(map(str, names))}; correct the line or name the label"
        )
    return label


def _whole(file: Path, number: int, field: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", field):
        raise AdjoinError(
            f"{file}, line {number} has label {field!r:.60}: expected a whole number; correct the line"
        )
    return int(field)


def _score(file: Path, number: int, field: str) -> float:
    try:
        score = float(field)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise AdjoinError(f"{file}, line {number} has score {field!r:.60}: expected a number; correct the line")
    return score


def _rows(file: Path, *columns: str) -> Iterator[Row]:
    """Line number and the requested columns of each line that is not blank; at least one."""
    lines = iter(_lines(file))
    _, header = next(lines, (1, [""]))
    if header == [""]:
        raise AdjoinError(
            f"{file} is empty: expected a header line with {', '.join(columns)}; copy the file again"
        )
    if missing := [column for column in columns if column not in header]:
        raise AdjoinError(
            f"{file}, line 1 has the columns {', '.join(header)!r:.80} and not {missing[0]}: expected "
            f"{', '.join(columns)}, tab-separated; correct the header"
        )
    indices = [header.index(column) for column in columns]
    empty = True
    for number, fields in lines:
        if len(fields) != len(header):
            raise AdjoinError(
                f"{file}, line {number} has {len(fields)} columns: expected {len(header)}, tab-separated "
                f"({', '.join(header)}); correct the line"
            )
        values = [fields[index] for index in indices]
        if blank := [column for column, field in zip(columns, values, strict=True) if not field.strip()]:
            raise AdjoinError(f"{file}, line {number} has no {blank[0]}: expected some text; correct or remove it")
        empty = False
        yield number, values
    if empty:
        raise AdjoinError(f"{file} has a header and nothing else: expected at least one row; copy the file again")


def _lines(file: Path) -> Iterator[Row]:
    """Line number and fields of each line that is not blank. Only a line feed ends a line."""
    try:
        with file.open("rb") as content:
            for number, data in numbered_lines(content, file):
                try:
                    line = data.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError as error:
                    raise AdjoinError(
                        f"{file}, line {number} is not UTF-8 ({error.reason} at byte {error.start}): "
                        "convert the file"
                    ) from None
                if line.strip():
                    yield number, line.split("\t")
    except OSError as error:
        raise AdjoinError(f"cannot read {file} ({error}): copy the file again") from None


def _drawn(labels: Sequence[int], limit: int | None, seed: int, file: Path) -> Iterable[int]:
    """Indices of at most `limit` items, in order, stratified by label with at least one item per label.

    Shares are rounded by the largest remainder method, so exactly `limit` items are drawn if there are as many.
    """
    if limit is None or (len(labels) <= limit and limit > 0):
        return range(len(labels))
    sizes = Counter(labels)
    if limit < len(sizes):
        raise AdjoinError(
            f"a limit of {limit} items is too low for {file} with {len(sizes)} labels: expected at least "
            "one of each; raise it"
        )
    spare = limit - len(sizes)  # one item per label is taken, the rest in proportion
    rest = max(1, len(labels) - len(sizes))
    shares = {label: spare * (size - 1) / rest for label, size in sizes.items()}
    taken = {label: 1 + math.floor(share) for label, share in shares.items()}
    by_remainder = sorted(shares, key=lambda label: (math.floor(shares[label]) - shares[label], label))
    for label in by_remainder[: limit - sum(taken.values())]:
        taken[label] += 1
    shuffled = np.random.default_rng(seed).permutation(len(labels)).tolist()
    kept = []
    for index in shuffled:
        if taken[labels[index]]:
            taken[labels[index]] -= 1
            kept.append(index)
    return sorted(kept)
