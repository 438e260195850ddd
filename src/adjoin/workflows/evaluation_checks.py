"""What `adjoin evaluate` is asked for, checked before anything is opened.

A typing error is then told within a second. Rows of large data and models take minutes to open.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adjoin.errors import AdjoinError
from adjoin.evaluation.choices import chosen_tasks, require_packages, suites_of
from adjoin.evaluation.report.report import BM25_NAME, JUDGED, MODEL, PROBE, UNTRAINED
from adjoin.evaluation.run import Settings
from adjoin.evaluation.systems.opening import check_system
from adjoin.files import special_kind
from adjoin.model.locations import BUNDLED, DESCRIPTION_FILE
from adjoin.unfinished import new_file

if TYPE_CHECKING:
    from adjoin.workflows.evaluate import EvaluationOptions

REFERENCE_NAME = "bm25-reference"
CHECKPOINT_FILE = "state.json"
NAMES = (*BUNDLED, BM25_NAME, REFERENCE_NAME)  # systems that `open_system` knows besides the evaluation's own


def check_options(options: "EvaluationOptions") -> None:
    """Refuse options that cannot work. Names of tasks come from the data's folders.

    Raises:
        AdjoinError: a suite, task or system is unknown, a number is out of range, there is no data, a place cannot
            be written to, or a package is missing.
    """
    check_measurement(options)
    check_model_name(options.system)
    check_writable(report_folder(options), "--report")


def check_measurement(options: "EvaluationOptions") -> None:
    """The same for a system that is not there yet: everything but the system and the report's folder.

    Raises:
        AdjoinError: as for `check_options`.
    """
    suites = suites_of(options.suites, JUDGED)
    settings_of(options)
    chosen = chosen_tasks(options.data, suites, options.tasks, options.limit)
    for name in options.baselines:
        if name != UNTRAINED:
            check_model_name(name, beside=True)
    rows = rows_of(options.baselines)
    if options.dense_weight is not None and BM25_NAME not in (options.system, *rows):
        raise AdjoinError(
            f"--dense-weight {options.dense_weight:g} weighs vectors against BM25, which is not measured: "
            "add bm25 to --beside"
        )
    require_packages("the report", "jinja2", "matplotlib")
    if any(task.suite == PROBE for task in chosen):
        require_packages("the probe", "sklearn")
    if options.faiss is not None:
        require_packages("--faiss", "faiss", extra="faiss")
    if options.cache is not None:
        check_writable(options.cache, "--cache")


def check_model_name(spec: str, *, beside: bool = False) -> None:
    """Refuse what cannot be a system, by its name and the names of its files.

    Args:
        spec: as `EvaluationOptions.system`.
        beside: whether the system is measured beside another, so that "untrained" is one too.

    Raises:
        AdjoinError: there is no such system.
    """
    if (Path(spec) / CHECKPOINT_FILE).is_file():
        return
    if spec == UNTRAINED and not beside:
        raise AdjoinError(f"{UNTRAINED} is the measured model before its training: name it with --beside")
    check_system(spec, (*NAMES, UNTRAINED) if beside else NAMES)


def rows_of(baselines: Iterable[str]) -> dict[str, str]:
    """Row of the report → the system measured in it. A folder's row has its last name, if no other row has.

    Raises:
        AdjoinError: two systems would have the same row.
    """
    rows: dict[str, str] = {}
    for name in baselines:
        row = Path(name).name if "/" in name and not name.startswith("http") else name
        row = name if row in (*rows, MODEL) else row  # many folders are called "model"
        if row in (*rows, MODEL):
            raise AdjoinError(f"--beside {name}: there is a row {row} already; expected different names")
        rows[row] = name
    return rows


def report_folder(options: "EvaluationOptions") -> Path:
    """The folder of the report: the one that is given, or `report` inside the model's folder.

    Raises:
        AdjoinError: none is given, and the system is no model folder.
    """
    if options.report:
        return options.report
    if not (Path(options.system) / DESCRIPTION_FILE).is_file():
        raise AdjoinError(f"no place for the report on {options.system}: name a folder with --report FOLDER")
    return Path(options.system) / "report"


def settings_of(options: "EvaluationOptions") -> Settings:
    """The settings of the figures.

    Raises:
        AdjoinError: a number is out of range.
    """
    return Settings(
        seed=options.seed,
        result_cache=options.cache / "figures" if options.cache else None,
        faiss=options.faiss,
        dense_weight=options.dense_weight,
    )


def check_writable(folder: Path, option: str) -> None:
    """Write and delete a file in a folder, which need not exist yet. Folders that this makes are removed again.

    Args:
        folder: where something is to be written.
        option: the option that names it, for the message.

    Raises:
        AdjoinError: the folder cannot be made or written to.
    """
    made: list[Path] = []
    try:
        for each in reversed((folder, *folder.parents)):
            if not each.exists():
                each.mkdir()
                made.append(each)
        descriptor, unfinished = new_file(folder / "writable")  # killed now, it is swept by the next run
        unfinished.unlink()
        os.close(descriptor)
    except OSError as error:
        is_file = folder.exists() and not folder.is_dir()
        kind = special_kind(folder, follow=True) or "a file"
        why = f"it is {kind}" if is_file else error.strerror or str(error)
        raise AdjoinError(
            f"cannot write to {option} {folder} ({why}): expected a folder that can be made and written to; "
            "name another"
        ) from None
    finally:
        remove_empty(made)


def remove_empty(folders: Sequence[Path]) -> None:
    """Remove folders that are empty, the last one first."""
    for folder in reversed(folders):
        try:
            folder.rmdir()
        except OSError:  # someone else has written into it
            return
