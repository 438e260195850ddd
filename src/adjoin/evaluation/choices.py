"""What an evaluation is asked for, checked by names alone: before rows are read or models are opened."""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path

from adjoin.errors import AdjoinError
from adjoin.evaluation.data.beir import search_folders
from adjoin.evaluation.data.folders import name_of
from adjoin.evaluation.data.labelled import classification_folders, similarity_folders
from adjoin.evaluation.data.retrieval_task import CODE, RETRIEVAL
from adjoin.evaluation.report.report import BIAS, PROBE, SIMILARITY, SPACE, SUITES

SPACES = ("scifact", "csn-python")  # tasks of the space suite, if the data has them
ASSOCIATIONS = "associations"  # the one task of the bias suite, which needs no data
EVERY = "all"
_FOLDERS = {PROBE: "classification", SIMILARITY: "sts", RETRIEVAL: "retrieval", CODE: "code"}
_LISTED = {PROBE: classification_folders, SIMILARITY: similarity_folders}
_FEWEST = {True: 10, False: 6}  # items that a probe needs: one for each of ten folds; three of each of two labels


@dataclass(frozen=True)
class TaskFolder:
    """A task of a suite that has not been read yet.

    Attributes:
        suite: the suite. A search task may turn out to be one of the other search suite when it is read.
        name: name of the task.
        folder: its data.
    """

    suite: str
    name: str
    folder: Path


def suites_of(names: Sequence[str], default: Sequence[str]) -> tuple[str, ...]:
    """The suites that a user names, each once.

    Args:
        names: names of `SUITES`, or "all" for all of them; empty for `default`.
        default: the suites if none is named.

    Raises:
        AdjoinError: a name is no suite.
    """
    refuse_unknown("suite", names, (*SUITES, EVERY))
    return SUITES if EVERY in names else tuple(dict.fromkeys(names or default))


def chosen_tasks(
    folder: Path | None, suites: Sequence[str], tasks: Sequence[str] = (), limit: int | None = None
) -> list[TaskFolder]:
    """The tasks of an evaluation folder that are asked for. Only names and header lines are read.

    Args:
        folder: evaluation folder as for `find_jobs`; None for no data.
        suites: names of suites.
        tasks: names of tasks; empty for all.
        limit: items per task, or None for all.

    Returns:
        The tasks, suite by suite. Those of the bias suite, which has no data, are left out.

    Raises:
        AdjoinError: a suite or task is unknown, the limit is too low, or there is no data.
    """
    refuse_unknown("suite", suites, SUITES)
    if limit is not None and limit < 1:
        raise AdjoinError(f"a limit of {limit} texts per task: expected at least 1")
    present = [task for suite in dict.fromkeys(suites) for task in _listed(suite, folder)]
    names = dict.fromkeys(task.name for task in present) | dict.fromkeys([ASSOCIATIONS] * (BIAS in suites))
    if present or set(suites) == {BIAS}:
        refuse_unknown("task", tasks, list(names), f" in {folder}")
    else:
        raise AdjoinError(
            f"no evaluation data in {folder} for {', '.join(suites)}: expected folders as classification/NAME/"
            "train.tsv, sts/NAME/*.tsv, or BEIR's corpus.jsonl, queries.jsonl and qrels/test.tsv"
            + _what_is_there(folder, suites)
        )
    chosen = [task for task in present if not tasks or task.name in tasks]
    for task in chosen:
        _check_limit(task, limit)
    return chosen


def refuse_unknown(what: str, given: Iterable[str], valid: Sequence[str], where: str = "") -> None:
    """Refuse a name that is not among the valid ones. The message lists all of them, and the nearest first.

    Args:
        what: what is named, such as "suite".
        given: names that a user gave.
        valid: all valid names.
        where: the end of "no such name", such as " in eval/".

    Raises:
        AdjoinError: a name is unknown.
    """
    for name in given:
        if name not in valid:
            raise AdjoinError(
                f"unknown {what} {name!r:.80}{where}{nearest(name, valid)}: expected "
                f"{', '.join(valid) or 'none: there is no data'}"
            )


def nearest(name: str, valid: Iterable[str]) -> str:
    """The valid name that is most like a given one, as " (did you mean bm25?)"; "" if none is like it."""
    folded = {each.casefold(): each for each in valid}
    like = get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    return f" (did you mean {folded[like[0]]}?)" if like else ""


def require_packages(what: str, *packages: str, extra: str = "evaluate") -> None:
    """Refuse what needs a package that is not installed. No package is imported.

    Args:
        what: what needs them, such as "the report".
        packages: names to import.
        extra: the extra of Adjoin that installs them.

    Raises:
        AdjoinError: one is missing.
    """
    for package in packages:
        try:
            is_there = find_spec(package) is not None
        except ValueError:  # a module without a specification, as of a test
            is_there = package in sys.modules
        if not is_there:
            raise AdjoinError(f"{what} needs the package {package}: pip install 'adjoin[{extra}]'")


def _listed(suite: str, folder: Path | None) -> list[TaskFolder]:
    """The tasks of a suite; empty if the folder has no data of its kind."""
    if suite == BIAS or folder is None:
        return []
    own = folder / _FOLDERS[suite] if suite in _FOLDERS else folder
    own = own if own.is_dir() else folder
    if suite == SPACE:
        named = [path for name in SPACES for path in (own / name, *own.glob(f"*/{name}")) if path.is_dir()]
        found = [task for path in named for task in _if_any(search_folders, path)]
        found = found or _if_any(search_folders, own)[:1]
    else:
        found = _if_any(_LISTED.get(suite, search_folders), own)
    return [TaskFolder(suite, name_of(path), path) for path in found]


def _if_any(find: Callable[[Path], list[Path]], folder: Path) -> list[Path]:
    try:
        return find(folder)
    except AdjoinError as error:
        if str(error).startswith("no evaluation data"):
            return []
        raise


def _what_is_there(folder: Path | None, suites: Sequence[str]) -> str:
    """The end of a message about missing data: what is wrong with the folder, or what it has instead."""
    if folder is None:
        return "; no folder was given"
    if not folder.is_dir():
        like = nearest(folder.name, _siblings(folder))
        return f"; {folder} {'is a file' if folder.exists() else 'does not exist'}{like}"
    others = [suite for suite in SUITES if suite not in (*suites, SPACE, BIAS) and _listed(suite, folder)]
    return f"; the folder has data for {', '.join(others)}" if others else ""


def _siblings(path: Path) -> list[str]:
    try:
        return [each.name for each in path.parent.iterdir() if each.is_dir()][:1000]
    except OSError:
        return []


def _check_limit(task: TaskFolder, limit: int | None) -> None:
    """Refuse a limit under which a probe has too few items to train on."""
    if limit is None or task.suite != PROBE:
        return
    fewest = _FEWEST[(task.folder / "all.tsv").is_file()]
    if limit < fewest:
        raise AdjoinError(
            f"a limit of {limit} texts per task: expected at least {fewest} for the probe {task.name}; raise it "
            "or leave the suite out"
        )
