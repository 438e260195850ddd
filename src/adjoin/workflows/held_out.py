"""Pairs kept out of a training: files are split off, and their pairs become an evaluation task."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from adjoin.errors import AdjoinError
from adjoin.evaluation import Report, RetrievalTask, load_tasks
from adjoin.evaluation.jobs import search_jobs
from adjoin.evaluation.report.display import write_report
from adjoin.evaluation.report.report import BM25_NAME
from adjoin.evaluation.run import EvaluatedSystem, run_evaluation
from adjoin.evaluation.systems.scorers import BM25Scorer
from adjoin.pairs.dataset import PairDataset
from adjoin.pairs.functions import KINDS as KINDS_OF_CODE
from adjoin.pairs.pair import text_hash
from adjoin.workflows.evaluate import today

SHARE = 10  # each part gets one file in this many
MOST_PAIRS = 1_000  # per part: enough for intervals of about 0.02, measured in seconds


@dataclass(frozen=True)
class FileSplit:
    """Files of a folder that are kept out of a training, as paths below the folder.

    Attributes:
        held_out: files to measure the final model on. They influence no choice.
        validation: files that choose the best checkpoint.
    """

    held_out: frozenset[str]
    validation: frozenset[str]


def task_of(name: str, dataset: PairDataset, files: Collection[str] | None = None) -> RetrievalTask:
    """A search task made of mined pairs: each x is a query, and its y is the one relevant document.

    Args:
        name: the task's name in the report.
        dataset: the mined pairs. Of pairs with equal x, the first counts.
        files: only pairs from these files; None for all pairs.
    """
    origins, xs, ys, languages, seen = [], [], [], [], set()
    columns = ["x", "y", "origin", "language", "kind", "x_hash"]
    for rows in dataset.batches(columns):
        for x, y, origin, language, kind, x_hash in zip(*map(rows.get, columns), strict=True):
            if x_hash not in seen and (files is None or file_of(origin) in files):
                seen.add(x_hash)
                origins.append(origin)
                xs.append(x)
                ys.append(y)
                languages.append(language if kind in KINDS_OF_CODE else "")  # prose has none
    return RetrievalTask(
        name=name,
        document_ids=origins,
        documents=ys,
        query_ids=[f"x of {origin}" for origin in origins],
        queries=xs,
        relevant=[{index: 1.0} for index in range(len(xs))],
        languages=languages,
    )


def file_of(origin: str) -> str:
    """The file of a pair's origin: src/a.py:12 becomes src/a.py."""
    return origin.rsplit(":", 1)[0]


def split_files(dataset: PairDataset, seed: int) -> FileSplit:
    """Choose a tenth of the files with pairs to measure on, and another tenth for validation.

    Each part has at least one file and at most 1,000 pairs. Files inside archives stay in the training, because
    mining cannot exclude them by name.

    Args:
        dataset: pairs of one folder.
        seed: another seed chooses other files.

    Raises:
        AdjoinError: the pairs come from too few files to leave one of them for training.
    """
    pairs_of: dict[str, int] = {}
    for rows in dataset.batches(["origin"]):
        for origin in rows["origin"]:
            file = file_of(origin)
            pairs_of[file] = pairs_of.get(file, 0) + 1
    in_folders = [file for file in pairs_of if "!" not in file]
    order = sorted(in_folders, key=lambda file: text_hash(f"{seed} {file}"))
    number = max(1, len(order) // SHARE)
    held_out = _up_to(order[:number], pairs_of)
    validation = _up_to(order[number : 2 * number], pairs_of)
    if not held_out or not validation or len(held_out) + len(validation) == len(pairs_of):
        raise AdjoinError(
            f"there are pairs in {len(order)} files only, with at most {MOST_PAIRS:,} pairs wanted from each:"
            " expected at least three such files, to train on one, validate on one and measure on one"
        )
    return FileSplit(frozenset(held_out), frozenset(validation))


def _up_to(files: list[str], pairs_of: Mapping[str, int]) -> list[str]:
    """The files in their order, without those that would bring the sum of pairs above the limit."""
    chosen: list[str] = []
    total = 0
    for file in files:
        if total + pairs_of[file] <= MOST_PAIRS:
            chosen.append(file)
            total += pairs_of[file]
    return chosen


def measure_held_out(tasks: Path, systems: Mapping[str, EvaluatedSystem], model: str, out: Path) -> Report:
    """Measure systems and BM25 on held-out tasks, and write the report.

    Args:
        tasks: folder of the tasks, as `write_task` wrote them.
        systems: row of the report → system; one of them is `MODEL`.
        model: name of that system in the report.
        out: folder of the report.
    """
    jobs = search_jobs(load_tasks(tasks))
    report = run_evaluation(jobs, {**systems, BM25_NAME: BM25Scorer()}, model, date=today())
    write_report(out, report)
    return report
