"""What several runs have in common: tasks by their data, also under other names."""

from collections.abc import Mapping
from dataclasses import replace

from adjoin.evaluation.report.report import MODEL, TITLES, Report
from adjoin.evaluation.result import Result


def aligned(reports: Mapping[str, Report]) -> tuple[dict[str, Report], list[str]]:
    """The runs with each task under one name, that of the first run with the same data.

    Tasks are the same if the hashes of their data are, whatever their folders are named. Without a hash, as in old
    reports, they are the same if their names are.

    Args:
        reports: name → run.

    Returns:
        The runs, and one sentence per task that is shown under another name than its own.
    """
    names: dict[tuple[str, str], list[str]] = {}  # suite and hash → names of the task so far
    runs, lines = {}, []
    for run, report in reports.items():
        shown = _shown_names(run, report, names)
        for (suite, task), name in shown.items():
            if digest := report.data.get(f"{suite}/{task}"):
                known = names.setdefault((suite, digest), [])
                if name not in known:
                    known.append(name)
            if name != task:
                why = "the same data" if not name.endswith(f" ({run})") else "another run has a task of this name"
                lines.append(f"{run}: the task {task} of {suite} is shown as {name} ({why}).")
        runs[run] = _renamed(report, shown)
    return runs, lines


def in_common(reports: Mapping[str, Report]) -> list[str]:
    """Sentences on the tasks that all runs measured, and on those that only some did, by name and number.

    Args:
        reports: name → run, see `aligned`.
    """
    suites = dict.fromkeys(suite for report in reports.values() for suite in report.suites())
    lines, common_tasks = [], 0
    for suite in suites:
        having: dict[str, list[str]] = {}
        for run, report in reports.items():
            for task in Report(run, {MODEL: report.results}).tasks(suite):
                having.setdefault(task, []).append(run)
        common = [task for task, runs in having.items() if len(runs) == len(reports)]
        common_tasks += len(common)
        line = f"{TITLES.get(suite, suite)}: all {len(reports)} runs have {_counted(common)}"
        others: dict[tuple[str, ...], list[str]] = {}
        for task, runs in having.items():
            if len(runs) < len(reports):
                others.setdefault(tuple(runs), []).append(task)
        line += "".join(f"; only {' and '.join(runs)}: {_counted(tasks)}" for runs, tasks in others.items())
        lines.append(f"{line}.")
    if not common_tasks:
        lines.insert(0, "The runs have no task in common, so no difference is shown.")
    return lines


def _counted(tasks: list[str]) -> str:
    number = f"{len(tasks):,} task{'' if len(tasks) == 1 else 's'}"
    return f"{number} ({', '.join(tasks)})" if tasks else "no task in common"


def _shown_names(
    run: str, report: Report, names: Mapping[tuple[str, str], list[str]]
) -> dict[tuple[str, str], str]:
    """Suite and task of a run → the name under which it is shown; all names of a suite differ."""
    tasks = [(suite, task) for suite in report.suites() for task in report.tasks(suite)]
    shown: dict[tuple[str, str], str] = {}
    taken: set[tuple[str, str]] = set()
    known = {key: names.get((key[0], report.data.get("/".join(key), "")), []) for key in tasks}
    of_own_name = [key for key in tasks if key[1] in known[key]]
    of_other_name = [key for key in tasks if known[key] and key[1] not in known[key]]
    for suite, task in (*of_own_name, *of_other_name, *(key for key in tasks if not known[key])):
        free = [name for name in known[suite, task] if (suite, name) not in taken]
        name = task if task in free or not free else free[0]
        if (suite, name) in taken:
            name = f"{task} ({run})"
        shown[suite, task] = name
        taken.add((suite, name))
    return shown


def _renamed(report: Report, shown: Mapping[tuple[str, str], str]) -> Report:
    def renamed(result: Result) -> Result:
        task, mark, rest = result.task.partition("/")
        return replace(result, task=f"{shown.get((result.suite, task), task)}{mark}{rest}")

    def key_of(key: str) -> str:
        suite, _, task = key.partition("/")
        return f"{suite}/{shown.get((suite, task), task)}"

    systems = {row: [renamed(result) for result in results] for row, results in report.systems.items()}
    return replace(report, systems=systems, data={key_of(key): digest for key, digest in report.data.items()})


def with_hybrids(reports: Mapping[str, Report]) -> dict[str, Report]:
    """The runs, each followed by the hybrid of its model as a run of its own: "mine", "mine hybrid 0.9"."""
    runs: dict[str, Report] = {}
    for name, report in reports.items():
        runs[name] = report
        for row, hybrid in report.hybrids.items():
            if hybrid.dense == MODEL and report.systems.get(row):
                runs[f"{name} {replace(hybrid, dense=MODEL).row}"] = replace(
                    report, systems={MODEL: report.systems[row]}, hybrids={}
                )
    return runs
