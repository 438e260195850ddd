"""One measured figure with its bootstrap replicates, and a cache of earlier figures on disk."""

import hashlib
import io
import json
import logging
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adjoin.evaluation.bootstrap import RESAMPLES, Estimate
from adjoin.files import write_atomically
from adjoin.unfinished import sweep

VERSION = 3  # of the measurements: raise it whenever a suite's figures change

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """One figure of one system on one task.

    Attributes:
        suite: "probe", "similarity", "retrieval", "code", "bias" or "space". Suites are never averaged.
        task: name of the task. A subset is named as in "STS12/MSRpar".
        metric: "accuracy", "spearman", "ndcg@10" and so on. Values are fractions, not percentages.
        estimate: the figure with its bootstrap replicates.
        notes: remarks for the reader, such as how many test texts also occur in training.
    """

    suite: str
    task: str
    metric: str
    estimate: Estimate
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """Suite, task and metric, which are unique within one system."""
        return self.suite, self.task, self.metric


class ResultCache:
    """Results of earlier evaluations on disk, for one seed and one number of distractors.

    Each job and system has one file, FOLDER/ab/abcdef....npz. Its name is a hash of everything that the figures
    depend on.

    Args:
        folder: where the files are. None disables the cache.
        seed: of distractors, folds and confidence intervals.
        distractors: wrong candidates per query in code search.
    """

    def __init__(self, folder: Path | None, seed: int, distractors: int) -> None:
        self._folder = folder
        self._settings = (VERSION, RESAMPLES, seed, distractors)

    def get(self, job: str, system: str, task: str) -> list[Result] | None:
        """The results of a system on a job, or None if they are missing or damaged.

        Args:
            job: digest of the job, which does not depend on the task's name.
            system: fingerprint of the system.
            task: name of the task today. The results carry it, whatever it was when they were stored.
        """
        path = self._path(job, system)
        if path is None or not path.is_file():
            return None
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                rows = json.loads(str(arrays["rows"]))
                return [
                    Result(
                        suite,
                        f"{task if is_below else ''}{rest}",
                        metric,
                        Estimate(value, n, arrays[str(number)]),
                        tuple(notes),
                    )
                    for number, (suite, is_below, rest, metric, value, n, notes) in enumerate(rows)
                ]
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError) as error:
            logger.warning("the cached results %s are damaged (%s): measuring again", path, error)
            return None

    def put(self, job: str, system: str, task: str, results: list[Result]) -> None:
        """Store the results of a system on a job. The name of the task is not stored.

        Args:
            job: digest of the job.
            system: fingerprint of the system.
            task: name of the task. Its results are named so, or as subsets of it ("STS12/MSRpar"), or otherwise.
            results: the results.

        Raises:
            OSError: the disk is full or the folder is not writable.
        """
        path = self._path(job, system)
        if path is None:
            return
        rows = [
            [r.suite, *_below(r.task, task), r.metric, r.estimate.value, r.estimate.n, list(r.notes)]
            for r in results
        ]
        arrays = {str(number): result.estimate.replicates for number, result in enumerate(results)}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, rows=np.array(json.dumps(rows)), **arrays)
        sweep(path.parent)  # some 256 folders, each with few files
        write_atomically(path, buffer.getvalue())

    def _path(self, job: str, system: str) -> Path | None:
        if self._folder is None:
            return None
        name = hashlib.blake2b(repr((self._settings, job, system)).encode(), digest_size=16).hexdigest()
        return self._folder / name[:2] / f"{name}.npz"


def _below(name: str, task: str) -> tuple[bool, str]:
    """Whether a result is named by its task, and the rest of its name: "" or "/MSRpar"."""
    is_below = name == task or name.startswith(f"{task}/")
    return is_below, name[len(task) :] if is_below else name
