"""Figures of earlier evaluations, on disk: the same data, system and settings are not measured twice.

A file a job and system: KNOWN/ab/abcdef....npz, its name the hash of everything that the figures depend on.
"""

import hashlib
import io
import json
import logging
import zipfile
from pathlib import Path

import numpy as np

from adjoin.evaluation.bootstrap import RESAMPLES, Estimate
from adjoin.evaluation.result import Finding
from adjoin.files import write_atomically

VERSION = 2  # of how things are measured: a change of any suite's figures needs a new one

logger = logging.getLogger(__name__)


class KnownFindings:
    """Known figures under one seed and number of distractors.

    Args:
        folder: where they lie; None to know nothing and keep nothing.
        seed: of distractors, folds and intervals.
        distractors: in code search.
    """

    def __init__(self, folder: Path | None, seed: int, distractors: int) -> None:
        self._folder = folder
        self._settings = (VERSION, RESAMPLES, seed, distractors)

    def find(self, job: str, system: str) -> list[Finding] | None:
        """The figures of a system on a job, or None.

        Args:
            job: its digest.
            system: its fingerprint.
        """
        path = self._path(job, system)
        if path is None or not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as arrays:
                rows = json.loads(str(arrays["rows"]))
                return [
                    Finding(suite, task, metric, Estimate(value, n, arrays[str(number)]), tuple(notes))
                    for number, (suite, task, metric, value, n, notes) in enumerate(rows)
                ]
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError) as error:
            logger.warning("known figures at %s are damaged (%s): measured again", path, error)
            return None

    def keep(self, job: str, system: str, findings: list[Finding]) -> None:
        """Remember figures.

        Raises:
            OSError: the disk is full, or the folder may not be written.
        """
        path = self._path(job, system)
        if path is None:
            return
        rows = [[*f.key, f.estimate.value, f.estimate.n, list(f.notes)] for f in findings]
        arrays = {str(number): finding.estimate.replicates for number, finding in enumerate(findings)}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, rows=np.array(json.dumps(rows)), **arrays)
        write_atomically(path, buffer.getvalue())

    def _path(self, job: str, system: str) -> Path | None:
        if self._folder is None:
            return None
        name = hashlib.blake2b(repr((self._settings, job, system)).encode(), digest_size=16).hexdigest()
        return self._folder / name[:2] / f"{name}.npz"
